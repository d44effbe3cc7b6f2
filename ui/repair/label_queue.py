"""The pictures of frames that wait for a label, and what the Repair tab shows of them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ...errors import SourceError
from ...render.html import jpeg_url
from ...repair import labelling
from ...repair.labels import BROKEN, CLEAN, UNSORTED, label_counts, move_picture, read_name, unlabelled_pictures
from ...settings import Settings
from .. import html

_LABELS = {"broken": BROKEN, "clean": CLEAN}


@dataclass(frozen=True)
class LabelQueue:
    """The pictures still to label, most doubtful first, and those labelled in this session."""

    folder: Path
    waiting: tuple[str, ...] = ()
    done: tuple[str, ...] = ()

    def after(self, act: str, picture: str) -> Self:
        """Return the queue after a button; one pressed for a picture no longer shown does nothing."""
        if act == "undo" and self.done:
            *done, last = self.done
            moved = move_picture(self.folder, last, UNSORTED)
            waiting = (last, *(name for name in self.waiting if name != last)) if moved else self.waiting
            return replace(self, waiting=waiting, done=tuple(done))
        if not self.waiting or picture != self.waiting[0]:
            return self
        if act == "skip":
            return replace(self, waiting=(*self.waiting[1:], picture))
        if act in _LABELS:
            moved = move_picture(self.folder, picture, _LABELS[act])
            return replace(self, waiting=self.waiting[1:], done=(*self.done, picture) if moved else self.done)
        return self


def read_queue(folder: Path, settings: Settings, done: tuple[str, ...] = ()) -> LabelQueue:
    """Read the unlabelled pictures of the folder, ordered by the detector trained on it if that still works."""
    try:
        waiting = labelling.frames_to_label(folder, settings, detector(folder))
    except SourceError:
        waiting = unlabelled_pictures(folder)
    return LabelQueue(folder, tuple(file.name for file in waiting), done)


def detector(folder: Path) -> Path | None:
    """Return the detector trained on the folder, if there is one."""
    file = labelling.default_detector(folder)
    return file if file.exists() else None


def card(queue: LabelQueue) -> str:
    """Show the next picture to label, with its neighbouring frames, and the buttons that label it."""
    name = queue.waiting[0] if queue.waiting else ""
    file = queue.folder / UNSORTED / name
    # Embedded, since the server does not hand out the label folder.
    picture = jpeg_url(file.read_bytes()) if name and file.is_file() else ""
    return html.render("labels.card", queue, read_name(name), picture, *label_counts(queue.folder))
