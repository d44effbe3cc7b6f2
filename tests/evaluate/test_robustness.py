"""Degradations do what they say, and the command measures what it says."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import pictures, write_clip, write_pictures
from runs import Run, files

from reelweave.errors import UsageError
from reelweave.evaluate.degradations import KINDS, Degradation, parse_degradations
from reelweave.evaluate.robustness import RobustnessOptions, measure_robustness
from reelweave.ingest.models.appearance import AppearanceEmbedder
from reelweave.media.types import Picture
from reelweave.progress import SilentProgress
from reelweave.settings import load


def degraded(kind: str, strength: float, picture: Picture, seed: int = 0) -> Picture:
    return Degradation(kind, strength).of(picture, np.random.default_rng(seed))


def grey(level: int = 100) -> Picture:
    return np.full((120, 160, 3), level, np.uint8)


def detail(picture: Picture) -> float:
    return float(cv2.Laplacian(picture, cv2.CV_32F).std())


@pytest.mark.parametrize("kind", KINDS)
def test_no_degradation_changes_its_input(kind: str) -> None:
    picture = pictures(1)[0]
    before = picture.copy()
    changed = degraded(kind, KINDS[kind].defaults[-1], picture)
    assert np.array_equal(picture, before)
    assert not np.array_equal(changed, before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_degradation(kind: str) -> None:
    picture, strength = pictures(1)[0], KINDS[kind].defaults[0]
    assert np.array_equal(degraded(kind, strength, picture), degraded(kind, strength, picture))


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_strengths_of_a_kind_differ(kind: str) -> None:
    first, second = (degraded(kind, strength, pictures(1)[0]) for strength in KINDS[kind].defaults)
    assert not np.array_equal(first, second)


def test_salt_and_pepper_hits_its_share_of_the_pixels_black_and_white_alike() -> None:
    noisy = degraded("salt-pepper", 0.1, grey())
    assert {tuple(pixel) for pixel in noisy.reshape(-1, 3)} == {(0,) * 3, (100,) * 3, (255,) * 3}
    shares = [float(np.mean(noisy == level)) for level in (0, 255)]
    assert shares == pytest.approx([0.05, 0.05], abs=0.01)


def test_gaussian_noise_has_the_requested_deviation() -> None:
    assert float(degraded("gaussian", 10, grey()).std()) == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize(("factor", "level"), [(0.5, 50), (1.5, 150), (10, 255)])
def test_brightness_is_a_factor_clipped_at_white(factor: float, level: int) -> None:
    assert np.unique(degraded("brightness", factor, grey())).tolist() == [level]


def test_a_blurred_picture_has_less_detail_and_keeps_its_brightness() -> None:
    picture = pictures(1)[0]
    blurred = degraded("blur", 0.05, picture)
    assert detail(blurred) < 0.5 * detail(picture)
    assert float(blurred.mean()) == pytest.approx(float(picture.mean()), abs=1)


def test_resize_is_a_share_of_both_sides() -> None:
    assert degraded("resize", 0.25, grey()).shape == (30, 40, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (["blur=0.02"], [("blur", 0.02)]),
        (["salt-pepper=0.05,0.1", "jpeg=20"], [("salt-pepper", 0.05), ("salt-pepper", 0.1), ("jpeg", 20)]),
        (["jpeg"], [("jpeg", strength) for strength in KINDS["jpeg"].defaults]),
        (["blur=.02", "blur=0.02"], [("blur", 0.02)]),
        ([], [(name, strength) for name, kind in KINDS.items() for strength in kind.defaults]),
    ],
    ids=["one", "several", "defaults", "twice", "nothing"],
)
def test_kinds_and_strengths_are_parsed(text: list[str], expected: list[tuple[str, float]]) -> None:
    assert [(one.kind, one.strength) for one in parse_degradations(text)] == expected


@pytest.mark.parametrize("text", ["fog", "blur=", "blur=much", "salt-pepper=1.5", "jpeg=0", "gaussian=nan", "blur=-1"])
def test_an_unknown_kind_or_strength_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_degradations([text])


Measured = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """A drawn film of 40 frames, by kind: hardly degraded, and degraded beyond recognition."""
    folder = tmp_path_factory.mktemp("measured")
    clip = write_clip(folder / "film.mp4", pictures(40, (192, 108)))
    kinds = [Degradation("brightness", 0.8), Degradation("salt-pepper", 0.05), Degradation("salt-pepper", 1)]
    settings = load({"library": str(folder / "library")})
    done = measure_robustness(
        clip, RobustnessOptions(kinds, frames=0), AppearanceEmbedder(), settings, SilentProgress()
    )
    assert not (folder / "library").exists()
    return {
        str(row.degradation or "none"): vars(row.retrieval)
        | {"adjacency": row.order.adjacency, "tau": row.order.abs_tau}
        for row in done.rows
    }


def test_clean_frames_are_found_and_ordered(measured: Measured) -> None:
    assert measured["none"] == pytest.approx(
        {"found": 1, "near": 1, "cosine": 1, "lowest": 1, "adjacency": 1, "tau": 1}, abs=1e-5
    )


@pytest.mark.parametrize("kind", ["brightness 0.8", "salt-pepper 0.05"])
def test_a_slight_degradation_costs_little(measured: Measured, kind: str) -> None:
    row = measured[kind]
    assert min(row["found"], row["near"], row["adjacency"], row["tau"]) > 0.9
    assert 0.8 < row["lowest"] <= row["cosine"] < 1


def test_pure_noise_is_neither_found_nor_ordered(measured: Measured) -> None:
    row = measured["salt-pepper 1"]
    assert max(row["found"], row["adjacency"], row["tau"]) < 0.5
    assert row["cosine"] < 0.5


def test_identical_frames_count_as_one(tmp_path: Path) -> None:
    still = [picture for picture in pictures(10, (192, 108)) for _ in range(3)]
    clip = write_clip(tmp_path / "still.mp4", still)
    done = measure_robustness(clip, RobustnessOptions([]), AppearanceEmbedder(), load(), SilentProgress())
    assert done.rows[0].retrieval.found == done.rows[0].order.adjacency == 1


def test_the_command_prints_a_line_per_degradation_and_keeps_nothing(
    run: Run, film: Path, library: Path, tmp_path: Path
) -> None:
    before = files(library)
    options = ["--noise", "salt-pepper", "--noise", "blur=0.02", "--frames", "20", "--seed", "3"]
    done = run("evaluate", "robustness", film, *options, "--plot", tmp_path / "plot.png", "--json", "-q")
    assert done.code == 0
    assert [(row["noise"], row["strength"]) for row in done.rows] == [
        ("none", None),
        ("salt-pepper", 0.05),
        ("salt-pepper", 0.2),
        ("blur", 0.02),
    ]
    assert {row["frames"] for row in done.rows} == {20}
    assert {row["first"] for row in done.rows} < set(range(29))
    assert cv2.imread(str(tmp_path / "plot.png")).shape[1] > 600
    assert files(library) == before


def test_the_command_prints_a_table_and_writes_a_plot(
    run: Run, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("evaluate", "robustness", film, "--noise", "jpeg=30", "--frames", "12", "-q")
    assert [line.split("  ")[0] for line in done.out.splitlines()[1:3]] == ["none", "jpeg 30"]
    assert [path.name for path in tmp_path.iterdir()] == ["film.robustness.png"]
    assert run("evaluate", "robustness", film, "--noise", "jpeg=30", "--frames", "12", "-q", "--json").rows
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_of_pictures_is_accepted(run: Run, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", pictures(12, (192, 108)))
    rows = run("evaluate", "robustness", folder, "--noise", "resize=0.5", "--json", "-q").rows
    assert [row["found"] for row in rows] == [1, 1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--noise", "fog"], 2),
        (["--frames", "-1"], 2),
        (["--within", "nan"], 2),
        (["--plot", "plot.txt"], 2),
        (["--plot", "nowhere/plot.png"], 2),
        (["--space", "sounds"], 2),
        (["--frames", "2"], 1),
        (["--truth", "truth.json"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_invalid_requests_are_refused(run: Run, film: Path, arguments: list[str], code: int) -> None:
    done = run("evaluate", "robustness", film, *arguments, "-q")
    assert (done.code, done.out) == (code, "")
    assert done.err


def test_a_missing_film_is_reported(run: Run, tmp_path: Path) -> None:
    done = run("evaluate", "robustness", tmp_path / "nowhere.mp4", "-q")
    assert (done.code, done.out) == (1, "")
    assert "There is no file" in done.err


@pytest.mark.parametrize("arguments", [[], ["--truth", "truth.json"], ["robustness"]], ids=["bare", "truth", "below"])
def test_missing_arguments_are_a_usage_error(run: Run, arguments: list[str]) -> None:
    assert run("evaluate", *arguments).code == 2


def test_evaluate_help_names_both_uses(run: Run) -> None:
    help_text = run("evaluate", "--help").out
    assert "--truth" in help_text
    assert "evaluate robustness" in help_text
    assert "--noise" in run("evaluate", "robustness", "--help").out


Noise = Callable[[str, str], float]


@pytest.fixture
def by_scramble(run: Run, film: Path, tmp_path: Path) -> Noise:
    """The adjacency of the film that `scramble` degraded, with nothing lost between."""

    def score(option: str, strength: str) -> float:
        scrambled, truth, plan = tmp_path / "s.mkv", tmp_path / "t.json", tmp_path / "p.json"
        assert run("scramble", film, "-o", scrambled, "--truth", truth, option, strength, "--crf", 0, "-q").code == 0
        assert run("reconstruct", scrambled, "-o", tmp_path / "f.mp4", "--plan", plan, "-q").code == 0
        return float(run("evaluate", plan, "--truth", truth, "--json").data["adjacency"])

    return score


@pytest.mark.parametrize(("kind", "strength"), [("salt-pepper", "0.2"), ("gaussian", "40")])
def test_the_noise_equals_that_of_scramble(run: Run, film: Path, by_scramble: Noise, kind: str, strength: str) -> None:
    row = run("evaluate", "robustness", film, "--noise", f"{kind}={strength}", "--json", "-q").rows[1]
    assert row["adjacency"] == pytest.approx(by_scramble(f"--{kind}", strength), abs=0.15)
