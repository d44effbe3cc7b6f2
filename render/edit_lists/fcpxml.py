"""Write FCPXML, the format of Final Cut Pro that DaVinci Resolve and others read."""

from fractions import Fraction
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from .edl import one_line
from .model import Edit, EditList, Media
from .timecode import timecode_for

_VERSION = "1.8"
"""The latest version in which an asset names its file itself; all readers know it."""


def fcpxml_tree(edits: EditList) -> "ElementTree[Element]":
    """Return an edit list as FCPXML; a reversed stretch is a clip whose time runs backwards."""
    root = Element("fcpxml", version=_VERSION)
    resources = SubElement(root, "resources")
    film = _format(resources, "r0", edits.rate, edits.sources[0])
    assets = {id(media): _asset(resources, number, media) for number, media in enumerate(edits.sources, 1)}
    event = SubElement(SubElement(root, "library"), "event", name=one_line(edits.title))
    project = SubElement(event, "project", name=one_line(edits.title))
    positions = [_on_grid(position, edits.rate) for position in edits.positions]
    sequence = SubElement(project, "sequence", format=film, duration=_time(positions[-1]), tcStart="0s")
    sequence.set("tcFormat", "DF" if timecode_for(edits.rate).dropped else "NDF")
    spine = SubElement(sequence, "spine")
    offset = Fraction(0)
    for edit, end in zip(edits.edits, positions[1:], strict=True):
        end = max(end, offset + 1 / edits.rate)
        _clip(spine, edit, assets[id(edit.media)], offset, end - offset)
        offset = end
    sequence.set("duration", _time(offset))
    indent(root)
    return ElementTree(root)


def _format(resources: Element, name: str, rate: Fraction, media: Media) -> str:
    # Without a name, which would have to be one of the formats that Final Cut Pro knows.
    made = SubElement(resources, "format", id=name, frameDuration=_time(1 / rate))
    made.set("width", str(media.width))
    made.set("height", str(media.height))
    return name


def _asset(resources: Element, number: int, media: Media) -> str:
    name = f"a{number}"
    kind = _format(resources, f"r{number}", media.rate, media)
    SubElement(
        resources,
        "asset",
        id=name,
        name=one_line(media.name),
        src=media.uri,
        start="0s",
        duration=_time(media.duration),
        hasVideo="1",
        format=kind,
    )
    return name


def _clip(spine: Element, edit: Edit, asset: str, offset: Fraction, duration: Fraction) -> None:
    clip = SubElement(
        spine,
        "asset-clip",
        ref=asset,
        name=one_line(edit.label),
        offset=_time(offset),
        start="0s" if edit.reverse else _time(edit.start),
        duration=_time(duration),
    )
    if edit.reverse:
        times = SubElement(clip, "timeMap")
        SubElement(times, "timept", time="0s", value=_time(edit.end), interp="linear")
        SubElement(times, "timept", time=_time(edit.duration), value=_time(edit.start), interp="linear")
    if edit.note:
        start = Fraction(0) if edit.reverse else edit.start
        length = 1 / edit.media.rate
        SubElement(clip, "marker", start=_time(start), duration=_time(length), value=one_line(edit.note))


def _on_grid(seconds: Fraction, rate: Fraction) -> Fraction:
    """Round a position to a frame of the timeline, on which every clip must begin."""
    return round(seconds * rate) / rate


def _time(seconds: Fraction) -> str:
    return f"{seconds.numerator}s" if seconds.denominator == 1 else f"{seconds.numerator}/{seconds.denominator}s"
