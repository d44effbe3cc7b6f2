"""Label pictures as broken or clean, and show the detector trained on them, as HTML."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Self

from ...errors import SourceError
from ...repair import labelling
from ...repair.labels import BROKEN, CLEAN, UNSORTED, label_counts, move_picture, read_name, unlabelled_pictures
from ...repair.training import LEAST, TrainingResult
from ...settings import Settings
from .. import html

_LABELS = {"broken": BROKEN, "clean": CLEAN}

KEYS = """
const pressed = event => {
    if (!element.isConnected) return document.removeEventListener('keydown', pressed);
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const where = event.target;
    if (where.closest && where.closest('textarea, select, input:not([type=radio]):not([type=checkbox])')) return;
    const button = element.querySelector(`[aria-keyshortcuts="${CSS.escape(event.key.toUpperCase())}"]`);
    if (!button || button.offsetParent === null) return;
    event.preventDefault();
    button.click();
};
document.addEventListener('keydown', pressed);
"""
"""Let the keys of the buttons work wherever the focus is, except while the user types."""


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


def label_queue(folder: Path, settings: Settings, done: tuple[str, ...] = ()) -> LabelQueue:
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
    broken, clean = label_counts(queue.folder)
    counts = f"{len(queue.waiting)} to label; {broken} broken and {clean} clean so far"
    undo = _key("U", "Undo", "undo", queue.done[-1]) if queue.done else ""
    if not queue.waiting:
        rest = "All pictures are labelled." if broken + clean else "No pictures yet. Pick some from the video above."
        return f'<section class="rw-label"><p>{rest} <span class="rw-dim">{counts}</span> {undo}</p></section>'
    name = queue.waiting[0]
    sample = read_name(name)
    text = f"frame {sample.frame} of {sample.video}, with its neighbours" if sample else name
    keys = _key("B", "Broken", "broken", name) + _key("C", "Clean", "clean", name) + _key("S", "Skip", "skip", name)
    return (
        '<section class="rw-label" aria-label="label pictures"><div class="rw-shot-head">'
        f"<b>Is the large frame broken?</b> <span class='rw-dim' role='status'>{counts}</span>"
        f'<span class="rw-tools">{keys}{undo}</span></div>{_picture(queue.folder / UNSORTED / name, text)}</section>'
    )


def _key(key: str, text: str, act: str, name: str) -> str:
    return (
        f'<button type="button" class="rw-button rw-{act}" data-act="{act}" data-on="{escape(name)}" '
        f'aria-keyshortcuts="{key}"><kbd>{key}</kbd> {text}</button>'
    )


def _picture(file: Path, text: str) -> str:
    """Embed the picture, since the server does not hand out the label folder."""
    if not file.is_file():
        return "<p class='rw-dim'>This picture has been deleted. Skip it.</p>"
    data = base64.b64encode(file.read_bytes()).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(text)}">'


def folder_note(folder: Path) -> str:
    """Say where the pictures are kept and how many are needed."""
    return (
        f"<p class='rw-dim'>Pictures are kept in <code>{escape(str(folder))}</code>, with the detector trained on "
        f"them. Label at least {LEAST} of each kind; 50 give better results.</p>"
    )


def result(training: TrainingResult) -> str:
    """Show how well the detector does on pictures it was not trained on, in total and by video."""
    model, checked = training.model, training.model.checked
    facts = {
        "Precision": f"{checked.precision:.3f}",
        "Recall": f"{checked.recall:.3f}",
        "Threshold": f"{model.threshold:.3f} ({model.chosen})",
        "Cross-validation": f"{checked.groups} folds, by {checked.by}",
    }
    notes = "".join(f'<div class="rw-note">{escape(note)}</div>' for note in training.notes)
    head = "".join(f'<th scope="col">{name}</th>' for name in ("video", "broken", "clean", "precision", "recall"))
    rows = "".join(_rows(training))
    table = f'<div class="rw-table"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    return f'<div role="status">{html.facts(facts.items())}{table}{notes}</div>'


def _rows(training: TrainingResult) -> Iterator[str]:
    for video in training.model.videos:
        score = training.by_video[video.id]
        cells = (str(video.broken), str(video.clean), f"{score.precision:.3f}", f"{score.recall:.3f}")
        yield f'<tr><th scope="row">{escape(video.name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
