"""How far the confidences of joins can be trusted: said against right, as a table and as a picture."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean

import numpy as np
from cases import Split
from results import Result

from reelweave.media.types import Picture
from reelweave.render.report.contact_sheet import save_picture

Joins = list[tuple[float, bool]]

_EDGES = (0.0, 0.5, 0.7, 0.85, 0.95, 0.99, 1.01)
_SIDE, _MARGIN = 420, 56
_GROUND, _GRID, _TEXT, _IDEAL = (255, 255, 255), (225, 225, 225), (60, 60, 60), (150, 150, 150)
_COLOURS = {"tuning half": (190, 120, 40), "check half": (60, 90, 220)}


def joins_of(results: Iterable[Result]) -> Joins:
    """Return the stated confidence of each join that has one, and whether the join is right."""
    return [
        (said, bool(right))
        for result in results
        if "said" in result.details
        for said, right in zip(result.details["said"], result.details["right"], strict=True)
        if said is not None
    ]


def binned(joins: Joins) -> list[tuple[float, float, Joins]]:
    """The joins between each two edges, where there are any."""
    bins = [(low, high, [join for join in joins if low <= join[0] < high]) for low, high in pairwise(_EDGES)]
    return [found for found in bins if found[2]]


def calibration_error(joins: Joins) -> float:
    """Average |mean confidence - share correct| over the bins, weighted by joins: the expected calibration error."""
    gaps = [(abs(mean(s for s, _ in found) - mean(r for _, r in found)), len(found)) for _, _, found in binned(joins)]
    return sum(gap * count for gap, count in gaps) / len(joins)


def reliability(results: Sequence[Result], split: Split) -> str:
    """Tabulate joins by confidence, with the share that is correct, in both halves and in the check half."""
    joins = joins_of(results)
    if not joins:
        return ""
    check = joins_of(result for result in results if split.half(result.clip) == "check")
    lines = ["| confidence | joins | mean confidence | correct | joins of the check half | correct |", "|---" * 6 + "|"]
    for low, high, found in binned(joins):
        there = [right for said, right in check if low <= said < high]
        half = f"{100 * mean(there):.1f} %" if there else "-"
        said, right = (100 * mean(column) for column in zip(*found, strict=True))
        span = f"{100 * low:.0f} to {min(100, 100 * high):.0f} %"
        lines.append(f"| {span} | {len(found)} | {said:.1f} % | {right:.1f} % | {len(there)} | {half} |")
    error = f"Calibration error: {100 * calibration_error(joins):.2f} %"
    also = f"; in the check half: {100 * calibration_error(check):.2f} %." if check else "."
    return "\n".join([*lines, "", error + also])


def draw_reliability(results: Sequence[Result], split: Split, path: Path) -> Path:
    """The curve of each half, said to the right and right upwards, its points as large as they have joins."""
    import cv2

    picture = _axes()
    for row, (name, colour) in enumerate(_COLOURS.items()):
        joins = joins_of(result for result in results if f"{split.half(result.clip)} half" == name)
        points = [(mean(s for s, _ in found), mean(r for _, r in found), len(found)) for _, _, found in binned(joins)]
        places = [_place(said, right) for said, right, _ in points]
        for a, b in pairwise(places):
            cv2.line(picture, a, b, colour, 2, cv2.LINE_AA)
        for place, (_, _, count) in zip(places, points, strict=True):
            cv2.circle(picture, place, round(2 + 1.2 * np.log2(count + 1)), colour, -1, cv2.LINE_AA)
        _write(picture, f"{name}: {len(joins)} joins", (_MARGIN + 14, _MARGIN + 22 + 22 * row), colour)
    return save_picture(picture, path)


def _axes() -> Picture:
    import cv2

    picture = np.full((_SIDE + 2 * _MARGIN, _SIDE + 2 * _MARGIN, 3), _GROUND, np.uint8)
    for tenth in range(0, 11, 2):
        share = tenth / 10
        cv2.line(picture, _place(share, 0), _place(share, 1), _GRID, 1)
        cv2.line(picture, _place(0, share), _place(1, share), _GRID, 1)
        _write(picture, f"{10 * tenth}", (_place(share, 0)[0] - 10, _MARGIN + _SIDE + 18), _TEXT)
        _write(picture, f"{10 * tenth}", (_MARGIN - 34, _place(0, share)[1] + 5), _TEXT)
    cv2.line(picture, _place(0, 0), _place(1, 1), _IDEAL, 1, cv2.LINE_AA)
    _write(picture, "% said to be right", (_MARGIN + _SIDE // 2 - 70, _MARGIN + _SIDE + 42), _TEXT)
    _write(picture, "% that are right", (8, _MARGIN - 20), _TEXT)
    return picture


def _place(said: float, right: float) -> tuple[int, int]:
    return _MARGIN + round(said * _SIDE), _MARGIN + round((1 - right) * _SIDE)


def _write(picture: Picture, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    import cv2

    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.48, colour, 1, cv2.LINE_AA)
