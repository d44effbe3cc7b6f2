"""What the documents say of the program is what the program does."""

import ast
import importlib
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_lines import COMMANDS, is_group, misunderstood, options

import reelweave
from reelweave.settings import PACKAGED

ROOT = Path(reelweave.__file__).resolve().parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
ENVIRONMENT = re.compile(r"[A-Z_]+=\S*")


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [text for named, text in found if named == language]


def examples() -> Iterator[list[str]]:
    """The command lines of the README's code blocks, as words without variables before them."""
    for line in re.split(r"\n| && ", "".join(blocks(""))):
        words = shlex.split(line, comments=True)
        while words and ENVIRONMENT.fullmatch(words[0]):
            words = words[1:]
        if words:
            yield words


EXAMPLES = list(examples())
OURS = [words[1:] for words in EXAMPLES if words[0] == "reelweave"]


def section(title: str) -> str:
    return re.split(rf"^## {title}$", README, flags=re.MULTILINE)[1].split("\n## ")[0]


def told_of(path: tuple[str, ...]) -> str:
    """What the README says of a command, and of options that several have."""
    shared, *parts = re.split(r"^(?=(?:\| )?`reelweave )", section("Commands"), flags=re.MULTILINE)
    return shared + "".join(part for part in parts if part.strip("| ").startswith(f"`reelweave {' '.join(path)}"))


@pytest.mark.parametrize("path", [path for path in COMMANDS if path], ids=" ".join)
def test_every_command_is_in_the_readme(path: tuple[str, ...]) -> None:
    assert f"`reelweave {' '.join(path)}" in README or is_group(COMMANDS[path])


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(("reelweave", *path)))
def test_every_option_is_in_the_readme(path: tuple[str, ...]) -> None:
    text = told_of(path)
    missing = [name for name in options(COMMANDS[path]) if not re.search(rf"`{name}[` ]", text)]
    assert missing == []


def test_the_readme_shows_how_every_kind_of_work_is_done() -> None:
    shown = {tuple(words[: len(path)]) for words in OURS for path in COMMANDS}
    told = {("demo",), ("doctor",), ("models", "list"), ("settings", "show")}
    groups = {path for path, command in COMMANDS.items() if is_group(command)}
    assert set(COMMANDS) - shown - told - groups == set()


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_the_readmes_command_lines_are_understood(words: list[str]) -> None:
    assert misunderstood(words) == ""


@pytest.mark.parametrize("target", sorted({words[1] for words in EXAMPLES if words[0] == "make"}))
def test_the_readmes_make_targets_exist(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_readme_says_how_to_test() -> None:
    assert ["make", "test"] in EXAMPLES


def defaults() -> dict[str, Any]:
    table = tomllib.loads(PACKAGED.read_text(encoding="utf-8"))
    found = {}
    for name, value in table.items():
        found |= {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
    return found


def test_the_readme_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| `(.*?)` \|", section("Settings"), re.MULTILINE)
    assert dict(rows) == {key: json.dumps(value) for key, value in defaults().items()}


def test_every_score_is_defined() -> None:
    from dataclasses import fields

    from reelweave.evaluate.grouping import Grouping
    from reelweave.evaluate.metrics import Scores
    from reelweave.evaluate.robustness import Retrieval

    names = [
        name for cell in re.findall(r"^\| (`.+?`) \|", section("Scores"), re.MULTILINE) for name in cell.split(", ")
    ]
    assert names == [f"`{field.name}`" for kind in (Scores, Grouping, Retrieval) for field in fields(kind)]


def test_every_key_of_a_plan_and_a_truth_is_explained() -> None:
    from reelweave.evaluate.truth import Mixed, Truth
    from reelweave.solve.plan import Plan

    text, keys = section("Files"), [*Plan.model_fields, *Truth.model_fields, *Mixed.model_fields]
    assert [key for key in keys if f"`{key}`" not in text] == []


def test_every_field_of_an_answer_is_named() -> None:
    from dataclasses import fields

    from reelweave.asking import Similarity
    from reelweave.evaluate.grouping import FilmScores, SplitScores
    from reelweave.films import FilmMade, Reconstruction
    from reelweave.index.search import Hit, Moment

    kinds = (Reconstruction, FilmMade, SplitScores, FilmScores, Hit, Moment, Similarity)
    text = section("Files")
    assert [field.name for kind in kinds for field in fields(kind) if f"`{field.name}`" not in text] == []


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.splitlines()[0])
def test_the_readmes_python_uses_what_there_is(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.import_module(f"{module.__name__}.{alias.name}")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pipeline":
            assert hasattr(importlib.import_module("reelweave.pipeline"), node.attr)


def links(document: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for link in links(document):
        file, _, anchor = link.partition("#")
        target = ROOT / (file or document)
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def test_the_readme_shows_a_picture() -> None:
    shown = re.findall(r"!\[.+?\]\((.+?)\)", README)
    assert shown
    for name in shown:
        assert 1000 < (ROOT / name).stat().st_size < 400_000


def test_the_changelog_knows_the_version() -> None:
    assert f"## [{reelweave.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_line_of_prose_is_too_long_to_review() -> None:
    for document in DOCUMENTS:
        lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if len(line) > 120 and not line.startswith(("|", "!["))] == []
