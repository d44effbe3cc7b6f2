"""Run ffmpeg: its executable, its arguments for decoding, and processes that read or write frames."""

import contextlib
import hashlib
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Self

from ..errors import ReelweaveError
from .animation import begins_as_png, is_animated
from .types import MOST_PIXELS

QUIET = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info"]
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
_LEVEL = re.compile(r"\[(error|fatal|panic)\] ")

_OF_THE_OUTPUT = "dts to muxer in stream"
"""In an error about timestamps that are closer than a frame at the nominal rate, which is no damage of the input."""

_LOG_BYTES = 1 << 16
"""Bytes of a log that are read at a time: as many as a pipe holds on Linux."""
_LOG_PAUSE = 0.02
"""Seconds in which lines of a log are left to gather, unless one is awaited. A detailed log has 13 lines a frame, each
written separately, and waking for every one of them took .1 ms of CPU time a frame."""
_PIPE_BYTES = 1 << 20
"""Bytes that a pipe of frames or of their log holds where the system allows it, so that ffmpeg and the reader wait less
for each other: 64 kB, as usual on Linux, are less than a small frame."""

_MAX_PROBLEMS = 20
"""Limit of the error lines kept: a damaged film yields thousands."""

_STOPPED = (255, -2, -9, -15)
"""Exit codes of a stopped ffmpeg: 255 where it was asked to stop, and the signals that ended it."""

_OWN_GROUP: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
"""Arguments that keep Ctrl-C from ffmpeg, which a terminal sends to the whole foreground group: an ffmpeg that stops by
itself would look like the end of the film."""


def executable() -> str:
    """Return the ffmpeg of imageio-ffmpeg, or the one that `IMAGEIO_FFMPEG_EXE` names.

    Raises:
        ReelweaveError: There is none.
    """
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as missing:
        raise ReelweaveError(
            "There is no ffmpeg on this machine.", "Install ffmpeg, or set IMAGEIO_FFMPEG_EXE to its path."
        ) from missing


@cache
def build() -> str:
    """Return the version of ffmpeg, and a checksum of its configuration and libraries."""
    done = subprocess.run([executable(), "-version"], capture_output=True, check=False, **_OWN_GROUP)
    words = done.stdout.decode("utf-8", "replace").split()
    version = words[2] if words[:2] == ["ffmpeg", "version"] else "unknown"
    return f"{version} {hashlib.sha256(done.stdout).hexdigest()[:8]}"


class _Threads:
    """Threads of each decoder; 0 lets ffmpeg choose."""

    limit = 0


def limit_threads(threads: int) -> None:
    """Limit the threads of the decoders of this process, where others share its machine."""
    _Threads.limit = threads


def input_argument(path: Path) -> str:
    """Write a path so that ffmpeg takes it for a local file, whatever characters it contains."""
    return f"file:{path.resolve()}"


def decode_arguments(path: Path, steady: bool = False) -> list[str]:
    """Return ffmpeg's arguments for decoding every frame once, in file order.

    All code that counts frames uses them, so that indices agree.

    Args:
        path: The file.
        steady: Decode on one thread, so that the guesses of a decoder at damaged frames are the same in each run.
    """
    # ffmpeg probes 2 kB to tell an animated PNG, and misses an animation after a colour profile.
    demuxer = ["-f", "apng"] if begins_as_png(path) and is_animated(path) else []
    threads = 1 if steady else _Threads.limit
    options = [*["-threads", str(threads)] * (threads > 0), "-max_pixels", str(MOST_PIXELS), *demuxer]
    # 0:V:0 is the first video stream that is not the cover art of a sound file.
    return [*options, "-i", input_argument(path), "-map", "0:V:0", "-fps_mode", "passthrough"]


def run(arguments: Sequence[str], stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg to its end; the caller checks the exit code."""
    command = [executable(), *QUIET, *arguments]
    return subprocess.run(command, capture_output=True, check=False, input=stdin, **_OWN_GROUP)


def was_stopped(code: int) -> bool:
    """Tell whether ffmpeg was stopped from outside, so that its output is incomplete."""
    return code in _STOPPED


def error_lines(log: str) -> list[str]:
    """Extract the error lines from a log of ffmpeg, each once, without memory addresses."""
    lines = [line for line in log.splitlines() if _LEVEL.search(line) and _OF_THE_OUTPUT not in line]
    found = [_LEVEL.sub("", _ADDRESS.sub("", line)).strip() for line in lines]
    return list(dict.fromkeys(found))[:_MAX_PROBLEMS]


class _Process:
    """A running ffmpeg. A thread reads its log, since a full pipe would block it, and keeps errors in `problems`."""

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
        self._matches: queue.SimpleQueue[re.Match[str]] = queue.SimpleQueue()
        self._pattern, self._hint = pattern, hint
        self._awaited = threading.Event()
        command = [executable(), *QUIET, *arguments]
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, bufsize=1 << 20, **_OWN_GROUP
        )
        assert self._process.stderr
        self._log: IO[bytes] = self._process.stderr
        _widen(self._log)
        self._log_reader = threading.Thread(target=self._read_log, daemon=True)
        self._log_reader.start()

    def finish(self) -> int:
        """Wait for ffmpeg to end, and return its exit code."""
        code = self._process.wait()
        self._awaited.set()
        self._log_reader.join(timeout=5)
        return code

    def next_match(self, timeout: float) -> re.Match[str]:
        """Return the next line that matches, waiting for it at most so many seconds.

        Raises:
            queue.Empty: None came.
        """
        with contextlib.suppress(queue.Empty):
            return self._matches.get_nowait()
        self._awaited.set()
        try:
            return self._matches.get(timeout=timeout)
        finally:
            self._awaited.clear()

    def _read_log(self) -> None:
        rest = b""
        while chunk := os.read(self._log.fileno(), _LOG_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._sort(line)
            self._awaited.wait(_LOG_PAUSE)
        self._sort(rest)

    def _sort(self, raw: bytes) -> None:
        """Keep a line of the log that matches, or that tells of an error."""
        if self._hint not in raw and b"[info]" in raw:
            return
        line = raw.decode("utf-8", "replace").rstrip()
        if self._pattern and (match := self._pattern.search(line)):
            self._matches.put(match)
        elif len(self.problems) < _MAX_PROBLEMS:
            self.problems.extend(p for p in error_lines(line) if p not in self.problems)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.finish()
        self._log.close()
        if self._process.stdout:
            self._process.stdout.close()


class Reader(_Process):
    """A running ffmpeg that writes frames to its standard output.

    `next_match` returns the log lines that match `pattern`. `hint` is in each of them, which saves a regular expression
    on most lines of a long log.
    """

    def __init__(self, arguments: Sequence[str], pattern: re.Pattern[str] | None = None, hint: bytes = b"") -> None:
        super().__init__(arguments, stdout=subprocess.PIPE, pattern=pattern, hint=hint)
        assert self._process.stdout
        self._out: IO[bytes] = self._process.stdout
        _widen(self._out)

    def read(self, size: int) -> bytes:
        """Read exactly `size` bytes, or fewer at the end of the stream."""
        return self._out.read(size)


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold more, on Linux and within the user's limit."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class Writer(_Process):
    """A running ffmpeg that reads frames from its standard input."""

    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__(arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert self._process.stdin
        self._in: IO[bytes] = self._process.stdin

    def write(self, frame: bytes) -> bool:
        """Write a frame; return False once ffmpeg no longer accepts any."""
        try:
            self._in.write(frame)
        except OSError:
            return False
        return True

    def finish(self) -> int:
        """Close the standard input, wait for the file to be complete, and return the exit code."""
        with contextlib.suppress(OSError):
            self._in.close()
        return super().finish()
