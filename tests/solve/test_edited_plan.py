"""A plan edited by hand: problems are reported with their line and remedy, harmless edits are accepted."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from runs import Run

from reelweave.errors import PlanError
from reelweave.solve.plan.files import read_plan, write_plan
from reelweave.solve.plan.model import Alternative, Dropped, PathReport, Plan, PlanVideo, Shot, WeakJoin

ORDER = [*range(30, 59), *range(29)]
PLAN = Plan(
    video=PlanVideo(id="film-1", name="film", source="film.mp4", sha256="", fps=25, width=64, height=36, frames=60),
    order=ORDER,
    dropped=[Dropped(frame=29, reason="outlier", score=1.5), Dropped(frame=59, reason="foreign", score=1.2)],
    shots=[Shot(start=0, length=29), Shot(start=29, length=29)],
    confidence=[0.5] * 57,
    undetermined=[56],
    prices=[1.0] * 57,
    weak=[
        WeakJoin(at=2, left=32, right=33, confidence=0.5, price=1.0, alternatives=[]),
        WeakJoin(at=40, left=11, right=12, confidence=0.5, price=1.0, alternatives=[]),
    ],
    path=PathReport(cost=1, lower_bound=0.99, gap=0.0101, solver="greedy", seconds=0.5),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_plan(PLAN, tmp_path / "plan.json")


class Edit(NamedTuple):
    """A text to replace once, the text whose line the message must name, and what else it must contain."""

    old: str
    new: str
    at: str
    expected: list[str]


DROPPED_29 = '{"frame": 29, "reason": "outlier", "score": 1.5, "component": null, "shot": null, "neighbours": []}'

SYNTAX = {
    "a comma missing between frames": Edit(" 34, 35,", " 34 35,", " 34 35", ["column 23", "comma is missing"]),
    "a comma missing at the end of a line": Edit(" 48, 49,\n", " 48, 49\n", " 49\n", ["comma is missing"]),
    "a comma missing between facts": Edit('"height": 36,', '"height": 36', '"height"', ["comma is missing"]),
    "a comma too many in a list": Edit("28\n  ],", "28,\n  ],", "28,\n  ]", ["extra comma before ]"]),
    "a comma too many in an object": Edit(
        '"loop": false', '"loop": false,', '"loop": false,', ["extra comma before }"]
    ),
    "a comma at the end": Edit('"wishes": {}\n', '"wishes": {},\n', '"wishes": {},', ["extra comma before }"]),
    "a list that is not closed": Edit("28\n  ],", "28\n  ,", '"dropped"', ["put ] before the key"]),
    "an object that is not closed": Edit('},\n  "order"', ',\n  "order"', "LAST", ["a bracket is not closed"]),
    "a truncated file": Edit('"wishes": {}\n}\n', '"wishes": {', "LAST", ["truncated"]),
    "a number without an end": Edit('"cost": 1.0', '"cost": ' + "9" * 5000, '"cost"', ["too many digits"]),
    "deeply nested brackets": Edit('"wishes": {}', '"wishes": ' + "[" * 100_000, '"wishes"', ["nested too deeply"]),
    "the wrong bracket": Edit("28\n  ],", "28\n  },", '  },\n  "dropped"', ["expected ]"]),
    "a word without quotes": Edit(" 34, 35,", " 34, foo,", "foo", ["column 25", "foo is not a value"]),
    "a key without quotes": Edit('"order":', "order:", "order:", ["double quotes"]),
    "a key in single quotes": Edit('"order":', "'order':", "'order'", ["double quotes"]),
    "no colon": Edit('"order": [', '"order" [', '"order" [', ["colon"]),
    "a text without an end": Edit('"name": "film",', '"name": "film,', '"name"', ["closing quote"]),
    "a remark": Edit('"order":', '// mine\n  "order":', "// mine", ["double quotes"]),
    "no number at all": Edit('"cost": 1.0', '"cost": NaN', "NaN", ["not a valid number"]),
    "a value left out": Edit('"cost": 1.0', '"cost": ', '"cost"', ["value is missing"]),
    "two plans in one file": Edit('"wishes": {}\n}', '"wishes": {}\n}\n{', "\n{", ["after the end"]),
    "a key twice": Edit(
        '"dropped": [', '"order": [],\n  "dropped": [', '"order": []', ['"order" is already at line 14']
    ),
}

SHAPE = {
    "a mistyped key": Edit('"order":', '"oder":', '"oder"', ['"oder" is not a key', 'write "order"']),
    "a mistyped key within": Edit('"height": 36', '"hieght": 36', '"hieght"', ['write "height"']),
    "a mistyped key of a dropped frame": Edit(
        '"frame": 29, "reason"', '"frame": 29, "raeson"', '"raeson"', ["column 19", 'write "reason"']
    ),
    "a key of somebody's own": Edit('"order":', '"zzz": 1,\n  "order":', '"zzz"', ["start it with _"]),
    "a key gone": Edit('"shots":', '"_shots":', "{", ["shots is missing"]),
    "a key gone within": Edit('"fps": 25.0,\n', "", '"video"', ["video.fps is missing"]),
    "a word for a frame": Edit(" 34, 35,", ' 34, "two",', '"two"', ["column 25", 'expected a whole number, not "two"']),
    "a number in quotes": Edit(" 34, 35,", ' 34, "35",', '"35"', ["expected a whole number"]),
    "half a frame": Edit(" 34, 35,", " 34, 35.5,", "35.5", ["expected a whole number, not 35.5"]),
    "a number for a text": Edit(
        '"source": "film.mp4"', '"source": 5', '"source"', ["expected a string in double quotes"]
    ),
    "a text for a list": Edit(DROPPED_29, '"29"', '"29"', ["expected an object in { }"]),
    "a frame for a list": Edit('"shots": [', '"shots": 5, "_old": [', '"shots"', ["expected a list in [ ], not 5"]),
    "a word for yes": Edit('"reversed": false', '"reversed": "no"', '"reversed"', ["expected true or false"]),
    "an unknown reason": Edit('"outlier"', '"ugly"', '"ugly"', ["column 19", "'user' or 'elsewhere'"]),
    "no rate": Edit('"fps": 25.0', '"fps": 0', '"fps"', ["video.fps", "greater than"]),
    "more than sure": Edit('"confidence": [\n    0.5', '"confidence": [\n    1.5', "1.5, 0.5", ["confidence: 1.5"]),
    "another version": Edit("plan/1", "plan/99", '"format"', ["plan/99", "reads reelweave.plan/1"]),
    "a truth": Edit("reelweave.plan/1", "reelweave.truth/1", '"format"', ["truth/1", "reads reelweave.plan/1"]),
}

CONTENT = {
    "a frame removed": Edit(
        " 34, 35,",
        " 34,",
        '"dropped"',
        ['frame 35 is in neither order nor dropped; add {"frame": 35, "reason": "user", "score": 0} to dropped'],
    ),
    "five frames removed": Edit(
        " 34, 35, 36, 37, 38,", "", '"dropped"', ["frames 34, 35, 36 and 2 more are in neither order nor dropped"]
    ),
    "a frame twice in the order": Edit(
        " 11, 12,", " 11, 30, 12,", " 11, 30, 12", ["frame 30 is there twice, first at line 15; remove one"]
    ),
    "a frame kept and dropped": Edit(
        DROPPED_29,
        f'{DROPPED_29},\n    {{"frame": 35, "reason": "user", "score": 0}}',
        '"user"',
        ["frame 35 is there twice, first at line 15, column 25"],
    ),
    "a frame dropped twice": Edit('"frame": 59', '"frame": 29', '"foreign"', ["frame 29 is there twice"]),
    "a frame beyond the end": Edit(" 11, 12,", " 11, 60, 12,", " 11, 60", ["frame 60", "0 to 59"]),
    "a frame below nothing": Edit(" 11, 12,", " 11, -1, 12,", " 11, -1", ["frame -1", "remove it"]),
    "a mistyped frame": Edit(" 34, 35,", " 34, 355,", " 355", ["frame 355", "frame 35 is in neither"]),
    "a gap between shots": Edit('"start": 29', '"start": 30', '"start": 30', ["shot 2 starts at 30", "ends at 29"]),
    "shots one over another": Edit('"start": 29', '"start": 28', '"start": 28', ["shot 2 starts at 28"]),
    "a first shot that is late": Edit('"start": 0', '"start": 1', '"start": 1', ["shot 1 starts at 1", "starts at 0"]),
    "a shot of nothing": Edit(
        '"length": 29, "number": null, ', '"length": 0, "number": null, ', '"length": 0', ["shot 1 is 0 frames long"]
    ),
    "a shot backwards": Edit(
        '"length": 29, "number": null, ', '"length": -3, "number": null, ', '"length": -3', ["shot 1 is -3 frames long"]
    ),
}


def apply_edit(file: Path, edit: Edit) -> int:
    """Apply the edit; return the line that the message must name."""
    before = file.read_text(encoding="utf-8")
    assert edit.old in before
    after = before.replace(edit.old, edit.new, 1)
    file.write_text(after, encoding="utf-8")
    found = len(after) if edit.at == "LAST" else after.index(edit.at)
    return after[:found].count("\n") + 1 + edit.at.startswith("\n")


@pytest.mark.parametrize(
    "edit", [*SYNTAX.values(), *SHAPE.values(), *CONTENT.values()], ids=[*SYNTAX, *SHAPE, *CONTENT]
)
def test_an_invalid_plan_is_refused_with_the_line_and_the_remedy(file: Path, run: Run, edit: Edit) -> None:
    line = apply_edit(file, edit)
    answer = run("render", file, "-o", file.with_name("film.mp4"), "-q")
    assert answer.code == 1
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert re.search(rf"^error: {re.escape(str(file))}, line {line}\b", answer.err), answer.err
    assert [words for words in edit.expected if words not in answer.err] == []
    assert not file.with_name("film.mp4").exists()


NOT_PLANS: dict[str, tuple[str | bytes, int, str]] = {
    "empty": ("", 1, "ends too early"),
    "no object": ("[]", 1, "expected an object in { }"),
    "other JSON": ('{"a": 1}', 1, "video is missing"),
    "no text": (b"\xff\xfe\x00\x81", 1, "not UTF-8 text"),
    "a wrong byte": (b'{\n  "format": "reelweave.plan/1",\n  "\xff"', 3, "not UTF-8 text"),
    "lines that end as on Windows": ("{\r\n\r\n  order: 5\r\n}", 3, "double quotes"),
}


@pytest.mark.parametrize(("text", "line", "expected"), NOT_PLANS.values(), ids=NOT_PLANS)
def test_a_file_that_is_not_a_plan_is_refused_with_its_line(
    file: Path, run: Run, text: str | bytes, line: int, expected: str
) -> None:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    answer = run("render", file, "-o", file.with_name("film.mp4"), "-q")
    assert (answer.code, answer.out) == (1, "")
    assert f"{file}, line {line}" in answer.err
    assert expected in answer.err


def test_several_problems_are_reported_at_once_up_to_a_limit(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(r"\b3(\d),", r"93\1,", text), encoding="utf-8")
    with pytest.raises(PlanError) as refused:
        read_plan(file)
    lines = str(refused.value).splitlines()
    assert len([line for line in lines if "is not in the video" in line]) == 5
    assert lines[-1].strip() == "and 6 more"


def test_a_plan_without_frames_is_refused(file: Path, run: Run) -> None:
    data = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(data | {"order": []}, indent=1), encoding="utf-8")
    answer = run("render", file, "-o", file.with_name("film.mp4"), "-q")
    assert answer.code == 1
    assert "order is empty" in answer.err


def changed(file: Path, old: str, new: str) -> Path:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


def test_a_frame_is_moved_by_moving_its_number(file: Path) -> None:
    notes: list[str] = []
    plan = read_plan(changed(changed(file, " 34, 35,", " 34,"), " 20,", " 35, 20,"), notes.append)
    assert plan.order.index(35) == plan.order.index(20) - 1
    assert len(plan.confidence) == len(plan.prices) == 57
    assert notes == []


def test_a_frame_is_dropped_by_moving_its_number_alone(file: Path) -> None:
    """What was known of the joins and shots no longer counts, which is reported and does no harm."""
    notes: list[str] = []
    gone = '{"frame": 35, "reason": "user", "score": 0}'
    plan = read_plan(changed(changed(file, " 34, 35,", " 34,"), DROPPED_29, f"{DROPPED_29},\n    {gone}"), notes.append)
    assert plan.order == [frame for frame in ORDER if frame != 35]
    assert (plan.confidence, plan.prices, plan.shots, plan.undetermined) == ([], [], [], [])
    assert plan.mean_confidence is None
    assert [name for name in ("confidence (line", "prices (line", "shots (line") if name not in notes[0]] == []
    assert [join.left for join in plan.weak] == [32]
    again = write_plan(plan, file).read_bytes()
    assert read_plan(write_plan(read_plan(file), file)) == plan
    assert file.read_bytes() == again


@pytest.mark.parametrize("name", ["confidence", "undetermined", "prices", "weak", "direction", "settings"])
def test_keys_that_rendering_does_not_need_may_be_removed(file: Path, name: str) -> None:
    data = json.loads(file.read_text(encoding="utf-8"))
    del data[name]
    file.write_text(json.dumps(data), encoding="utf-8")
    assert read_plan(file).order == ORDER


def test_without_confidence_nothing_is_known_to_be_undetermined(file: Path) -> None:
    data = json.loads(file.read_text(encoding="utf-8"))
    del data["confidence"]
    file.write_text(json.dumps(data), encoding="utf-8")
    assert read_plan(file).undetermined == []


@pytest.mark.parametrize("made", [PLAN, PLAN.reversed()], ids=["forwards", "backwards"])
def test_writing_a_plan_that_was_read_changes_no_byte(tmp_path: Path, made: Plan) -> None:
    first = write_plan(made, tmp_path / "plan.json").read_bytes()
    assert write_plan(read_plan(tmp_path / "plan.json"), tmp_path / "plan.json").read_bytes() == first


def test_a_line_of_the_order_is_short_and_a_shot_begins_one(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines = re.search(r'"order": \[\n(.*?)\n  \]', text, re.DOTALL)
    assert lines
    rows = [json.loads(f"[{line.strip().rstrip(',')}]") for line in lines[1].splitlines()]
    assert max(len(row) for row in rows) == 20
    assert [row[0] for row in rows] == [30, 50, 0, 20]
    assert [frame for row in rows for frame in row] == ORDER


def sampled(order: list[int]) -> dict[str, Any]:
    video = PLAN.video.model_copy(update={"frames": 4, "gaps": True})
    return PLAN.model_copy(
        update={"video": video, "order": order, "dropped": [], "shots": [], "confidence": [], "undetermined": []}
        | {"prices": [], "weak": []}
    ).model_dump(mode="json")


@pytest.mark.parametrize(
    ("order", "expected"),
    [([0, 15, 30, 45], ""), ([0, 15, 30], "name 3 of 4 frames"), ([0, 15, 30, -1], "frame -1")],
    ids=["all", "one lost", "one below nothing"],
)
def test_of_a_sampled_video_only_the_number_of_frames_is_checked(file: Path, order: list[int], expected: str) -> None:
    file.write_text(json.dumps(sampled(order)), encoding="utf-8")
    if not expected:
        assert read_plan(file).order == order
        return
    with pytest.raises(PlanError, match=expected):
        read_plan(file)


def test_weak_joins_are_reversed_with_the_film() -> None:
    joins = [Alternative(side="after", frame=3, price=1.5), Alternative(side="before", frame=7, price=2.0)]
    plan = PLAN.model_copy(
        update={"weak": [WeakJoin(at=2, left=32, right=33, confidence=0.4, price=1.4, alternatives=joins)]}
    )
    backwards = plan.reversed()
    [join] = backwards.weak
    assert backwards.order[join.at : join.at + 2] == [join.left, join.right] == [33, 32]
    assert [(other.side, other.frame) for other in join.alternatives] == [("before", 3), ("after", 7)]
    assert backwards.reversed() == plan
