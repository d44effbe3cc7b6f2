"""Search the library, and compare two pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..index.overwrite import Overwrite
from ..progress import SILENT, Progress
from ..settings import Settings

if TYPE_CHECKING:
    from .export import ExportOptions
    from .finder import SearchResult
    from .question import Question, Similarity


def search_library(
    question: "Question",
    settings: Settings,
    progress: Progress = SILENT,
    *,
    wanted: "ExportOptions | None" = None,
    tell: "Callable[[SearchResult], None] | None" = None,
    overwrite: Overwrite = False,
) -> "SearchResult":
    """The frames of the library that answer a question, made visible as is wanted.

    `tell` has the answer before that, which may take long, or fail where a source is gone.
    For many questions keep a `searching.open_finder` open.
    """
    from .export import export_results, outputs_of_question
    from .finder import open_finder

    outputs = outputs_of_question(question, settings, overwrite)
    if wanted:
        wanted.claim(outputs)
    with open_finder(settings, progress) as finder:
        found = finder.ask(question)
        if tell:
            tell(found)
        if wanted:
            export_results(found, wanted, finder.library, settings, progress, outputs)
        return found


def compare_two_pictures(
    left: Path, right: Path, settings: Settings, progress: Progress = SILENT, *, space: str | None = None
) -> "Similarity":
    """How alike two pictures are."""
    from .question import similarity

    return similarity(left, right, settings, progress, space)
