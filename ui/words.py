"""What the page says, as HTML in which every word from outside is escaped."""

from html import escape

from ..errors import ReelweaveError
from .jobs import Cancelled, Seen


def trouble(failed: BaseException) -> str:
    """A failure with its next step, where a screen reader announces it."""
    if isinstance(failed, Cancelled):
        return note("Cancelled. What the library had stored by then is kept.")
    if isinstance(failed, ReelweaveError):
        cause, remedy = failed.cause, failed.remedy
    else:
        cause, remedy = f"{type(failed).__name__}: {failed}", "Try again, or see what `reelweave doctor` finds."
    next_step = f"<p>{escape(remedy)}</p>" if remedy else ""
    return f'<div class="rw-trouble" role="alert"><p><b>{escape(cause)}</b></p>{next_step}</div>'


def note(text: str) -> str:
    return f'<div class="rw-note" role="status">{escape(text)}</div>'


def progress(now: Seen) -> str:
    """The stage, its count, the time left, what it is a part of, and the notes so far."""
    stages = (_stage(now.outer) if now.outer else "") + _stage(now)
    notes = "".join(f"<li>{escape(text)}</li>" for text in now.notes)
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
