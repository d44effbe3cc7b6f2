"""Pictures that one window sorts into broken and clean, and what was learnt from them, as HTML."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Self

from ...errors import SourceError
from ...repair import labelling
from ...repair.labels import BROKEN, CLEAN, UNSORTED, label_counts, move_picture, read_name
from ...repair.labels import unlabelled_pictures as unsorted
from ...repair.training import LEAST, TrainingResult
from ...settings import Settings

_KINDS = {"broken": BROKEN, "clean": CLEAN}

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
"""The keys of the buttons work wherever the focus is, unless somebody types there."""


@dataclass(frozen=True)
class LabelQueue:
    """Names of pictures: those that wait, in their order, and those that this window has sorted."""

    folder: Path
    waiting: tuple[str, ...] = ()
    done: tuple[str, ...] = ()

    def pressed(self, act: str, picture: str) -> Self:
        """After a key; one that was meant for a picture that is shown no more does nothing."""
        if act == "undo" and self.done:
            *done, last = self.done
            there = move_picture(self.folder, last, UNSORTED)
            back = (last, *(name for name in self.waiting if name != last)) if there else self.waiting
            return replace(self, waiting=back, done=tuple(done))
        if not self.waiting or picture != self.waiting[0]:
            return self
        if act == "skip":
            return replace(self, waiting=(*self.waiting[1:], picture))
        if act in _KINDS:
            moved = move_picture(self.folder, picture, _KINDS[act])
            return replace(self, waiting=self.waiting[1:], done=(*self.done, picture) if moved else self.done)
        return self


def label_queue(folder: Path, settings: Settings, done: tuple[str, ...] = ()) -> LabelQueue:
    """All that waits in the folder; the detector that was trained there says what is in doubt, where it still can."""
    try:
        waiting = labelling.frames_to_label(folder, settings, detector(folder))
    except SourceError:
        waiting = unsorted(folder)
    return LabelQueue(folder, tuple(file.name for file in waiting), done)


def detector(folder: Path) -> Path | None:
    """The one that was trained on the folder, if any."""
    file = labelling.default_detector(folder)
    return file if file.exists() else None


def card(now: LabelQueue) -> str:
    """The picture to be judged, large, with the frames around it, and the keys that judge it."""
    broken, clean = label_counts(now.folder)
    told = f"{len(now.waiting)} to sort; {broken} broken and {clean} clean so far"
    undo = _key("U", "Undo", "undo", now.done[-1]) if now.done else ""
    if not now.waiting:
        rest = "All are sorted." if broken + clean else "No pictures yet: pick some from a video above."
        return f'<section class="rw-label"><p>{rest} <span class="rw-dim">{told}</span> {undo}</p></section>'
    name = now.waiting[0]
    sample = read_name(name)
    text = f"frame {sample.frame} of {sample.video}, with frames around it" if sample else name
    keys = _key("B", "Broken", "broken", name) + _key("C", "Clean", "clean", name) + _key("S", "Skip", "skip", name)
    return (
        '<section class="rw-label" aria-label="sort pictures"><div class="rw-shot-head">'
        f"<b>Is the large frame broken?</b> <span class='rw-dim' role='status'>{told}</span>"
        f'<span class="rw-tools">{keys}{undo}</span></div>{_picture(now.folder / UNSORTED / name, text)}</section>'
    )


def _key(key: str, text: str, act: str, name: str) -> str:
    return (
        f'<button type="button" class="rw-button rw-{act}" data-act="{act}" data-on="{escape(name)}" '
        f'aria-keyshortcuts="{key}"><kbd>{key}</kbd> {text}</button>'
    )


def _picture(file: Path, text: str) -> str:
    """Within the page itself, so that no file has to be readable for it."""
    if not file.is_file():
        return "<p class='rw-dim'>This picture is gone. Skip it.</p>"
    data = base64.b64encode(file.read_bytes()).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(text)}">'


def folder_told(folder: Path) -> str:
    return (
        f"<p class='rw-dim'>Pictures are kept in <code>{escape(str(folder))}</code>, with the detector that is "
        f"trained on them; at least {LEAST} of each kind are needed, 50 do better.</p>"
    )


def result(taught: TrainingResult) -> str:
    """How well the detector does on what it has not seen, in all and by video."""
    model, checked = taught.model, taught.model.checked
    facts = {
        "Precision": f"{checked.precision:.3f}",
        "Recall": f"{checked.recall:.3f}",
        "Threshold": f"{model.threshold:.3f} ({model.chosen})",
        "Checked": f"{checked.groups} times on what was left out, by {checked.by}",
    }
    summary = "".join(f"<div><dt>{name}</dt><dd>{escape(told)}</dd></div>" for name, told in facts.items())
    notes = "".join(f'<div class="rw-note">{escape(note)}</div>' for note in taught.notes)
    head = "".join(f'<th scope="col">{name}</th>' for name in ("video", "broken", "clean", "precision", "recall"))
    rows = "".join(_rows(taught))
    table = f'<div class="rw-table"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    return f'<div role="status"><dl class="rw-summary">{summary}</dl>{table}{notes}</div>'


def _rows(taught: TrainingResult) -> Iterator[str]:
    for video in taught.model.videos:
        found = taught.by_video[video.id]
        cells = (str(video.broken), str(video.clean), f"{found.precision:.3f}", f"{found.recall:.3f}")
        yield f'<tr><th scope="row">{escape(video.name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
