"""Which files of its machine the page may open, and how long it keeps uploads."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import pictures, write_clip
from runs import settings

from reelweave.errors import UsageError
from reelweave.index import manage
from reelweave.progress import SilentProgress
from reelweave.ui.context import PageContext, open_context
from reelweave.ui.library import videos
from reelweave.ui.reconstruct import reconstruct_job
from reelweave.ui.uploads import chosen_source, kept_uploads


def test_a_page_reachable_from_other_machines_opens_no_file_by_name(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "private.mp4", pictures(8, (160, 90), seed=1))
    with open_context(settings(library=str(tmp_path / "library")), local=False) as context:
        with pytest.raises(UsageError):
            videos.ingest(context, [], str(clip), "", 0.0, SilentProgress(), [])
        with pytest.raises(UsageError):
            chosen_source(context, None, None, str(clip))


def test_a_local_user_opens_files_by_name(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "own.mp4", pictures(8, (160, 90), seed=1))
    with open_context(settings(library=str(tmp_path / "library"))) as context:
        assert chosen_source(context, None, None, str(clip)) == clip
        assert [result.state for result in videos.ingest(context, [], str(clip), "", 0.0, SilentProgress(), [])] == [
            "new"
        ]


def upload(context: PageContext, name: str) -> str:
    """Store a video as the server stores an upload; its content does not depend on its name."""
    file = context.uploads / name / name
    file.parent.mkdir()
    return str(write_clip(file, pictures(8, (160, 90), seed=1)))


def add_to_library(context: PageContext, upload: str) -> None:
    videos.ingest(context, [upload], "", "appearance", 0.0, SilentProgress(), [])


def reconstruct(context: PageContext, upload: str) -> None:
    reconstruct_job.begin(context, upload, None, SilentProgress())


@pytest.mark.parametrize("use", [add_to_library, reconstruct])
def test_uploading_a_video_again_under_another_name_keeps_the_first_copy(
    tmp_path: Path, use: Callable[[PageContext, str], None]
) -> None:
    configured = settings(library=str(tmp_path / "library"))
    with open_context(configured) as context:
        for name in ("first.mp4", "second.mp4"):
            use(context, upload(context, name))
        (video,) = manage.list_videos(configured)
        assert (video["name"], [file.name for file in context.videos.glob("*/*")]) == ("first.mp4", ["first.mp4"])
        assert manage.show_video(video["id"], configured)["source_present"]


def test_an_upload_is_kept_while_another_session_ingests_it(tmp_path: Path) -> None:
    with open_context(settings(library=str(tmp_path / "library"))) as context:
        clip = upload(context, "clip.mp4")
        with kept_uploads(context, [clip]) as (file,):
            with kept_uploads(context, [clip]):
                pass
            assert file.is_file()
        assert list(context.videos.iterdir()) == []
