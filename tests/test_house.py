"""What the page may open of the machine that runs it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import pictures, write_clip
from runs import settings

from reelweave import upkeep
from reelweave.errors import UsageError
from reelweave.progress import Silent
from reelweave.ui import case, reworking, taking
from reelweave.ui.files import kept
from reelweave.ui.house import House, open_house


def test_a_page_that_others_reach_opens_no_file_by_its_name(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "private.mp4", pictures(8, (160, 90), seed=1))
    with open_house(settings(library=str(tmp_path / "library")), alone=False) as house:
        with pytest.raises(UsageError):
            taking.take(house, [], str(clip), "", 0.0, Silent(), [])
        with pytest.raises(UsageError):
            case.source_of(house, None, None, str(clip))


def test_whoever_sits_at_the_machine_names_its_files(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "own.mp4", pictures(8, (160, 90), seed=1))
    with open_house(settings(library=str(tmp_path / "library"))) as house:
        assert case.source_of(house, None, None, str(clip)) == clip
        assert [taken.state for taken in taking.take(house, [], str(clip), "", 0.0, Silent(), [])] == ["new"]


def dropped(house: House, name: str) -> str:
    """A video as the server lays it down, the same whatever its name."""
    place = house.uploads / name / name
    place.parent.mkdir()
    return str(write_clip(place, pictures(8, (160, 90), seed=1)))


def in_the_library(house: House, upload: str) -> None:
    taking.take(house, [upload], "", "appearance", 0.0, Silent(), [])


def on_the_desk(house: House, upload: str) -> None:
    reworking.begin(house, upload, None, Silent())


@pytest.mark.parametrize("take", [in_the_library, on_the_desk])
def test_the_same_video_by_another_name_leaves_the_first_where_it_is(
    tmp_path: Path, take: Callable[[House, str], None]
) -> None:
    wanted = settings(library=str(tmp_path / "library"))
    with open_house(wanted) as house:
        for name in ("first.mp4", "second.mp4"):
            take(house, dropped(house, name))
        (video,) = upkeep.list_videos(wanted)
        assert (video["name"], [file.name for file in house.given.glob("*/*")]) == ("first.mp4", ["first.mp4"])
        assert upkeep.show_video(video["id"], wanted)["source_present"]


def test_a_video_stays_while_another_window_takes_it_in(tmp_path: Path) -> None:
    with open_house(settings(library=str(tmp_path / "library"))) as house:
        upload = dropped(house, "clip.mp4")
        with kept(house, [upload]) as (place,):
            with kept(house, [upload]):
                pass
            assert place.is_file()
        assert list(house.given.iterdir()) == []
