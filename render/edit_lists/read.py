"""Read OpenTimelineIO files, such as those that were re-ordered in a video editor, as plans.

They are read as JSON, within limits: the parser of the OpenTimelineIO library crashes the process on many wrong values.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from pydantic import BaseModel, Field, ValidationError

from ...errors import LibraryError, PlanError, UsageError, command
from ...index.library import open_library
from ...media.types import VideoRecord
from ...media.untrusted import MEGABYTE, UntrustedError, is_text, parse_json, quote, read_text
from ...settings import Settings
from ...solve.plan.files import first_problem
from ...solve.plan.model import Dropped, Hole, PathReport, Plan, PlanVideo
from .make import FrameTimes, media_of, times_in
from .model import Media
from .otio import NAMESPACE
from .timecode import near_standard

SUFFIX = ".otio"
_MOST_BYTES = 256 * MEGABYTE
"""Largest file that is read; a clip takes about 2 kB, so it may have 100,000 of them."""
_MOST_FRAMES = 500_000
"""Frames that a source may be said to have that the library does not know: five hours at 25 frames a second."""
_DESCRIBED = ("id", "sha256", "fps", "width", "height", "frames")
"""What our files say of a source, which makes up for a library that does not know it."""
_MOST_RATE = 1_000_000
"""Units a second in which times are counted."""
_SHOWN = 0.5
"""Share of a frame that a clip must show of it, since editors round times to their own frame rate."""


class _Time(BaseModel):
    value: Annotated[float, Field(gt=-(2**53), lt=2**53)]
    rate: Annotated[float, Field(gt=0, le=_MOST_RATE)]

    @property
    def seconds(self) -> Fraction:
        return Fraction(self.value) / near_standard(Fraction(self.rate).limit_denominator(1001))


class _Range(BaseModel):
    start_time: _Time
    duration: _Time


class _Object(BaseModel):
    """What an object of OpenTimelineIO is, such as `Clip.2`."""

    schema_name: str = Field(alias="OTIO_SCHEMA")

    @property
    def kind(self) -> str:
        """The name without the version; a later version adds keys."""
        return self.schema_name.partition(".")[0]


class _Reference(_Object):
    target_url: str | None = None
    available_range: _Range | None = None
    metadata: dict[str, Any] = {}


class _Effect(_Object):
    time_scalar: float = 0.0


class _Item(_Object):
    """A clip, a gap, a transition or something nested."""

    name: str | None = None
    enabled: bool = True
    source_range: _Range | None = None
    media_reference: _Reference | None = None
    media_references: dict[str, _Reference | None] = {}
    active_media_reference_key: str = "DEFAULT_MEDIA"
    effects: list[_Effect] = []
    metadata: dict[str, Any] = {}

    @property
    def reference(self) -> _Reference | None:
        """The source; until version 1 of clips there was only one."""
        return self.media_references.get(self.active_media_reference_key, self.media_reference)

    @property
    def speed(self) -> float:
        speed = 1.0
        for effect in self.effects:
            if effect.kind in ("LinearTimeWarp", "FreezeFrame", "TimeEffect"):
                speed *= effect.time_scalar if effect.kind == "LinearTimeWarp" else 0.0
        return speed


class _Track(_Object):
    kind_of_track: str = Field("Video", alias="kind")
    enabled: bool = True
    children: list[_Item] = []
    source_range: _Range | None = None


class _Stack(_Object):
    children: list[_Track] = []


class _Timeline(_Object):
    tracks: _Stack


@dataclass(frozen=True)
class _Shown:
    """What a clip shows of its source: a range in seconds, forwards or backwards."""

    number: int
    name: str
    source: str
    start: Fraction
    end: Fraction
    reverse: bool
    broken: bool
    facts: dict[str, Any]


def read_otio_plan(path: Path, settings: Settings, note: Callable[[str], None] = lambda text: None) -> Plan:
    """Read a timeline of one source as a plan; frames that it does not show count as dropped by the user.

    Args:
        path: The .otio file.
        settings: The settings, which name the library that knows the source.
        note: Receives what a plan cannot hold.

    Raises:
        PlanError: The file is no timeline, or no plan can say what it plays.
    """
    clips = list(_shown_clips(_items(path), path, note))
    if not clips:
        raise PlanError(f"{path} has no clip in its video track.")
    if others := {clip.source for clip in clips} - {clips[0].source}:
        raise PlanError(
            f"{path} has clips of several sources ({quote(clips[0].source)}, {quote(min(others))}).",
            "A plan is about one source: put only clips of that into the timeline.",
        )
    video, times = _video(clips[0], path, settings)
    return _plan(clips, video, _SourceFrames(media_of(video, times), times), path)


def _items(path: Path) -> list[_Item]:
    """Read what is in the one video track of a timeline."""
    try:
        value = parse_json(read_text(path, _MOST_BYTES))
        if not (isinstance(value, dict) and str(value.get("OTIO_SCHEMA")).startswith("Timeline.")):
            raise UntrustedError("holds no timeline")
        tracks = [track for track in _Timeline.model_validate(value).tracks.children if track.children]
    except FileNotFoundError as missing:
        raise PlanError(f"There is no edit list at {path}.") from missing
    except OSError as failed:
        raise PlanError(f"{path} cannot be read: {failed.strerror}.") from failed
    except ValidationError as bad:
        raise PlanError(f"{path} is not a timeline that can be read: {first_problem(bad)}.") from bad
    except UntrustedError as bad:
        raise PlanError(f"{path} is not a timeline that can be read: it {bad}.") from bad
    shown = [track for track in tracks if track.kind_of_track == "Video" and track.enabled]
    if len(shown) != 1 or shown[0].kind != "Track":
        raise PlanError(f"{path} has {len(shown)} video tracks with clips, not one.", "Flatten them in the editor.")
    if shown[0].source_range:
        raise PlanError(f"{path} trims its video track.", "Trim the clips instead.")
    return shown[0].children


def _shown_clips(items: Sequence[_Item], path: Path, note: Callable[[str], None]) -> Iterator[_Shown]:
    ignored = 0
    for number, item in enumerate(items, 1):
        if item.kind in ("Gap", "Transition") or not item.enabled:
            ignored += 1
            continue
        try:
            yield _shown(number, item)
        except UntrustedError as bad:
            raise PlanError(f"{path}, item {number} ({quote(item.name)}) {bad}.") from bad
    if ignored:
        note(f"{path}: {ignored} gaps, transitions and disabled clips are left out of the film.")


def _shown(number: int, item: _Item) -> _Shown:
    if item.kind != "Clip":
        raise UntrustedError(f"is a {quote(item.kind)}, not a clip; break it up into clips in the editor")
    reference = item.reference
    if reference is None or reference.kind != "ExternalReference" or not reference.target_url:
        raise UntrustedError("names no file")
    available = reference.available_range
    shown = item.source_range or available
    if shown is None:
        raise UntrustedError("does not say which part of its source it shows")
    if item.speed not in (1.0, -1.0):
        raise UntrustedError(f"plays at speed {item.speed:g}; a plan shows every frame once, forwards or backwards")
    # Cameras and editors begin to count at any timecode.
    zero = available.start_time.seconds if available else Fraction(0)
    start = shown.start_time.seconds - zero
    return _Shown(
        number,
        item.name or "",
        _local_path(reference.target_url),
        start,
        start + shown.duration.seconds,
        reverse=item.speed < 0,
        broken=_ours(item.metadata).get("broken") is True,
        facts=_ours(reference.metadata),
    )


def _ours(metadata: Mapping[str, Any]) -> dict[str, Any]:
    found = metadata.get(NAMESPACE)
    return found if isinstance(found, dict) else {}


def _local_path(url: str) -> str:
    """Return the path of a file URI or of a path, which other programs write instead."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        path = url2pathname(parts.path)
    elif "://" in url:
        raise UntrustedError(f"is of {quote(url)}, which is not a file on this machine")
    else:
        path = unquote(url)
    if not is_text(path):
        raise UntrustedError("is of a file whose name is not text")
    return path


def _video(clip: _Shown, path: Path, settings: Settings) -> tuple[PlanVideo, FrameTimes | None]:
    """Find the video of a clip: in the library, or as the file describes it."""
    source = str(path.parent / clip.source)
    with open_library(settings) as library:
        try:
            record = library.catalog.find(source)
        except UsageError:
            found = library.catalog.with_content(str(clip.facts.get("sha256") or "unknown"))
            if found is None:
                return _described(clip, source, path), None
            record = found
        try:
            times = times_in(library, record)
        except LibraryError:
            times = None
    return _plan_video(record, times), times


def _plan_video(record: VideoRecord, times: FrameTimes | None) -> PlanVideo:
    gaps = bool(times and len(times.indices) and times.indices[-1] != len(times.indices) - 1)
    known = {
        name: getattr(record, name) for name in ("id", "name", "source", "sha256", "fps", "width", "height", "frames")
    }
    return PlanVideo(**known, gaps=gaps)


def _described(clip: _Shown, source: str, path: Path) -> PlanVideo:
    """Return the video as Reelweave described it when it wrote the file, unless times are needed as well."""
    remedy = f"{command('ingest', Path(source))} makes it known; then repeat this command."
    try:
        known = {key: clip.facts[key] for key in _DESCRIBED if key in clip.facts}
        video = PlanVideo.model_validate(known | {"name": Path(source).name, "source": source})
    except ValidationError as unknown:
        raise PlanError(
            f"{path} does not say enough about {source}, and the library does not know it.", remedy
        ) from unknown
    if video.frames > _MOST_FRAMES:
        raise PlanError(
            f"{path} says that {source} has {video.frames:,} frames, and the library does not know it.", remedy
        )
    if clip.facts.get("varies"):
        raise PlanError(f"The frame rate of {source} varies, and the library does not know it.", remedy)
    return video


def _plan(clips: Sequence[_Shown], video: PlanVideo, frames: "_SourceFrames", path: Path) -> Plan:
    order, broken = list[int](), set[int]()
    holes: dict[int | None, list[int]] = {}
    for frame, clip in _played(clips, frames, path).items():
        if clip.broken:
            holes.setdefault(order[-1] if order else None, []).append(frame)
            broken.add(frame)
        else:
            order.append(frame)
    if not order:
        raise PlanError(f"{path} shows no frame of {video.name}.")
    kept = set(order)
    return Plan(
        video=video,
        order=order,
        dropped=[
            Dropped(frame=frame, reason="broken" if frame in broken else "user", score=0)
            for frame in frames.known
            if frame not in kept
        ],
        shots=[],
        fill=[Hole(after=after, frames=between) for after, between in holes.items()],
        path=PathReport(cost=0, lower_bound=None, gap=None, solver="edited", seconds=0),
    )


def _played(clips: Sequence[_Shown], frames: "_SourceFrames", path: Path) -> dict[int, _Shown]:
    """Return the frames in play order, each with its clip."""
    seen: dict[int, _Shown] = {}
    for clip in clips:
        try:
            shown = frames.shown(clip)
        except UntrustedError as bad:
            raise PlanError(f"{path}, clip {clip.number} ({quote(clip.name)}) {bad}.") from bad
        for frame in shown:
            if frame in seen:
                raise PlanError(
                    f"{path}, clip {clip.number} ({quote(clip.name)}) shows frame {frame} again, which clip "
                    f"{seen[frame].number} shows; a plan plays each frame once.",
                    "Take it out of one of the two in the editor.",
                )
            seen[frame] = clip
    return seen


class _SourceFrames:
    """The frames of a source that are known, and which of them a clip shows."""

    def __init__(self, media: Media, times: FrameTimes | None) -> None:
        self._media = media
        self.known: Sequence[int] = times.indices if times else range(media.frames)
        self._set = set(times.indices) if times else range(media.frames)
        self._starts = None if media.starts is None else [media.starts[frame] for frame in self.known]

    def shown(self, clip: _Shown) -> Sequence[int]:
        """Return the frames in play order; a frame counts if the clip shows at least half of it."""
        shown = self._by_number(clip) if self._starts is None else self._by_time(clip, self._starts)
        return shown[::-1] if clip.reverse else shown

    def _by_number(self, clip: _Shown) -> Sequence[int]:
        first, end = round(clip.start * self._media.rate), round(clip.end * self._media.rate)
        if not 0 <= first <= end <= self._media.frames:
            raise UntrustedError(f"shows frames {first} to {end - 1}, but the last of the source is {self._last}")
        missing = next((frame for frame in range(first, end) if frame not in self._set), None)
        if missing is not None:
            raise UntrustedError(f"shows frame {missing}, which was not ingested")
        return range(first, end)

    def _by_time(self, clip: _Shown, starts: Sequence[Fraction]) -> Sequence[int]:
        near = self.known[max(0, bisect_left(starts, clip.start) - 1) : bisect_left(starts, clip.end)]
        return [frame for frame in near if self._share(frame, clip) >= _SHOWN]

    def _share(self, frame: int, clip: _Shown) -> float:
        """Return how much of the time of a frame is in a clip."""
        start, end = self._media.start(frame), self._media.end(frame)
        return float((min(clip.end, end) - max(clip.start, start)) / (end - start)) if end > start else 0.0

    @property
    def _last(self) -> int:
        return self._media.frames - 1
