"""A run that was killed and run again leaves exactly what an undisturbed run leaves."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import pictures, write_clip
from interruptions import POINTS, Killed, fail_at
from runs import contents, frames_stored, opened, settings, started, wait_until

from reelweave import pipeline
from reelweave.ingest import ingester
from reelweave.media.types import Floats, Picture, Space
from reelweave.settings import NetworkSettings as ClipSettings

FRAMES = 160
BATCH = 4


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With still passages, so that the last distinct frame is several batches back."""
    moving = pictures(40, (192, 108))
    frames = [moving[place // 4 if place < 80 else place - 60] for place in range(100)]
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mkv", (frames + frames)[:FRAMES], fps=20)


@pytest.fixture(scope="module")
def undisturbed(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an undisturbed run leaves, whatever the size of its batches."""
    folder = tmp_path_factory.mktemp("undisturbed")
    pipeline.ingest(clip, settings(library=str(folder)))
    return contents(folder)


@pytest.mark.parametrize("after", [1, 40, 100], ids=lambda after: f"after {after} frames")
def test_a_killed_run_resumes_to_bit_identical_contents(
    clip: Path, undisturbed: dict[str, Any], library: Path, after: int
) -> None:
    _kill_after(signal.SIGKILL, clip, library, after)
    assert after <= frames_stored(library) < FRAMES
    pipeline.ingest(clip, settings(ingest__batch=BATCH))
    assert contents(library) == undisturbed


def test_a_killed_sampling_run_resumes_to_bit_identical_contents(clip: Path, tmp_path: Path, library: Path) -> None:
    _kill_after(signal.SIGKILL, clip, library, 12, "--fps", 7)
    pipeline.ingest(clip, settings(ingest__fps=7))
    pipeline.ingest(clip, settings(ingest__fps=7, library=str(tmp_path / "other")))
    assert contents(library) == contents(tmp_path / "other")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda sent: sent.name)
def test_an_interrupted_run_ends_quietly_and_resumes(
    clip: Path, undisturbed: dict[str, Any], library: Path, sent: signal.Signals
) -> None:
    code, err = _kill_after(sent, clip, library, 20)
    assert code == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("interrupted")
    stored = frames_stored(library)
    assert 20 <= stored < FRAMES
    with opened(library) as opened_library:
        assert not opened_library.catalog.videos()[0].complete
    pipeline.ingest(clip, settings(ingest__batch=BATCH))
    assert contents(library) == undisturbed


def _kill_after(sent: signal.Signals, clip: Path, library: Path, after: int, *options: object) -> tuple[int, str]:
    """Ingest in a process of its own until so many frames are stored, then send it a signal."""
    command = ("ingest", clip, "--space", "appearance", *options)
    with started(*command, slow=True, REELWEAVE_INGEST__BATCH=BATCH) as process:
        wait_until(lambda: frames_stored(library) >= after or process.poll() is not None)
        process.send_signal(sent)
        err = process.communicate()[1]
    return process.returncode, err


@pytest.mark.parametrize("call", [1, 2, 9], ids=lambda call: f"batch {call}")
@pytest.mark.parametrize("point", POINTS)
def test_a_run_may_die_at_any_point_of_a_batch(
    clip: Path, undisturbed: dict[str, Any], library: Path, monkeypatch: pytest.MonkeyPatch, point: str, call: int
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, point, call)
        with pytest.raises(Killed):
            pipeline.ingest(clip, settings(ingest__batch=12))
    pipeline.ingest(clip, settings(ingest__batch=12))
    assert contents(library) == undisturbed


def test_a_run_may_die_many_times(
    clip: Path, undisturbed: dict[str, Any], library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for point in list(POINTS)[1:5] * 2:
        with monkeypatch.context() as patch:
            fail_at(patch, point, 3)
            with pytest.raises(Killed):
                pipeline.ingest(clip, settings(ingest__batch=5))
    pipeline.ingest(clip, settings(ingest__batch=BATCH))
    assert contents(library) == undisturbed


def test_a_run_that_dies_before_storing_leaves_nothing(
    clip: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(monkeypatch, "before the vectors are written", 1)
    with pytest.raises(Killed):
        pipeline.ingest(clip, settings())
    assert contents(library) == {}
    assert list((library / "proxies").iterdir()) == []


class FakeClip:
    """A space of four dimensions that counts the pictures it embeds."""

    embedded = 0

    def __init__(self, settings: ClipSettings) -> None:
        self.space = Space("clip", settings.model, "none", "area/1", 4)

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        type(self).embedded += len(pictures)
        small = [cv2.resize(picture, (2, 2), interpolation=cv2.INTER_AREA)[..., 1].ravel() for picture in pictures]
        vectors = np.array(small, np.float32).reshape(-1, 4) + 1
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.fixture
def fake_clip(monkeypatch: pytest.MonkeyPatch) -> type[FakeClip]:
    """Replace CLIP."""
    original = ingester.open_embedder
    monkeypatch.setattr(
        ingester, "open_embedder", lambda name, own: FakeClip(own) if name == "clip" else original(name, own)
    )
    monkeypatch.setattr(FakeClip, "embedded", 0)
    return FakeClip


def test_adding_a_space_does_not_embed_the_first_again(
    clip: Path, tmp_path: Path, library: Path, fake_clip: type[FakeClip]
) -> None:
    pipeline.ingest(clip, settings())
    before = contents(library)
    (video,) = before
    pipeline.ingest(clip, settings(ingest__space="clip"))
    after = contents(library)[video]
    assert set(after["rows"]) == {"appearance", "clip"}
    assert after["rows"]["appearance"] == before[video]["rows"]["appearance"]
    assert after["rows"]["clip"][:5] == after["rows"]["appearance"][:5]
    assert after["proxies"] == before[video]["proxies"]
    pipeline.ingest(clip, settings(ingest__space="all", library=str(tmp_path / "both")))
    assert contents(tmp_path / "both")[video] == after
    assert fake_clip.embedded == 2 * FRAMES


@pytest.mark.parametrize("point", list(POINTS)[1:5])
def test_a_half_done_second_space_resumes_to_bit_identical_contents(
    clip: Path, tmp_path: Path, library: Path, fake_clip: type[FakeClip], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    pipeline.ingest(clip, settings())
    with monkeypatch.context() as patch:
        fail_at(patch, point, 6)
        with pytest.raises(Killed):
            pipeline.ingest(clip, settings(ingest__space="all", ingest__batch=12))
    pipeline.ingest(clip, settings(ingest__space="all", ingest__batch=12))
    pipeline.ingest(clip, settings(ingest__space="all", library=str(tmp_path / "both")))
    assert contents(library) == contents(tmp_path / "both")


def test_spaces_of_different_progress_are_all_completed(
    clip: Path, tmp_path: Path, library: Path, fake_clip: type[FakeClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    for space, call in (("appearance", 3), ("clip", 6)):
        with monkeypatch.context() as patch:
            fail_at(patch, "as the catalog is written", call)
            with pytest.raises(Killed):
                pipeline.ingest(clip, settings(ingest__space=space, ingest__batch=10))
    pipeline.ingest(clip, settings(ingest__space="all", ingest__batch=10))
    pipeline.ingest(clip, settings(ingest__space="all", library=str(tmp_path / "both")))
    assert contents(library) == contents(tmp_path / "both")


@pytest.mark.parametrize("lost", ["proxies", "vectors"])
def test_a_resumed_run_starts_again_if_what_it_stored_is_lost(
    clip: Path, undisturbed: dict[str, Any], library: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, "as the catalog is written", 6)
        with pytest.raises(Killed):
            pipeline.ingest(clip, settings(ingest__batch=12))
    with opened(library) as opened_library:
        (video,) = opened_library.catalog.videos()
        if lost == "proxies":
            opened_library.proxies_file(video.id).unlink()
        else:
            opened_library.store.remove(video.id, "appearance")
    pipeline.ingest(clip, settings(ingest__batch=BATCH))
    assert contents(library) == undisturbed
