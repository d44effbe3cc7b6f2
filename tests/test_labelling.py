"""Pictures that are put before a person: which ones, once each, and what they show."""

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

from reelweave import teaching
from reelweave.breakup import features
from reelweave.breakup import label as labels
from reelweave.breakup.choose import Shares, choose, suspicion
from reelweave.breakup.detector import Rules
from reelweave.breakup.evidence import EVIDENCE, Evidence
from reelweave.breakup.features import Measured
from reelweave.breakup.sorting import Sample, read_name, sort
from reelweave.ingest.source import open_source
from reelweave.render.compared import shown_frames


@pytest.fixture(scope="module")
def labelled(snowy: Sequence[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 24 pictures to sort; never to be changed."""
    folder = tmp_path_factory.mktemp("labelled") / "examples"
    teaching.label(snowy, folder, settings(), count=24)
    return folder


def samples(folder: Path) -> list[Sample]:
    found = [read_name(file.name) for file in sorted(folder.rglob("*.jpg"))]
    return [sample for sample in found if sample]


def measured(count: int, video: str = "drawn-00000000", still: bool = False) -> Measured:
    values = np.random.default_rng(len(video)).normal(size=(count, len(EVIDENCE))).astype(np.float32)
    if still:
        values[:] = values[0]
    return Measured(video, video, video, "", Evidence(np.arange(count), np.arange(count) / 25, values))


def suspected(count: int, doubtful: Sequence[int]) -> Shares:
    found = np.zeros(count)
    found[list(doubtful)] = 0.5
    return found


def test_pictures_wait_beside_empty_folders_with_a_word_on_what_to_do(labelled: Path) -> None:
    assert {"README.txt", "breakup", "clean", "features", "unsorted"} <= set(names(labelled))
    assert len(names(labelled / "unsorted")) == 24
    assert not names(labelled / "breakup") + names(labelled / "clean")
    lines = (labelled / "README.txt").read_text(encoding="utf-8").splitlines()
    told = [shlex.split(line) for line in lines if line.strip().startswith("reelweave ")]
    assert [words[1:3] for words in told] == [["breakup", "train"], ["breakup", "label"]]
    assert [misunderstood(words[1:]) for words in told] == ["", ""]
    assert [str(labelled.resolve()) in words for words in told] == [True, True]
    assert all(Path(word).exists() for word in told[1][3 : told[1].index("--out")])


def test_a_picture_tells_its_video_and_its_frame_and_both_kinds_are_among_them(labelled: Path) -> None:
    found = samples(labelled)
    videos = {sample.video for sample in found}
    assert {video.rpartition("-")[0] for video in videos} == {"tape-1", "tape-2"}
    assert all(sum(sample.video == video for sample in found) == 12 for video in videos)
    assert all(0 <= sample.frame < LENGTH for sample in found)
    broken = [sample for sample in found if sample.frame in SNOWY]
    assert broken
    assert len(broken) < len(found)


def test_further_runs_show_nothing_twice_and_leave_what_was_sorted(snowy: Sequence[Path], tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    teaching.label(snowy[:1], folder, settings(), count=6)
    first = samples(folder)
    sort_pictures(folder)
    gone = next((folder / "clean").iterdir())
    gone.unlink()
    kept = {file.name for file in (*(folder / "clean").iterdir(), *(folder / "breakup").iterdir())}
    teaching.label(snowy[:1], folder, settings(), count=6)
    added = [read_name(name) for name in names(folder / "unsorted")]
    assert len(added) == 6
    assert not set(added) & set(first)
    assert kept == {file.name for file in (*(folder / "clean").iterdir(), *(folder / "breakup").iterdir())}


def test_a_video_is_measured_once(snowy: Sequence[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    teaching.label(snowy[:1], tmp_path / "examples", settings(), count=0)
    monkeypatch.setattr(labels, "read_evidence", lambda *_: pytest.fail("it was measured again"))
    assert teaching.label(snowy[:1], tmp_path / "examples", settings(), count=2).pictures == 2


def test_what_was_measured_by_another_version_is_measured_again(snowy: Sequence[Path], tmp_path: Path) -> None:
    from reelweave.breakup import features

    old = labels.measure(snowy[0], tmp_path)
    features.keep(Measured(old.video, old.name, old.source, old.sha256, old.evidence, measured_as=-1), tmp_path)
    assert labels.measure(snowy[0], tmp_path).usable


def test_a_video_that_was_moved_gives_further_pictures(snowy: Sequence[Path], tmp_path: Path) -> None:
    folder, video = tmp_path / "examples", tmp_path / snowy[0].name
    shutil.copyfile(snowy[0], video)
    teaching.label([video], folder, settings(), count=3)
    (tmp_path / "elsewhere").mkdir()
    teaching.label([video.rename(tmp_path / "elsewhere" / video.name)], folder, settings(), count=3)
    assert len(names(folder / "unsorted")) == 6


def test_of_pictures_that_wait_the_doubtful_come_first(labelled: Path) -> None:
    rules = Rules(settings().breakup)
    known = [features.read(file) for file in sorted((labelled / "features").iterdir())]
    sure = {one.video: suspicion(rules, one.evidence) for one in known}
    found = [read_name(file.name) for file in teaching.waiting(labelled, settings())]
    apart = [abs(sure[sample.video][sample.frame] - 0.5) for sample in found if sample]
    assert len(apart) == 24
    assert apart == sorted(apart)


def test_a_picture_is_moved_by_its_name_and_nothing_else_is(labelled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    shutil.copytree(labelled, folder)
    name = names(folder / "unsorted")[0]
    assert sort(folder, name, "breakup")
    assert names(folder / "breakup") == [name]
    assert sort(folder, name, "unsorted")
    (tmp_path / name).write_bytes(b"")
    (folder / "unsorted" / "mine.jpg").write_bytes(b"")
    for other, kind in ((f"../../{name}", "clean"), ("mine.jpg", "clean"), (name, ".."), (f"x{name}", "clean")):
        assert not sort(folder, other, kind)
    assert len(names(folder / "unsorted")) == 25


def test_the_doubtful_come_first() -> None:
    doubtful = [10, 40, 70]
    chosen = choose([(measured(100), suspected(100, doubtful))], set(), 2)
    assert {sample.frame for sample in chosen} < set(doubtful)


def test_videos_have_their_turns_and_neighbours_are_left_out() -> None:
    videos = [(measured(200, name), suspected(200, range(50, 60))) for name in ("a-00000000", "bb-00000000")]
    chosen = choose(videos, set(), 20)
    for video, _ in videos:
        frames = sorted(sample.frame for sample in chosen if sample.video == video.video)
        assert len(frames) == 10
        assert min(np.diff(frames)) > 2
        assert frames[-1] - frames[0] > 100


def test_frames_that_look_the_same_come_once() -> None:
    assert len(choose([(measured(200, still=True), suspected(200, []))], set(), 20)) == 1


def test_known_frames_and_those_beside_them_are_not_chosen() -> None:
    known = {Sample("drawn-00000000", frame) for frame in range(0, 100, 2)}
    assert choose([(measured(100), suspected(100, range(100)))], known, 10) == []


@pytest.mark.parametrize("frames", [[0], [5], [0, 1, 2], [30, 3, 31], [39]], ids=str)
def test_each_picture_shows_its_frame_above_those_around_it(frames: list[int], tmp_path: Path) -> None:
    drawn = pictures(40)
    clip = write_clip(tmp_path / "clip.mp4", drawn)
    found = list(shown_frames(open_source(clip), frames, "clip.mp4"))
    assert [shown.frame for shown in found] == sorted(frames)
    for shown in found:
        large = shown.picture[34 : 34 + 320, 8 : 8 + 480]
        small = cv2.resize(large, (96, 64), interpolation=cv2.INTER_AREA)
        apart = [float(np.abs(small.astype(int) - one).mean()) for one in drawn]
        assert int(np.argmin(apart)) == shown.frame


def test_the_command_says_how_many_of_each(run: Run, snowy: Sequence[Path], tmp_path: Path) -> None:
    done = run("breakup", "label", snowy[0], "--out", tmp_path / "examples", "-n", 3, "--json")
    assert done.code == 0
    videos = {sample.video: 3 for sample in samples(tmp_path / "examples")}
    assert done.data == {"folder": str(tmp_path / "examples"), "pictures": 3, "videos": videos}


def test_a_folder_of_tapes_can_be_named_and_too_few_pictures_are_told(
    run: Run, snowy: Sequence[Path], tmp_path: Path
) -> None:
    done = run("breakup", "label", snowy[0].parent, "--out", tmp_path / "examples", "-n", 5000)
    assert done.code == 0
    assert "of 5000 pictures" in done.err


def test_a_copy_and_a_broken_file_beside_a_tape_do_no_harm(run: Run, snowy: Sequence[Path], tmp_path: Path) -> None:
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
def test_what_cannot_be_labelled_is_said(
    run: Run, snowy: Sequence[Path], tmp_path: Path, video: str, out: str, code: int
) -> None:
    (tmp_path / "note.mp4").write_text("no film", encoding="utf-8")
    (tmp_path / "tape 1.mp4").write_bytes(snowy[0].read_bytes())
    done = run("breakup", "label", tmp_path / video, "--out", tmp_path / out)
    assert done.code == code
    assert done.err.startswith("error: ")
