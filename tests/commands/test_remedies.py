"""Commands and options that messages suggest exist and can be typed."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from command_lines import COMMANDS, misunderstood, options

import reelweave
from reelweave import errors
from reelweave.errors import SpaceError, command, command_line
from reelweave.media.types import VideoRecord, ingest_command
from reelweave.search.question import check_vectors
from reelweave.settings import load

ROOT = Path(reelweave.__file__).resolve().parent
NOT_PACKAGED = {"tests", "bench", "deploy", "docs", ".venv", "build", "dist"}
NAMED = re.compile(r"[`>](reelweave\b[^`<]*)[`<]")
LEFT_OPEN = re.compile(r"\.\.\.|\u2026|\b[A-Z][A-Z_]+\b")
PLACEHOLDER = "x1"
"""Replaces a value that is known only when the message is made."""


@cache
def modules() -> list[tuple[Path, ast.Module]]:
    folders = [
        folder
        for folder in ROOT.iterdir()
        if folder.is_dir() and folder.name not in NOT_PACKAGED and folder.name[0] != "."
    ]
    files = [*ROOT.glob("*.py"), *(file for folder in folders for file in folder.rglob("*.py"))]
    return [(file, ast.parse(file.read_text(encoding="utf-8"))) for file in sorted(files)]


def texts(tree: ast.Module) -> Iterator[str]:
    """Yield the strings of a module except its docstrings."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    skipped |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else PLACEHOLDER for p in node.values)


def called(tree: ast.Module) -> Iterator[str]:
    """Yield the command lines that a module builds with `command` or `command_line`."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and node.args
            and isinstance(node.func, ast.Name)
            and node.func.id in ("command", "command_line")
        ):
            words = [word.value if isinstance(word, ast.Constant) else PLACEHOLDER for word in node.args]
            yield shlex.join(["reelweave", *map(str, words)])


@cache
def suggested() -> list[str]:
    found = []
    for file, tree in modules():
        if file.name != "errors.py":
            found += [line for text in texts(tree) for line in NAMED.findall(text)] + [*called(tree)]
    return sorted({*found})


def test_messages_suggest_commands() -> None:
    assert len(suggested()) > 15


@pytest.mark.parametrize("line", suggested())
def test_a_suggested_command_is_valid(line: str) -> None:
    words = shlex.split(line)
    assert LEFT_OPEN.findall(line) == []
    assert misunderstood(words[1:]) == ""


def test_every_option_in_a_message_exists() -> None:
    known = {name for path in COMMANDS for name in options(COMMANDS[path])} | {"--help"}
    messages = [text for _, tree in modules() for text in texts(tree) if " " in text and "var(--" not in text]
    named = {name for text in messages for name in re.findall(r"(?<![\w<!-])--[a-z][\w-]*", text)}
    assert named - known == {f"--{PLACEHOLDER}"}


def test_every_command_on_a_library_has_the_option_library() -> None:
    for first in errors._LIBRARY_COMMANDS:
        below = [path for path in COMMANDS if path[:1] == (first,) and COMMANDS[path].params]
        assert below
        assert [path for path in below if "--library" not in options(COMMANDS[path])] == []


def test_a_command_is_quoted_for_the_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(
        command_line("ingest", tmp_path / "it's a film.mp4", Path("-q.mp4"), Path("/$HOME/x"), "--fps", "all")
    )
    assert words == ["reelweave", "ingest", "it's a film.mp4", "./-q.mp4", "/$HOME/x", "--fps", "all"]
    assert command("doctor") == "`reelweave doctor`"


def test_a_command_repeats_the_library_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors._CommandLine, "library", Path("my films"))
    assert shlex.split(command_line("videos", "list")) == ["reelweave", "videos", "list", "--library", "my films"]
    assert command_line("doctor") == "reelweave doctor"


def test_the_command_to_ingest_again_keeps_the_sampling() -> None:
    """Another rate or size would replace the stored frames."""
    video = VideoRecord("f-1", "f", "a b.mp4", "", "", "video", 25, 64, 36, 2.5, 224, 64, 36)
    line = ingest_command(video, "clip").strip("`")
    assert shlex.split(line)[1:] == ["ingest", "a b.mp4", "--fps", "2.5", "--size", "224", "--space", "clip"]
    assert misunderstood(shlex.split(line)[1:]) == ""


@pytest.mark.parametrize("count", [1, 3, 9])
def test_missing_vectors_are_reported_with_the_command_that_makes_them(count: int) -> None:
    """It names the first of many videos and counts the rest. The weights, missing here, must be fetched first."""
    videos = [
        VideoRecord(f"f-{number}", "f", f"films/a {number}.mp4", "", "", "video", 25, 64, 36, 0, 360, 64, 36)
        for number in range(count)
    ]
    with pytest.raises(SpaceError) as lacking:
        check_vectors(videos, {video.id: {} for video in videos}, "clip", load())
    making, fetching = re.findall("`(.*?)`", lacking.value.remedy)
    words = shlex.split(making)
    assert misunderstood(words[1:]) == ""
    sources = [word for word in words if word.endswith(".mp4")]
    assert sources == [video.source for video in videos][: len(sources)]
    assert (len(sources) == count) is ("makes them" in lacking.value.remedy)
    assert fetching == "reelweave models fetch"
