"""Say in the words of the page what messages say in the words of the command line.

The stages and messages of the pipeline name options, commands and settings. Here each becomes an action of the page,
and what has no counterpart on the page is left out.
"""

import re
import shlex
from itertools import takewhile

from .strings import STRINGS

STAGES = STRINGS.pipeline.steps
"""The steps of a job by the names that the pipeline gives them."""

CONSTRAINTS = STRINGS.pipeline.constraints
"""The corrections of the Reconstruct tab, by the names of the constraints."""

_TEXT = STRINGS.pipeline
_OPTIONS = {name.replace("_", "-"): name for name in CONSTRAINTS}
_CONSTRAINT = re.compile(rf"--({'|'.join(sorted(_OPTIONS, key=len, reverse=True))})[ =]([\d:]+(?:[,-][\d:]+)*)")
_COMMAND = re.compile(r"(^|\. )?`(?:reelweave) ([^`]*)`")
_SOUND_OPTION = re.compile(r", left out; --audio [^.]* includes it\.")
_ID = re.compile(r"\b(\w[\w-]*)-[0-9a-f]{8}\b(?!\.\w)")
"""The id of a video: its name without the ending, and eight digits."""
_PHRASES = (
    (re.compile(r"None of the videos to search has vectors in the clip space"), _TEXT.none_searchable),
    (re.compile(r"ha(?:s|ve) no vectors in the clip space"), _TEXT.not_searchable),
    (re.compile(r"has no complete vectors in the (?:appearance|clip) space"), _TEXT.not_completed),
)
_SOUND_CHOICE = re.compile(r"; --audio [^.]* decides otherwise")
_SETTING = re.compile(r" \([a-z_]+\.[a-z_]+\)")
_PROCESS = re.compile(r" \(process \d+[^)]*\)")
_KEPT_UPLOAD = re.compile(r"(?<![\w/.])(?:/[^\n'\"]*?|[^\s/'\"]+)\.page/(?:given|run-[^/\s]+/uploads)/[0-9a-f]+/")
_VIDEOS = re.compile(r"\d+ videos")
_SOURCES = re.compile(r"\d+ sources, MB")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z“])")
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*|\bREELWEAVE_\w+|\b[a-z_]+\.[a-z_]+ (?:=|to) |local-dir:")


def page_wording(text: str) -> str:
    """Replace options, commands and paths of the server in a message; leave out what the page has no words for."""
    text = _SOUND_OPTION.sub(_TEXT.sound_left_out, _KEPT_UPLOAD.sub("", _PROCESS.sub("", text)))
    text = _SETTING.sub("", _SOUND_CHOICE.sub("", text))
    text = _ID.sub(r"\1", _CONSTRAINT.sub(_correction, text))
    for phrase, words in _PHRASES:
        text = phrase.sub(words, text)
    text = _COMMAND.sub(_page_equivalent, text)
    return " ".join(sentence for sentence in _SENTENCE.split(text) if not _OPTION.search(sentence))


def step_of(name: str) -> str:
    """Return the name of a stage without its title, its count and what is in parentheses."""
    step = re.sub(r" \(.*\)$", "", name.rpartition(": ")[2])
    return (
        "sources"
        if _SOURCES.fullmatch(step)
        else "videos"
        if _VIDEOS.fullmatch(step)
        else "load"
        if step.startswith("load ")
        else step
    )


def stage_name(name: str) -> str:
    """Return the plain words for a stage."""
    title, _, _ = name.rpartition(": ")
    step = step_of(name)
    words = STAGES.get(step, step[:1].upper() + step[1:])
    return f"{words}: {title}" if title else words


def _correction(found: re.Match[str]) -> str:
    words, value = CONSTRAINTS[_OPTIONS[found[1]]], found[2]
    parts = value.split(":") if words.count("{}") > 1 else [value.replace(",", ", ")]
    return f"“{words.format(*parts)}”" if len(parts) == words.count("{}") else found[0]


def _page_equivalent(found: re.Match[str]) -> str:
    sentence_start, words = (
        found[1],
        _page_action(found[2]) or _TEXT.in_terminal.format(command=f"reelweave {_verb(found[2])}"),
    )
    return words if sentence_start is None else sentence_start + words[0].upper() + words[1:]


def _page_action(command_line: str) -> str:
    """Say how to do on the page what a command does; empty if the page cannot do it."""
    try:
        words = shlex.split(command_line)
    except ValueError:  # a message may quote anything
        return ""
    arguments = list(takewhile(lambda word: not word.startswith("--"), words))
    space = words[words.index("--space") + 1] if "--space" in words[:-1] else ""
    match arguments:
        case ["models", "fetch", *_]:
            return _TEXT.downloading
        case ["videos", "list"]:
            return _TEXT.library_tab
        case ["ingest", _, *_] if space == "clip":
            return _TEXT.adding_clip.format(names=_names(arguments[1:]))
        case ["ingest", _, *_]:
            return _TEXT.adding.format(names=_names(arguments[1:]))
        case ["videos", "remove", video, *_]:
            return _TEXT.removing.format(names=video)
    return ""


def _verb(command_line: str) -> str:
    return command_line.partition(" -")[0]


def _names(paths: list[str]) -> str:
    return ", ".join(path.rsplit("/", 1)[-1] for path in paths)
