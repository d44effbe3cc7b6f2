"""Write CMX 3600 EDLs.

A reversed stretch is written frame by frame: editors read the motion statement M2 of a reversed event in different
ways, and single frames in one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .model import Edit, EditList, Media
from .timecode import Timecode, timecode_for

_REEL_LETTERS = 8
"""Letters of the name of a reel."""
_MOST_EVENTS = 999
"""The events of an EDL that have three digits; not all editors read more."""


@dataclass(frozen=True)
class _Event:
    edit: Edit
    source: tuple[int, int]
    record: tuple[int, int]


def edl_text(edits: EditList) -> tuple[str, list[str]]:
    """Return an EDL, and notes on what its format cannot hold."""
    clocks = {id(media): timecode_for(media.rate, media.starts is not None) for media in edits.sources}
    film = timecode_for(edits.rate, any(media.starts is not None for media in edits.sources))
    reels = reel_names(edits.sources)
    events = list(_events(edits, film, clocks))
    lines = [f"TITLE: {one_line(edits.title)}", f"FCM: {'' if film.dropped else 'NON-'}DROP FRAME", ""]
    for number, event in enumerate(events, 1):
        lines += _lines(number, event, film, clocks[id(event.edit.media)], reels[id(event.edit.media)])
    return "\n".join([*lines, ""]), list(_notes(events, film, clocks))


def reel_names(sources: list[Media]) -> dict[int, str]:
    """Give each source a reel of up to eight letters and digits, by its name; no two are the same."""
    reels: dict[int, str] = {}
    for media in sources:
        stem = re.sub(r"[^A-Z0-9]", "", media.name.rpartition(".")[0].upper() or media.name.upper()) or "REEL"
        taken, number, reel = set(reels.values()), 1, stem[:_REEL_LETTERS]
        # Words that CMX 3600 reserves for black, bars and auxiliary sources.
        while reel in taken | {"BL", "BLACK", "BARS", "AX"}:
            number += 1
            reel = stem[: _REEL_LETTERS - len(str(number))] + str(number)
        reels[id(media)] = reel
    return reels


def one_line(text: str) -> str:
    """Replace what would end a line or cannot be printed."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _events(edits: EditList, film: Timecode, clocks: dict[int, Timecode]) -> Iterator[_Event]:
    """Yield the events; each lasts one tick at least, and the next begins where it ends."""
    begin = 0
    for edit, position in zip(edits.edits, edits.positions, strict=False):
        parts = [replace(edit, first=frame, last=frame) for frame in edit.frames] if edit.reverse else [edit]
        clock = clocks[id(edit.media)]
        for part in parts:
            position += part.duration
            end = max(begin + 1, film.ticks(position))
            source = clock.ticks(part.start)
            yield _Event(part, (source, max(source + 1, clock.ticks(part.end))), (begin, end))
            begin = end


def _lines(number: int, event: _Event, film: Timecode, clock: Timecode, reel: str) -> list[str]:
    times = [*map(clock.text, event.source), *map(film.text, event.record)]
    return [
        f"{number:03}  {reel:{_REEL_LETTERS}} V     C        {' '.join(times)}",
        f"* FROM CLIP NAME: {one_line(event.edit.label)}",
        f"* FROM CLIP: {event.edit.media.uri or one_line(event.edit.media.name)}",
        *([f"* {one_line(event.edit.note)}"] if event.edit.note else []),
    ]


def _notes(events: list[_Event], film: Timecode, clocks: dict[int, Timecode]) -> Iterator[str]:
    if len(events) > _MOST_EVENTS:
        yield f"the EDL has {len(events)} events; some editors read no more than {_MOST_EVENTS}."
    if not all(clock.exact for clock in (film, *clocks.values())):
        yield "the frame rate varies or is no rate of timecode, so positions in the EDL are rounded to 1/60 s."
    late = [clocks[id(event.edit.media)].is_over_a_day(event.source[1]) for event in events]
    if any(late) or any(film.is_over_a_day(event.record[1]) for event in events):
        yield "positions after 24 hours are counted on in the EDL; some editors wrap them."
    if any(one.base > 60 for one in (film, *clocks.values())):
        yield "no timecode is standard above 60 frames a second; the EDL counts the frames of the source."
