"""What the page says of a failure is what can be done on the page."""

import pytest

from reelweave.errors import LibraryError
from reelweave.ui.words import in_words, trouble


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "`reelweave ingest 'a b.mp4' c.mp4 --fps all --space clip` makes them.",
            "Adding a b.mp4, c.mp4 in the space clip on the tab Library makes them.",
        ),
        (
            "Restore it; or `reelweave videos remove f-1` and ingesting it again help.",
            "Restore it; or removing f-1 on the tab Library and ingesting it again help.",
        ),
        ("No video. `reelweave videos list --library x` shows all.", "No video. The tab Library shows all."),
        ("See `reelweave doctor`.", "See reelweave doctor in a terminal."),
        ("`reelweave ingest --help` tells.", "Reelweave ingest --help in a terminal tells."),
        ("Put `x` back.", "Put `x` back."),
        ("It was `reelweave ingest 'open`.", "It was reelweave ingest 'open in a terminal."),
    ],
)
def test_commands_are_said_as_they_are_done_on_the_page(message: str, said: str) -> None:
    assert in_words(message) == said


def test_a_failure_on_the_page_names_no_command_that_the_page_has_itself() -> None:
    shown = trouble(
        LibraryError("Vectors are lost.", "`reelweave videos remove <b>` and ingesting it again make them anew.")
    )
    assert "reelweave" not in shown
    assert "Removing &lt;b&gt; on the tab Library" in shown
