"""Each error offers what the page can do about it as a button."""

from pathlib import Path

import pytest
from browser import needs_gradio

from reelweave.errors import (
    LibraryError,
    LibraryLocked,
    ModelMissing,
    ReelweaveError,
    SourceMissing,
    SpaceError,
    UsageError,
    command,
)
from reelweave.index.failures import repair_remedy
from reelweave.ui.jobs import BusyError, Cancelled
from reelweave.ui.remedies import remedies_of
from reelweave.ui.strings import STRINGS

AGAIN = "#rc-start"
TEXT = STRINGS.jobs


def labels(failed: BaseException, resumable: bool = False) -> list[str]:
    return [remedy.label for remedy in remedies_of(failed, AGAIN, resumable, "rc")]


@pytest.mark.parametrize(
    ("failed", "offered"),
    [
        (Cancelled(), []),
        (UsageError("No video was given.", "Drop one."), []),
        (
            SpaceError("None has vectors.", f"{command('ingest', 'a b.mp4', '--space', 'clip')} makes them."),
            [TEXT.add_vectors],
        ),
        (LibraryError("Incomplete.", f"{command('ingest', 'a.mp4')} finishes it."), [TEXT.finish_ingest]),
        (
            SpaceError(
                "None has vectors.", f"{command('ingest', 'a.mp4', '--space', 'clip')}. {command('models', 'fetch')}."
            ),
            [TEXT.download_model, TEXT.use_small_model],
        ),
        (ModelMissing("The hub is out of reach."), [TEXT.download_model, TEXT.use_small_model]),
        (SourceMissing("It is gone.", "Restore it.", "tape-1", "tape.mp4"), [TEXT.locate]),
        (LibraryError("Damaged.", repair_remedy()), [TEXT.repair_library]),
        (LibraryLocked("Another process is writing.", "Wait."), [TEXT.try_again]),
        (UsageError("The library is empty.", f"{command('ingest', '--help')} explains it."), [TEXT.add_videos]),
        (BusyError(*STRINGS.errors.busy), [TEXT.cancel_running]),
        (RuntimeError("boom"), [TEXT.try_again]),
        (ReelweaveError("Odd.", "See `reelweave ingest 'open`."), []),
    ],
)
def test_an_error_offers_its_remedy(failed: BaseException, offered: list[str]) -> None:
    assert labels(failed) == offered


def test_a_cancelled_job_that_kept_its_progress_can_be_resumed() -> None:
    assert labels(Cancelled(), resumable=True) == [TEXT.resume]


def test_videos_are_named_by_full_paths_and_with_the_space() -> None:
    quoted = command("ingest", Path.cwd() / "a b.mp4", "c.mp4", "--fps", "all", "--space", "clip")
    (remedy,) = remedies_of(SpaceError("None.", f"{quoted} makes them."))
    assert str(Path.cwd() / "a b.mp4") in remedy.item
    assert str(Path.cwd() / "c.mp4") in remedy.item
    assert '"space": "clip"' in remedy.item


@needs_gradio
def test_a_remedy_that_the_browser_made_up_does_nothing() -> None:
    from types import SimpleNamespace
    from typing import Any

    from reelweave.ui.remedies import work_of

    context: Any = SimpleNamespace()
    assert work_of(context, "rm", "{}", "") is None
    for item in ("[", "3", '{"videos": "a"}', '{"videos": [1]}'):
        assert work_of(context, "complete", item, "") is None, item
    assert work_of(context, "complete", '{"videos": ["a"]}', "") is not None
