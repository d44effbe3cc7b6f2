"""Pieces of the page that several tabs show, as HTML: pictures, films, buttons, links to what was made."""

import base64
import re
import shlex
from html import escape
from itertools import takewhile
from pathlib import Path

from ..errors import ReelweaveError
from ..media.types import Picture
from .jobs import Cancelled, JobStatus
from .uploads import address, looked_at

CLICKS = """
element.addEventListener('click', event => {
    const chosen = event.target.closest('[data-act]');
    if (!chosen || !element.contains(chosen)) return;
    element.querySelectorAll('[aria-current]').forEach(other => other.removeAttribute('aria-current'));
    chosen.setAttribute('aria-current', 'true');
    trigger('click', {act: chosen.dataset.act, on: chosen.dataset.on});
});
"""
"""Makes the `click` of an HTML component tell which of its buttons it was, by their `data-act` and `data-on`."""
FOCUS = """
let last = '';
element.addEventListener('click', event => {
    const chosen = event.target.closest('[data-act]');
    if (chosen) last = `[data-act="${chosen.dataset.act}"][data-on="${chosen.dataset.on}"]`;
});
watch('value', () => {
    const again = last && document.activeElement === document.body && element.querySelector(last);
    if (again) again.focus({preventScroll: true});
});
"""
"""Keeps the keyboard where it was when the answer to a click comes."""

INTO_VIEW = "() => document.getElementById('%s').scrollIntoView({block: 'nearest', behavior: 'smooth'})"


def picture(shown: Picture) -> str:
    """A small picture as an address that holds it, so that no file has to be readable for it."""
    import cv2

    data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def film(file: Path, title: str, plays: bool = False) -> str:
    """A film that the page made, under its title."""
    wish = " autoplay muted" if plays else ""
    video = f'<video src="{escape(address(file))}" controls loop playsinline preload="metadata"{wish}></video>'
    return f'<figure class="rw-film">{video}<figcaption>{escape(title)}</figcaption></figure>'


def download(file: Path, name: str, text: str) -> str:
    """A link to something that the page made, by a name to save it under."""
    there = f'href="{escape(address(file))}" download="{escape(name)}"'
    state = looked_at(file)
    large = size(state.st_size if state else 0)
    return f'<a class="rw-button rw-download" {there}>{escape(text)} <small>{large}</small></a>'


def button(text: str, act: str, on: object, label: str = "", classes: str = "") -> str:
    """A button that an HTML component with `CLICKS` tells of; `label` is what it is called where it is only read."""
    spoken = f' aria-label="{escape(label)}" title="{escape(label)}"' if label else ""
    told = f'data-act="{act}" data-on="{escape(str(on))}"'
    return f'<button type="button" class="rw-button rw-small {classes}" {told}{spoken}>{escape(text)}</button>'


def size(count: int) -> str:
    """So many bytes in the unit that people read them in."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{max(1, round(count / 1e3))} kB"


_COMMAND = re.compile(r"(^|\. )?`(?:reelweave) ([^`]*)`")


def in_words(text: str) -> str:
    """A message whose commands are said as they are done on the page; what it cannot do is for a terminal."""
    return _COMMAND.sub(_done_here, text)


def _done_here(found: re.Match[str]) -> str:
    begins, told = found[1], _on_the_page(found[2]) or f"reelweave {found[2]} in a terminal"
    return told if begins is None else begins + told[0].upper() + told[1:]


def _on_the_page(line: str) -> str:
    try:
        words = shlex.split(line)
    except ValueError:  # a message may quote anything
        return ""
    given = list(takewhile(lambda word: not word.startswith("--"), words))
    space = f" in the space {words[words.index('--space') + 1]}" if "--space" in words[:-1] else ""
    if given == ["videos", "list"]:
        return "the tab Library"
    if given[:1] == ["ingest"] and given[1:]:
        return f"adding {', '.join(given[1:])}{space} on the tab Library"
    return f"removing {given[2]} on the tab Library" if given[:2] == ["videos", "remove"] and given[2:] else ""


def error_html(failed: BaseException) -> str:
    """A failure with its next step, where a screen reader announces it."""
    if isinstance(failed, Cancelled):
        return note("Cancelled. What the library had stored by then is kept.")
    if isinstance(failed, ReelweaveError):
        cause, remedy = failed.cause, failed.remedy
    else:
        cause, remedy = f"{type(failed).__name__}: {failed}", "Try again, or see what `reelweave doctor` finds."
    next_step = f"<p>{escape(in_words(remedy))}</p>" if remedy else ""
    return f'<div class="rw-trouble" role="alert"><p><b>{escape(in_words(cause))}</b></p>{next_step}</div>'


def note(text: str) -> str:
    return f'<div class="rw-note" role="status">{escape(in_words(text))}</div>'


def progress(now: JobStatus) -> str:
    """The stage, its count, the time left, what it is a part of, and the notes so far."""
    stages = (_stage(now.outer) if now.outer else "") + _stage(now)
    notes = "".join(f"<li>{escape(in_words(text))}</li>" for text in now.notes)
    kind = "rw-progress rw-may-stop" if now.may_stop else "rw-progress"
    return f'<div class="{kind}" role="status">{stages}{f"<ul>{notes}</ul>" if notes else ""}</div>'


def _stage(now: JobStatus) -> str:
    count = f"{now.done} of {now.total}" if now.total else (str(now.done) if now.done > 1 else "")
    told = ", ".join(filter(None, [count, time_left(now.seconds_left), now.told]))
    bar = f'<progress value="{now.share:.4f}" max="1"></progress>' if now.share is not None else "<progress></progress>"
    return f"<div><b>{escape(now.stage or 'starting')}</b> <span>{escape(told)}</span></div>{bar}"


def time_left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds / 60:.0f} min left" if seconds >= 60 else f"{seconds:.0f} s left"


def notes(texts: tuple[str, ...]) -> str:
    return "".join(note(text) for text in texts)
