"""The edit list of a repair: the source, cut wherever frames are broken."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from ..media.rates import exact_rate, measured_rate
from ..render.edit_lists.model import Edit, EditList, Media, media_starts
from ..render.fill import ReplacedFrame
from .survey import Survey
from .verdict import CLEAN, Verdict

_UNTOUCHED = ("none", "left")
"""Methods of frames that the film shows as they were."""


def edits_of_repair(video: Path, film: Path | None, seen: Survey, done: Sequence[ReplacedFrame]) -> EditList:
    """Return the film as edits of the source, and of the repaired film where frames were replaced.

    A stretch of broken frames is an edit of its own, with a note on the damage and on how it was repaired.
    """
    rate = exact_rate(measured_rate(seen.times, [seen.info.fps]).fps)
    frames = range(len(seen.verdicts))
    starts = media_starts(frames, seen.times, rate)
    source = Media(str(video), video.name, rate, len(frames), seen.info.width, seen.info.height, {}, starts)
    repaired = replace(source, path=str(film), name=film.name) if film else source
    replaced = {one.frame: one for one in done}
    edits = []
    for (kind, method), run in groupby(seen.verdicts, key=lambda verdict: _key(verdict, replaced)):
        stretch = list(run)
        media = repaired if kind != CLEAN and method not in _UNTOUCHED else source
        edits.append(_edit(media, stretch, kind, method))
    return EditList(f"{video.name} repaired", rate, edits)


def _key(verdict: Verdict, replaced: dict[int, ReplacedFrame]) -> tuple[str, str]:
    return (verdict.kind, replaced[verdict.frame].method) if verdict.frame in replaced else (CLEAN, "")


def _edit(media: Media, run: Sequence[Verdict], kind: str, method: str) -> Edit:
    first, last = run[0].frame, run[-1].frame
    if kind == CLEAN:
        return Edit(media, first, last, name=media.name)
    score = round(max(verdict.score for verdict in run), 4)
    facts = {"class": kind, "method": method, "score": score}
    note = f"broken: {kind}" if method in _UNTOUCHED else f"broken: {kind}, replaced by {method}"
    return Edit(media, first, last, name=f"{media.name} {first}-{last}", note=note, facts=facts)
