"""Search the library, and compare two pictures."""

from collections.abc import Callable
from pathlib import Path

from ..index.overwrite import Overwrite
from ..progress import SILENT, Progress
from ..settings import Settings
from .export import ExportOptions, export_results, outputs_of_question
from .finder import SearchResult, open_finder
from .question import Question, Similarity, similarity


def search_library(
    question: Question,
    settings: Settings,
    progress: Progress = SILENT,
    *,
    wanted: ExportOptions | None = None,
    tell: Callable[[SearchResult], None] | None = None,
    overwrite: Overwrite = False,
) -> SearchResult:
    """Find the frames of the library that match a question, and export them as requested.

    For many questions keep a finder open with `search.finder.open_finder`.

    Args:
        question: What to search for, and where.
        settings: The settings, which name the library.
        progress: Receives the stages and notes.
        wanted: What to export.
        tell: Called with the result before the export, which may take long or fail if a source is missing.
        overwrite: Whether existing outputs may be replaced.

    Raises:
        UsageError: The question or an output cannot be used.
        SpaceError: The videos have no vectors that fit the question.
    """
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


def compare_images(
    left: Path, right: Path, settings: Settings, progress: Progress = SILENT, *, space: str | None = None
) -> Similarity:
    """Return the similarity of two pictures, in a given space or in CLIP's if its weights are available."""
    return similarity(left, right, settings, progress, space)
