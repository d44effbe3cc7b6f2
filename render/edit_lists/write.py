"""Write edit lists; the suffix of a file chooses its format."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

from ...errors import RenderError, UsageError
from ...index.overwrite import Outputs
from ...media.files import atomic
from ...progress import SILENT, Progress
from .edl import edl_text
from .fcpxml import fcpxml_tree
from .model import EditList
from .otio import require_opentimelineio, timeline_of
from .table import csv_text

SUFFIXES = (".otio", ".edl", ".fcpxml", ".csv")


def check_edit_lists(files: Iterable[Path]) -> None:
    """Check before any work that edit lists can be written.

    Raises:
        UsageError: A suffix names no format, or the format needs a package that is not installed.
    """
    for file in files:
        if file.suffix.lower() not in SUFFIXES:
            raise UsageError(f"{file} names no format of edit lists.", f"Give it one of {', '.join(SUFFIXES)}.")
        if file.suffix.lower() == ".otio":
            require_opentimelineio()


def write_edit_lists(edits: EditList, files: Sequence[Path], outputs: Outputs, progress: Progress = SILENT) -> None:
    """Write an edit list to each file, in the format of its suffix; each file is complete, or stays as it was.

    Raises:
        UsageError: The edit list is empty, or a file cannot be used.
        RenderError: A file cannot be written.
    """
    check_edit_lists(files)
    if files and not edits.edits:
        raise UsageError("There is nothing to put into an edit list.")
    for file in files:
        try:
            with outputs.writing(file), atomic(file) as part:
                notes = _write(edits, part, file.suffix.lower())
        except OSError as failed:
            raise RenderError(f"{file} cannot be written: {failed.strerror}.", "Write it elsewhere.") from failed
        for note in notes:
            progress.note(f"{file.name}: {note}")


def pack_edit_lists(edits: EditList, archive: Path, outputs: Outputs, progress: Progress = SILENT) -> Path:
    """Write a zip with the edit list in every format that this installation can write."""
    with TemporaryDirectory() as scratch:
        for suffix in SUFFIXES:
            file = Path(scratch) / f"{archive.stem}{suffix}"
            with suppress(UsageError):
                check_edit_lists([file])
                for note in _write(edits, file, suffix):
                    progress.note(f"{file.name}: {note}")
        with outputs.writing(archive), atomic(archive) as part, ZipFile(part, "w", ZIP_DEFLATED) as packed:
            for file in sorted(Path(scratch).iterdir()):
                packed.write(file, file.name)
    return archive


def _write(edits: EditList, part: Path, suffix: str) -> list[str]:
    if suffix == ".otio":
        part.write_text(timeline_of(edits).to_json_string(2), encoding="utf-8")
        return []
    if suffix == ".fcpxml":
        fcpxml_tree(edits).write(part, encoding="UTF-8", xml_declaration=True)
        return []
    text, notes = (csv_text(edits), []) if suffix == ".csv" else edl_text(edits)
    # Line ends are written as they are: those of CSV are \r\n on every system.
    with part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.write(text)
    return notes
