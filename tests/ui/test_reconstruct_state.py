"""How clicks become corrections, and how a film is split into shots."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import drawn_plan, pictures
from hypothesis import given
from hypothesis import strategies as st

from reelweave.errors import UsageError
from reelweave.render.report.build import PlanView
from reelweave.solve.constraints import Constraints
from reelweave.solve.plan.model import Dropped, Plan, Shot
from reelweave.solve.shots import edit_shots
from reelweave.ui import html
from reelweave.ui.reconstruct import view
from reelweave.ui.reconstruct.corrections import describe
from reelweave.ui.reconstruct.edits import apply_click
from reelweave.ui.reconstruct.state import ReconstructState

ACTS = ["first", "last", "drop", "keep", "drop_shot", "keep_shot", "flip_shot", "earlier", "later", "frame", "step"]


def plan_of(order: list[int], lengths: list[int], dropped: Sequence[tuple[int, int | None]] = ()) -> Plan:
    starts = [sum(lengths[:at]) for at in range(len(lengths))]
    shots = [Shot(start=a, length=n, number=i) for i, (a, n) in enumerate(zip(starts, lengths, strict=True), 1)]
    return drawn_plan(order, frames=len(order) + len(dropped)).model_copy(
        update={
            "shots": shots,
            "dropped": [Dropped(frame=f, reason="foreign", score=1.0, shot=shot) for f, shot in dropped],
        }
    )


def plain_state(folder: Path = Path()) -> ReconstructState:
    """Two shots of three frames, and a group of two that was dropped as number 3."""
    base = plan_of([0, 1, 2, 10, 11, 12], [3, 3], [(20, 3), (21, 3), (30, None)])
    drawn = pictures(1)[0]
    report: Any = None
    return ReconstructState(folder, base, base, PlanView(report, lambda frame: drawn), folder / "given.mp4")


@pytest.fixture
def state(tmp_path: Path) -> ReconstructState:
    return plain_state(tmp_path)


@pytest.mark.parametrize(
    ("clicks", "expected"),
    [
        pytest.param([("first", "1")], Constraints(first=1), id="first"),
        pytest.param([("first", "1"), ("first", "1")], Constraints(), id="first twice"),
        pytest.param([("last", "12")], Constraints(last=12), id="last"),
        pytest.param([("frame", "1"), ("ask", "before"), ("frame", "12")], Constraints(before=((1, 12),)), id="before"),
        pytest.param(
            [("frame", "1"), ("ask", "adjacent"), ("frame", "12")], Constraints(adjacent=((1, 12),)), id="next to"
        ),
        pytest.param([("frame", "1"), ("ask", "before"), ("frame", "1")], Constraints(), id="before itself"),
        pytest.param([("pair", "3:4")], Constraints(adjacent=((3, 4),)), id="an alternative of a weak transition"),
        pytest.param([("keep", "30")], Constraints(keep=(30,)), id="restored"),
        pytest.param([("drop", "1"), ("keep", "1")], Constraints(), id="dropped and restored"),
        pytest.param([("keep_shot", "3")], Constraints(keep_shot=(3,)), id="a group restored"),
        pytest.param([("keep_shot", "3"), ("drop_shot", "3")], Constraints(), id="a group restored and dropped"),
        pytest.param([("flip_shot", "2")], Constraints(flip_shot=(2,)), id="flip"),
        pytest.param(
            [("move", '{"frames": [1, 2], "after": 11, "before": 12}')],
            Constraints(adjacent=((11, 1), (1, 2), (2, 12))),
            id="moved between two frames",
        ),
        pytest.param(
            [("move", '{"frames": [12], "after": null, "before": 0}')],
            Constraints(first=12, adjacent=((12, 0),)),
            id="moved to the beginning",
        ),
        pytest.param(
            [
                ("first", "1"),
                ("move", '{"frames": [1], "after": 11, "before": 12}'),
                ("move", '{"frames": [1], "after": 10, "before": 11}'),
            ],
            Constraints(adjacent=((10, 1), (1, 11))),
            id="moved twice",
        ),
        pytest.param([("move", '{"frames": [1], "after": 99, "before": 12}')], Constraints(), id="moved nowhere"),
        pytest.param([("move", '{"frames": [1, 1], "after": 2, "before": 2}')], Constraints(), id="moved to itself"),
        pytest.param([("move", "[[[[")], Constraints(), id="no move at all"),
        pytest.param([("drop_all", "1,2")], Constraints(drop=(1, 2)), id="several dropped"),
        pytest.param([("drop_all", "1,2"), ("keep_all", "2,1")], Constraints(), id="several restored"),
        pytest.param([("drop_all", "1,x")], Constraints(), id="several and nonsense"),
        pytest.param([("first", "1"), ("undo", ""), ("redo", "")], Constraints(first=1), id="undone and redone"),
        pytest.param(
            [("first", "1"), ("undo", ""), ("last", "2"), ("redo", "")], Constraints(last=2), id="nothing to redo"
        ),
        pytest.param([("flip_shot", "2"), ("flip_shot", "2")], Constraints(), id="flip twice"),
        pytest.param([("later", "1")], Constraints(shot_order=(2, 1)), id="later"),
        pytest.param([("earlier", "2")], Constraints(shot_order=(2, 1)), id="earlier"),
        pytest.param([("later", "2")], Constraints(), id="later than the last"),
        pytest.param(
            [("later", "1"), ("drop_shot", "1")], Constraints(drop_shot=(1,), shot_order=(2,)), id="moved, dropped"
        ),
        pytest.param(
            [("later", "1"), ("keep_shot", "3")], Constraints(keep_shot=(3,), shot_order=(2, 1, 3)), id="moved"
        ),
        pytest.param([("flip_shot", "1"), ("drop_shot", "1")], Constraints(drop_shot=(1,)), id="flipped, dropped"),
        pytest.param([("first", "1"), ("undo", "")], Constraints(), id="undone"),
        pytest.param([("first", "1"), ("last", "2"), ("remove", "first")], Constraints(last=2), id="removed"),
        pytest.param([("drop", "1"), ("drop", "2"), ("remove", "drop.0-1")], Constraints(drop=(2,)), id="one removed"),
        pytest.param(
            [("nonsense", "1"), ("first", "x"), ("pair", "1"), ("remove", "a.b")], Constraints(), id="nonsense"
        ),
        pytest.param([("frame", "999"), ("ask", "before"), ("later", "77")], Constraints(), id="unknown numbers"),
    ],
)
def test_clicks_become_corrections(
    state: ReconstructState, clicks: list[tuple[str, str]], expected: Constraints
) -> None:
    for act, on in clicks:
        state = apply_click(state, act, on)
    assert state.constraints == expected


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from([0, 1, 2, 3, 11, 20, 30])), max_size=8))
def test_every_click_can_be_undone(clicks: list[tuple[str, int]]) -> None:
    state = plain_state()
    for act, on in clicks:
        state = apply_click(state, act, str(on))
    while state.history:
        state = apply_click(state, "undo", "")
    assert state.constraints == Constraints()


@given(
    st.builds(
        Constraints,
        first=st.none() | st.integers(0, 9),
        before=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), unique=True, max_size=3).map(tuple),
        keep=st.lists(st.integers(0, 9), unique=True, max_size=3).map(tuple),
        drop_shot=st.lists(st.integers(1, 4), unique=True, max_size=3).map(tuple),
    )
)
def test_every_correction_is_described_and_can_be_removed(constraints: Constraints) -> None:
    state = replace(plain_state(), constraints=constraints)
    while described := list(describe(state.constraints)):
        state = apply_click(state, "remove", described[0].key)
        assert len(list(describe(state.constraints))) == len(described) - 1
    assert state.constraints == Constraints()


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        pytest.param(Constraints(first=1), "2", Constraints(first=2), id="first"),
        pytest.param(Constraints(drop=(1, 2, 11)), "12", Constraints(drop=(12, 2, 11)), id="one of several"),
        pytest.param(
            Constraints(before=((1, 2), (10, 11))), "2,1", Constraints(before=((2, 1), (10, 11))), id="a pair"
        ),
        pytest.param(
            Constraints(adjacent=((1, 10), (10, 2))), "1, 11, 12", Constraints(adjacent=((1, 11), (11, 12))), id="a row"
        ),
        pytest.param(Constraints(shot_order=(1, 2)), "2, 1", Constraints(shot_order=(2, 1)), id="the order of shots"),
        pytest.param(Constraints(flip_shot=(1,)), "2", Constraints(flip_shot=(2,)), id="a shot"),
        pytest.param(Constraints(cut_after=(0,)), "1", Constraints(cut_after=(1,)), id="a cut"),
    ],
)
def test_a_correction_is_changed_where_it_stands(before: Constraints, value: str, after: Constraints) -> None:
    state = replace(plain_state(), constraints=before)
    changed = edited(state, value)
    assert changed.constraints == after
    assert changed.undone().constraints == before


@pytest.mark.parametrize(
    ("before", "value"),
    [
        (Constraints(first=1), "99"),
        (Constraints(first=1), "1, 2"),
        (Constraints(before=((1, 2),)), "1"),
        (Constraints(flip_shot=(1,)), "9"),
        (Constraints(drop=(1,)), "one"),
        (Constraints(cut_after=(0,)), "2"),
    ],
    ids=str,
)
def test_a_correction_is_not_changed_to_what_cannot_be(before: Constraints, value: str) -> None:
    with pytest.raises(UsageError):
        edited(replace(plain_state(), constraints=before), value)


def edited(state: ReconstructState, value: str) -> ReconstructState:
    """Change the first correction."""
    key = next(iter(describe(state.constraints))).key
    return apply_click(state, "edit", json.dumps({"key": key, "value": value}))


@pytest.mark.parametrize(
    ("clicks", "expected", "shots"),
    [
        pytest.param([("cut", "2")], Constraints(cut_after=(1,)), [(1, [0, 1]), (4, [2]), (2, [10, 11, 12])], id="cut"),
        pytest.param(
            [("cut", "2"), ("cut", "1")],
            Constraints(cut_after=(1, 0)),
            [(1, [0]), (5, [1]), (4, [2]), (2, [10, 11, 12])],
            id="cut twice",
        ),
        pytest.param(
            [("cut", "2"), ("cut", "1"), ("flip_shot", "2"), ("join", "2")],
            Constraints(cut_after=(0,), flip_shot=(2,)),
            [(1, [0]), (4, [1, 2]), (2, [10, 11, 12])],
            id="joined again",
        ),
        pytest.param(
            [("cut", "2"), ("cut", "1"), ("flip_shot", "5"), ("remove", "cut_after.0-1")],
            Constraints(cut_after=(0,), flip_shot=(4,)),
            [(1, [0]), (4, [1, 2]), (2, [10, 11, 12])],
            id="the first cut removed",
        ),
        pytest.param(
            [("cut", "0"), ("cut", "10"), ("cut", "20")],
            Constraints(),
            [(1, [0, 1, 2]), (2, [10, 11, 12])],
            id="nothing to cut",
        ),
        pytest.param([("join", "10")], Constraints(join_after=(2,)), [(1, [0, 1, 2, 10, 11, 12])], id="join"),
        pytest.param(
            [("join", "10"), ("cut", "10")], Constraints(), [(1, [0, 1, 2]), (2, [10, 11, 12])], id="joined and cut"
        ),
        pytest.param(
            [("join", "0"), ("join", "11")], Constraints(), [(1, [0, 1, 2]), (2, [10, 11, 12])], id="nothing to join"
        ),
        pytest.param(
            [("later", "1"), ("cut", "2")],
            Constraints(cut_after=(1,), shot_order=(2, 1, 4)),
            [(1, [0, 1]), (4, [2]), (2, [10, 11, 12])],
            id="cut in an order of shots",
        ),
    ],
)
def test_shots_are_cut_and_joined(
    state: ReconstructState, clicks: list[tuple[str, str]], expected: Constraints, shots: list[tuple[int, list[int]]]
) -> None:
    for act, on in clicks:
        state = apply_click(state, act, on)
    assert state.constraints == expected
    assert [(run.shot, list(run.frames)) for run in state.runs] == shots


def test_shots_are_not_joined_against_the_order_or_the_direction_they_play_in(state: ReconstructState) -> None:
    moved = apply_click(state, "later", "1")
    moved = replace(moved, plan=state.plan.model_copy(update={"order": [10, 11, 12, 0, 1, 2]}))
    assert apply_click(moved, "join", "0") == moved
    flipped = apply_click(state, "flip_shot", "2")
    assert apply_click(flipped, "join", "10") == flipped


def test_a_flipped_shot_is_cut_where_it_shows_the_frame(state: ReconstructState) -> None:
    flipped = apply_click(state, "flip_shot", "1")
    solved = replace(flipped, plan=state.plan.model_copy(update={"order": [2, 1, 0, 10, 11, 12]}))
    cut = apply_click(solved, "cut", "1")
    assert cut.constraints == Constraints(cut_after=(1,), flip_shot=(4, 1), shot_order=(4, 1, 2))
    assert [(run.shot, run.frames) for run in cut.runs] == [(4, (2,)), (1, (1, 0)), (2, (10, 11, 12))]


def test_a_frame_that_was_moved_into_a_shot_does_not_change_where_it_is_cut(state: ReconstructState) -> None:
    moved = replace(state, plan=state.plan.model_copy(update={"order": [0, 10, 11, 1, 12, 2]}))
    base = plan_of([0, 1, 2, 10, 11, 12], [6])
    moved = replace(moved, base=base)
    # Shown: 0 10 11 1 | 12 2. In the base most agree with a cut before 12.
    assert apply_click(moved, "cut", "12").constraints == Constraints(cut_after=(11,))


@given(st.lists(st.tuples(st.sampled_from(["cut", "join"]), st.sampled_from([0, 1, 2, 10, 11, 12])), max_size=8))
def test_cuts_and_joins_always_fit_the_film(clicks: list[tuple[str, int]]) -> None:
    state = plain_state()
    for act, on in clicks:
        state = apply_click(state, act, str(on))
    shots = edit_shots(state.base_shots(), state.constraints)
    assert [frame for shot in shots if shot.plays for frame in shot.frames] == state.base.order


@pytest.mark.parametrize(
    ("order", "shots"),
    [
        pytest.param([0, 1, 2, 10, 11, 12], [(1, False), (2, False)], id="as it was"),
        pytest.param([12, 11, 10, 0, 1, 2], [(2, False), (1, False)], id="moved and flipped"),
        pytest.param([0, 10, 11, 12, 1, 2], [(1, True), (2, False), (1, True)], id="in two parts"),
        pytest.param([0, 1, 2, 30, 10, 11, 12], [(1, False), (2, False)], id="a frame of no shot"),
        pytest.param([30, 0, 1, 2, 20, 21], [(1, False), (3, False)], id="a group restored, a shot dropped"),
    ],
)
def test_the_film_is_split_into_shots(state: ReconstructState, order: list[int], shots: list[tuple[int, bool]]) -> None:
    now = replace(state, plan=state.plan.model_copy(update={"order": order, "dropped": []}))
    assert [(run.shot, run.part) for run in now.runs] == shots
    assert [frame for run in now.runs for frame in run.frames] == order


def test_file_names_are_escaped(state: ReconstructState, tmp_path: Path) -> None:
    named = state.plan.video.model_copy(update={"name": "<img src=x onerror=alert(1)>"})
    (tmp_path / "given.mp4").touch()
    assert "<img src=x" not in html.render(
        "reconstruct.films", replace(state, plan=state.plan.model_copy(update={"video": named}))
    )


def test_a_state_whose_files_are_being_deleted_can_be_shown(state: ReconstructState) -> None:
    """Closing a window deletes its files, even while an answer is being made."""
    film = state.folder / "gone.mp4"
    gone = replace(state, films={"preview": film, "film": film, "plan": film})
    assert html.render("reconstruct.films", gone).count("gone.mp4") >= 2
    assert "gone.mp4" in html.render("parts.download", film, film.name, "Film")


@given(st.lists(st.integers(), min_size=1, max_size=50), st.integers(2, 30))
def test_frames_are_chosen_evenly_including_both_ends(frames: list[int], most: int) -> None:
    chosen = view.spread(frames, most)
    assert len(chosen) == min(most, len(frames))
    assert (chosen[0], chosen[-1]) == (frames[0], frames[-1])


@pytest.mark.parametrize("frame", [pytest.param(11, id="of the film"), pytest.param(30, id="that was dropped")])
def test_a_frame_that_is_selected_links_to_frames_like_it(state: ReconstructState, frame: int) -> None:
    """The address names a time within the frame, of which 25 play in a second."""
    shown = view.selected_frame(apply_click(state, "frame", str(frame)))
    found = re.search(r'href="#search/near=([^"]+)@([\d.]+)"', shown)
    assert found
    assert found[1] == state.plan.video.id
    assert frame / 25 < float(found[2]) < (frame + 1) / 25


def test_a_shot_whose_order_is_undetermined_says_so(state: ReconstructState) -> None:
    assert "order undetermined" not in view.shots(state)
    first, second = state.plan.shots
    recurs = second.model_copy(update={"undetermined": "recurring"})
    plan = state.plan.model_copy(update={"shots": [first, recurs]})
    assert view.shots(replace(state, plan=plan)).count("order undetermined") == 1
