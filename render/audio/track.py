"""Probe and decode the audio track of a source."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import RenderError
from ...media import ffmpeg
from ..reorder import write_all
from .slices import Samples

_FIRST_PICTURE = re.compile(r"\bframe: *0 +pts: *\S+ +pts_time: *(\S+)")
_FIRST_SOUND = re.compile(r"\bpts_time:(\S+) fmt:(\w+) channels:(\d+) chlayout:(.+?) rate:(\d+)")
_BLOCK = 1 << 20
"""Bytes that are read at a time."""


@dataclass(frozen=True)
class Track:
    """An audio track as it decodes; `lead` is the time of its first sample after the first picture, in seconds."""

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


def probe_track(source: Path) -> tuple[Track, float]:
    """Return the track and the time of the first picture, decoded together, since only that relates their times."""
    show = ["-vf", "metadata=mode=add:key=shown:value=1,metadata=mode=print:key=shown", "-af", "ashowinfo"]
    maps = ["-map", "0:V:0", "-map", "0:a:0", "-frames:v", "1", "-frames:a", "1"]
    done = ffmpeg.run(["-copyts", "-i", ffmpeg.input_argument(source), *maps, *show, "-f", "null", "-"])
    log = done.stderr.decode("utf-8", "replace")
    picture, sound = _FIRST_PICTURE.search(log), _FIRST_SOUND.search(log)
    if not sound:
        raise _undecodable(source, ffmpeg.error_lines(log))
    began, shape, channels, layout, rate = sound.groups()
    first = _seconds(picture[1]) if picture else 0.0
    return Track(_seconds(began) - first, int(rate), int(channels), layout, shape.startswith("s32")), first


def _seconds(timestamp: str) -> float:
    return 0.0 if timestamp == "NOPTS" else float(timestamp)


def _undecodable(source: Path, problems: Sequence[str]) -> RenderError:
    why = f" ({problems[-1]})" if problems else ""
    return RenderError(f"The sound of {source} cannot be decoded{why}.", "Use --audio drop to leave it out.")


@contextmanager
def decoded(source: Path, track: Track, folder: Path) -> Iterator[Samples]:
    """Decode the track to a scratch file and map it into memory; gaps in its timestamps become silence."""
    output = ["-map", "0:a:0", "-af", "aresample=async=1", "-f", track.pcm]
    shape = ["-ar", str(track.rate), "-ch_layout", track.layout, "-"]
    with tempfile.TemporaryFile(dir=folder, prefix=".reelweave-", buffering=0) as scratch:
        with ffmpeg.Reader(["-i", ffmpeg.input_argument(source), *output, *shape]) as reader:
            while block := reader.read(_BLOCK):
                write_all(scratch, block)
            code = reader.finish()
        size = scratch.tell() // (track.channels * track.sample.itemsize)
        if not size or ffmpeg.was_stopped(code):
            raise _undecodable(source, reader.problems)
        yield np.memmap(scratch, track.sample, "r", shape=(size, track.channels))
