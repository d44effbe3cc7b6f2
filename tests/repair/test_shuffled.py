"""Repair of a shuffled video: broken frames are found along the order, removed, and replaced where they belong."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from films import panned
from helpers import raw_frames, write_clip
from runs import Run

from reelweave.errors import UsageError
from reelweave.evaluate.truth import Truth, write_truth
from reelweave.media.source import open_source
from reelweave.media.types import Picture
from reelweave.pipeline import reconstruct
from reelweave.repair.evidence import EVIDENCE, FrameEvidence, measure_evidence
from reelweave.repair.frame_cache import cached_measures
from reelweave.repair.placement import INTACT, OrderedFrames, Stretch
from reelweave.repair.shuffled import believed, coherent_parts, confirmed_frames, loose_frames
from reelweave.repair.verdict import CLEAN, Verdict
from reelweave.settings import load
from reelweave.solve.plan.files import read_plan
from reelweave.solve.plan.model import Plan

COUNT = 40


def torn(picture: Picture, shift: int) -> Picture:
    """The middle of the picture slipped sideways."""
    broken = picture.copy()
    broken[20:44] = np.roll(broken[20:44], shift, 1)
    return broken


def shuffled(folder: Path, broken: Sequence[int]) -> tuple[Path, Truth, list[Picture]]:
    """A drawn film with torn frames, out of order, and the clean one."""
    clean = panned(COUNT)
    damaged = [torn(one, 40 + 7 * (n % 3)) if n in broken else one for n, one in enumerate(clean)]
    order = np.random.default_rng(3).permutation(COUNT).tolist()
    video = write_clip(folder / "shuffled.mkv", [damaged[f] for f in order])
    source = write_clip(folder / "clean.mkv", clean)
    places = [place for place, f in enumerate(order) if f in broken]
    return video, Truth(source=str(source), fps=25, frames=order, damage={"tears": places}), clean


@pytest.mark.parametrize("broken", [[12], [12, 13, 25]], ids=["one", "a run and one"])
def test_broken_frames_are_replaced_by_interpolated_ones(run: Run, tmp_path: Path, broken: list[int]) -> None:
    video, truth, _ = shuffled(tmp_path, broken)
    output, truth_file = tmp_path / "film.mkv", tmp_path / "truth.json"
    write_truth(truth, truth_file)
    done = run(
        "reconstruct", video, "-o", output, "--repair", "--lossless", "--library", tmp_path / "library", "--json"
    )
    assert done.code == 0, done.err
    assert (done.data["broken"], done.data["filled"], done.data["kept"]) == (
        len(broken),
        len(broken),
        COUNT - len(broken),
    )
    plan = read_plan(Path(done.data["plan"]))
    assert sorted(truth.frames[f] for hole in plan.fill for f in hole.frames) == broken
    assert [truth.frames[f] for f in plan.played] in (list(range(COUNT)), list(range(COUNT))[::-1])
    scores = run("evaluate", done.data["plan"], "--truth", truth_file, "--rendered", output, "--json").data
    assert (scores["exact"], scores["broken_precision"], scores["broken_recall"]) == (True, 1.0, 1.0)
    assert (scores["made"], scores["made_psnr"] > 25) == (len(broken), True)


def test_a_film_without_broken_frames_is_unchanged(run: Run, tmp_path: Path) -> None:
    video, _, _ = shuffled(tmp_path, [])
    plans = []
    for name, options in (("plain", []), ("asked", ["--repair"])):
        output = tmp_path / f"{name}.mkv"
        done = run("reconstruct", video, "-o", output, "--library", tmp_path / "library", "--json", *options)
        assert done.code == 0, done.err
        plans.append(read_plan(Path(done.data["plan"])))
    assert (plans[0].order, plans[0].dropped, plans[1].fill) == (plans[1].order, plans[1].dropped, [])


def test_the_plan_alone_renders_the_same_film(run: Run, tmp_path: Path) -> None:
    video, _, _ = shuffled(tmp_path, [12, 13])
    first, again = tmp_path / "film.mkv", tmp_path / "again.mkv"
    options = ["--repair", "--lossless", "--reverse", "--both", "--library", tmp_path / "library"]
    assert run("reconstruct", video, "-o", first, *options).code == 0
    assert run("render", first.with_suffix(".plan.json"), "-o", again, "--lossless").code == 0
    assert raw_frames(again) == raw_frames(first)
    backwards = raw_frames(tmp_path / "film.reversed.mkv")
    plan = read_plan(first.with_suffix(".plan.json"))
    kept = [place for place in range(COUNT) if place not in plan.made]
    assert [backwards[::-1][place] for place in kept] == [raw_frames(first)[place] for place in kept]


def test_a_frame_that_the_user_keeps_is_never_called_broken(run: Run, tmp_path: Path) -> None:
    video, truth, _ = shuffled(tmp_path, [12, 25])
    kept = truth.frames.index(12)
    output = tmp_path / "film.mkv"
    options = ["--repair", "--keep", kept, "--library", tmp_path / "library", "--json"]
    plan = _plan(run("reconstruct", video, "-o", output, *options).data["plan"])
    assert kept in plan.order
    assert [truth.frames[f] for hole in plan.fill for f in hole.frames] == [25]
    assert plan.wishes == {"keep": [kept]}


def _plan(file: str) -> Plan:
    return read_plan(Path(file))


def test_solve_names_the_gaps_and_an_invalid_detector_is_refused_before_any_work(run: Run, tmp_path: Path) -> None:
    video, truth, _ = shuffled(tmp_path, [12])
    library = ["--library", tmp_path / "library"]
    wrong = tmp_path / "detector.json"
    wrong.write_text("{}", encoding="utf-8")
    refused = run("reconstruct", video, "-o", tmp_path / "film.mkv", "--detector", wrong, *library)
    assert (refused.code, "detector" in refused.err, (tmp_path / "library").exists()) == (1, True, False)
    assert run("ingest", video, "--space", "appearance", *library).code == 0
    done = run("solve", video, "--repair", "--plan", tmp_path / "plan.json", *library)
    assert done.code == 0, done.err
    assert [truth.frames[f] for hole in read_plan(tmp_path / "plan.json").fill for f in hole.frames] == [12]


def test_repair_cannot_be_combined_with_split(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="repair"):
        reconstruct(tmp_path / "video.mkv", load(), split=True, repair=True)


def test_cached_evidence_along_the_file_order_equals_that_of_the_file(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "video.mkv", [torn(one, 40) if n == 9 else one for n, one in enumerate(panned())])
    source = open_source(video, steady=True)
    plain = measure_evidence(source)
    with cached_measures(source) as looks:
        along = looks.along(range(len(looks)), 25.0)
        turned = looks.along(range(len(looks))[::-1], 25.0)
    assert np.array_equal(along.values, plain.values)
    assert np.array_equal(along.frames, plain.frames)
    assert turned.of("torn").argmax() == len(plain) - 1 - 9


GREY = [np.ascontiguousarray(picture[..., 1]) for picture in panned(COUNT)]


@pytest.mark.parametrize(
    ("missing", "neighbours"),
    [
        pytest.param([20], (19, 21), id="one"),
        pytest.param([20, 21, 22], (), id="a run whose neighbours are unknown"),
        pytest.param([22, 21, 20], (39,), id="a run that lay backwards at the end"),
    ],
)
def test_frames_are_placed_where_they_fit_and_are_missing(missing: list[int], neighbours: tuple[int, ...]) -> None:
    order = [f for f in range(COUNT) if f not in missing]
    film = OrderedFrames(order, lambda f: GREY[f])
    join = film.place(Stretch(missing, neighbours))
    assert join is not None
    assert order[join - 1] == min(missing) - 1
    assert film.arrange(join, [Stretch(missing, neighbours)]) == sorted(missing)


def test_a_frame_stays_with_those_it_was_found_beside_if_it_fits_nearly_as_well() -> None:
    order = [f for f in range(COUNT) if f not in (20, 21)]
    noise = np.random.default_rng(0).integers(0, 255, GREY[0].shape, np.uint8)
    pictures = dict(enumerate(GREY)) | {100: noise}
    for frame, stays in ((100, True), (30, False)):
        rest = [f for f in order if f != frame]
        film = OrderedFrames(rest, lambda f: pictures[f])
        beside = rest.index(22)
        assert (film.place(Stretch([frame]), beside=beside) == beside) == stays


def test_a_clean_frame_is_placed_by_the_whole_picture() -> None:
    """Only the right of the picture changes, so that its better half is the same in all frames."""
    pictures = {n: np.tile(np.uint8([90, 140]), (64, 56)) for n in range(12)}
    for n, picture in pictures.items():
        picture[:, 62:] = 20 * n
    order = [0, 1, 2, 3, 4, 9, 10, 11, 5, 6, 7]
    for compared, is_right in ((1.0, True), (INTACT, False)):
        join = OrderedFrames(order, lambda f: pictures[f]).place(Stretch([8], (4,), compared))
        assert (order[join - 1] == 7) == is_right


def test_several_short_stretches_at_an_end_of_the_order_are_loose() -> None:
    evidence = FrameEvidence(np.arange(60), np.arange(60) / 25, np.zeros((60, len(EVIDENCE)), np.float32))
    evidence.of("jump")[[2, 30, 54, 56, 59]] = 40
    assert loose_frames(evidence, 5) == {0, 1, 54, 55, 56, 57, 58, 59}
    assert loose_frames(evidence, 1) == {54, 55, 56, 57, 58, 59}


@pytest.mark.parametrize(
    ("kind", "frames", "is_believed"),
    [("misfit", 12, True), ("misfit", 13, False), ("torn", 13, True), ("frozen", 1, False)],
)
def test_what_the_order_alone_may_cause_is_not_called_broken(kind: str, frames: int, is_believed: bool) -> None:
    clean = [Verdict(frame, CLEAN, 0.1, "torn") for frame in (98, 99)]
    given = [*clean, *(Verdict(frame, kind, 0.9, kind) for frame in range(frames)), *clean]
    found = {one.frame: one.kind for one in believed(given)}
    assert found == dict.fromkeys(range(frames), kind if is_believed else CLEAN) | dict.fromkeys((98, 99), CLEAN)


def test_a_stretch_is_split_at_jumps_and_between_broken_frames_and_others() -> None:
    evidence = FrameEvidence(np.arange(6), np.arange(6) / 25, np.zeros((6, len(EVIDENCE)), np.float32))
    evidence.of("jump")[4] = 40
    assert coherent_parts(evidence, {0, 1, 3}) == [[0, 1], [2], [3], [4, 5]]


@pytest.mark.parametrize(
    ("scores", "is_confirmed"),
    [((0.9, 0.9, 0.9), True), ((0.1, 0.6, 0.6), True), ((0.1, 0.1, 0.9), False), ((0.5, 0.6, 0.5), False)],
    ids=["always", "mostly", "once", "else only held by the frames beside it"],
)
def test_a_broken_frame_is_confirmed_by_most_orders(scores: tuple[float, ...], is_confirmed: bool) -> None:
    verdicts = [{7: Verdict(7, "torn" if score >= 0.5 else CLEAN, score, "torn")} for score in scores]
    assert confirmed_frames({7}, verdicts) == ({7} if is_confirmed else set())


def test_flat_frames_are_placed_only_where_as_many_are_missing() -> None:
    flat = {100 + n: np.full_like(GREY[0], 128) for n in range(3)}
    pictures = dict(enumerate(GREY)) | flat
    order = [f for f in range(COUNT) if f not in (10, 11, 12, 30)]
    film = OrderedFrames(order, lambda f: pictures[f])
    joins = [film.place(Stretch(frames)) for frames in ([100], [101, 102])]
    assert [order[join - 1] if join else None for join in joins] == [29, 9]
    complete = OrderedFrames(range(COUNT), lambda f: pictures[f])
    assert complete.place(Stretch([100])) is None
