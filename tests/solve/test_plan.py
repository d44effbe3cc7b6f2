"""The plan: every frame once, reversible, in a file that people can read and edit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reelweave.errors import PlanError
from reelweave.solve.plan.files import read_plan, write_plan
from reelweave.solve.plan.model import (
    PLAN_FORMAT,
    Direction,
    Dropped,
    Neighbour,
    PathReport,
    Plan,
    PlanVideo,
    Shot,
    WeakJoin,
)


def plan_of(order: list[int], dropped: list[Dropped] | None = None, **fields: Any) -> Plan:
    video = PlanVideo(
        id="film-1",
        name="Été 日本.mp4",
        source="film.mp4",
        sha256="",
        fps=25,
        width=64,
        height=36,
        frames=len(order) + len(dropped or []),
    )
    rest: dict[str, Any] = {
        "shots": [Shot(start=0, length=len(order))],
        "confidence": [0.5] * max(0, len(order) - 1),
        "path": PathReport(cost=1, lower_bound=0.99, gap=0.0101, solver="greedy", seconds=0.5),
    }
    return Plan(video=video, order=order, dropped=dropped or [], **{**rest, **fields})


def gone(frame: int) -> Dropped:
    return Dropped(frame=frame, reason="outlier", score=1.5, neighbours=[Neighbour(frame=0, distance=1.2)])


PLAN = plan_of([4, 2, 0, 1], [gone(3), gone(5)], shots=[Shot(start=0, length=1), Shot(start=1, length=3)])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    frames = draw(st.permutations(range(draw(st.integers(0, 12)))))
    kept = draw(st.integers(0, len(frames)))
    cuts = sorted(draw(st.sets(st.integers(1, kept - 1)))) if kept > 1 else []
    starts = [0, *cuts] if kept else []
    shares = st.floats(0, 1)
    return plan_of(
        frames[:kept],
        [gone(frame) for frame in frames[kept:]],
        shots=[Shot(start=a, length=b - a) for a, b in zip(starts, [*cuts, kept], strict=False)],
        confidence=draw(st.lists(shares, min_size=max(0, kept - 1), max_size=max(0, kept - 1))),
        undetermined=[at for at in range(kept - 1) if draw(st.booleans())],
        direction=Direction(reversed=draw(st.booleans()), confidence=draw(shares)),
        settings={"solve": {"seed": draw(st.integers(0, 2**32 - 1))}},
    )


@settings(deadline=None)
@given(plans())
def test_reversed_twice_is_the_same_plan(plan: Plan) -> None:
    assert plan.reversed().reversed() == plan
    assert plan.reversed().direction.reversed != plan.direction.reversed


@settings(deadline=None)
@given(plans(), st.data())
def test_a_plan_without_some_frames_is_valid_and_plays_the_rest_as_it_was(plan: Plan, data: st.DataObject) -> None:
    out = data.draw(st.sets(st.sampled_from(plan.order))) if plan.order else set()
    rest = plan.without(out)
    Plan.model_validate(rest.model_dump())
    assert rest.order == [frame for frame in plan.order if frame not in out]
    assert {one.frame for one in rest.dropped} == out | {one.frame for one in plan.dropped}
    shots = [plan.order[shot.start : shot.start + shot.length] for shot in plan.shots]
    left = [[frame for frame in shot if frame not in out] for shot in shots]
    assert [rest.order[s.start : s.start + s.length] for s in rest.shots] == [shot for shot in left if shot]


def test_a_join_over_frames_that_were_taken_out_is_as_uncertain_as_the_worst_of_them() -> None:
    weak = [
        WeakJoin(at=0, left=3, right=1, confidence=0.9, price=1),
        WeakJoin(at=3, left=2, right=4, confidence=0, price=5),
    ]
    plan = plan_of([3, 1, 0, 2, 4], confidence=[0.9, 0.2, 0.8, 0], prices=[1, 9, 2, 5], undetermined=[1, 3], weak=weak)
    rest = plan.without({0})
    assert (rest.confidence, rest.prices, rest.undetermined) == ([0.9, 0.2, 0.0], [1, 9, 5], [1, 2])
    assert [(one.at, one.left, one.right) for one in rest.weak] == [(0, 3, 1), (2, 2, 4)]


@settings(deadline=None)
@given(plans())
def test_the_reversed_plan_plays_the_same_shots_backwards(plan: Plan) -> None:
    def played(plan: Plan) -> list[list[int]]:
        return [plan.order[shot.start : shot.start + shot.length] for shot in plan.shots]

    assert played(plan.reversed()) == [frames[::-1] for frames in reversed(played(plan))]
    assert plan.reversed().confidence == plan.confidence[::-1]
    assert plan.reversed().dropped == plan.dropped
    assert plan.reversed().mean_confidence == pytest.approx(plan.mean_confidence)


@settings(deadline=None, max_examples=40)
@given(plan=plans())
def test_a_written_plan_reads_the_same(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    assert write_plan(plan, path) == path
    assert read_plan(path) == plan
    assert json.loads(path.read_text(encoding="utf-8")) == plan.model_dump(mode="json")


def test_a_plan_file_has_every_fact_on_its_own_line(tmp_path: Path) -> None:
    lines = write_plan(PLAN, tmp_path / "plan.json").read_text(encoding="utf-8").splitlines()
    facts = [json.loads(line.strip().rstrip(",")) for line in lines if line.startswith("    {")]
    assert facts == [part.model_dump(mode="json") for part in (*PLAN.dropped, *PLAN.shots)]
    assert lines[lines.index('  "order": [') + 1 :][:2] == ["    4,", "    2, 0, 1"]
    assert lines[1] == f'  "format": "{PLAN_FORMAT}",'


def test_dropping_a_frame_changes_few_lines_of_the_file(tmp_path: Path) -> None:
    def lines(plan: Plan) -> set[str]:
        return set(write_plan(plan, tmp_path / "plan.json").read_text(encoding="utf-8").splitlines())

    before = plan_of(list(range(200)), [gone(300), gone(301)])
    after = plan_of(list(range(199)), [gone(199), gone(300), gone(301)])
    assert len(lines(before) ^ lines(after)) == 7  # order, confidence and the shot, each twice, and the new line


@pytest.mark.parametrize(
    ("order", "dropped"), [([0, 1, 0], []), ([0, 1], [1]), ([0], [1, 1])], ids=["order", "both", "dropped"]
)
def test_a_frame_cannot_be_in_a_plan_twice(order: list[int], dropped: list[int]) -> None:
    with pytest.raises(ValidationError, match=r"frames \[[01]\]"):
        plan_of(order, [gone(frame) for frame in dropped])


@pytest.mark.parametrize(("frames", "values"), [(0, 1), (1, 1), (3, 3), (3, 1)])
def test_a_plan_has_a_confidence_for_each_join(frames: int, values: int) -> None:
    with pytest.raises(ValidationError, match="confidence"):
        plan_of(list(range(frames)), confidence=[0.5] * values)


@pytest.mark.parametrize("frames", [0, 1])
def test_a_plan_without_joins_claims_nothing(frames: int) -> None:
    assert plan_of(list(range(frames))).mean_confidence is None


def test_only_determined_joins_count_towards_the_mean() -> None:
    plan = plan_of(list(range(5)), confidence=[0.9, 0.25, 0.25, 0.7], undetermined=[1, 2])
    assert plan.mean_confidence == pytest.approx(0.8)
    assert plan.reversed().undetermined == [1, 2]
    assert plan_of(list(range(3)), confidence=[0.5, 0.5], undetermined=[0, 1]).mean_confidence is None


@pytest.mark.parametrize("at", [-1, 2])
def test_an_undetermined_join_must_exist_in_the_plan(at: int) -> None:
    with pytest.raises(ValidationError, match="undetermined"):
        plan_of(list(range(3)), undetermined=[at])


def test_a_plan_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        PLAN.order = []


def test_a_folder_is_not_a_plan(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=tmp_path.name):
        read_plan(tmp_path)


def test_a_missing_plan_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as refused:
        read_plan(tmp_path / "none.json")
    assert "reelweave solve" in refused.value.remedy


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda text: "\ufeff" + text, id="byte order mark"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(lambda text: json.dumps(json.loads(text)), id="on one line"),
        pytest.param(lambda text: json.dumps(json.loads(text), ensure_ascii=False, indent=8), id="indented otherwise"),
        pytest.param(lambda text: text.replace('"dropped"', '"_note": "mine",\n  "dropped"'), id="with a note"),
    ],
)
def test_changes_that_editors_make_do_no_harm(tmp_path: Path, edit: Callable[[str], str]) -> None:
    path = write_plan(PLAN, tmp_path / "plan.json")
    path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8", newline="")
    assert read_plan(path) == PLAN
