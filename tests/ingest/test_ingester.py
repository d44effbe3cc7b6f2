"""Every frame of a source, whatever its kind, is embedded and gets a proxy exactly once."""

import os
import shutil
import weakref
from collections.abc import Generator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import pictures, write_clip, write_gif, write_pictures, write_rotated, write_vfr
from hypothesis import given
from hypothesis import strategies as st
from runs import contents, in_a_process, modules_after, opened, settings

from reelweave import pipeline
from reelweave.errors import ReelweaveError
from reelweave.ingest.batches import mean_luma, sample_frames, sharpness
from reelweave.media import ffmpeg
from reelweave.media.identity import video_id
from reelweave.media.proxy import ProxySize, proxy_picture, read_proxies
from reelweave.media.source import VideoFile
from reelweave.media.types import Frame, FrameRows, Picture, VideoRecord
from reelweave.progress import SilentProgress

FILM = pictures(24)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", FILM, fps=20)


@pytest.fixture
def own(clip: Path, tmp_path: Path) -> Path:
    """A copy of the clip that a test may change."""
    return Path(shutil.copy2(clip, tmp_path / "own.mp4"))


class Notes(SilentProgress):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Once `off` is called, starting ffmpeg fails the test."""

    def started(*_: Any, **__: Any) -> None:
        pytest.fail("ffmpeg was started")

    class Off(pytest.MonkeyPatch):
        def off(self) -> None:
            monkeypatch.setattr(ffmpeg, "run", started)
            monkeypatch.setattr(ffmpeg, "Reader", started)

    return Off()


def rows_of(library: Path, video: VideoRecord, space: str = "appearance") -> FrameRows:
    with opened(library) as opened_library:
        return opened_library.rows(video, space)


def proxies_of(library: Path, video: VideoRecord) -> list[Picture]:
    with opened(library) as opened_library:
        size = ProxySize(video.proxy_width, video.proxy_height)
        stack = read_proxies(opened_library.proxies_file(video.id), size, video.frames)
        return [proxy_picture(proxy) for proxy in stack]


def test_every_frame_becomes_a_row_with_its_facts(clip: Path, library: Path) -> None:
    video = pipeline.ingest(clip, settings())
    rows = rows_of(library, video)
    frames = list(VideoFile(clip).frames())
    assert rows.indices.tolist() == list(range(24))
    assert rows.times.tolist() == [frame.time for frame in frames]
    assert rows.sharpness == pytest.approx([sharpness(frame.picture) for frame in frames], rel=1e-4)
    assert rows.luma == pytest.approx([mean_luma(frame.picture) for frame in frames], rel=1e-4)
    assert rows.duplicate_of.tolist() == [-1] * 24
    assert np.linalg.norm(rows.vectors, axis=1) == pytest.approx(np.ones(24), abs=1e-5)


def test_chroma_holds_the_frame_facts_as_metadata(clip: Path, library: Path) -> None:
    video = pipeline.ingest(clip, settings())
    with opened(library) as opened_library:
        opened_library.store.count(video.id, opened_library.catalog.spaces(video.id)["appearance"].space)
        client = opened_library.store._client  # type: ignore[attr-defined]
        stored = client.get_collection(f"{video.id}.appearance", embedding_function=None).get(ids=["00000003"])
    facts = stored["metadatas"][0]
    assert set(facts) == {"frame", "time", "sharpness", "luma", "duplicate_of"}
    assert (facts["frame"], facts["time"], facts["duplicate_of"]) == (3, pytest.approx(0.15), -1)


def test_every_frame_has_a_proxy_that_shows_it(clip: Path, library: Path) -> None:
    video = pipeline.ingest(clip, settings())
    proxies = proxies_of(library, video)
    assert len(proxies) == 24
    assert proxies[0].shape == (video.proxy_height, video.proxy_width, 3)
    for proxy, frame in zip(proxies, VideoFile(clip).frames(), strict=True):
        small = cv2.resize(frame.picture, (video.proxy_width, video.proxy_height), interpolation=cv2.INTER_AREA)
        assert np.abs(proxy.astype(int) - small).mean() < 12


@pytest.mark.parametrize("batch", [1, 5, 24, 1000], ids=lambda batch: f"batches of {batch}")
def test_the_batch_size_does_not_change_the_result(clip: Path, tmp_path: Path, batch: int) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    pipeline.ingest(clip, settings(library=str(one)))
    pipeline.ingest(clip, settings(library=str(other), ingest__batch=batch))
    assert contents(one) == contents(other)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("clip.mp4", "video"), ("anim.gif", "video"), ("pictures", "pictures")],
    ids=["video file", "animated GIF", "folder of pictures"],
)
def test_every_kind_of_source_is_ingested(tmp_path: Path, library: Path, name: str, kind: str) -> None:
    make: Any = {".mp4": write_clip, ".gif": write_gif, "": write_pictures}[Path(name).suffix]
    video = pipeline.ingest(make(tmp_path / name, FILM[:12]), settings())
    assert (video.frames, video.kind, video.complete, video.name) == (12, kind, True, name)
    assert rows_of(library, video).indices.tolist() == list(range(12))
    assert len(proxies_of(library, video)) == 12


@pytest.mark.parametrize(
    ("fps", "kept"),
    [
        pytest.param(0, list(range(24)), id="all"),
        pytest.param(20, list(range(24)), id="the film's own rate"),
        pytest.param(1000, list(range(24)), id="a higher rate than the film's"),
        pytest.param(10, list(range(0, 24, 2)), id="half the rate"),
        pytest.param(8, [0, 3, 5, 8, 10, 13, 15, 18, 20, 23], id="a rate that does not divide"),
        pytest.param(1, [0, 20], id="one a second"),
        pytest.param(0.01, [0], id="a single frame"),
    ],
)
def test_fps_takes_the_first_frame_of_each_interval(clip: Path, library: Path, fps: float, kept: list[int]) -> None:
    video = pipeline.ingest(clip, settings(ingest__fps=fps))
    rows = rows_of(library, video)
    assert rows.indices.tolist() == kept
    assert rows.times == pytest.approx(np.array(kept) / 20)
    assert len(proxies_of(library, video)) == video.frames == len(kept)
    assert video.fps == 20


def test_fps_uses_the_frames_own_timestamps(tmp_path: Path, library: Path) -> None:
    path = write_vfr(tmp_path / "vfr.mp4", FILM[:6], [0.04, 0.04, 0.8, 0.04, 0.08, 0.04])
    assert rows_of(library, pipeline.ingest(path, settings(ingest__fps=5))).indices.tolist() == [0, 3, 5]


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=40).map(sorted),
    st.sampled_from([0.5, 1, 2, 24, 25, 29.97, 60]),
)
def test_sampling_keeps_one_frame_for_each_interval_that_has_any(times: list[float], fps: float) -> None:
    picture = np.zeros((1, 1, 3), np.uint8)
    frames = [Frame(index, time, picture) for index, time in enumerate(times)]
    chosen = list(sample_frames(frames, fps))
    intervals = [int(frame.time * fps + 1e-6) for frame in chosen]
    assert chosen[0] is frames[0]
    assert intervals == sorted(set(intervals))
    assert set(intervals) == {int(time * fps + 1e-6) for time in times}


@pytest.mark.parametrize("frames", [2, 24])
def test_a_variable_frame_rate_is_recorded_as_its_mean(tmp_path: Path, frames: int) -> None:
    durations = ([0.04, 0.4, 0.12, 0.2] * 6)[:frames]
    video = pipeline.ingest(write_vfr(tmp_path / "vfr.mp4", FILM[:frames], durations), settings())
    assert video.fps == pytest.approx((frames - 1) / sum(durations[:-1]), rel=0.02)


def test_a_constant_frame_rate_is_recorded_exactly(clip: Path) -> None:
    video = pipeline.ingest(clip, settings())
    assert (video.fps, video.seconds) == (20, pytest.approx(1.2))


def test_a_rotated_video_is_stored_upright(tmp_path: Path, library: Path) -> None:
    video = pipeline.ingest(write_rotated(tmp_path / "turned.mp4", FILM[:3]), settings())
    assert (video.width, video.height) == (64, 96)
    assert video.proxy_width < video.proxy_height
    upright = cv2.resize(np.ascontiguousarray(np.rot90(FILM[0])), (video.proxy_width, video.proxy_height))
    assert np.abs(proxies_of(library, video)[0].astype(int) - upright).mean() < 30


def test_size_is_the_short_side_of_what_is_embedded(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[tuple[int, ...]] = set()
    from reelweave.ingest.models.appearance import AppearanceEmbedder

    embed = AppearanceEmbedder.embed
    monkeypatch.setattr(AppearanceEmbedder, "embed", lambda self, p: seen.update(x.shape for x in p) or embed(self, p))
    pipeline.ingest(clip, settings(ingest__size=32))
    assert seen == {(32, 48, 3)}


def test_repeats_refer_to_the_first_frame_they_repeat(tmp_path: Path, library: Path) -> None:
    order = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3]
    video = pipeline.ingest(
        write_clip(tmp_path / "still.mkv", [FILM[position] for position in order]), settings(ingest__batch=4)
    )
    assert rows_of(library, video).duplicate_of.tolist() == [-1, 0, 0, -1, 3, -1, -1, 6, 6, 6]


class PictureCount:
    """Count the decoded pictures that are in memory at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.most = 0
        frames = VideoFile.frames

        def counted(source: VideoFile, *arguments: Any, **options: Any) -> Generator[Frame, None, None]:
            for frame in frames(source, *arguments, **options):
                self.now += 1
                self.most = max(self.most, self.now)
                weakref.finalize(frame.picture, self._gone)
                yield frame

        monkeypatch.setattr(VideoFile, "frames", counted)

    def _gone(self) -> None:
        self.now -= 1


@pytest.mark.parametrize("length", [30, 120], ids=lambda length: f"{length} frames")
def test_only_one_batch_of_pictures_is_in_memory_however_long_the_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    path = write_clip(tmp_path / "long.mp4", (FILM * 5)[:length], crf=30)
    alive = PictureCount(monkeypatch)
    assert pipeline.ingest(path, settings(ingest__batch=10)).frames == length
    # The batch, the frame after it, and the one that the decoder has just finished.
    assert alive.most <= 12
    assert alive.now == 0


@pytest.mark.parametrize("again", ["the same path", "touched", "a copy", "renamed", "a link"])
def test_known_content_is_not_decoded_again(
    own: Path, tmp_path: Path, library: Path, no_decoder: Any, again: str
) -> None:
    first = pipeline.ingest(own, settings())
    before = contents(library)[first.id]
    other = own if again in ("the same path", "touched") else tmp_path / "other name.mkv"
    if again == "touched":
        os.utime(own, (1, 1))
    elif again == "a copy":
        shutil.copy(own, other)
    elif again == "renamed":
        own.rename(other)
    elif again == "a link":
        other.symlink_to(own)
    no_decoder.off()
    second = pipeline.ingest(other, settings())
    assert second.id == first.id
    after = contents(library)
    assert list(after) == [first.id]
    assert (after[first.id]["rows"], after[first.id]["proxies"]) == (before["rows"], before["proxies"])
    assert pipeline.ingest(other, settings()) == second


def test_a_changed_file_under_the_same_name_becomes_a_new_video(own: Path, library: Path) -> None:
    old = pipeline.ingest(own, settings())
    write_clip(own, FILM[5:])
    new = pipeline.ingest(own, settings())
    assert new.id != old.id
    assert new.frames == 19
    assert set(contents(library)) == {old.id, new.id}
    with opened(library) as opened_library:
        assert opened_library.catalog.find(str(own)) == new


def test_restoring_the_old_content_gives_the_old_video(own: Path, clip: Path, library: Path, no_decoder: Any) -> None:
    old = pipeline.ingest(own, settings())
    write_clip(own, FILM[5:])
    pipeline.ingest(own, settings())
    shutil.copy(clip, own)
    no_decoder.off()
    assert pipeline.ingest(own, settings()).id == old.id
    with opened(library) as opened_library:
        assert opened_library.catalog.find(str(own)).id == old.id


@pytest.mark.parametrize("change", ["added", "removed", "renamed", "changed"])
def test_changing_the_pictures_of_a_folder_makes_it_a_new_video(tmp_path: Path, change: str) -> None:
    folder = write_pictures(tmp_path / "pictures", FILM[:4])
    old = pipeline.ingest(folder, settings())
    assert pipeline.ingest(folder, settings()) == old
    last = folder / "frame 4.png"
    if change == "added":
        shutil.copy(last, folder / "frame 5.png")
    elif change == "removed":
        last.unlink()
    elif change == "renamed":
        last.rename(folder / "frame 0.png")
    else:
        shutil.copy(folder / "frame 1.png", last)
    assert pipeline.ingest(folder, settings()).id != old.id


@pytest.mark.parametrize(
    ("first", "second", "anew"),
    [
        pytest.param({}, {"ingest__fps": 5}, False, id="all frames serve any rate"),
        pytest.param({"ingest__fps": 5}, {}, True, id="sampled frames do not serve all frames"),
        pytest.param({"ingest__size": 32}, {"ingest__size": 48}, True, id="another size"),
    ],
)
def test_other_sampling_is_ingested_again_only_if_necessary(
    clip: Path, library: Path, first: dict[str, Any], second: dict[str, Any], anew: bool
) -> None:
    old = pipeline.ingest(clip, settings(**first))
    notes = Notes()
    new = pipeline.ingest(clip, settings(**second), notes)
    assert (new != old) == bool(notes.texts) == anew
    assert list(contents(library)) == [new.id]
    assert len(rows_of(library, new)) == new.frames


def test_an_unchanged_source_loads_neither_the_store_nor_a_model(clip: Path) -> None:
    pipeline.ingest(clip, settings())
    loaded = modules_after(f"from reelweave.cli import run; assert run(['ingest', {str(clip)!r}]) == 0")
    assert loaded & {"chromadb", "torch", "open_clip", "cv2", "scipy", "faiss", "ortools"} == set()


def test_lost_proxies_are_noticed_and_written_again(clip: Path, library: Path) -> None:
    video = pipeline.ingest(clip, settings())
    before = contents(library)
    with opened(library) as opened_library:
        opened_library.proxies_file(video.id).unlink()
    notes = Notes()
    pipeline.ingest(clip, settings(), notes)
    assert any("damaged" in text for text in notes.texts)
    assert contents(library) == before


def test_damage_is_noted_and_recorded(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", pictures(48), crf=23).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    notes = Notes()
    video = pipeline.ingest(tmp_path / "cut.mkv", settings(), notes)
    assert 0 < video.frames < 48
    assert video.problems
    assert any(video.problems[0] in text for text in notes.texts)


def test_a_broken_picture_does_not_stop_the_others(tmp_path: Path, library: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", FILM[:12])
    (folder / "frame 7.png").write_bytes(b"no picture")
    notes = Notes()
    video = pipeline.ingest(folder, settings(ingest__batch=4), notes)
    assert rows_of(library, video).indices.tolist() == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert any("frame 7.png" in text for text in notes.texts)
    assert video.fps == 25


@given(st.text(max_size=300), st.integers(0, 2**256 - 1).map("{:064x}".format))
def test_a_video_id_is_valid_in_every_store_and_file_system(name: str, sha256: str) -> None:
    import re

    made = video_id(Path("folder") / name.replace("/", "").replace("\0", ""), sha256)
    for used in (made, f"{made}.appearance", f"{made}.clip"):
        assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]", used)
    assert made.endswith(sha256[:8])
    assert len(made) < 64


HOSTILE = [
    "-dash",
    "two words",
    "[br](x)",
    "q'u\"o",
    "🎬",
    "éàü",
    "new\nline",
    "%d",
    "a:b",
    "..",
    ".hidden",
    "back\\slash",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_unusual_names_are_ingested_and_stay_inside_the_library(
    clip: Path, tmp_path: Path, library: Path, name: str, kind: str
) -> None:
    around = {path for path in library.parent.iterdir() if path != library}
    if kind == "file":
        path = Path(shutil.copy(clip, tmp_path / f"{name}.mp4"))
    else:
        path = write_pictures(tmp_path / f"{name} ", FILM[:2])
    video = pipeline.ingest(path, settings())
    with opened(library) as opened_library:
        assert opened_library.catalog.find(str(path)) == video
        assert opened_library.proxies_file(video.id).resolve().parent == (library / "proxies").resolve()
        assert opened_library.verify(video, "appearance") == []
    assert {path for path in library.parent.iterdir() if path != library} == around


@pytest.mark.parametrize("path", [".", "..", "../pictures", "pictures/."])
def test_a_folder_given_by_a_relative_path_gets_its_real_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (write_pictures(tmp_path / "pictures", FILM[:2]) / "below").mkdir()
    places = {".": "pictures", "..": "pictures/below", "../pictures": "pictures", "pictures/.": "."}
    monkeypatch.chdir(tmp_path / places[path])
    assert pipeline.ingest(Path(path), settings()).name == "pictures"


def test_a_name_that_is_not_utf8_is_refused(clip: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/inv\xff.mp4"))
    try:
        shutil.copy(clip, path)
    except OSError:
        pytest.skip("this file system does not allow such a name")
    with pytest.raises(ReelweaveError, match="not valid UTF-8"):
        pipeline.ingest(path, settings())
    assert in_a_process("ingest", path).code == 1
