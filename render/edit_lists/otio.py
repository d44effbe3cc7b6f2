"""Convert edit lists to OpenTimelineIO."""

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...errors import UsageError
from .model import TICKS, Edit, EditList, Media

if TYPE_CHECKING:
    from opentimelineio.opentime import RationalTime
    from opentimelineio.schema import Clip, ExternalReference, Timeline

NAMESPACE = "reelweave"
"""The key of our metadata."""


def require_opentimelineio() -> None:
    """Raise `UsageError` if OpenTimelineIO is not installed."""
    try:
        import opentimelineio as otio  # noqa: F401
    except ImportError as missing:
        raise UsageError(
            "OpenTimelineIO files need the package opentimelineio.",
            "pip install '.[edit]' in the checkout installs it; .edl, .fcpxml and .csv need nothing more.",
        ) from missing


def timeline_of(edits: EditList) -> "Timeline":
    """Return a timeline with one video track."""
    require_opentimelineio()
    import opentimelineio as otio

    timeline = otio.schema.Timeline(_text(edits.title), global_start_time=_time(Fraction(0), edits.rate))
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    track.extend([_clip(edit) for edit in edits.edits])
    return timeline


def _clip(edit: Edit) -> "Clip":
    import opentimelineio as otio

    start, duration = _source_time(edit.media, edit.start), _source_time(edit.media, edit.duration)
    shown = otio.opentime.TimeRange(start, duration)
    clip = otio.schema.Clip(_text(edit.label), _reference(edit.media), shown, metadata={NAMESPACE: dict(edit.facts)})
    if edit.reverse:
        clip.effects.append(otio.schema.LinearTimeWarp("reverse", time_scalar=-1.0))
    if edit.note:
        clip.markers.append(otio.schema.Marker(_text(edit.note), shown))
    return clip


def _reference(media: Media) -> "ExternalReference":
    import opentimelineio as otio

    available = otio.opentime.TimeRange(_source_time(media, Fraction(0)), _source_time(media, media.duration))
    facts: Mapping[str, Any] = dict(media.facts) | {
        "frames": media.frames,
        "fps": float(media.rate),
        "width": media.width,
        "height": media.height,
        "varies": media.starts is not None,
    }
    reference = otio.schema.ExternalReference(media.uri, available, metadata={NAMESPACE: facts})
    reference.name = _text(media.name)
    return reference


def _text(text: str) -> str:
    """Return a text that can be encoded: a file name may hold bytes that are no text."""
    return text.encode("utf-8", "replace").decode()


def _source_time(media: Media, seconds: Fraction) -> "RationalTime":
    """Return a time in frames of the source, or in ticks if its rate varies."""
    return _time(seconds, media.rate if media.starts is None else Fraction(TICKS))


def _time(seconds: Fraction, rate: Fraction) -> "RationalTime":
    import opentimelineio as otio

    return otio.opentime.RationalTime(float(seconds * rate), float(rate))
