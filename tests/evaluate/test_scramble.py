"""A scrambled video holds each frame of its clip once, the requested additions, and a matching truth."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import (
    Scrambled,
    decoded,
    ffmpeg_ok,
    nearest,
    pictures,
    raw_frames,
    write_clip,
    write_gif,
    write_pictures,
    write_rotated,
    write_vfr,
)

from reelweave.errors import RenderError, SourceError, UsageError
from reelweave.evaluate.foreign import Foreign, count_frames, covering
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.evaluate.truth import FOREIGN, Truth, read_truth
from reelweave.media.source import open_source
from reelweave.media.types import Picture
from reelweave.progress import SilentProgress

FRAMES = 16
LOSSLESS = ScrambleOptions(crf=0, seed=3)


@pytest.fixture(scope="module")
def drawn() -> list[Picture]:
    return pictures(FRAMES)


@pytest.fixture(scope="module")
def clip(drawn: list[Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", drawn)


class Notes(SilentProgress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def luma(path: Path) -> np.ndarray:
    info = open_source(path).info()
    pixels = info.width * info.height
    return np.stack([np.frombuffer(raw[:pixels], np.uint8) for raw in raw_frames(path)]).astype(int)


def test_the_shared_film_is_scrambled_with_its_foreign_frames(scrambled: Scrambled) -> None:
    truth = scrambled.truth
    assert sorted(truth.frames) == [FOREIGN] * 4 + list(range(48))
    assert truth.frames != sorted(truth.frames)
    assert len(decoded(scrambled.video)) == 52
    assert read_truth(scrambled.truth_file) == truth


def test_the_truth_says_where_every_frame_came_from(scrambled: Scrambled) -> None:
    originals = decoded(Path(scrambled.truth.source))
    for picture, frame in zip(decoded(scrambled.video), scrambled.truth.frames, strict=True):
        if frame != FOREIGN:
            assert nearest(picture, originals) == frame


def test_without_noise_and_at_crf_0_every_frame_is_that_of_the_source(clip: Path, tmp_path: Path) -> None:
    truth = scramble(clip, tmp_path / "out.mp4", LOSSLESS)
    originals = raw_frames(clip)
    assert raw_frames(tmp_path / "out.mp4") == [originals[frame] for frame in truth.frames]
    assert sorted(truth.frames) == list(range(FRAMES))


@pytest.mark.parametrize("how", ["pc", "tv"])
def test_the_colour_range_of_the_source_is_kept(clip: Path, tmp_path: Path, how: str) -> None:
    source = tmp_path / "ranged.mp4"
    retag = f"setparams=range={how}:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
    ffmpeg_ok("-i", str(clip), "-vf", retag, "-c:v", "libx264", "-qp", "0", str(source))
    truth = scramble(source, tmp_path / "out.mp4", ScrambleOptions(crf=0, foreign=1))
    before, after = decoded(source), decoded(tmp_path / "out.mp4")
    for picture, frame in zip(after, truth.frames, strict=True):
        assert frame == FOREIGN or np.array_equal(picture, before[frame])
    assert open_source(tmp_path / "out.mp4").info().pixel_format == {"pc": "yuvj420p", "tv": "yuv420p"}[how]


def test_a_small_scratch_gives_the_same_file(clip: Path, tmp_path: Path) -> None:
    frame = 96 * 64 * 3 // 2
    options = [ScrambleOptions(seed=2, foreign=3, scratch_bytes=room) for room in (4 * frame, 8 << 30)]
    truths = [scramble(clip, tmp_path / f"{i}.mp4", option) for i, option in enumerate(options)]
    assert truths[0] == truths[1]
    assert (tmp_path / "0.mp4").read_bytes() == (tmp_path / "1.mp4").read_bytes()


def test_the_same_seed_gives_the_same_file_and_another_seed_another(clip: Path, tmp_path: Path) -> None:
    seeds = {"one": 5, "again": 5, "other": 6}
    additions = {"foreign": 2, "frames": 10, "salt_pepper": 0.02, "gaussian": 2.0}
    truths = {
        name: scramble(clip, tmp_path / f"{name}.mp4", ScrambleOptions(seed=seed, **additions))  # type: ignore[arg-type]
        for name, seed in seeds.items()
    }
    files = {name: (tmp_path / f"{name}.mp4").read_bytes() for name in seeds}
    assert truths["one"] == truths["again"]
    assert files["one"] == files["again"]
    assert truths["one"].frames != truths["other"].frames
    assert files["one"] != files["other"]


def test_a_stretch_is_consecutive_and_lies_elsewhere_with_another_seed(clip: Path, tmp_path: Path) -> None:
    firsts = set()
    for seed in range(6):
        truth = scramble(clip, tmp_path / "out.mp4", ScrambleOptions(frames=5, seed=seed, crf=40))
        assert sorted(truth.frames) == list(range(truth.first, truth.first + 5))
        assert len(truth.ties) == 5
        firsts.add(truth.first)
    assert len(firsts) > 1


def test_a_stretch_holds_the_frames_it_names(clip: Path, tmp_path: Path) -> None:
    truth = scramble(clip, tmp_path / "out.mp4", ScrambleOptions(frames=6, seed=4, crf=0))
    originals = raw_frames(clip)
    assert raw_frames(tmp_path / "out.mp4") == [originals[frame] for frame in truth.frames]


@pytest.mark.parametrize("frames", [0, None, FRAMES, FRAMES + 1], ids=["0", "none", "all", "too many"])
def test_a_stretch_longer_than_the_clip_is_cut_and_a_note_says_so(
    clip: Path, tmp_path: Path, frames: int | None
) -> None:
    watcher = Notes()
    truth = scramble(clip, tmp_path / "out.mp4", ScrambleOptions(frames=frames, crf=40), watcher)
    assert sorted(truth.frames) == list(range(FRAMES))
    assert len(watcher.notes) == (frames == FRAMES + 1)


def test_without_shuffling_the_clip_keeps_its_order(clip: Path, tmp_path: Path) -> None:
    truth = scramble(clip, tmp_path / "out.mp4", ScrambleOptions(shuffle=False, foreign=4, crf=40))
    assert [frame for frame in truth.frames if frame != FOREIGN] == list(range(FRAMES))
    assert len(truth.foreign) == 4


@pytest.fixture(scope="module")
def lenders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Foreign]:
    folder = tmp_path_factory.mktemp("lenders")
    strangers = pictures(20, (160, 60), seed=9)
    stills = write_pictures(folder / "stills", strangers[::4])
    (folder / "both").mkdir()
    video = write_clip(folder / "both" / "stranger.mkv", strangers)
    (folder / "both" / "still.png").write_bytes((stills / "frame 1.png").read_bytes())
    (folder / "both" / "notes.txt").write_text("not to be borrowed")
    return {"pictures": stills, "a video": video, "a folder of both": folder / "both", "files": [video], "drawn": 4}


@pytest.mark.parametrize("kind", ["pictures", "a video", "a folder of both", "files", "drawn"])
@pytest.mark.parametrize("mode", ["scattered", "bursts"])
def test_foreign_frames_come_from_numbers_pictures_and_videos(
    clip: Path, drawn: list[Picture], tmp_path: Path, lenders: dict[str, Foreign], kind: str, mode: str
) -> None:
    options = ScrambleOptions(foreign=lenders[kind], foreign_share=0.25, foreign_mode=mode, burst=2)  # type: ignore[arg-type]
    truth = scramble(clip, tmp_path / "out.mp4", options)
    assert len(truth.foreign) == 4
    shown = decoded(tmp_path / "out.mp4")
    for place in truth.foreign:
        assert min(np.abs(shown[place].astype(int) - picture).mean() for picture in drawn) > 10


@pytest.mark.parametrize(("share", "count"), [(0.5, 8), (0.0, 0), (1, 1), (3, 3)])
def test_a_foreign_share_of_one_or_more_is_a_count(
    clip: Path, tmp_path: Path, lenders: dict[str, Foreign], share: float, count: int
) -> None:
    options = ScrambleOptions(foreign=lenders["pictures"], foreign_share=share, crf=40)
    assert len(scramble(clip, tmp_path / "out.mp4", options).foreign) == count


def test_the_frames_of_a_burst_resemble_one_another_and_no_other_burst(clip: Path, tmp_path: Path) -> None:
    options = ScrambleOptions(foreign=6, foreign_mode="bursts", burst=3, shuffle=False, crf=10)
    truth = scramble(clip, tmp_path / "out.mp4", options)
    shown = decoded(tmp_path / "out.mp4")
    one, other = truth.foreign[:3], truth.foreign[3:]
    assert [b - a for a, b in pairwise(one)] == [1, 1]
    correlation = np.corrcoef(
        [cv2.resize(shown[p], (12, 8), interpolation=cv2.INTER_AREA).ravel() for p in one + other]
    )
    assert correlation[0, 1:3].min() > correlation[0, 3:].max()


def test_a_burst_from_a_video_is_consecutive(clip: Path, tmp_path: Path, lenders: dict[str, Foreign]) -> None:
    video = lenders["a video"]
    assert isinstance(video, Path)
    options = ScrambleOptions(foreign=video, foreign_share=4, foreign_mode="bursts", burst=4, shuffle=False)
    truth = scramble(clip, tmp_path / "out.mp4", options)
    there = [covering(picture, (96, 64)) for picture in decoded(video)]
    shown = decoded(tmp_path / "out.mp4")
    borrowed = [nearest(shown[place], there) for place in truth.foreign]
    assert borrowed == list(range(borrowed[0], borrowed[0] + 4))


@pytest.mark.parametrize("share", [0.0, 0.05, 0.4])
def test_salt_and_pepper_change_the_requested_share_of_pixels(clip: Path, tmp_path: Path, share: float) -> None:
    truth = scramble(clip, tmp_path / "out.mp4", ScrambleOptions(salt_pepper=share, crf=0))
    changed = luma(tmp_path / "out.mp4") != luma(clip)[truth.frames]
    assert changed.mean() == pytest.approx(share, abs=0.01)
    assert truth.noise.salt_pepper == share


def test_gaussian_noise_has_the_requested_spread(clip: Path, tmp_path: Path) -> None:
    truth = scramble(clip, tmp_path / "out.mp4", ScrambleOptions(gaussian=8, crf=0))
    before = luma(clip)[truth.frames]
    spread = (luma(tmp_path / "out.mp4") - before)[(before > 60) & (before < 195)].std()
    assert spread == pytest.approx(8 * 219 / 255, rel=0.03)


def test_identical_frames_are_tied_and_exact_repeats_are_found_anywhere(tmp_path: Path) -> None:
    a, b, c = pictures(40)[::15]
    slightly = np.clip(b.astype(int) + np.random.default_rng(0).integers(-1, 2, b.shape), 0, 255).astype(np.uint8)
    moved = b.copy()
    cv2.circle(moved, (20, 50), 5, (255, 255, 255), -1)
    source = write_clip(tmp_path / "source.mkv", [a, b, slightly, moved, c, a, a])
    truth = scramble(source, tmp_path / "out.mp4", LOSSLESS)
    assert truth.ties == [0, 1, 1, 3, 4, 0, 0]


def test_a_moving_film_has_no_ties(scrambled: Scrambled) -> None:
    assert scrambled.truth.ties == list(range(48))


def made(kind: str, folder: Path, frames: list[Picture]) -> Path:
    if kind == "odd":
        return write_gif(folder / "odd.gif", [np.ascontiguousarray(frame[:63, :95]) for frame in frames])
    if kind == "rotated":
        return write_rotated(folder / "rotated.mp4", frames)
    if kind == "variable rate":
        return write_vfr(folder / "vfr.mp4", frames, [0.04 + 0.05 * (i % 3) for i in range(len(frames))])
    if kind == "odd pictures":
        return write_pictures(folder / "odd", [np.ascontiguousarray(frame[:63, :95]) for frame in frames])
    return write_pictures(folder / "pictures", frames)


@pytest.mark.parametrize("kind", ["odd", "rotated", "variable rate", "pictures", "odd pictures"])
def test_any_source_can_be_scrambled(drawn: list[Picture], tmp_path: Path, kind: str) -> None:
    source = made(kind, tmp_path, drawn)
    assert count_frames(source) == FRAMES
    options = ScrambleOptions(frames=12, foreign=2, salt_pepper=0.01, gaussian=1, seed=1)
    truth = scramble(source, tmp_path / "out.mp4", options)
    originals, shown = decoded(source), decoded(tmp_path / "out.mp4")
    height, width = originals[0].shape[:2]
    assert len(shown) == 14
    assert shown[0].shape[:2] == (height + height % 2, width + width % 2)
    for picture, frame in zip(shown, truth.frames, strict=True):
        assert frame == FOREIGN or nearest(picture[:height, :width], originals) == frame


WRONG = {
    "share of pixels": ({"salt_pepper": 1.5}, UsageError),
    "spread": ({"gaussian": -1}, UsageError),
    "quality": ({"crf": 99}, UsageError),
    "burst": ({"burst": 0}, UsageError),
    "frames": ({"frames": -3}, UsageError),
    "number of foreign frames": ({"foreign": -3}, UsageError),
    "foreign folder": ({"foreign": Path("nowhere")}, SourceError),
}


@pytest.mark.parametrize(("wrong", "error"), WRONG.values(), ids=WRONG)
def test_an_invalid_option_is_refused_and_nothing_is_written(
    clip: Path, tmp_path: Path, wrong: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        scramble(clip, tmp_path / "out.mp4", ScrambleOptions(**wrong))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_folder_without_anything_to_borrow_is_refused(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "lenders").mkdir()
    (tmp_path / "lenders" / "notes.txt").write_text("nothing to see")
    with pytest.raises(SourceError):
        scramble(clip, tmp_path / "out.mp4", ScrambleOptions(foreign=tmp_path / "lenders"))


def test_no_foreign_frame_comes_from_the_clip_itself(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        scramble(clip, tmp_path / "out.mp4", ScrambleOptions(foreign=clip.parent))


def test_a_missing_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        scramble(tmp_path / "missing.mp4", tmp_path / "out.mp4", ScrambleOptions())


@pytest.mark.parametrize("place", ["nowhere/out.mp4", "out.txt", "folder.mp4", "clip.mp4"])
def test_an_unwritable_output_is_refused(clip: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip.read_bytes())
    with pytest.raises((UsageError, RenderError)):
        scramble(source, tmp_path / place, ScrambleOptions())
    assert source.read_bytes() == clip.read_bytes()


def test_a_failure_leaves_the_older_file_unchanged(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"older")
    lender = tmp_path / "broken.png"
    lender.write_bytes(b"no picture")
    with pytest.raises(SourceError):
        scramble(clip, output, ScrambleOptions(foreign=[lender]))
    assert output.read_bytes() == b"older"
    assert {file.name for file in tmp_path.iterdir()} == {"out.mp4", "broken.png"}


def test_the_truth_names_its_source(clip: Path, tmp_path: Path) -> None:
    truth: Truth = scramble(clip, tmp_path / "out.mp4", ScrambleOptions(crf=33, seed=8))
    assert (Path(truth.source), truth.crf, truth.seed, truth.fps) == (clip, 33, 8, 25)
    assert len(truth.source_sha256) == 64
    assert Counter(truth.frames) == Counter(range(FRAMES))
