"""Choice of the frames to label: which ones, each once, and what their pictures show."""

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from broken import LENGTH, SNOWY, names, sort_pictures
from command_lines import misunderstood
from helpers import pictures, write_clip
from runs import Run, settings

from reelweave.media.source import open_source
from reelweave.render.report.frame_card import read_card_frames
from reelweave.repair import features, labelling
from reelweave.repair.detection_scores import Shares
from reelweave.repair.detector import RuleDetector
from reelweave.repair.evidence import EVIDENCE, FrameEvidence
from reelweave.repair.features import VideoEvidence
from reelweave.repair.labels import LabelledFrame, move_picture, read_name
from reelweave.repair.sampling import choose_frames, suspicion


@pytest.fixture(scope="module")
def labelled(snowy: Sequence[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 24 pictures to sort; never to be changed."""
    folder = tmp_path_factory.mktemp("labelled") / "examples"
    labelling.label_frames(snowy, folder, settings(), count=24)
    return folder


def samples(folder: Path) -> list[LabelledFrame]:
    found = [read_name(file.name) for file in sorted(folder.rglob("*.jpg"))]
    return [sample for sample in found if sample]


def measured(count: int, video: str = "drawn-00000000", still: bool = False) -> VideoEvidence:
    values = np.random.default_rng(len(video)).normal(size=(count, len(EVIDENCE))).astype(np.float32)
    if still:
        values[:] = values[0]
    return VideoEvidence(video, video, video, "", FrameEvidence(np.arange(count), np.arange(count) / 25, values))


def suspected(count: int, doubtful: Sequence[int]) -> Shares:
    found = np.zeros(count)
    found[list(doubtful)] = 0.5
    return found


def test_labelling_creates_unlabelled_pictures_empty_folders_and_instructions(labelled: Path) -> None:
    assert {"README.txt", "breakup", "clean", "features", "unsorted"} <= set(names(labelled))
    assert len(names(labelled / "unsorted")) == 24
    assert not names(labelled / "breakup") + names(labelled / "clean")
    lines = (labelled / "README.txt").read_text(encoding="utf-8").splitlines()
    commands = [shlex.split(line) for line in lines if line.strip().startswith("reelweave ")]
    assert [words[1:3] for words in commands] == [["breakup", "train"], ["breakup", "label"]]
    assert [misunderstood(words[1:]) for words in commands] == ["", ""]
    assert [str(labelled.resolve()) in words for words in commands] == [True, True]
    assert all(Path(word).exists() for word in commands[1][3 : commands[1].index("--out")])


def test_pictures_name_video_and_frame_and_cover_broken_and_clean_frames(labelled: Path) -> None:
    found = samples(labelled)
    videos = {sample.video for sample in found}
    assert {video.rpartition("-")[0] for video in videos} == {"tape-1", "tape-2"}
    assert all(sum(sample.video == video for sample in found) == 12 for video in videos)
    assert all(0 <= sample.frame < LENGTH for sample in found)
    broken = [sample for sample in found if sample.frame in SNOWY]
    assert broken
    assert len(broken) < len(found)


def test_further_runs_offer_no_frame_twice_and_keep_the_labels(snowy: Sequence[Path], tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    labelling.label_frames(snowy[:1], folder, settings(), count=6)
    first = samples(folder)
    sort_pictures(folder)
    deleted = next((folder / "clean").iterdir())
    deleted.unlink()
    kept = {file.name for file in (*(folder / "clean").iterdir(), *(folder / "breakup").iterdir())}
    labelling.label_frames(snowy[:1], folder, settings(), count=6)
    added = [read_name(name) for name in names(folder / "unsorted")]
    assert len(added) == 6
    assert not set(added) & set(first)
    assert kept == {file.name for file in (*(folder / "clean").iterdir(), *(folder / "breakup").iterdir())}


def test_a_video_is_measured_once(snowy: Sequence[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelling.label_frames(snowy[:1], tmp_path / "examples", settings(), count=0)
    monkeypatch.setattr(features, "measure_evidence", lambda *_: pytest.fail("it was measured again"))
    assert labelling.label_frames(snowy[:1], tmp_path / "examples", settings(), count=2).pictures == 2


def test_evidence_of_another_version_is_measured_again(snowy: Sequence[Path], tmp_path: Path) -> None:
    old = features.evidence_for(snowy[0], tmp_path)
    features.write_evidence_file(
        VideoEvidence(old.video, old.name, old.source, old.sha256, old.evidence, measured_as=-1), tmp_path
    )
    assert features.evidence_for(snowy[0], tmp_path).usable


def test_a_video_that_was_moved_gives_further_pictures(snowy: Sequence[Path], tmp_path: Path) -> None:
    folder, video = tmp_path / "examples", tmp_path / snowy[0].name
    shutil.copyfile(snowy[0], video)
    labelling.label_frames([video], folder, settings(), count=3)
    (tmp_path / "elsewhere").mkdir()
    labelling.label_frames([video.rename(tmp_path / "elsewhere" / video.name)], folder, settings(), count=3)
    assert len(names(folder / "unsorted")) == 6


def test_unlabelled_pictures_are_listed_most_uncertain_first(labelled: Path) -> None:
    rules = RuleDetector(settings().breakup)
    known = [features.read_evidence_file(file) for file in sorted((labelled / "features").iterdir())]
    sure = {one.video: suspicion(rules, one.evidence) for one in known}
    found = [read_name(file.name) for file in labelling.frames_to_label(labelled, settings())]
    apart = [abs(sure[sample.video][sample.frame] - 0.5) for sample in found if sample]
    assert len(apart) == 24
    assert apart == sorted(apart)


def test_only_labelled_pictures_are_moved_and_only_by_name(labelled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    shutil.copytree(labelled, folder)
    name = names(folder / "unsorted")[0]
    assert move_picture(folder, name, "breakup")
    assert names(folder / "breakup") == [name]
    assert move_picture(folder, name, "unsorted")
    (tmp_path / name).write_bytes(b"")
    (folder / "unsorted" / "mine.jpg").write_bytes(b"")
    for other, kind in ((f"../../{name}", "clean"), ("mine.jpg", "clean"), (name, ".."), (f"x{name}", "clean")):
        assert not move_picture(folder, other, kind)
    assert len(names(folder / "unsorted")) == 25


def test_the_most_uncertain_frames_are_chosen_first() -> None:
    doubtful = [10, 40, 70]
    chosen = choose_frames([(measured(100), suspected(100, doubtful))], set(), 2)
    assert {sample.frame for sample in chosen} < set(doubtful)


def test_frames_come_from_each_video_in_turn_and_never_from_neighbours() -> None:
    videos = [(measured(200, name), suspected(200, range(50, 60))) for name in ("a-00000000", "bb-00000000")]
    chosen = choose_frames(videos, set(), 20)
    for video, _ in videos:
        frames = sorted(sample.frame for sample in chosen if sample.video == video.video)
        assert len(frames) == 10
        assert min(np.diff(frames)) > 2
        assert frames[-1] - frames[0] > 100


def test_of_frames_that_look_alike_one_is_chosen() -> None:
    assert len(choose_frames([(measured(200, still=True), suspected(200, []))], set(), 20)) == 1


def test_known_frames_and_their_neighbours_are_not_chosen() -> None:
    known = {LabelledFrame("drawn-00000000", frame) for frame in range(0, 100, 2)}
    assert choose_frames([(measured(100), suspected(100, range(100)))], known, 10) == []


@pytest.mark.parametrize("frames", [[0], [5], [0, 1, 2], [30, 3, 31], [39]], ids=str)
def test_each_picture_shows_its_frame_above_the_frames_around_it(frames: list[int], tmp_path: Path) -> None:
    drawn = pictures(40)
    clip = write_clip(tmp_path / "clip.mp4", drawn)
    found = list(read_card_frames(open_source(clip), frames, "clip.mp4"))
    assert [shown.frame for shown in found] == sorted(frames)
    for shown in found:
        large = shown.picture[34 : 34 + 320, 8 : 8 + 480]
        small = cv2.resize(large, (96, 64), interpolation=cv2.INTER_AREA)
        apart = [float(np.abs(small.astype(int) - one).mean()) for one in drawn]
        assert int(np.argmin(apart)) == shown.frame


def test_the_command_reports_the_pictures_of_each_video(run: Run, snowy: Sequence[Path], tmp_path: Path) -> None:
    done = run("breakup", "label", snowy[0], "--out", tmp_path / "examples", "-n", 3, "--json")
    assert done.code == 0
    videos = {sample.video: 3 for sample in samples(tmp_path / "examples")}
    assert done.data == {"folder": str(tmp_path / "examples"), "pictures": 3, "videos": videos}


def test_a_folder_of_videos_is_accepted_and_too_few_pictures_are_reported(
    run: Run, snowy: Sequence[Path], tmp_path: Path
) -> None:
    done = run("breakup", "label", snowy[0].parent, "--out", tmp_path / "examples", "-n", 5000)
    assert done.code == 0
    assert "of 5000 pictures" in done.err


def test_copies_and_unreadable_files_in_a_folder_are_skipped(run: Run, snowy: Sequence[Path], tmp_path: Path) -> None:
    tapes = tmp_path / "tapes"
    tapes.mkdir()
    for name in ("one.mp4", "sub/one.mp4"):
        (tapes / name).parent.mkdir(exist_ok=True)
        (tapes / name).write_bytes(snowy[0].read_bytes())
    (tapes / "broken.mp4").write_text("no film", encoding="utf-8")
    done = run("breakup", "label", tapes, "--out", tmp_path / "examples", "-n", 8, "--json")
    assert done.code == 0
    assert list(done.data["videos"].values()) == [8]
    assert len(names(tmp_path / "examples" / "unsorted")) == 8
    assert "broken.mp4" in done.err


@pytest.mark.parametrize(
    ("video", "out", "code"),
    [("missing.mp4", "examples", 1), ("note.mp4", "examples", 1), ("tape 1.mp4", "note.mp4", 2)],
    ids=["no such file", "no video", "a file for a folder"],
)
def test_unusable_sources_are_refused_with_a_reason(
    run: Run, snowy: Sequence[Path], tmp_path: Path, video: str, out: str, code: int
) -> None:
    (tmp_path / "note.mp4").write_text("no film", encoding="utf-8")
    (tmp_path / "tape 1.mp4").write_bytes(snowy[0].read_bytes())
    done = run("breakup", "label", tmp_path / video, "--out", tmp_path / out)
    assert done.code == code
    assert done.err.startswith("error: ")
