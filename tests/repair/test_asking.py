"""The question before many frames are replaced."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import write_clip
from runs import Run

from reelweave.media.types import Picture

COUNT = 24
BROKEN = range(9, 12)


def film(noisy: bool) -> list[Picture]:
    """A square crosses a landscape; if noisy, three of its 24 frames show noise only."""
    rng = np.random.default_rng(2)
    ground = cv2.resize(rng.integers(30, 150, (8, 12, 3)).astype(np.uint8), (160, 96), interpolation=cv2.INTER_CUBIC)
    frames = []
    for number in range(COUNT):
        frame = ground.copy()
        frame[32:64, 8 + 4 * number : 40 + 4 * number] = 230
        noise = rng.integers(0, 255, frame.shape).astype(np.uint8)
        frames.append(noise if noisy and number in BROKEN else np.asarray(frame, np.uint8))
    return frames


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("noisy") / "noisy.mp4", film(noisy=True))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user at a terminal."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)


def test_many_frames_are_not_replaced_unasked(run: Run, noisy: Path, tmp_path: Path) -> None:
    done = run("repair", noisy, "-o", tmp_path / "out.mp4")
    assert done.code == 2
    assert "--yes" in done.err
    assert "3 of 24" in done.err
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("answer", [["--yes"], ["--frames", "9-11"]], ids=" ".join)
def test_what_the_user_states_is_replaced(run: Run, noisy: Path, tmp_path: Path, answer: list[str]) -> None:
    done = run("repair", noisy, "-o", tmp_path / "out.mp4", *answer, "--json")
    assert done.code == 0, done.err
    assert [row["frame"] for row in done.data["frames"]] == list(BROKEN)
    assert (tmp_path / "out.mp4").exists()


def test_detection_alone_never_asks(run: Run, noisy: Path) -> None:
    assert run("repair", noisy, "--detect-only").code == 0


@pytest.mark.parametrize("yes", [True, False])
@pytest.mark.usefixtures("terminal")
def test_a_user_at_a_terminal_is_asked(
    run: Run, noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, yes: bool
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda question, **_: asked.append(question) or yes)
    done = run("repair", noisy, "-o", tmp_path / "out.mp4")
    assert len(asked) == 1
    assert (done.code == 0, (tmp_path / "out.mp4").exists()) == (yes, yes)


@pytest.mark.usefixtures("terminal")
def test_a_film_that_looks_broken_throughout_is_not_even_asked_about(
    run: Run, noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWEAVE_REPAIR__THROUGHOUT", "0.1")
    assert run("repair", noisy, "-o", tmp_path / "out.mp4").code == 2
    assert not (tmp_path / "out.mp4").exists()
    assert run("repair", noisy, "-o", tmp_path / "out.mp4", "--yes").code == 0


def test_a_clean_film_is_copied_without_a_question(run: Run, tmp_path: Path) -> None:
    video = write_clip(tmp_path / "clean.mp4", film(noisy=False))
    done = run("repair", video, "-o", tmp_path / "out.mp4", "--json")
    assert (done.code, done.data["frames"]) == (0, [])
