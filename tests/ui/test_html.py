"""Templates escape every text, and messages name actions of the page instead of commands."""

from pathlib import Path
from typing import Any

import pytest

from reelweave.errors import LibraryError
from reelweave.ui.html import error, render
from reelweave.ui.jobs import JobStatus

EVIL = "\"'><img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    ("macro", "arguments"),
    [
        ("page.purpose", [EVIL]),
        ("parts.note", [EVIL]),
        ("parts.error", [EVIL, EVIL]),
        ("parts.facts", [[(EVIL, EVIL)]]),
        ("parts.button", [EVIL] * 5),
        ("parts.download", [Path(EVIL), EVIL, EVIL]),
        ("parts.captioned_video", [Path(EVIL), EVIL]),
        ("parts.compared_video", [Path(EVIL), EVIL]),
        ("parts.progress", [JobStatus(EVIL, detail=EVIL, notes=(EVIL,))]),
        ("labels.folder_note", [Path(EVIL), 5]),
    ],
)
def test_hostile_text_is_escaped(macro: str, arguments: list[Any]) -> None:
    shown = render(macro, *arguments)
    assert "onerror" in shown
    assert "<img" not in shown
    assert "'>" not in shown
    assert "\"'" not in shown


def test_an_error_names_no_command_that_the_page_can_do_itself() -> None:
    shown = error(
        LibraryError("Vectors are lost.", "`reelweave videos remove <b>` and ingesting it again make them anew.")
    )
    assert "reelweave" not in shown
    assert "Removing &lt;b&gt; on the Library tab" in shown
