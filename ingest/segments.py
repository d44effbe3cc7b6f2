"""Cut a long video into segments for several workers, whose results together equal those of one pass.

A segment is decoded from a key frame that no later frame looks behind. Its first embedded frame comes after that and
begins a batch, so that networks see the same batches as in one pass; the frames between are decoded by both neighbours
and must be the same pictures. The timestamps of all frames must be those of the packets. Where anything differs, or the
decoder reports an error, the video is embedded as a whole.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import numpy as np

from ..errors import EngineError
from ..media import ffmpeg
from ..media.source import VideoFile
from ..media.types import Frame, Ints
from .batches import sample_frames

_LEAST_BYTES_A_SECOND = 4000
"""Videos with fewer are not probed for their length: 32 kbit/s is below any real recording of half an hour."""

_KEY_FRAMES = {"h264": "5", "hevc": "19-20"}
"""NAL units of pictures that reset the decoder. The containers of these two also call others key frames."""

_RESETTING = frozenset({"vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mjpeg", "prores", "dnxhd", "ffv1"})
"""Codecs of which every key frame resets the decoder for all frames that are shown after it."""

_SEEK_MARGIN = 0.14
"""Seconds sought beyond a key frame, since ffmpeg seeks 3/23 s too early where frames are reordered."""

_KEY, _CORRUPT, _DISCARDED = 1, 2, 4
"""Flags of packets."""

_PACKET = re.compile(r"0, *(-?\d+), *(-?\d+), *-?\d+, *\d+, *0x[0-9a-f]+(?:, F=0x([0-9A-Fa-f]+))?")
_UNIT = re.compile(r"#tb 0: (\d+)/(\d+)")
_CODEC = re.compile(r"#codec_id 0: (\w+)")

NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True)
class Segment:
    """Consecutive frames for one worker: `frames` are to be embedded, after decoding from the key frame `begin`."""

    begin: int
    seek: float
    frames: Ints
    stamps: Ints
    """Timestamps of the frames from `begin` on, in the unit of the stream, to the last that must be decoded."""
    shared: int
    """How many of these frames at the beginning the segment before decodes too."""
    is_last: bool


class NotEqualError(EngineError):
    """A segment does not decode as one pass would."""


@dataclass(frozen=True)
class _Packets:
    """The timestamps of the packets in order of presentation, and which frames are safe to begin at."""

    stamps: Ints
    safe: Ints
    unit: Fraction


def is_long(source: VideoFile, minutes: float) -> bool:
    """Tell whether a video is to be cut. Only a file that is large enough for its length is probed."""
    seconds = minutes * 60
    if not seconds or source.path.stat().st_size < seconds * _LEAST_BYTES_A_SECOND:
        return False
    info = source.info()
    return info.frames_hint is not None and info.frames_hint / info.fps > seconds


def plan_segments(source: VideoFile, seconds: float, batch: int, fps: float) -> list[Segment]:
    """Cut a video into segments of about so many seconds.

    Raises:
        NotEqualError: The parts could differ from one pass.
    """
    packets = _scan(source.path)
    wanted = _sampled(packets, fps)
    begins = list(_beginnings(packets, wanted, seconds, batch))
    if not begins:
        raise NotEqualError("it has no key frames at which decoding could begin.")
    return list(_segments(packets, wanted, [(0, 0), *begins]))


def _sampled(packets: _Packets, fps: float) -> Ints:
    unit = float(packets.unit)
    frames = (Frame(index, int(stamp) * unit, NO_PICTURE) for index, stamp in enumerate(packets.stamps))
    return np.array([frame.index for frame in sample_frames(frames, fps)], np.int64)


def _beginnings(packets: _Packets, wanted: Ints, seconds: float, batch: int) -> Iterator[tuple[int, int]]:
    """Yield the key frame at which each segment but the first begins, and the row of its first embedded frame."""
    last_row, last_stamp, unit = 0, int(packets.stamps[0]), float(packets.unit)
    for key in packets.safe[1:]:
        stamp = int(packets.stamps[key])
        # At least one frame is decoded by both neighbours.
        row = -(-int(np.searchsorted(wanted, key + 1)) // batch) * batch
        if (stamp - last_stamp) * unit >= seconds and last_row < row < len(wanted):
            last_row, last_stamp = row, stamp
            yield int(key), row


def _segments(packets: _Packets, wanted: Ints, begins: Sequence[tuple[int, int]]) -> Iterator[Segment]:
    ends = [row for _, row in begins[1:]]
    for (key, row), end in zip(begins, [*ends, len(wanted)], strict=True):
        is_last = end == len(wanted)
        # The segment before is decoded up to the first embedded frame of this one.
        stop = len(packets.stamps) if is_last else int(wanted[end])
        yield Segment(
            key, _seek_time(packets, key), wanted[row:end], packets.stamps[key:stop], int(wanted[row]) - key, is_last
        )


def _seek_time(packets: _Packets, key: int) -> float:
    """Return a time shortly after a key frame and before the next one."""
    if key == 0:
        return 0.0
    later = packets.stamps[packets.safe[packets.safe > key]][:1]
    unit = float(packets.unit)
    time = int(packets.stamps[key]) * unit
    return time + min(_SEEK_MARGIN, (float(later[0]) * unit - time) / 2 if len(later) else _SEEK_MARGIN)


def _scan(path: Path) -> _Packets:
    """Read the packets of a video without decoding them."""
    log = _packet_log(path, [])
    codec = match[1] if (match := _CODEC.search(log)) else ""
    unit = Fraction(*map(int, match.groups())) if (match := _UNIT.search(log)) else Fraction(0)
    # Flags are logged unless they are those of an ordinary key frame.
    packets = [(int(match[2]), int(match[3], 16) if match[3] else _KEY) for match in _PACKET.finditer(log)]
    stamps = np.array(sorted(stamp for stamp, _ in packets), np.int64)
    if not unit or len(stamps) < 2 or (np.diff(stamps) <= 0).any():
        raise NotEqualError("its timestamps are not unique.")
    if any(flags & (_CORRUPT | _DISCARDED) for _, flags in packets):
        raise NotEqualError("some of its frames are damaged or not to be shown.")
    keys = {stamp for stamp, flags in packets if flags & _KEY}
    if codec in _KEY_FRAMES:
        units = _packet_log(path, ["-bsf:v", f"filter_units=pass_types={_KEY_FRAMES[codec]}"])
        keys &= {int(match[2]) for match in _PACKET.finditer(units)}
    elif codec not in _RESETTING:
        raise NotEqualError(f"it is not known at which frames decoding of {codec or 'it'} can begin.")
    return _Packets(stamps, np.searchsorted(stamps, np.array(sorted(keys), np.int64)), unit)


def _packet_log(path: Path, options: list[str]) -> str:
    done = ffmpeg.run([*ffmpeg.decode_arguments(path), "-c:v", "copy", *options, "-f", "framecrc", "-"])
    if done.returncode or ffmpeg.error_lines(done.stderr.decode("utf-8", "replace")):
        raise NotEqualError("its packets cannot be read without errors.")
    return done.stdout.decode("ascii", "replace")


class SegmentReader:
    """Decode a segment and check it: `times` are those of its own frames, `before` and `after` the shared pictures."""

    def __init__(self, source: VideoFile, segment: Segment, next_begin: int | None) -> None:
        self._source, self._segment = source, segment
        self._next_begin = next_begin
        self.times: list[float] = []
        self.before, self.after = sha256(), sha256()

    @property
    def problems(self) -> list[str]:
        return self._source.problems

    def frames(self, short_side: int) -> Generator[Frame, None, None]:
        """Yield the frames to embed, with their indices in the whole video.

        Raises:
            NotEqualError: Other frames come out than one pass would yield.
        """
        segment, wanted = self._segment, set(self._segment.frames.tolist())
        first = segment.begin + segment.shared
        for index, frame in self._decoded(short_side):
            if index < first:
                self.before.update(frame.picture.tobytes())
            else:
                self.times.append(frame.time)
            if self._next_begin is not None and index >= self._next_begin:
                self.after.update(frame.picture.tobytes())
            if index in wanted:
                yield Frame(index, frame.time, frame.picture)

    def _decoded(self, short_side: int) -> Iterator[tuple[int, Frame]]:
        """Yield the frames from the key frame on, with their indices in the whole video."""
        segment, done = self._segment, 0
        for stamp, frame in self._source.stretch(segment.seek, short_side):
            if not done and stamp < segment.stamps[0]:
                # Decoding began earlier, or this is a frame that is shown before the key frame.
                continue
            if done == len(segment.stamps):
                if segment.is_last:
                    raise NotEqualError("it decodes to more frames than it has packets.")
                break
            if stamp != segment.stamps[done]:
                raise NotEqualError("its frames do not come at the times of its packets.")
            yield segment.begin + done, frame
            done += 1
        if done < len(segment.stamps):
            raise NotEqualError("it decodes to fewer frames than it has packets.")
        if self.problems:
            raise NotEqualError(f"the decoder reports errors ({self.problems[0]}).")
