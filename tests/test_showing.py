"""What a search found comes out at full size, in the order asked for, each source decoded once."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from helpers import decoded, nearest, pictures, write_clip, write_pictures, write_vfr
from runs import settings

from reelweave import pipeline
from reelweave.asking import Question
from reelweave.errors import RenderError
from reelweave.ingest.pictures import read_picture
from reelweave.ingest.source import VideoFile, open_source
from reelweave.progress import Silent
from reelweave.render.excerpt import excerpt
from reelweave.showing import play

if TYPE_CHECKING:
    from runs import Run


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films of different sizes and rates and a folder of pictures."""
    folder = tmp_path_factory.mktemp("stock")
    write_clip(folder / "wide.mp4", pictures(20, (192, 108)), fps=10)
    write_clip(folder / "small.mp4", pictures(10, (96, 72), seed=4), fps=20)
    write_pictures(folder / "pictures", pictures(4, (120, 90), seed=8))
    write_vfr(folder / "slow.mkv", pictures(4, (96, 72), seed=3), [1, 2, 3, 1])
    for source in ("wide.mp4", "small.mp4", "pictures", "slow.mkv"):
        pipeline.ingest(folder / source, settings(library=str(folder / "library"), ingest__size=64))
    picture = decoded(folder / "wide.mp4")[7]
    (folder / "query.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder


@pytest.fixture
def there(stock: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELWEAVE_LIBRARY", str(stock / "library"))
    monkeypatch.setenv("REELWEAVE_SEARCH__STILL", "0.2")
    return stock


def test_frames_are_exported_at_full_size_by_rank(there: Path, run: "Run", tmp_path: Path) -> None:
    rows = run("search", "--image", there / "query.png", "-k", 40, "--all", "--json", "--export", tmp_path / "out").rows
    files = sorted((tmp_path / "out" / "top").iterdir())
    assert len(files) == len(rows) == 38
    for file, row in zip(files, rows, strict=True):
        source = there / row["name"]
        truth = (
            read_picture(source / f"frame {row['frame'] + 1}.png") if source.is_dir() else decoded(source)[row["frame"]]
        )
        picture = read_picture(file)
        assert picture.shape == truth.shape
        assert np.abs(picture.astype(int) - truth).mean() < 6
    assert not (tmp_path / "out" / "above_threshold").exists()


def test_what_reached_the_threshold_is_exported_beside_the_best(there: Path, run: "Run", tmp_path: Path) -> None:
    options = ["--image", there / "query.png", "--threshold", "0.999", "--all", "--json"]
    rows = run("search", *options, "--export", tmp_path / "out").rows
    names = [f"{row['rank']:03}_{row['video']}_{row['frame']}.jpg" for row in rows]
    assert [file.name for file in sorted((tmp_path / "out" / "above_threshold").iterdir())] == names
    assert 0 < len(names) < len(list((tmp_path / "out" / "top").iterdir())) == 10


def test_two_searches_are_never_mixed_in_a_folder(there: Path, run: "Run", tmp_path: Path) -> None:
    options = ["search", "--image", there / "query.png", "--export", tmp_path / "out"]
    assert run(*options).code == 0
    before = sorted((tmp_path / "out" / "top").iterdir())
    assert run(*options, "--video", "wide.mp4").code == 2
    assert sorted((tmp_path / "out" / "top").iterdir()) == before
    assert run(*options, "--video", "wide.mp4", "--overwrite").code == 0
    assert all("wide" in file.name for file in (tmp_path / "out" / "top").iterdir())


def test_each_source_is_decoded_once(there: Path, run: "Run", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    frames = VideoFile.frames

    def counted(source: VideoFile, *arguments: int) -> object:
        opened.append(source.path.name)
        return frames(source, *arguments)

    monkeypatch.setattr(VideoFile, "frames", counted)
    run("search", "--image", there / "query.png", "-k", 40, "--all", "--threshold", -1, "--export", tmp_path / "out")
    assert sorted(opened) == ["slow.mkv", "small.mp4", "wide.mp4"]


@pytest.mark.parametrize("by", ["time", "score"])
def test_a_film_of_hits_shows_each_for_a_while_in_the_order_asked_for(
    there: Path, run: "Run", tmp_path: Path, by: str
) -> None:
    clip = tmp_path / "clip.mp4"
    options = ["--video", "wide.mp4", "-k", 6, "--all", "--clip", clip, "--by", by, "--json"]
    rows = run("search", "--image", there / "query.png", *options).rows
    expected = [row["frame"] for row in rows]
    expected = sorted(expected) if by == "time" else expected
    film, truth = decoded(clip), decoded(there / "wide.mp4")
    assert [nearest(picture, truth) for picture in film] == [frame for frame in expected for _ in range(2)]


def test_a_film_of_moments_plays_them_with_what_is_around(
    there: Path, run: "Run", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWEAVE_SEARCH__MARGIN", "0.2")
    clip = tmp_path / "clip.mp4"
    options = ["--video", "wide.mp4", "--threshold", "0.999", "--moments", "--clip", clip, "--json"]
    (moment,) = run("search", "--image", there / "query.png", *options).rows
    assert moment["peak_frame"] == 7
    first, last = round(moment["start"] * 10) - 2, round(moment["end"] * 10) + 1
    film, truth = decoded(clip), decoded(there / "wide.mp4")
    assert [nearest(picture, truth) for picture in film] == list(range(first, last + 1))


def test_a_moment_of_a_variable_rate_plays_by_its_own_times(
    there: Path, run: "Run", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWEAVE_SEARCH__MARGIN", "0")
    monkeypatch.setenv("REELWEAVE_SEARCH__GAP", "10")
    clip = tmp_path / "clip.mp4"
    options = ["--video", "slow.mkv", "--threshold", -1, "--moments", "--clip", clip]
    assert run("search", "--image", there / "query.png", *options).code == 0
    rate = open_source(clip).info().fps
    truth = decoded(there / "slow.mkv")
    shown = [nearest(picture, truth) for picture in decoded(clip)]
    seconds = [shown.count(frame) / float(rate) for frame in range(3)]
    assert seconds == pytest.approx([1, 2, 3], abs=1.01 / float(rate))


def test_a_film_of_several_videos_has_room_for_all_and_the_best_rate(there: Path, run: "Run", tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    run("search", "--image", there / "query.png", "-k", 40, "--threshold", -1, "--clip", clip, "--by", "score")
    info = open_source(clip).info()
    assert (info.width, info.height) == (192, 108)
    assert info.fps == Fraction(25)  # the folder of pictures
    shares = {tuple(p[:, :20].max(axis=(0, 2)) > 40) for p in decoded(clip)}
    assert len(shares) > 1, "narrow pictures have bars, wide ones none"


def test_a_source_that_is_gone_is_left_out_and_named(stock: Path, run: "Run", tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "gone.mp4"
    shutil.copy(stock / "wide.mp4", copy)
    write_clip(tmp_path / "stays.mp4", pictures(5, (64, 48), seed=5))
    for source in (copy, tmp_path / "stays.mp4"):
        assert run("ingest", source).code == 0
    copy.unlink()
    answer = run("search", "--image", stock / "query.png", "-k", 30, "--all", "--export", tmp_path / "out")
    assert answer.code == 0
    assert "gone.mp4" in answer.err
    assert len(list((tmp_path / "out" / "top").iterdir())) == 5
    outputs = ["--clip", tmp_path / "clip.mp4", "--sheet", tmp_path / "sheet.png"]
    only = run("search", "--image", stock / "query.png", "--video", "gone.mp4", *outputs)
    assert only.code == 1
    assert not (tmp_path / "clip.mp4").exists()
    assert (tmp_path / "sheet.png").exists()


def test_a_contact_sheet_has_a_cell_for_each_answer_and_needs_no_source(
    there: Path, run: "Run", tmp_path: Path
) -> None:
    few, many = tmp_path / "few.png", tmp_path / "many.png"
    run("search", "--image", there / "query.png", "-k", 1, "--sheet", few)
    run("search", "--image", there / "query.png", "-k", 12, "--all", "--sheet", many)
    assert read_picture(many).size > 6 * read_picture(few).size


def test_where_nothing_is_found_nothing_is_made(there: Path, run: "Run", tmp_path: Path) -> None:
    outputs = ["--clip", tmp_path / "clip.mp4", "--sheet", tmp_path / "sheet.png"]
    answer = run("search", "--image", there / "query.png", "--after", "1:00:00", *outputs)
    assert (answer.code, answer.out) == (0, "")
    assert "note" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_film_never_replaces_a_source(there: Path, run: "Run") -> None:
    before = (there / "wide.mp4").read_bytes()
    assert run("search", "--image", there / "query.png", "--clip", there / "wide.mp4").code == 2
    assert (there / "wide.mp4").read_bytes() == before


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--clip", "clip.txt"], id="no film"),
        pytest.param(["--clip", "nowhere/clip.mp4"], id="no folder"),
        pytest.param(["--sheet", "sheet.pdf"], id="no picture"),
        pytest.param(["--sheet", "nowhere/sheet.png"], id="no folder for the sheet"),
        pytest.param(["--by", "colour"], id="no order"),
    ],
)
def test_a_place_that_cannot_be_is_refused_before_anything_is_searched(
    there: Path, run: "Run", options: list[str]
) -> None:
    answer = run("search", "--image", there / "query.png", *options)
    assert (answer.code, answer.out) == (2, "")


def played(there: Path, video: str, frame: int, output: Path, moment: bool = False) -> Path:
    """What is played of the place that is found for a frame of a video."""
    picture = (
        read_picture(there / video / f"frame {frame + 1}.png") if video == "pictures" else decoded(there / video)[frame]
    )
    query = output.with_suffix(".png")
    query.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    told = settings(library=str(there / "library"))
    found = pipeline.search(Question(image=query, videos=(video,), count=1, moments=moment), told)
    return play(found, (found.moments or found.hits)[0], output, told, Silent())


@pytest.mark.parametrize(
    ("video", "frame", "expected"),
    [
        pytest.param("small.mp4", 5, [0, 9], id="a short film is played whole"),
        pytest.param("slow.mkv", 3, [2, 3], id="from two seconds before"),
        pytest.param("pictures", 2, [0, 3], id="a folder of pictures"),
    ],
)
def test_a_place_is_played_with_what_lies_around_it(
    there: Path, tmp_path: Path, video: str, frame: int, expected: list[int]
) -> None:
    frames = decoded(played(there, video, frame, tmp_path / "shown.mp4"))
    source = there / video
    originals = [p.picture for p in open_source(source).frames()]
    shown = [cv2.resize(f, originals[0].shape[1::-1]) for f in (frames[0], frames[-1])]
    assert [nearest(np.asarray(picture, np.uint8), originals) for picture in shown] == expected


def test_a_place_beyond_the_film_is_told(there: Path, tmp_path: Path) -> None:
    with pytest.raises(RenderError):
        excerpt(there / "small.mp4", 500.0, 2.0, tmp_path / "shown.mp4", Silent())
    assert list(tmp_path.iterdir()) == []
