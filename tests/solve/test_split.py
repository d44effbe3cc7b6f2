"""Mixed films are separated and ordered; a single film stays complete."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from helpers import Scrambled, decoded, nearest, pictures, write_clip
from runs import Run, settings

from reelweave import pipeline
from reelweave.errors import PlanError, SourceError, UsageError
from reelweave.evaluate.foreign import covering
from reelweave.evaluate.scramble import ScrambleOptions, scramble_video
from reelweave.evaluate.split_scores import evaluate_split
from reelweave.evaluate.truth import FOREIGN, Mixed, Truth, read_truth, write_truth
from reelweave.index.neighbours import nearest as graph_of
from reelweave.media import ffmpeg
from reelweave.media.types import Floats, FrameRows, Picture
from reelweave.solve.plan.files import read_plan
from reelweave.solve.plan.model import PathReport, Plan, PlanVideo
from reelweave.solve.solve_input import SolveInput
from reelweave.solve.split import split_rows


class Mix(NamedTuple):
    video: Path
    truth: Truth
    truth_file: Path


def inverted(count: int, size: tuple[int, int] = (240, 160)) -> list[Picture]:
    """Another film: another land, in other colours."""
    return [np.ascontiguousarray(255 - frame) for frame in pictures(count, size, seed=7)]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("other") / "other.mp4", inverted(32))


@pytest.fixture(scope="module")
def mix(film: Path, other: Path, tmp_path_factory: pytest.TempPathFactory) -> Mix:
    """48 frames of one film, 32 of another and three pictures of neither in one file."""
    folder = tmp_path_factory.mktemp("mixed")
    options = ScrambleOptions(seed=1, foreign=3, mix=[other])
    truth = scramble_video(film, folder / "mix.mp4", folder / "truth.json", options)
    return Mix(folder / "mix.mp4", truth, folder / "truth.json")


def test_mixed_films_are_separated_complete_and_in_order(mix: Mix) -> None:
    pipeline.ingest(mix.video, settings())
    plans = pipeline.solve_split("mix.mp4", settings())
    scores = evaluate_split(plans, mix.truth)
    assert [len(plan.order) for plan in plans] == [48, 32]
    assert scores.grouping.rand == 1
    assert [(plan.film, plan.scores.exact) for plan in scores.plans] == [(0, True), (1, True)]


def test_each_plan_lists_every_frame_as_played_elsewhere_or_foreign(mix: Mix) -> None:
    pipeline.ingest(mix.video, settings())
    plans = pipeline.solve_split("mix.mp4", settings())
    for plan, rest in zip(plans, plans[::-1], strict=True):
        assert sorted(plan.order + [d.frame for d in plan.dropped]) == list(range(83))
        elsewhere = [d for d in plan.dropped if d.reason == "elsewhere"]
        assert sorted(d.frame for d in elsewhere) == sorted(rest.order)
        assert all(d.score >= 1 for d in elsewhere)
        assert sorted(d.frame for d in plan.dropped if d.reason == "outlier") == mix.truth.foreign


def test_films_plans_and_reports_are_numbered_from_the_largest(mix: Mix, run: Run, tmp_path: Path) -> None:
    asked = ("reconstruct", mix.video, "-o", tmp_path / "out.mp4", "--report", tmp_path / "report", "--split")
    answer = run(*asked, "--json", "-q").data
    names = [str(tmp_path / f"out.{number}.mp4") for number in (1, 2)]
    assert [film["output"] for film in answer["films"]] == answer["outputs"] == names
    assert [film["plan"] for film in answer["films"]] == [str(tmp_path / f"out.{n}.plan.json") for n in (1, 2)]
    assert [film["kept"] for film in answer["films"]] == [48, 32]
    assert (answer["frames"], answer["kept"], answer["dropped"], answer["output"]) == (83, 80, 3, names[0])
    for name, film in zip(names, answer["films"], strict=True):
        assert len(decoded(Path(name))) == film["kept"]
        assert (Path(film["report"]) / "index.html").exists()
    table = (tmp_path / "report" / "2" / "dropped.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 1 + 3
    assert {path.name for path in tmp_path.iterdir()} == {
        "report", *(Path(name).name for name in names), "out.1.plan.json", "out.2.plan.json"
    }  # fmt: skip


def test_the_films_show_the_frames_of_their_own_clips(mix: Mix, film: Path, other: Path, tmp_path: Path) -> None:
    done = pipeline.reconstruct(mix.video, settings(), output=tmp_path / "out.mp4", split=True)
    for made, clip in zip(done.films, (film, other), strict=True):
        originals = [covering(picture, (192, 108)) for picture in decoded(clip)]
        content = [nearest(picture, originals) for picture in decoded(Path(made.output))]
        assert content in (list(range(made.kept)), list(range(made.kept))[::-1])


def test_reverse_and_both_apply_to_every_film(mix: Mix, tmp_path: Path) -> None:
    done = pipeline.reconstruct(mix.video, settings(), output=tmp_path / "out.mp4", split=True, both=True)
    assert [Path(output).name for output in done.outputs] == [
        "out.1.mp4", "out.1.reversed.mp4", "out.2.mp4", "out.2.reversed.mp4"
    ]  # fmt: skip
    back = pipeline.reconstruct(mix.video, settings(), output=tmp_path / "back.mp4", split=True, reverse=True)
    for one, two in zip(done.films, back.films, strict=True):
        assert read_plan(Path(one.plan)).order == read_plan(Path(two.plan)).order[::-1]


def test_a_single_film_is_the_same_with_and_without_splitting(scrambled: Scrambled) -> None:
    pipeline.ingest(scrambled.video, settings())
    plan = pipeline.solve("scrambled.mp4", settings())
    (split,) = pipeline.solve_split("scrambled.mp4", settings())
    assert (split.order, split.dropped, split.shots) == (plan.order, plan.dropped, plan.shots)


def test_films_that_look_alike_need_their_number(film: Path, tmp_path: Path) -> None:
    twin = write_clip(tmp_path / "twin.mp4", pictures(32, (192, 108), seed=7))
    options = ScrambleOptions(seed=1, mix=[twin])
    truth = scramble_video(film, tmp_path / "mix.mp4", tmp_path / "truth.json", options)
    pipeline.ingest(tmp_path / "mix.mp4", settings())
    assert len(pipeline.solve_split("mix.mp4", settings())) == 1
    known = evaluate_split(pipeline.solve_split("mix.mp4", settings(), films=2), truth)
    assert known.grouping.rand == 1
    assert [plan.scores.exact for plan in known.plans] == [True, True]


def test_solve_writes_a_plan_and_evidence_for_each_film_from_the_library(
    mix: Mix, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("ingest", mix.video).code == 0
    reader = ffmpeg.Reader

    def sound_only(arguments: list[str], *others: Any, **named: Any) -> ffmpeg.Reader:
        assert "-vn" in arguments, "pictures are decoded"
        return reader(arguments, *others, **named)

    monkeypatch.setattr(ffmpeg, "run", lambda *_, **__: pytest.fail("ffmpeg was started"))
    monkeypatch.setattr(ffmpeg, "Reader", sound_only)
    asked = ("--plan", tmp_path / "p.json", "--evidence", tmp_path / "e.jsonl", "-q")
    answer = run("solve", "mix.mp4", "--films", 2, *asked)
    assert answer.code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"p.1.json", "p.2.json", "e.1.jsonl", "e.2.jsonl"}
    printed = [Plan.model_validate(row) for row in run("solve", "mix.mp4", "--split", "-q").rows]
    assert [plan.order for plan in printed] == [read_plan(tmp_path / f"p.{n}.json").order for n in (1, 2)]
    rows = [json.loads(line) for line in (tmp_path / "e.2.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["frame"] for row in rows} >= set(printed[1].order)


def test_plans_of_a_split_are_rendered_next_to_the_source_under_their_numbers(
    mix: Mix, run: Run, tmp_path: Path
) -> None:
    own = tmp_path / "own.mp4"
    own.write_bytes(mix.video.read_bytes())
    assert run("ingest", own).code == 0
    assert run("solve", "own.mp4", "--split", "--plan", tmp_path / "p.json").code == 0
    outputs = [run("render", tmp_path / f"p.{n}.json", "--json", "-q").data["outputs"] for n in (1, 2)]
    assert outputs == [[str(tmp_path / f"own.reordered.{n}.mp4")] for n in (1, 2)]
    assert [len(decoded(Path(output))) for (output,) in outputs] == [48, 32]


def test_evaluate_scores_the_grouping_and_each_film(mix: Mix, run: Run, tmp_path: Path) -> None:
    assert run("ingest", mix.video).code == 0
    assert run("solve", "mix.mp4", "--split", "--plan", tmp_path / "p.json").code == 0
    plans = [tmp_path / "p.2.json", tmp_path / "p.1.json"]
    answer = run("evaluate", *plans, "--truth", mix.truth_file, "--json").data
    assert answer["grouping"] == {"films": 2, "plans": 2, "rand": 1.0, "purity": 1.0, "completeness": 1.0}
    assert [(plan["film"], plan["frames"]) for plan in answer["plans"]] == [(1, 32), (0, 48)]
    assert all(plan["scores"]["exact"] for plan in answer["plans"])
    assert run("evaluate", *plans, "--truth", mix.truth_file).out


def test_a_film_that_was_not_split_is_scored_as_its_largest_part(mix: Mix, run: Run, tmp_path: Path) -> None:
    assert run("ingest", mix.video).code == 0
    assert run("solve", "mix.mp4", "--plan", tmp_path / "p.json").code == 0
    answer = run("evaluate", tmp_path / "p.json", "--truth", mix.truth_file, "--json").data
    assert answer["grouping"] == {"films": 2, "plans": 1, "rand": 0.0, "purity": 0.6, "completeness": 1.0}
    assert answer["plans"][0]["film"] == 0
    assert answer["plans"][0]["scores"]["recall"] == pytest.approx(3 / 35)


def test_more_films_than_possible_give_as_many_as_possible(run: Run, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "few.mp4", pictures(8, (192, 108)))
    assert run("ingest", clip).code == 0
    answer = run("solve", "few.mp4", "--films", 5)
    assert answer.code == 0
    assert len(answer.rows) == 1
    assert "not 5" in answer.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--films", 0), 2), (("--films", "two"), 2), (("--split", "-o", "nowhere/out.mp4"), 2)],
    ids=["no films", "no number", "no folder"],
)
def test_invalid_options_are_refused_before_any_work(mix: Mix, run: Run, arguments: Sequence[Any], code: int) -> None:
    before = set(mix.video.parent.iterdir())
    assert run("reconstruct", mix.video, *arguments).code == code
    assert set(mix.video.parent.iterdir()) == before


def test_the_pictures_of_mixed_films_are_not_scored(mix: Mix, run: Run, tmp_path: Path) -> None:
    assert run("ingest", mix.video).code == 0
    assert run("solve", "mix.mp4", "--plan", tmp_path / "p.json").code == 0
    answer = run("evaluate", tmp_path / "p.json", "--truth", mix.truth_file, "--rendered", mix.video)
    assert answer.code == 2


def test_a_mix_holds_every_frame_and_the_truth_records_its_clip(mix: Mix, film: Path, other: Path) -> None:
    truth = read_truth(mix.truth_file)
    assert truth == mix.truth
    assert [truth.of_film(number).source for number in (0, 1)] == [str(film), str(other)]
    for number, clip in enumerate((film, other)):
        originals = [covering(picture, (192, 108)) for picture in decoded(clip)]
        own = truth.of_film(number)
        assert sorted(frame for frame in own.frames if frame != FOREIGN) == list(range(len(originals)))
        for picture, frame in zip(decoded(mix.video), own.frames, strict=True):
            assert frame == FOREIGN or nearest(picture, originals) == frame


def test_stretches_of_mixed_clips_have_the_requested_length(film: Path, other: Path, tmp_path: Path) -> None:
    options = ScrambleOptions(frames=10, seed=2, mix=[other])
    truth = scramble_video(film, tmp_path / "mix.mp4", tmp_path / "truth.json", options)
    for number in (0, 1):
        content = sorted(frame for frame in truth.of_film(number).frames if frame != FOREIGN)
        assert content == list(range(content[0], content[0] + 10))


@pytest.mark.parametrize("kind", ["itself", "missing", "lenders are in the mix", "over a clip"])
def test_an_impossible_mix_is_refused_and_nothing_is_written(
    film: Path, other: Path, tmp_path: Path, kind: str
) -> None:
    options, error, output = {
        "itself": (ScrambleOptions(mix=[other, other]), UsageError, tmp_path / "mix.mp4"),
        "missing": (ScrambleOptions(mix=[tmp_path / "no.mp4"]), SourceError, tmp_path / "mix.mp4"),
        "lenders are in the mix": (ScrambleOptions(mix=[other], foreign=[other]), SourceError, tmp_path / "mix.mp4"),
        "over a clip": (ScrambleOptions(mix=[other]), UsageError, other),
    }[kind]
    before = other.read_bytes()
    with pytest.raises(error):
        scramble_video(film, output, tmp_path / "truth.json", options)
    assert not list(tmp_path.iterdir())
    assert other.read_bytes() == before


def truth_of(films: Sequence[int]) -> Truth:
    """Frames are numbered as they come; -1 is foreign."""
    count = [0] * (max(films) + 1)
    frames = []
    for film in films:
        frames.append(count[film] if film != FOREIGN else FOREIGN)
        count[film] += film != FOREIGN
    mixed = [Mixed(source=f"{number}.mp4") for number in range(1, len(count))]
    return Truth(source="0.mp4", fps=25, frames=frames, films=list(films), mixed=mixed)


def plan_of(order: Sequence[int], frames: int) -> Plan:
    video = PlanVideo(id="a", name="a", source="a", sha256="", fps=25, width=96, height=64, frames=frames)
    path = PathReport(cost=0, lower_bound=None, gap=None, solver="none", seconds=0)
    confidence = [1.0] * max(0, len(order) - 1)
    return Plan(video=video, order=list(order), dropped=[], shots=[], confidence=confidence, path=path)


TWO = [0, 0, 0, 1, 1, 1]
GROUPINGS: dict[str, tuple[list[int], list[list[int]], dict[str, float]]] = {
    "right": (TWO, [[0, 1, 2], [3, 4, 5]], {"rand": 1, "purity": 1, "completeness": 1}),
    "foreign left out": ([*TWO, FOREIGN], [[0, 1, 2], [3, 4, 5]], {"rand": 1, "purity": 1, "completeness": 1}),
    "foreign kept": ([*TWO, FOREIGN], [[0, 1, 2, 6], [3, 4, 5]], {"rand": 1, "purity": 1, "completeness": 1}),
    "all in one": (TWO, [[0, 1, 2, 3, 4, 5]], {"rand": 0, "purity": 0.5, "completeness": 1}),
    "each in two": (TWO, [[0, 1], [2], [3, 4], [5]], {"rand": 1.2 / 3.2, "purity": 1, "completeness": 2 / 3}),
    "one astray": (TWO, [[0, 1, 2, 3], [4, 5]], {"rand": 1.2 / 3.7, "purity": 5 / 6, "completeness": 5 / 6}),
    "one lost": (TWO, [[0, 1, 2], [3, 4]], {"rand": 2.4 / 3.4, "purity": 1, "completeness": 5 / 6}),
    "all lost": (TWO, [[]], {"rand": 0, "purity": 1, "completeness": 0}),
}


@pytest.mark.parametrize(("films", "orders", "expected"), GROUPINGS.values(), ids=GROUPINGS)
def test_a_grouping_is_scored_by_its_errors(
    films: list[int], orders: list[list[int]], expected: dict[str, float]
) -> None:
    grouping = evaluate_split([plan_of(order, len(films)) for order in orders], truth_of(films)).grouping
    assert {name: getattr(grouping, name) for name in expected} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("orders", [[[0, 1], [1, 2]], [[0, 9]]], ids=["a frame twice", "another video"])
def test_plans_from_different_splits_are_refused(orders: list[list[int]]) -> None:
    with pytest.raises(PlanError):
        evaluate_split([plan_of(order, 6) for order in orders], truth_of(TWO))


MIXED = json.loads(truth_of([0, 1, FOREIGN]).model_dump_json())
BAD = {
    "too few films": MIXED | {"films": [0, 1]},
    "no films": MIXED | {"films": []},
    "a film that is not there": MIXED | {"films": [0, 2, -1]},
    "foreign or not": MIXED | {"films": [0, -1, -1]},
    "a frame twice": MIXED | {"frames": [0, 0, 0], "films": [0, 1, 1]},
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_a_truth_that_contradicts_itself_is_refused_in_one_line(tmp_path: Path, data: dict[str, Any]) -> None:
    (tmp_path / "truth.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(PlanError) as refused:
        read_truth(tmp_path / "truth.json")
    assert "\n" not in refused.value.cause


def test_the_truth_of_a_mix_survives_writing_and_reading(tmp_path: Path) -> None:
    truth = truth_of([0, 1, FOREIGN, 1])
    assert read_truth(write_truth(truth, tmp_path / "truth.json")) == truth


def still(towards: Sequence[int], blur: float = 0.05, seed: int = 0) -> Floats:
    """Unit vectors that each point roughly along one axis: 0 is a scene, 1 another that shares nothing with it."""
    rng = np.random.default_rng(seed)
    vectors = np.eye(64)[list(towards)] + rng.normal(0, blur / 8, (len(towards), 64))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def film_of(vectors: Floats) -> SolveInput:
    count = len(vectors)
    nothing = np.zeros(count, np.float32)
    rows = FrameRows(np.arange(count), np.arange(count) / 25, nothing, nothing, np.full(count, -1), vectors)
    luma = np.random.default_rng(0).integers(0, 256, (count, 18, 32), np.uint8)
    return SolveInput(rows, luma, graph_of, "appearance", "video")


def parts(vectors: Floats, colours: Sequence[tuple[int, int]], wanted: int | None = None) -> list[list[int]]:
    """The films of frames in two halves, each of one pair of colours."""

    def yuv(row: int) -> np.ndarray:
        one, two = colours[row]
        plane = np.full((9, 16), one, np.uint8)
        plane[:, 8:] = two
        return np.stack([np.full((9, 16), 100, np.uint8), plane, plane])

    return [rows.tolist() for rows in split_rows(film_of(vectors), yuv, settings(), wanted)]


SCENES = [0] * 9 + [1] * 7 + [2] * 8


@pytest.mark.parametrize(
    ("colours", "wanted", "sizes"),
    [
        ([(60, 90), (160, 200), (110, 140)], None, [9, 8, 7]),
        ([(60, 90), (60, 90), (160, 200)], None, [16, 8]),
        ([(60, 90)] * 3, None, [24]),
        ([(128, 128)] * 3, None, [9, 8, 7]),
        ([(128, 128), (60, 90), (60, 90)], None, [15, 9]),
        ([(60, 90)] * 3, 3, [9, 8, 7]),
        ([(60, 90), (160, 200), (160, 90)], 1, [24]),
    ],
    ids=["three films", "two shots of one film", "one film", "black and white", "half black and white", "3", "1"],
)
def test_scenes_with_the_same_colours_are_one_film(
    colours: list[tuple[int, int]], wanted: int | None, sizes: list[int]
) -> None:
    found = parts(still(SCENES), [colours[scene] for scene in SCENES], wanted)
    assert sorted(row for rows in found for row in rows) == list(range(len(SCENES)))
    assert [len(rows) for rows in found] == sizes


def test_films_do_not_depend_on_the_numbering_of_frames() -> None:
    colours = [((60, 90), (160, 200), (110, 140))[scene] for scene in SCENES]
    vectors, new = still(SCENES), np.random.default_rng(4).permutation(len(SCENES))
    renumbered = parts(vectors[new], [colours[row] for row in new])
    assert [sorted(new[rows].tolist()) for rows in renumbered] == parts(vectors, colours)


def test_a_stray_frame_goes_to_the_nearest_film_and_is_judged_there() -> None:
    vectors = still([*SCENES, 3])
    vectors[-1] += 0.3 * vectors[0]
    vectors[-1] /= np.linalg.norm(vectors[-1])
    colours = [((60, 90), (160, 200), (110, 140), (10, 240))[scene] for scene in [*SCENES, 3]]
    found = parts(vectors, colours)
    assert [len(rows) for rows in found] == [10, 8, 7]
    assert len(SCENES) in found[0]


def test_a_film_with_more_identical_frames_than_neighbours_is_one_film() -> None:
    """Two poses 40 frames long are near each other, though no frame of one is among the nearest of the other's."""
    vectors = still([0] * 40 + [1] * 40, blur=0.02)
    vectors[40:] += 2 * vectors[:1]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert settings().neighbours.k < 39
    assert len(parts(vectors, [(60, 90)] * 40 + [(160, 200)] * 40)) == 1


def test_a_film_of_one_or_a_few_frames_is_one_film() -> None:
    for count in (1, 2, 5):
        assert parts(still([0] * count), [(60, 90)] * count) == [list(range(count))]
