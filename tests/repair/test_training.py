"""Training of detectors: what they learn, how they are cross-validated, and which files are refused."""

import json
import pickle
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broken import LENGTH, SNOWY, snowy_film, sort_pictures
from runs import Run, settings

from reelweave.errors import ReelweaveError, SourceError, UsageError
from reelweave.evaluate.truth import Truth, write_truth
from reelweave.media.source import open_source
from reelweave.repair import features, labelling
from reelweave.repair.detection_scores import count_detections, threshold_for
from reelweave.repair.detector import Detector, load_detector
from reelweave.repair.evidence import EVIDENCE, FrameEvidence, measure_evidence
from reelweave.repair.forest import Forest, train_forest
from reelweave.repair.rules import all_signs
from reelweave.repair.trained_detector import TrainedDetector, read_model, write_model
from reelweave.repair.verdict import CLEAN
from reelweave.settings import load

ELSEWHERE = frozenset({5, 6, 25, 40, 55})


@pytest.fixture(scope="module")
def examples(snowy: Sequence[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sorted folder with its detector; never to be changed."""
    folder = tmp_path_factory.mktemp("sorted") / "examples"
    labelling.label_frames(snowy, folder, settings(), count=44)
    sort_pictures(folder)
    labelling.train_detector(folder, settings())
    return folder


@pytest.fixture
def own(examples: Path, tmp_path: Path) -> Path:
    """The test's own copy."""
    return Path(shutil.copytree(examples, tmp_path / "examples"))


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snowy_film(tmp_path_factory.mktemp("unseen") / "unseen.mp4", 7, ELSEWHERE)


@pytest.fixture(scope="module")
def evidence(unseen: Path) -> FrameEvidence:
    return measure_evidence(open_source(unseen, steady=True))


@pytest.fixture(params=["rules", "trained"])
def judge(request: pytest.FixtureRequest, examples: Path) -> Detector:
    return load_detector(examples / "detector.json" if request.param == "trained" else None, load().breakup)


def test_a_detector_gives_a_verdict_on_each_frame(judge: Detector, evidence: FrameEvidence) -> None:
    verdicts = judge.judge(evidence)
    assert [verdict.frame for verdict in verdicts] == list(range(LENGTH))
    for verdict in verdicts:
        assert 0 <= verdict.score <= 1
        assert (verdict.score >= 0.5) == (verdict.kind != CLEAN)
        if verdict.kind != CLEAN:
            assert verdict.evidence in (*EVIDENCE, *features.SIGNS)


def test_a_detector_finds_broken_frames_of_a_film_it_has_not_seen(judge: Detector, evidence: FrameEvidence) -> None:
    called = {verdict.frame for verdict in judge.judge(evidence) if verdict.kind != CLEAN}
    assert called == ELSEWHERE


def test_a_detector_judges_a_film_of_one_frame(judge: Detector, evidence: FrameEvidence) -> None:
    alone = FrameEvidence(evidence.frames[:1], evidence.times[:1], evidence.values[:1])
    assert [verdict.frame for verdict in judge.judge(alone)] == [0]


def test_training_reports_its_data_and_its_cross_validation(examples: Path) -> None:
    model = read_model(examples / "detector.json")
    broken = sum(video.broken for video in model.videos)
    assert broken == len(list((examples / "breakup").iterdir()))
    assert sum(video.clean for video in model.videos) == len(list((examples / "clean").iterdir()))
    assert [video.name for video in model.videos] == ["tape 1.mp4", "tape 2.mp4"]
    assert (model.checked.by, model.checked.groups) == ("video", 2)
    assert min(model.checked.precision, model.checked.recall) > 0.8


def test_one_video_is_cross_validated_by_parts_and_a_note_says_so(own: Path) -> None:
    for picture in own.rglob("tape-2-*.jpg"):
        picture.unlink()
    trained = labelling.train_detector(own, settings())
    assert trained.model.checked.by == "time"
    assert any("of one video only" in note for note in trained.notes)


def test_the_same_pictures_give_the_same_detector(examples: Path, own: Path) -> None:
    trained = labelling.train_detector(own, settings())
    first = read_model(examples / "detector.json")
    assert trained.model.model_copy(update={"made": first.made}) == first


def test_suffixes_that_a_file_manager_appends_are_ignored(own: Path) -> None:
    picture = next((own / "clean").iterdir())
    picture.rename(picture.with_stem(f"{picture.stem} (copy 2)"))
    labelling.train_detector(own, settings())


def one_of(folder: Path) -> Path:
    return sorted(folder.iterdir())[0]


def spoil_features(folder: Path, **changed: Any) -> None:
    file = one_of(folder / "features")
    kept = features.read_evidence_file(file)
    facts = {name: getattr(kept, name) for name in ("video", "name", "source", "sha256", "evidence")}
    features.write_evidence_file(features.VideoEvidence(**facts | changed), folder / "features")


def only(folder: Path, kind: str) -> None:
    for picture in (folder / kind).iterdir():
        picture.unlink()


UNUSABLE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "nothing sorted": (lambda folder: (only(folder, "clean"), only(folder, "breakup")), "too few"),
    "one kind only": (lambda folder: only(folder, "breakup"), "0 pictures in breakup/"),
    "no folder for sorting": (lambda folder: (shutil.rmtree(folder), folder.mkdir()), "breakup label"),
    "another name": (lambda folder: one_of(folder / "clean").rename(folder / "clean" / "a.jpg"), "a.jpg"),
    "no picture": (lambda folder: one_of(folder / "clean").write_bytes(b"text"), "cannot be read"),
    "in both": (lambda folder: shutil.copy(one_of(folder / "clean"), folder / "breakup"), "both breakup/ and clean/"),
    "features gone": (lambda folder: one_of(folder / "features").unlink(), "breakup label"),
    "features cut short": (lambda folder: one_of(folder / "features").write_bytes(b"PK"), "breakup label"),
    "features of another version": (lambda folder: spoil_features(folder, measured_as=0), "tape 1.mp4"),
    "features with other columns": (lambda folder: spoil_features(folder, columns=EVIDENCE[::-1]), "tape 1.mp4"),
    "a frame that there is not": (
        lambda folder: one_of(folder / "clean").rename(
            folder / "clean" / f"{one_of(folder / 'clean').name[:15]}.f99999.jpg"
        ),
        "99999",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_labels_are_refused_with_a_remedy(own: Path, case: str) -> None:
    spoil, message = UNUSABLE[case]
    spoil(own)
    with pytest.raises(ReelweaveError, match=message) as failed:
        labelling.train_detector(own, settings())
    assert failed.value.remedy


def test_no_object_of_an_evidence_file_is_ever_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            return (tmp_path / "sprung").touch, ()

    np.savez(tmp_path / "a.npz", facts=np.array([Trap()], object), frames=[0], times=[0], values=[[0]])
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Trap()))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(SourceError):
            features.read_evidence_file(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_evidence_survives_a_round_trip_bit_for_bit(evidence: FrameEvidence, tmp_path: Path) -> None:
    measured = features.VideoEvidence("a-00000000", "a", "/a", "", evidence)
    found = features.read_evidence_file(features.write_evidence_file(measured, tmp_path))
    assert found.usable
    assert (found.video, found.columns) == (measured.video, EVIDENCE)
    assert all(
        np.array_equal(getattr(found.evidence, name), getattr(evidence, name)) for name in ("frames", "times", "values")
    )


def test_a_detector_survives_a_round_trip(examples: Path, evidence: FrameEvidence, tmp_path: Path) -> None:
    model = read_model(examples / "detector.json")
    again = read_model(write_model(model, tmp_path / "again.json"))
    assert TrainedDetector(again).judge(evidence) == TrainedDetector(model).judge(evidence)


FILES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another format": lambda model: model.update(format="reelweave.plan/1"),
    "a key too many": lambda model: model.update(run="this"),
    "a key too few": lambda model: model.pop("threshold"),
    "another version's numbers": lambda model: model.update(measured_as=0),
    "other evidence": lambda model: model.update(evidence=model["evidence"][1:]),
    "other features": lambda model: model.update(features=model["features"][::-1]),
    "no threshold": lambda model: model.update(threshold=1.5),
    "trees that go round": lambda model: model["forest"]["left"].__setitem__(model["forest"]["roots"][1], 0),
    "trees out of the forest": lambda model: model["forest"]["right"].__setitem__(0, 10**6),
    "a feature that there is not": lambda model: model["forest"]["feature"].__setitem__(0, 10**6),
    "a feature below none": lambda model: model["forest"]["feature"].__setitem__(0, -2),
    "a root that there is not": lambda model: model["forest"]["roots"].append(-1),
    "lists of two lengths": lambda model: model["forest"]["share"].pop(),
    "no number": lambda model: model["forest"]["threshold"].__setitem__(0, float("nan")),
}


@pytest.mark.parametrize("case", FILES)
def test_an_invalid_detector_file_is_refused(examples: Path, tmp_path: Path, case: str) -> None:
    model = json.loads((examples / "detector.json").read_text(encoding="utf-8"))
    FILES[case](model)
    file = tmp_path / "detector.json"
    file.write_text(json.dumps(model), encoding="utf-8")
    with pytest.raises(SourceError) as failed:
        read_model(file)
    assert "breakup train" in failed.value.remedy


def test_a_forest_predicts_what_scikit_learn_does() -> None:
    from sklearn.ensemble import ExtraTreesClassifier

    rng = np.random.default_rng(0)
    values = rng.normal(size=(120, 6)).astype(np.float32)
    broken = values[:, 0] + values[:, 1] ** 2 > 0.7
    theirs = ExtraTreesClassifier(200, min_samples_leaf=2, max_features=0.3, class_weight="balanced", random_state=0)
    expected = theirs.fit(values, broken).predict_proba(values)[:, 1]
    ours = Forest.model_validate_json(train_forest(values, broken).model_dump_json())
    assert np.abs(ours.predict(values) - expected).max() < 0.01
    assert np.isin(ours.top_features(values[broken]), [0, 1]).mean() > 0.8


@pytest.mark.parametrize(
    ("sure", "broken", "wanted", "cut"),
    [
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], None, 0.5),
        ([0.9, 0.8, 0.6, 0.1], [1, 0, 1, 0], None, 0.35),
        ([0.9, 0.8, 0.6, 0.1], [1, 0, 1, 0], 1.0, 0.85),
        ([0.9, 0.9, 0.1, 0.1], [1, 1, 1, 1], None, 0.05),
    ],
    ids=["apart", "mixed", "mixed and none wrong", "all broken"],
)
def test_the_threshold_lies_half_way_between_two_scores(
    sure: list[float], broken: list[int], wanted: float | None, cut: float
) -> None:
    assert threshold_for(np.array(sure), np.array(broken, bool), wanted) == pytest.approx(cut)


@pytest.mark.parametrize("wanted", [0.5, 0.7, 0.9])
def test_the_threshold_reaches_the_required_precision(wanted: float) -> None:
    rng = np.random.default_rng(1)
    broken = rng.random(200) < 0.3
    scores = np.clip(0.4 * broken + 0.6 * rng.random(200), 0, 1)
    threshold = threshold_for(scores, broken, wanted)
    assert count_detections(scores >= threshold, broken).precision >= wanted


def test_an_unreachable_precision_is_refused() -> None:
    with pytest.raises(UsageError, match=r"the best is 0\.50"):
        threshold_for(np.array([0.9, 0.9, 0.1]), np.array([True, False, False]), 0.9)


@pytest.mark.parametrize(
    ("called", "broken", "precision", "recall"),
    [([1, 1, 0, 0], [1, 0, 1, 0], 0.5, 0.5), ([0, 0], [0, 0], 1, 1), ([0, 0], [1, 0], 1, 0), ([1], [0], 0, 1)],
    ids=["mixed", "nothing there", "nothing found", "a false alarm"],
)
def test_precision_and_recall_follow_from_counts(
    called: list[int], broken: list[int], precision: float, recall: float
) -> None:
    found = count_detections(np.array(called, bool), np.array(broken, bool))
    assert (found.precision, found.recall) == (precision, recall)


def test_the_commands_train_and_test_a_detector(run: Run, own: Path, unseen: Path) -> None:
    done = run("breakup", "train", own, "-o", own / "mine.json", "--precision", 0.9, "--json")
    assert done.code == 0
    assert done.data["checked"]["precision"] >= 0.9
    assert set(done.data["by_video"]) == {video["id"] for video in done.data["videos"]}
    tested = run("breakup", "test", own, "--detector", own / "mine.json", "--json")
    assert "trained on 2 of these 2 videos" in tested.err
    known = tested.data
    assert known["found"] + known["missed"] == len(list((own / "breakup").iterdir()))
    truth = write_truth(truth_of(unseen), own / "truth.json")
    for detector in ([], ["--detector", own / "mine.json"]):
        scores = run("breakup", "test", unseen, "--truth", truth, *detector, "--json").data
        assert (scores["recall_by_kind"], scores["precision"]) == ({"noise": 1.0}, 1.0)
        assert scores["false_alarms_a_minute"] == 0


def truth_of(video: Path, frames: int = LENGTH) -> Truth:
    return Truth(
        source=str(video), seed=0, fps=25.0, frames=list(range(frames)), damage={"noise": sorted(ELSEWHERE)}, crf=12
    )


def test_a_truth_about_another_video_is_refused(run: Run, unseen: Path, tmp_path: Path) -> None:
    truth = write_truth(truth_of(unseen, LENGTH - 1), tmp_path / "truth.json")
    done = run("breakup", "test", unseen, "--truth", truth)
    assert done.code == 1
    assert f"{LENGTH} frames" in done.err


def test_a_detector_is_tested_only_on_frames_in_their_own_order(run: Run, unseen: Path, tmp_path: Path) -> None:
    for order, code in ((["--in-order"], 0), ([], 2)):
        video, truth = tmp_path / "broken.mp4", tmp_path / "truth.json"
        run("scramble", unseen, "-o", video, "--truth", truth, "--damage", "grey:0.2", *order)
        assert run("breakup", "test", video, "--truth", truth).code == code


def test_a_video_without_its_truth_cannot_be_tested(run: Run, unseen: Path) -> None:
    assert run("breakup", "test", unseen).code == 2


def test_repair_uses_a_trained_detector(run: Run, examples: Path, unseen: Path) -> None:
    done = run("repair", unseen, "--detect-only", "--detector", examples / "detector.json", "--json")
    assert done.code == 0
    assert {row["frame"] for row in done.data["frames"]} == ELSEWHERE
    assert {row["class"] for row in done.data["frames"]} == {"broken"}


@pytest.mark.parametrize(
    ("more", "code"), [(["--frames", "3"], 2), (["--detector", "missing.json"], 1)], ids=["two ways", "no file"]
)
def test_repair_refuses_an_unusable_detector(
    run: Run, examples: Path, unseen: Path, more: list[str], code: int
) -> None:
    done = run("repair", unseen, "--detect-only", "--detector", examples / "detector.json", *more)
    assert done.code == code


def test_every_sign_of_the_rules_is_a_feature(evidence: FrameEvidence) -> None:
    assert set(all_signs(evidence, load().breakup)) == set(features.SIGNS)
    assert len(features.column_names()) == features.in_context(evidence, load().breakup).shape[1]


def test_the_rule_score_equals_that_of_the_verdicts(evidence: FrameEvidence) -> None:
    rules = load().breakup
    scores = [verdict.score for verdict in load_detector(None, rules).judge(evidence)]
    ours = features.rule_scores(features.in_context(evidence, rules))
    assert ours == pytest.approx(np.minimum(scores, ours.max()), abs=0.05)


def test_the_bench_labels_by_the_truth_and_asks_for_what_the_last_detector_doubts(
    snowy: Sequence[Path], tmp_path: Path
) -> None:
    from train import Case, row, teach

    known = [Case(film, SNOWY, "tuning") for film in snowy]
    rounds = [teach(tmp_path / "examples", known, count) for count in (24, 36)]
    assert [one.pictures for one in rounds] == [24, 36]
    assert 0 < rounds[0].broken <= rounds[1].broken < 36
    detector = load_detector(tmp_path / "examples" / "detector.json", load().breakup)
    case = Case(snowy[0], SNOWY, "check")
    line = row("some", detector, [(case, measure_evidence(open_source(snowy[0], steady=True)))])
    assert line.startswith("| some | 1.000 | 1.000 | 0 | - ")
