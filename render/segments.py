"""Encode a long film in segments, so that an encode that was interrupted continues with the first one missing.

Every segment is a file of its own beside the film, and the film is put together from them without encoding again. It is
the same to the byte, interrupted or not.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from ..errors import RenderError
from ..media import ffmpeg
from ..media.files import PARTIAL, atomic
from ..progress import Progress, SilentProgress, Stage
from .encode import Encoding, Soundtrack, encode, sound_arguments
from .frame_layout import FrameLayout

_MICROSECONDS = 1_000_000
"""Units a second in which segments are joined."""


@dataclass(frozen=True)
class WorkFolder:
    """The files of unfinished work on a film: JSON documents, each valid for one key, and segments."""

    folder: Path

    @classmethod
    def beside(cls, film: Path) -> "WorkFolder":
        """Return the hidden folder beside a film."""
        return cls(film.with_name(f".{film.name}.unfinished"))

    def load(self, name: str, key: str) -> Any:
        """Return a stored document; None if there is none, or if it is of another key or damaged."""
        try:
            stored = json.loads((self.folder / f"{name}.json").read_text("utf-8"))
            return stored["content"] if stored["key"] == key else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, name: str, key: str, content: Any) -> None:
        """Store a document, and create the folder.

        Raises:
            RenderError: It cannot be written.
        """
        try:
            with atomic(self.folder / f"{name}.json", parents=True) as part:
                part.write_text(json.dumps({"key": key, "content": content}), "utf-8")
        except OSError as failed:
            raise RenderError(f"{self.folder} cannot be written: {failed.strerror or failed}.") from failed

    def remove(self, *patterns: str) -> None:
        """Delete the files that match, by default all that this module writes, and the folder if it is empty then."""
        for pattern in patterns or ("*.json", "segment-*", "segments.txt", PARTIAL):
            for file in self.folder.glob(pattern):
                file.unlink(missing_ok=True)
        try:
            self.folder.rmdir()
        except OSError:
            return


@dataclass(frozen=True)
class Segments:
    """The segments of one film, and the notes of the caller on those that are finished."""

    work: WorkFolder
    key: str
    """Identifies all that the segments depend on."""
    length: int
    """Frames of a segment."""

    def begin(self) -> tuple[int, Any]:
        """Return how many frames are encoded already, and the notes on them; delete what is of no use."""
        stored = self.work.load("progress", self.key)
        done = stored["frames"] if stored else 0
        if any(not self._file(number).exists() for number in range(-(-done // self.length))):
            done = 0
        if not done:
            self.work.remove("segment-*", "progress.json")
        self.work.remove(PARTIAL)
        return done, stored["notes"] if done else None

    def encode(
        self,
        frames: Iterator[bytes],
        done: int,
        count: int,
        layout: FrameLayout,
        target: Path,
        encoding: Encoding,
        rate: Fraction,
        progress: Progress,
        stage_name: str,
        sound: Soundtrack | None,
        times: Sequence[float] | None,
        notes: Callable[[int], Any],
    ) -> None:
        """Encode all frames after the first `done`, which are read too, and write the film.

        Args:
            notes: Called with the number of frames that are encoded; returns what `begin` gives back.
        """
        with progress.stage(stage_name, count) as stage:
            for _ in islice(frames, done):
                stage.advance()
            self.work.save("progress", self.key, {"frames": done, "notes": notes(done)})
            for start in range(done, count, self.length):
                end = min(count, start + self.length)
                some = None if times is None else times[start:end]
                file = self._file(start // self.length, target.suffix)
                encode(
                    islice(frames, end - start), end - start, layout, file, encoding, rate, _Within(stage), times=some
                )
                self.work.save("progress", self.key, {"frames": end, "notes": notes(end)})
        self._join(count, target, rate, sound, times)

    def _file(self, number: int, suffix: str = ".mp4") -> Path:
        """Return the file of a segment. MP4 stores the exact times, which MKV rounds; AVI is encoded differently."""
        found = list(self.work.folder.glob(f"segment-{number:05}.*"))
        named = self.work.folder / f"segment-{number:05}{'.avi' if suffix.lower() == '.avi' else '.mp4'}"
        return found[0] if found else named

    def _join(
        self, count: int, target: Path, rate: Fraction, sound: Soundtrack | None, times: Sequence[float] | None
    ) -> None:
        listing = self.work.folder / "segments.txt"
        starts = range(0, count, self.length)
        # Differences of rounded times: rounded durations would add up to an error.
        begins = [self._microseconds(start, rate, times) for start in (*starts, count)]
        lines = ["ffconcat version 1.0"]
        for number, (begin, end) in enumerate(pairwise(begins)):
            lines += [f"file '{self._file(number).name}'", f"duration {end - begin}us"]
        listing.write_text("\n".join(lines) + "\n", "utf-8")
        joined = ["-f", "concat", "-i", ffmpeg.input_argument(listing), *sound_arguments(sound), "-c:v", "copy"]
        faststart = ["-movflags", "+faststart"] if target.suffix.lower() in (".mp4", ".mov", ".m4v") else []
        with atomic(target) as part:
            done = ffmpeg.run([*joined, *faststart, "-y", ffmpeg.input_argument(part)])
            if done.returncode:
                problems = ffmpeg.error_lines(done.stderr.decode("utf-8", "replace")) or ["it gives no reason"]
                raise RenderError(
                    f"ffmpeg could not write {target.name}: {problems[0]}.", "Check the space on the disk."
                )

    @staticmethod
    def _microseconds(frame: int, rate: Fraction, times: Sequence[float] | None) -> int:
        if times is None:
            return round(frame / rate * _MICROSECONDS)
        # The last frame lasts as long as the one before it.
        last = 2 * times[-1] - times[-2] if frame == len(times) else times[frame]
        return round((last - times[0]) * _MICROSECONDS)


class _Within(SilentProgress):
    """Progress of a part, shown in a stage that is open already."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        yield self._stage
