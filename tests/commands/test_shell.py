"""What a shell sees: completion, colours, variables that stand for options, and the man page."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from command_lines import COMMANDS, options
from helpers import pictures, write_clip
from runs import Answer, Run, in_a_process, in_process, modules_after

import reelweave
from reelweave import settings
from reelweave.cli import app
from reelweave.commands import color, complete, variables
from reelweave.commands.color import choose_color
from reelweave.commands.variables import option_variables

ROOT = Path(reelweave.__file__).resolve().parent


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return in_process(capsys)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> list[str]:
    """The ids of two videos in a library."""
    monkeypatch.setenv("REELWEAVE_LIBRARY", str(tmp_path / "library"))
    monkeypatch.chdir(tmp_path)
    clips = [write_clip(tmp_path / name, pictures(4, seed=at)) for at, name in enumerate(("My Clip.mp4", "other.mp4"))]
    return [row["id"] for row in run("ingest", *clips, "--space", "appearance", "--json", "-q").rows]


# Completion.

SHELLS: dict[str, Callable[[str], dict[str, str]]] = {
    "bash": lambda line: {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
    "zsh": lambda line: {"_TYPER_COMPLETE_ARGS": line},
    "fish": lambda line: {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


def completed(line: str, shell: str = "bash") -> list[str]:
    """The words that a shell is told for the end of a command line."""
    answer: Answer = in_a_process(_REELWEAVE_COMPLETE=f"complete_{shell}", **SHELLS[shell](line))
    assert answer.code == 0, answer.err
    found = re.findall(r'^.*?"([^"]+)"' if shell == "zsh" else r"^(\S+)", answer.out, re.MULTILINE)
    return [str(word) for word in found]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_videos_and_values(library: list[str], shell: str) -> None:
    assert completed("reelweave videos export-", shell) == ["export-edits"]
    assert completed("reelweave solve ", shell) == sorted(library)
    assert completed("reelweave solve --price ch", shell) == ["changes"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("reelweave videos show oth", ["other"]),
        ("reelweave search --video my", ["my-clip"]),
        ("reelweave videos remove other-12345678 my", ["my-clip"]),
        ("reelweave solve --space ap", ["appearance"]),
        ("reelweave ingest --space al", ["all"]),
        ("reelweave settings show solve.pri", ["solve.price"]),
        ("reelweave models fetch to", ["toy"]),
        ("reelweave schema pl", ["plan"]),
        ("reelweave --color n", ["never"]),
        ("reelweave solve --library nowhere oth", []),
    ],
)
def test_what_is_completed(library: list[str], line: str, words: list[str]) -> None:
    assert [re.sub(r"-[0-9a-f]{8}$", "", word) for word in completed(line)] == words


def test_a_library_of_reelweave_toml_is_completed(library: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("reelweave.toml").write_text(f"library = '{os.environ['REELWEAVE_LIBRARY']}'\n", encoding="utf-8")
    monkeypatch.delenv("REELWEAVE_LIBRARY")
    assert completed("reelweave solve oth") == [name for name in library if name.startswith("other")]


def test_a_damaged_catalog_completes_nothing(library: list[str], tmp_path: Path) -> None:
    (tmp_path / "library" / "catalog.db").write_bytes(b"no database" * 100)
    assert completed("reelweave solve ") == []


def test_completion_loads_nothing_heavy(library: list[str]) -> None:
    code = (
        "import os; os.environ.update(_REELWEAVE_COMPLETE='complete_zsh', _TYPER_COMPLETE_ARGS='reelweave solve ')\n"
        "from reelweave.cli import run; run([])"
    )
    heavy = {"numpy", "chromadb", "torch", "cv2", "scipy", "faiss", "rich", "pydantic_settings"}
    assert modules_after(code) & heavy == set()


def test_completed_values_are_those_of_the_settings() -> None:
    def literal(section: type[Any], key: str) -> set[str]:
        annotation = section.model_fields[key].annotation
        return set(get_args(annotation))

    assert set(complete.PRICES) == literal(settings.SolveSettings, "price")
    assert set(complete.RULES) == literal(settings.OutlierSettings, "rule")
    assert set(complete.SOUND) == literal(settings.RenderSettings, "audio")
    assert set(complete.METHODS) == literal(settings.RepairSettings, "method")
    assert set(complete.LONG) == literal(settings.RepairSettings, "long")
    assert set(complete.REGIONS) == literal(settings.RepairSettings, "region")
    assert set(complete.settings("")) == {row.key for row in settings.explain()}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_is_valid_and_calls_the_program(shell: str) -> None:
    told = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = in_a_process("--show-completion", shell, **told).out
    assert "_REELWEAVE_COMPLETE" in script
    if found := shutil.which(shell):
        subprocess.run([found, "-n"], input=script, text=True, check=True, capture_output=True)


def test_bash_completes_by_its_script(library: list[str], tmp_path: Path) -> None:
    """Source the script as a login shell does, and ask it what it would insert."""
    told = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = in_a_process("--show-completion", "bash", **told).out
    program = tmp_path / "bin" / "reelweave"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m reelweave "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    words = "COMP_WORDS=(reelweave solve oth); COMP_CWORD=2"
    ask = f"{words}; _reelweave_completion reelweave oth solve; echo ${{COMPREPLY[@]}}"
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{ask}"],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [name for name in library if name.startswith("other")]


# Colours.


@pytest.fixture(autouse=True)
def _automatic() -> Iterator[None]:
    yield
    choose_color("auto")


class Terminal:
    """A stream that says it is a terminal."""

    def __init__(self, yes: bool = True) -> None:
        self.yes = yes

    def isatty(self) -> bool:
        return self.yes


@pytest.mark.parametrize(
    ("mode", "terminal", "variable", "expected"),
    [
        ("auto", True, "", True),
        ("auto", False, "", False),
        ("auto", True, "1", False),
        ("always", False, "1", True),
        ("never", True, "", False),
    ],
)
def test_colours_follow_the_terminal_the_variable_and_the_option(
    monkeypatch: pytest.MonkeyPatch, mode: str, terminal: bool, variable: str, expected: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", variable)
    monkeypatch.setenv("TERM", "xterm")
    choose_color(mode)
    stream: Any = Terminal(terminal)
    assert color.is_colored(stream) is expected


def test_colours_are_switched_on_and_off(library: list[str], run: Run) -> None:
    assert "\x1b[" in run("--color", "always", "videos", "list").out
    assert "\x1b[" in run("--color", "always", "videos", "show", "nothing").err
    for words in (("--color", "never"), ()):
        answer = run(*words, "videos", "list")
        assert "\x1b[" not in answer.out + answer.err
    refused = run("--color", "blue", "videos", "list")
    assert refused.code == 2
    assert "always" in refused.err


def test_json_is_never_coloured(library: list[str], run: Run) -> None:
    assert "\x1b[" not in run("--color", "always", "videos", "list", "--json").out


# Variables.

VARIABLES = dict(option_variables(typer.main.get_command(app)))


def test_every_option_has_a_variable_of_its_own_and_none_is_that_of_a_setting() -> None:
    count = sum(
        len({id(option) for name, option in options(command).items() if name not in variables._WITHOUT})
        for command in COMMANDS.values()
    )
    assert len(VARIABLES) == count
    taken = {settings.PREFIX + row.key.upper().replace(".", "__") for row in settings.explain()}
    assert set(VARIABLES) & (taken | settings._RESERVED) == set()
    assert variables.PREFIX == settings.PREFIX


def test_a_variable_stands_for_an_option_which_wins_over_it(
    library: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWEAVE_VIDEOS_LIST_JSON", "1")
    assert run("videos", "list").out.startswith("{")
    monkeypatch.setenv("REELWEAVE_SOLVE_PRICE", "difference")
    monkeypatch.setenv("REELWEAVE_SOLVE_JSON", "yes")
    monkeypatch.setenv("REELWEAVE_SOLVE__PRICE", "huber")
    assert run("solve", library[0], "-q").data["settings"]["solve"]["price"] == "difference"
    assert run("solve", library[0], "-q", "--price", "changes").data["settings"]["solve"]["price"] == "changes"
    monkeypatch.delenv("REELWEAVE_SOLVE_PRICE")
    assert run("solve", library[0], "-q").data["settings"]["solve"]["price"] == "huber"


def test_a_variable_holds_several_values(library: list[str], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELWEAVE_SOLVE_DROP", "0 2")
    plan = run("solve", library[0], "-q", "--json").data
    assert {one["frame"] for one in plan["dropped"]} == {0, 2}


def test_the_variables_of_a_command_below_another_are_read(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("REELWEAVE_EVALUATE_ROBUSTNESS_NOISE", "nonsense=1")
    answer = run("evaluate", "robustness", "clip.mp4")
    assert answer.code == 2
    assert "nonsense" in answer.err


def test_a_mistyped_variable_is_refused_by_name(library: list[str], monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("REELWEAVE_SOLVE_PRCE", "huber")
    answer = run("solve", library[0])
    assert answer.code == 2
    assert "REELWEAVE_SOLVE_PRICE" in answer.err


def test_help_does_not_list_the_variables(run: Run) -> None:
    assert "REELWEAVE_SOLVE" not in run("solve", "--help").out


# Questions.


def test_y_answers_every_question_of_repair() -> None:
    known = options(COMMANDS[("repair",)])
    assert known["-y"] is not known["--overwrite"]
    asking = [path for path, command in COMMANDS.items() if {"--yes", "--overwrite"} & set(options(command))]
    assert [path for path in asking if "-y" not in options(COMMANDS[path])] == []


# Settings and the man page.


def test_settings_show_prints_some_settings(run: Run) -> None:
    assert [row["key"] for row in run("settings", "show", "solve.price", "library", "--json").rows] == [
        "solve.price",
        "library",
    ]
    refused = run("settings", "show", "solve.prise")
    assert refused.code == 2
    assert "solve.price" in refused.err


def test_the_man_page_is_valid_and_names_every_command() -> None:
    page = ROOT / "docs" / "man" / "reelweave.1"
    text = page.read_text(encoding="utf-8")
    for path in COMMANDS:
        assert " ".join(path).replace("-", r"\-") in text
    if found := shutil.which("groff"):
        done = subprocess.run([found, "-man", "-Tutf8", "-ww", str(page)], capture_output=True, text=True, check=True)
        assert done.stderr == ""
