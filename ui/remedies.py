"""What the page offers to do about an error: the buttons below a message, and the work behind them."""

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import (
    LibraryLocked,
    ModelMissing,
    ReelweaveError,
    SourceMissing,
    StoreUnreachable,
    UsageError,
    commands_in,
)
from ..index import manage
from ..ingest.ingester import complete_video
from ..ingest.models.registry import fetch_model
from ..ingest.relocate import relocate_videos
from ..media.untrusted import UntrustedError, parse_json, validate
from ..progress import Progress
from .context import PageContext
from .jobs import BusyError, Cancelled
from .strings import STRINGS

SMALL_MODEL = "toy"
"""The model that comes with the program; it knows drawn shapes, and shows how the search works."""

_COMPLETE, _SMALL = "complete", "small"
_TEXT = STRINGS.jobs
_MAY_PASS = (LibraryLocked, StoreUnreachable)
"""Errors that may be gone the next time."""


@dataclass(frozen=True)
class Remedy:
    """A button below an error. It starts a job with an item, or presses another control of the page."""

    label: str
    action: str = ""
    item: str = ""
    press: str = ""
    """The CSS selector of the control."""
    field: str = ""
    """The label of a text field, whose content is sent along."""


@dataclass(frozen=True)
class _Request:
    """What the browser sends with a remedy."""

    videos: tuple[str, ...] = ()
    space: str = ""
    path: str = ""


def remedies_of(failed: BaseException, again: str = "", resumable: bool = False, panel: str = "") -> list[Remedy]:
    """Return what can be done about an error.

    Args:
        failed: The error, or the cancellation of a job.
        again: The CSS selector of the control that starts the work again.
        resumable: Whether a cancelled job resumes where it left off.
        panel: The name of the panel that shows the error.
    """
    if isinstance(failed, Cancelled):
        return [Remedy(_TEXT.resume, press=again)] if resumable and again else []
    found = list(dict.fromkeys(_specific(failed, panel)))
    if any(remedy.action == _SMALL for remedy in found):
        # Vectors are made by the model, and so come after it.
        found = [remedy for remedy in found if remedy.action != _COMPLETE]
    if again and (isinstance(failed, _MAY_PASS) or not isinstance(failed, ReelweaveError)):
        found.append(Remedy(_TEXT.try_again, press=again))
    return found


def _specific(failed: BaseException, panel: str) -> Iterator[Remedy]:
    if isinstance(failed, BusyError):
        yield Remedy(_TEXT.cancel_running, press=f"#{panel}-cancel")
    if isinstance(failed, SourceMissing) and failed.video:
        item = json.dumps({"videos": [failed.video]})
        yield Remedy(_TEXT.locate, "locate", item, field=_TEXT.locate_field.format(name=failed.name))
    if isinstance(failed, ReelweaveError):
        for command in commands_in(failed.remedy):
            yield from _of_command(command)
    if isinstance(failed, ModelMissing):
        yield from _model_remedies()


def _of_command(command: str) -> Iterator[Remedy]:
    """Offer what a command does that a message quotes."""
    try:
        words = shlex.split(command)
    except ValueError:  # a message may quote anything
        return
    match words:
        case ["ingest", "--help", *_]:
            yield Remedy(_TEXT.add_videos, press="[data-tab-id=library]")
        case ["ingest", *rest]:
            yield _completion(rest)
        case ["models", "fetch", *_]:
            yield from _model_remedies()
        case ["videos", "check", "--repair", *_]:
            yield Remedy(_TEXT.repair_library, "check")


def _completion(arguments: list[str]) -> Remedy:
    first_option = next((place for place, word in enumerate(arguments) if word.startswith("--")), len(arguments))
    sources = [str(Path(source).absolute()) for source in arguments[:first_option]]
    space = arguments[arguments.index("--space") + 1] if "--space" in arguments[:-1] else ""
    label = _TEXT.add_vectors if space else _TEXT.finish_ingest
    return Remedy(label, _COMPLETE, json.dumps({"videos": sources, "space": space}))


def _model_remedies() -> Iterator[Remedy]:
    yield Remedy(_TEXT.download_model, "download")
    yield Remedy(_TEXT.use_small_model, _SMALL)


def _complete(context: PageContext, request: _Request, progress: Progress) -> str:
    """Finish the ingest of videos into a space; return the message about it."""
    with context.writes.turn(progress):
        names = [
            complete_video(video, context.settings, progress, request.space or None).name for video in request.videos
        ]
    return _TEXT.video_completed.format(name=", ".join(names))


def typed_place(context: PageContext, path: str) -> Path:
    """Return the file or folder that a local user typed, where a video is now."""
    if not path.strip():
        raise UsageError(*STRINGS.errors.no_place)
    return context.server_path(path.strip())


def _locate(context: PageContext, request: _Request, progress: Progress) -> str:
    """Find the moved files of videos at or below a path that a local user typed; return the message about it."""
    place = typed_place(context, request.path)
    with context.writes.turn(progress):
        relocate_videos(list(request.videos), place, context.settings, progress)
    names = [str(manage.show_video(video, context.settings)["name"]) for video in request.videos]
    return _TEXT.video_located.format(name=", ".join(names))


def download_model(context: PageContext, progress: Progress) -> None:
    """Fetch the weights of the model in the settings."""
    with progress.stage("download"):
        fetch_model(None, context.settings, quiet=True)


def _download(context: PageContext, request: _Request, progress: Progress) -> str:
    download_model(context, progress)
    return _TEXT.model_ready


def _use_small_model(context: PageContext, request: _Request, progress: Progress) -> str:
    context.use_model(SMALL_MODEL)
    return _TEXT.small_model_ready


def _check(context: PageContext, request: _Request, progress: Progress) -> str:
    """Repair the library."""
    with context.writes.turn(progress):
        manage.check_library(context.settings, progress, repair=True)
    return _TEXT.library_repaired


_Work = Callable[[PageContext, _Request, Progress], str]
_WORK: dict[str, _Work] = {
    _COMPLETE: _complete,
    "locate": _locate,
    "download": _download,
    _SMALL: _use_small_model,
    "check": _check,
}


def work_of(context: PageContext, action: str, item: str, path: str) -> Callable[[Progress], str] | None:
    """Return the work of a remedy, whose result is a message; None if the browser sent none."""
    try:
        request = validate(_Request, {**dict(parse_json(item or "{}")), "path": path})
    except (UntrustedError, TypeError, ValueError):
        return None
    work = _WORK.get(action)
    return (lambda progress: work(context, request, progress)) if work else None
