"""The one ffmpeg the project uses, and how to talk to it."""

import contextlib
import os
import queue
import re
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .animation import begins_as_png, is_animated
from .errors import ReelweaveError
from .frames import MOST_PIXELS

QUIET = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info"]
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
_LEVEL = re.compile(r"\[(error|fatal|panic)\] ")
_LINES_KEPT = 20
# Asked to end, ffmpeg does so by itself with 255; below zero is the signal that ended it.
_STOPPED = (255, -2, -9, -15)
# A terminal sends Ctrl-C to the whole foreground group: in one of its own, ffmpeg goes on until it is stopped
# from here, and its end cannot be taken for that of the film.
_APART: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}


def executable() -> str:
    """The ffmpeg that imageio-ffmpeg brings, or the one `IMAGEIO_FFMPEG_EXE` names."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as missing:
        raise ReelweaveError(
            "There is no ffmpeg for this machine.", "Install ffmpeg, or set IMAGEIO_FFMPEG_EXE to one."
        ) from missing


def input_argument(path: Path) -> str:
    """A name that ffmpeg takes as a local file, whatever characters it begins with or holds."""
    return f"file:{path.resolve()}"


def decode_arguments(path: Path, steady: bool = False) -> list[str]:
    """Decode a file's frames as they lie in it, none repeated or left out; every room that counts frames uses these.

    What a decoder makes up where a stream is damaged differs from run to run with its threads, and is always the
    same with `steady`, which has one.
    """
    # 0:V:0 is the first real video stream: cover art of a sound file is none.
    given = [*["-threads", "1"] * steady, "-max_pixels", str(MOST_PIXELS), *_demuxer(path)]
    return [*given, "-i", input_argument(path), "-map", "0:V:0", "-fps_mode", "passthrough"]


def _demuxer(path: Path) -> list[str]:
    """ffmpeg goes by the first 2 kB of a PNG: it misses the animation that follows a colour profile."""
    return ["-f", "apng"] if begins_as_png(path) and is_animated(path) else []


def run(arguments: Sequence[str], fed: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg to its end, with `fed` as its standard input; the caller judges the exit code."""
    return subprocess.run([executable(), *QUIET, *arguments], capture_output=True, check=False, input=fed, **_APART)


def was_stopped(code: int) -> bool:
    """Whether somebody ended ffmpeg: what it made until then is not all there is."""
    return code in _STOPPED


def complaints(log: str) -> list[str]:
    """The lines in which ffmpeg speaks of an error, each once, without its memory addresses."""
    found = [_LEVEL.sub("", _ADDRESS.sub("", line)).strip() for line in log.splitlines() if _LEVEL.search(line)]
    return list(dict.fromkeys(found))[:_LINES_KEPT]


class _Process:
    """A running ffmpeg whose log is drained by a thread, since a full pipe would stop it; errors stay in `problems`."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        stdin: int | None = None,
        stdout: int,
        pattern: re.Pattern[str] | None = None,
        hint: bytes = b"",
    ) -> None:
        self.problems: list[str] = []
        self.matches: queue.SimpleQueue[re.Match[str]] = queue.SimpleQueue()
        self._pattern, self._hint = pattern, hint
        command = [executable(), *QUIET, *arguments]
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, bufsize=1 << 20, **_APART
        )
        assert self._process.stderr
        self._log: IO[bytes] = self._process.stderr
        self._drain = threading.Thread(target=self._read_log, daemon=True)
        self._drain.start()

    def finish(self) -> int:
        """Wait for ffmpeg to end; its exit code."""
        code = self._process.wait()
        self._drain.join(timeout=5)
        return code

    def _read_log(self) -> None:
        for raw in self._log:
            if self._hint not in raw and b"[info]" in raw:
                continue
            line = raw.decode("utf-8", "replace").rstrip()
            if self._pattern and (match := self._pattern.search(line)):
                self.matches.put(match)
            elif len(self.problems) < _LINES_KEPT:
                self.problems.extend(p for p in complaints(line) if p not in self.problems)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.finish()
        self._log.close()


class Reader(_Process):
    """A running ffmpeg that writes frames to its standard output; log lines that match `pattern` are queued.

    `hint` is in each line that matches, so that a talkative log is not searched for the pattern line by line.
    """

    def __init__(self, arguments: Sequence[str], pattern: re.Pattern[str] | None = None, hint: bytes = b"") -> None:
        super().__init__(arguments, stdout=subprocess.PIPE, pattern=pattern, hint=hint)
        assert self._process.stdout
        self._out: IO[bytes] = self._process.stdout

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, or fewer at the end of the stream."""
        return self._out.read(size)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._out.close()


class Writer(_Process):
    """A running ffmpeg that reads frames from its standard input."""

    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__(arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert self._process.stdin
        self._in: IO[bytes] = self._process.stdin

    def write(self, frame: bytes) -> bool:
        """Hand over one frame; False once ffmpeg has stopped taking any."""
        try:
            self._in.write(frame)
        except OSError:
            return False
        return True

    def finish(self) -> int:
        """Say that there is no more and wait for the file to be complete; the exit code."""
        with contextlib.suppress(OSError):
            self._in.close()
        return super().finish()
