"""What the page says, as HTML in which every word from outside is escaped."""

import re
import shlex
from html import escape
from itertools import takewhile

from ..errors import ReelweaveError
from .jobs import Cancelled, Seen

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


def trouble(failed: BaseException) -> str:
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


def progress(now: Seen) -> str:
    """The stage, its count, the time left, what it is a part of, and the notes so far."""
    stages = (_stage(now.outer) if now.outer else "") + _stage(now)
    notes = "".join(f"<li>{escape(in_words(text))}</li>" for text in now.notes)
    kind = "rw-progress rw-may-stop" if now.may_stop else "rw-progress"
    return f'<div class="{kind}" role="status">{stages}{f"<ul>{notes}</ul>" if notes else ""}</div>'


def _stage(now: Seen) -> str:
    count = f"{now.done} of {now.total}" if now.total else (str(now.done) if now.done > 1 else "")
    told = ", ".join(filter(None, [count, left(now.seconds_left), now.told]))
    bar = f'<progress value="{now.share:.4f}" max="1"></progress>' if now.share is not None else "<progress></progress>"
    return f"<div><b>{escape(now.stage or 'starting')}</b> <span>{escape(told)}</span></div>{bar}"


def left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds / 60:.0f} min left" if seconds >= 60 else f"{seconds:.0f} s left"


def notes(texts: tuple[str, ...]) -> str:
    return "".join(note(text) for text in texts)
