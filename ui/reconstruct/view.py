"""What the Reconstruct tab shows of its state, as HTML; the layout is in templates/reconstruct.html."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...media.types import Picture
from ...render.report.charts import CURVE_SPAN, price_curve
from ...render.report.contact_sheet import GAP, heat_map
from ...render.results import shot_order_text
from ..html import render
from ..strings import STRINGS
from .corrections import describe
from .frame_sheets import all_frames, browser_data
from .shot_edits import joinable
from .state import ReconstructState

_TEXT = STRINGS.reconstruct

# These bound the size of the page: every picture is part of its HTML.
_STRIP_FRAMES = 240
"""Thumbnails in the strips of all shots together."""
_STRIP_MIN = 3
"""Thumbnails of a shot, however many shots there are."""
_STRIP_MAX = 24
"""Thumbnails of a shot, however few shots there are."""
_STRIPS_SHOWN = 60
_DROPPED_SHOWN = 200
_WEAK_SHOWN = 12
_LISTED = 24
"""Corrections that are listed at once."""
_NEIGHBOURS = 4
"""Frames shown on each side of the selected one."""
_DETAILS = ("Path", "Solver")
"""Facts of the summary that are shown on demand."""
_MAP_SIDE = 360
"""The side of a distance map, in pixels."""
_MAP_SPAN = (GAP / (_MAP_SIDE + 2 * GAP), (_MAP_SIDE + GAP) / (_MAP_SIDE + 2 * GAP))
"""The shares of a map's width between which the film runs."""


class _Charts(NamedTuple):
    before: Picture
    """The distances between all frames in file order."""
    after: Picture
    """The same in the restored order."""
    curve: Picture | None
    """The price of every join."""


def summary(state: ReconstructState) -> str:
    """Show the facts of the plan; its shots are counted as the strips below count them."""
    facts = dict(state.preview.report.summary) | {"Shots": _shot_sizes(state)}
    details = {name: facts.pop(name) for name in _DETAILS if name in facts}
    return render("reconstruct.summary", list(facts.items()), list(details.items()))


def _shot_sizes(state: ReconstructState) -> str:
    sizes: Counter[int] = Counter()
    for run in state.runs:
        sizes[run.shot] += len(run.frames)
    *rest, last = (str(size) for size in sizes.values())
    if not rest:
        return _TEXT.one_shot.format(frames=STRINGS.common.frames(int(last)))
    others, frames = ", ".join(rest), STRINGS.common.frames(int(last))
    return _TEXT.several_shots.format(count=len(sizes), others=others, frames=frames)


def corrections(state: ReconstructState) -> str:
    """List the corrections; what lies beyond the first is folded away."""
    entries = list(describe(state.constraints))
    return render("reconstruct.corrections", state, entries[:_LISTED], entries[_LISTED:], state.saved)


def shots(state: ReconstructState) -> str:
    """Show every shot as a strip of its frames, with the corrections that it can get."""
    runs = state.runs
    each = max(_STRIP_MIN, min(_STRIP_MAX, _STRIP_FRAMES // max(1, len(runs))))
    strips = [(run, spread(run.frames, each)) for run in runs[:_STRIPS_SHOWN]]
    joins = {run.frames[0] for run, _ in joinable(state)}
    return render("reconstruct.shots", state, strips, len(runs) - _STRIPS_SHOWN, joins, _undetermined(state))


def _undetermined(state: ReconstructState) -> dict[int, str]:
    """Say of each shot whose order is undetermined why."""
    numbered = enumerate(state.plan.shots, 1)
    return {shot.number or number: shot_order_text(shot.undetermined) for number, shot in numbered if shot.undetermined}


def spread(frames: Sequence[int], most: int) -> list[int]:
    """Choose at most `most` frames at even distances, including both ends."""
    if len(frames) <= most:
        return list(frames)
    return [frames[at] for at in np.linspace(0, len(frames) - 1, most).round().astype(int).tolist()]


def selected_frame(state: ReconstructState) -> str:
    """Show the selected frame with its neighbours in the film, and the corrections that it can get."""
    order = state.plan.order
    if state.selected is None:
        return render("reconstruct.nothing_selected")
    if state.selected not in order:
        return render("reconstruct.selected_dropped", state)
    position = order.index(state.selected)
    neighbours = order[max(0, position - _NEIGHBOURS) : position + _NEIGHBOURS + 1]
    return render("reconstruct.selected", state, position, neighbours, _edge(state, state.selected))


def _edge(state: ReconstructState, frame: int) -> str:
    """Tell whether a shot can be cut before the frame, or joined to the one before it."""
    starts = {run.frames[0] for run in state.runs}
    if frame not in starts:
        return "cut"
    return "join" if any(run.frames[0] == frame for run, _ in joinable(state)) else ""


def frame_browser(state: ReconstructState) -> str:
    """Show all frames, once their thumbnails are drawn."""
    if not state.sheets:
        return render("reconstruct.browse_button", len(all_frames(state)))
    return render("reconstruct.frame_browser", browser_data(state, state.sheets))


def dropped(state: ReconstructState) -> str:
    """Show every dropped frame with its reason and score; a click restores it."""
    frames = [one for one in state.plan.dropped if one.reason != "elsewhere"]
    shots = {shot: len(frames) for shot, frames in state.shot_frames().items() if shot in state.constraints.drop_shot}
    groups = Counter(one.shot for one in frames if one.shot is not None and one.shot not in shots)
    named = [(_TEXT.shot_name.format(number=shot), shot, count) for shot, count in sorted(shots.items())]
    named += [(_TEXT.group_name.format(number=group), group, count) for group, count in sorted(groups.items())]
    return render("reconstruct.dropped", state, frames[:_DROPPED_SHOWN], named, len(frames) - _DROPPED_SHOWN)


def diagnostics(state: ReconstructState) -> str:
    """Show the distances before and after, the price of every join, and the weak joins with alternatives."""
    report, plan = state.preview.report, state.plan
    weak, title = {join.at for join in plan.weak}, _TEXT.curve_title
    numbers = [shot.number or number for number, shot in enumerate(plan.shots, 1)]
    charts = _Charts(
        heat_map(report.distances_before, _MAP_SIDE),
        heat_map(report.distances_after, _MAP_SIDE),
        price_curve(plan.prices, weak, report.joins.cuts, title, numbers) if plan.prices else None,
    )
    return render("reconstruct.diagnostics", state, charts, plan.weak[:_WEAK_SHOWN], (_MAP_SPAN, CURVE_SPAN))
