"""What the page may open of the machine that runs it."""

from pathlib import Path

import pytest
from helpers import pictures, write_clip
from runs import settings

from reelweave.errors import UsageError
from reelweave.progress import Silent
from reelweave.ui import case, taking
from reelweave.ui.house import open_house


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
