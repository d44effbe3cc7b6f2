"""What the page may open of the machine that runs it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import pictures, write_clip
from runs import settings

from reelweave.errors import UsageError
from reelweave.index import manage
from reelweave.progress import SilentProgress
from reelweave.ui.context import PageContext, open_context
from reelweave.ui.library import ingest_job
from reelweave.ui.reconstruct import reconstruct_job
from reelweave.ui.repair import state
from reelweave.ui.uploads import kept


def test_a_page_that_others_reach_opens_no_file_by_its_name(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "private.mp4", pictures(8, (160, 90), seed=1))
    with open_context(settings(library=str(tmp_path / "library")), alone=False) as context:
        with pytest.raises(UsageError):
            ingest_job.take(context, [], str(clip), "", 0.0, SilentProgress(), [])
        with pytest.raises(UsageError):
            state.source_of(context, None, None, str(clip))


def test_whoever_sits_at_the_machine_names_its_files(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "own.mp4", pictures(8, (160, 90), seed=1))
    with open_context(settings(library=str(tmp_path / "library"))) as context:
        assert state.source_of(context, None, None, str(clip)) == clip
        assert [taken.state for taken in ingest_job.take(context, [], str(clip), "", 0.0, SilentProgress(), [])] == [
            "new"
        ]


def dropped(context: PageContext, name: str) -> str:
    """A video as the server lays it down, the same whatever its name."""
    place = context.uploads / name / name
    place.parent.mkdir()
    return str(write_clip(place, pictures(8, (160, 90), seed=1)))


def in_the_library(context: PageContext, upload: str) -> None:
    ingest_job.take(context, [upload], "", "appearance", 0.0, SilentProgress(), [])


def on_the_desk(context: PageContext, upload: str) -> None:
    reconstruct_job.begin(context, upload, None, SilentProgress())


@pytest.mark.parametrize("take", [in_the_library, on_the_desk])
def test_the_same_video_by_another_name_leaves_the_first_where_it_is(
    tmp_path: Path, take: Callable[[PageContext, str], None]
) -> None:
    wanted = settings(library=str(tmp_path / "library"))
    with open_context(wanted) as context:
        for name in ("first.mp4", "second.mp4"):
            take(context, dropped(context, name))
        (video,) = manage.list_videos(wanted)
        assert (video["name"], [file.name for file in context.given.glob("*/*")]) == ("first.mp4", ["first.mp4"])
        assert manage.show_video(video["id"], wanted)["source_present"]


def test_a_video_stays_while_another_window_takes_it_in(tmp_path: Path) -> None:
    with open_context(settings(library=str(tmp_path / "library"))) as context:
        upload = dropped(context, "clip.mp4")
        with kept(context, [upload]) as (place,):
            with kept(context, [upload]):
                pass
            assert place.is_file()
        assert list(context.given.iterdir()) == []
