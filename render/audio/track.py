"""The sound track of a source: where it lies, what it is like, and its samples."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from ...errors import RenderError
from ...media import ffmpeg
from .slices import Samples

_FIRST_PICTURE = re.compile(r"\bframe: *0 +pts: *\S+ +pts_time: *(\S+)")
_FIRST_SOUND = re.compile(r"\bpts_time:(\S+) fmt:(\w+) channels:(\d+) chlayout:(.+?) rate:(\d+)")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Track:
    """A sound track as it decodes: `lead` is its first sample's time after the first picture's, in seconds."""

    lead: float
    rate: int
    channels: int
    layout: str
    deep: bool
    """More than 16 bits a sample."""

    @property
    def pcm(self) -> str:
        return "s32le" if self.deep else "s16le"

    @property
    def sample(self) -> "np.dtype[Any]":
        return np.dtype("<i4" if self.deep else "<i2")


def ask(source: Path) -> tuple[Track, float]:
    """Decode a picture and a bit of sound by one clock, for only that tells how they lie to each other."""
    show = ["-vf", "metadata=mode=add:key=shown:value=1,metadata=mode=print:key=shown", "-af", "ashowinfo"]
    maps = ["-map", "0:V:0", "-map", "0:a:0", "-frames:v", "1", "-frames:a", "1"]
    done = ffmpeg.run(["-copyts", "-i", ffmpeg.input_argument(source), *maps, *show, "-f", "null", "-"])
    said = done.stderr.decode("utf-8", "replace")
    picture, sound = _FIRST_PICTURE.search(said), _FIRST_SOUND.search(said)
    if not sound:
        raise _undecodable(source, ffmpeg.complaints(said))
    began, shape, channels, layout, rate = sound.groups()
    first = _seconds(picture[1]) if picture else 0.0
    return Track(_seconds(began) - first, int(rate), int(channels), layout, shape.startswith("s32")), first


def _seconds(said: str) -> float:
    return 0.0 if said == "NOPTS" else float(said)


def _undecodable(source: Path, problems: Sequence[str]) -> RenderError:
    why = f" ({problems[-1]})" if problems else ""
    return RenderError(f"The sound of {source} cannot be decoded{why}.", "--audio drop makes the film without it.")


@contextmanager
def decoded(source: Path, track: Track, folder: Path) -> Iterator[Samples]:
    """The whole track, on disk rather than in memory; gaps that its timestamps speak of are filled with silence."""
    output = ["-map", "0:a:0", "-af", "aresample=async=1", "-f", track.pcm]
    shape = ["-ar", str(track.rate), "-ch_layout", track.layout, "-"]
    with tempfile.TemporaryFile(dir=folder, prefix=".reelweave-", buffering=0) as scratch:
        with ffmpeg.Reader(["-i", ffmpeg.input_argument(source), *output, *shape]) as reader:
            while block := reader.read(_BLOCK):
                _put(scratch, block)
            code = reader.finish()
        size = scratch.tell() // (track.channels * track.sample.itemsize)
        if not size or ffmpeg.was_stopped(code):
            raise _undecodable(source, reader.problems)
        yield np.memmap(scratch, track.sample, "r", shape=(size, track.channels))


def _put(scratch: IO[bytes], block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[scratch.write(rest) :]
