"""HTML that several tabs share: pictures, videos, buttons, download links, messages and progress."""

import base64
import re
import shlex
from collections.abc import Iterable
from html import escape
from itertools import takewhile
from pathlib import Path

from ..errors import ReelweaveError
from ..media.types import Picture
from .jobs import Cancelled, JobStatus
from .uploads import stat_if_present, url_of

# Keeps the page small: its pictures are part of its HTML.
_JPEG_QUALITY = 82

CLICKS = """
element.addEventListener('click', event => {
    const chosen = event.target.closest('[data-act]');
    if (!chosen || !element.contains(chosen)) return;
    element.querySelectorAll('[aria-current]').forEach(other => other.removeAttribute('aria-current'));
    chosen.setAttribute('aria-current', 'true');
    trigger('click', {act: chosen.dataset.act, on: chosen.dataset.on});
});
"""
"""Send `data-act` and `data-on` of the clicked button with the `click` event of an HTML component."""

CLICKS_AND_FOCUS = """
element.addEventListener('click', event => {
  const pressed = event.target.closest('[data-act]');
  if (!pressed || !element.contains(pressed)) return;
  const again = `[data-act="${pressed.dataset.act}"][data-on="${pressed.dataset.on}"]`;
  window.reelweavePressed = {element, again};
  trigger('click', {act: pressed.dataset.act, on: pressed.dataset.on});
});
watch('value', () => {
  const last = window.reelweavePressed;
  if (last && last.element === element && document.activeElement === document.body) {
    const pressed = element.querySelector(last.again);
    if (pressed) pressed.focus({preventScroll: true});
  }
});
"""
"""Like `CLICKS`, and restore the keyboard focus when the answer replaces the HTML of the component clicked last."""

PLAY_TOGETHER = """
let span = null;
const films = () => [...element.querySelectorAll('video')];
const start = at => films().forEach(film => { film.currentTime = at; film.play(); });
element.addEventListener('click', event => {
    const pressed = event.target.closest('button');
    if (!pressed || !films().length) return;
    if (pressed.dataset.from) {
        span = {from: +pressed.dataset.from, to: +pressed.dataset.to};
        films()[0].scrollIntoView({block: 'nearest', behavior: 'smooth'});
        start(span.from);
    } else if (pressed.matches('[data-play]')) {
        span = null;
        if (films().some(film => film.paused)) start(0); else films().forEach(film => film.pause());
    } else if (pressed.matches('[data-slow]')) {
        const slow = pressed.getAttribute('aria-pressed') !== 'true';
        pressed.setAttribute('aria-pressed', String(slow));
        films().forEach(film => { film.playbackRate = slow ? 0.25 : 1; });
    }
});
element.addEventListener('timeupdate', event => {
    if (span && event.target === films()[0] && event.target.currentTime > span.to) start(span.from);
}, true);
watch('value', () => { span = null; });
"""
"""Play all films of a component together, or in a loop between `data-from` and `data-to` of a button."""

INTO_VIEW = "() => document.getElementById('%s').scrollIntoView({block: 'nearest', behavior: 'smooth'})"


def data_url(picture: Picture, quality: int = _JPEG_QUALITY) -> str:
    """Encode a small picture as a data URL, so that the server need not hand out a file."""
    import cv2

    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def image(picture: Picture, width: int, text: str = "", quality: int = _JPEG_QUALITY) -> str:
    """Embed a picture, scaled to `width`, with `text` as its alternative text."""
    import cv2

    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    small: Picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return f'<img src="{data_url(small, quality)}" width="{width}" height="{height}" alt="{escape(text)}">'


def captioned_video(file: Path, title: str, autoplay: bool = False) -> str:
    """Show a film that the page made, with its title below."""
    options = " autoplay muted" if autoplay else ""
    video = f'<video src="{escape(url_of(file))}" controls loop playsinline preload="metadata"{options}></video>'
    return f'<figure class="rw-film">{video}<figcaption>{escape(title)}</figcaption></figure>'


def compared_video(file: Path, title: str) -> str:
    """Show one of two films that play side by side, with its title above."""
    # Without a start time some browsers show black until the film plays.
    source = f"{escape(url_of(file))}#t=0.001"
    video = f'<video controls muted loop playsinline preload="auto" src="{source}"></video>'
    return f"<figure><figcaption>{escape(title)}</figcaption>{video}</figure>"


def download(file: Path, name: str, text: str) -> str:
    """Link to an output, to be saved as `name`."""
    status = stat_if_present(file)
    link = f'href="{escape(url_of(file))}" download="{escape(name)}"'
    bytes_ = size(status.st_size if status else 0)
    return f'<a class="rw-button rw-download" {link}>{escape(text)} <small>{bytes_}</small></a>'


def button(
    text: str, act: str, on: object, label: str = "", classes: str = "rw-small", pressed: bool | None = None
) -> str:
    """Make a button whose click arrives as `act` and `on`.

    Args:
        text: The content, as HTML.
        act: What to do.
        on: What to do it to, such as a frame number.
        label: The accessible name and tooltip, if the text alone does not say enough.
        classes: CSS classes.
        pressed: The state of a toggle button; None for a plain button.
    """
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    spoken = f' aria-label="{escape(label)}" title="{escape(label)}"' if label else ""
    data = f'data-act="{act}" data-on="{escape(str(on))}"'
    return f'<button type="button" class="rw-button {classes}" {data}{spoken}{state}>{text}</button>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Show names and values as a definition list."""
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    return f'<dl class="rw-summary">{cells}</dl>'


def plural(count: int, noun: str) -> str:
    """Return the count with its noun: `1 frame`, `2 frames`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def size(count: int) -> str:
    """Format a number of bytes in GB, MB or kB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{max(1, round(count / 1e3))} kB"


_COMMAND = re.compile(r"(^|\. )?`(?:reelweave) ([^`]*)`")


def page_wording(text: str) -> str:
    """Replace the commands in a message by what to do on the page, or name the terminal where the page cannot."""
    return _COMMAND.sub(_page_equivalent, text)


def _page_equivalent(found: re.Match[str]) -> str:
    sentence_start, words = found[1], _page_action(found[2]) or f"reelweave {found[2]} in a terminal"
    return words if sentence_start is None else sentence_start + words[0].upper() + words[1:]


def _page_action(command_line: str) -> str:
    """Say how to do on the page what a command does; empty if the page cannot do it."""
    try:
        words = shlex.split(command_line)
    except ValueError:  # a message may quote anything
        return ""
    arguments = list(takewhile(lambda word: not word.startswith("--"), words))
    space = f" in the space {words[words.index('--space') + 1]}" if "--space" in words[:-1] else ""
    if arguments == ["videos", "list"]:
        return "the Library tab"
    if arguments[:1] == ["ingest"] and arguments[1:]:
        return f"adding {', '.join(arguments[1:])}{space} on the Library tab"
    return (
        f"removing {arguments[2]} on the Library tab" if arguments[:2] == ["videos", "remove"] and arguments[2:] else ""
    )


def error(failed: BaseException) -> str:
    """Show a failure and its next step, as an alert that screen readers announce."""
    if isinstance(failed, Cancelled):
        return note("Cancelled. Everything stored in the library so far is kept.")
    if isinstance(failed, ReelweaveError):
        cause, remedy = failed.cause, failed.remedy
    else:
        cause, remedy = f"{type(failed).__name__}: {failed}", "Try again, or run `reelweave doctor`."
    next_step = f"<p>{escape(page_wording(remedy))}</p>" if remedy else ""
    return f'<div class="rw-trouble" role="alert"><p><b>{escape(page_wording(cause))}</b></p>{next_step}</div>'


def note(text: str) -> str:
    return f'<div class="rw-note" role="status">{escape(page_wording(text))}</div>'


def progress(status: JobStatus) -> str:
    """Show the stage with its count and time left, below the outer stage if there is one, and the notes so far."""
    stages = (_stage(status.outer) if status.outer else "") + _stage(status)
    notes = "".join(f"<li>{escape(page_wording(text))}</li>" for text in status.notes)
    kind = "rw-progress rw-may-stop" if status.can_stop_early else "rw-progress"
    return f'<div class="{kind}" role="status">{stages}{f"<ul>{notes}</ul>" if notes else ""}</div>'


def _stage(status: JobStatus) -> str:
    count = f"{status.done} of {status.total}" if status.total else (str(status.done) if status.done > 1 else "")
    words = ", ".join(filter(None, [count, _time_left(status.seconds_left), status.detail]))
    value = "" if status.share is None else f' value="{status.share:.4f}" max="1"'
    name = escape(status.stage or "starting")
    return f"<div><b>{name}</b> <span>{escape(words)}</span></div><progress{value}></progress>"


def _time_left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds / 60:.0f} min left" if seconds >= 60 else f"{seconds:.0f} s left"
