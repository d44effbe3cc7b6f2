"""All texts of the page are in one place, in words that need no knowledge of the command line."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment

from reelweave.ui.strings import STRINGS, Browser

UI = Path(__file__).resolve().parents[2] / "ui"
ELSEWHERE = {
    "forecast.py": "it has the names of jobs and steps, which are looked up in the catalogue",
    "strings.py": "the catalogue itself",
    "server.py": "its messages are read in a terminal, before there is a page",
    "wording.py": "its patterns are those of messages of the command line",
}
PROSE = re.compile(r"[A-Za-z]{2,}[,;:.]? [A-Za-z]{2,}")
LETTERS = re.compile(r"[A-Za-z]")
SHOWN_ARGUMENTS = {"label", "placeholder", "info", "title"}
"""Arguments that Gradio shows."""
SHOWN_FIRST = {"Button", "Accordion", "Tab", "Markdown", "note"}
"""Calls whose first argument is shown."""
INTERNAL_ARGUMENTS = {"name", "kind", "elem_classes", "js", "prefix"}
INTERNAL_CALLS = {"stage", "script", "render", "compile"}
SHOWN_ATTRIBUTES = re.compile(r'\b(?:aria-label|title|placeholder|alt|aria-valuetext)="([^"]*)"')
UNITS = {"x"}
"""Text nodes that are no words."""


def python_files() -> list[Path]:
    return [file for file in sorted(UI.rglob("*.py")) if file.name not in ELSEWHERE]


def texts(node: ast.AST) -> str:
    """Return the literal part of a string or an f-string; nothing for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "\0".join(texts(part) for part in node.values)
    return ""


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def internal(tree: ast.AST) -> set[int]:
    """Return the nodes that are not shown: docstrings, and arguments by which the program knows things."""
    hidden: set[int] = set()
    for node in ast.walk(tree):
        skipped: list[ast.AST] = []
        if isinstance(node, ast.Expr):
            skipped = [node.value] if isinstance(node.value, ast.Constant) else []
        elif isinstance(node, ast.Call):
            skipped = [keyword.value for keyword in node.keywords if keyword.arg in INTERNAL_ARGUMENTS]
            skipped += node.args[:1] if name_of(node) in INTERNAL_CALLS else []
        hidden.update(id(inner) for outer in skipped for inner in ast.walk(outer))
    return hidden


def python_literals(source: str) -> Iterator[str]:
    """Yield the texts of a module that a user could read."""
    tree = ast.parse(source)
    hidden = internal(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            shown = [keyword.value for keyword in node.keywords if keyword.arg in SHOWN_ARGUMENTS]
            shown += node.args[:1] if name_of(node) in SHOWN_FIRST else []
            shown += node.args if name_of(node).endswith("Error") else []
            yield from (texts(one) for one in shown if LETTERS.search(texts(one)))
        elif id(node) not in hidden and PROSE.search(texts(node)) and "=>" not in texts(node):
            yield texts(node)


def template_literals(source: str) -> Iterator[str]:
    """Yield the texts of a template that are not the values of expressions."""
    page = ""
    for _, kind, value in Environment(trim_blocks=True, lstrip_blocks=True).lex(source):
        if kind == "data":
            page += value
        elif kind == "variable_begin":
            page += "\0"
        elif kind == "string" and "rw-" not in value and (PROSE.search(value) or re.search(r"[A-Z][a-z]", value)):
            yield value
    yield from (value for value in SHOWN_ATTRIBUTES.findall(page) if LETTERS.search(value))
    plain = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.DOTALL)
    for text in re.split(r'<[^>]*>|\0|&\w+;|\s[\w-]+="', plain):
        if LETTERS.search(text) and text.strip() not in UNITS:
            yield text.strip()


JS_STRING = re.compile(r"'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|`(?:\\.|[^`\\])*`")
JS_SINK = re.compile(
    r"(?:\.(?:textContent|innerText|innerHTML|title|placeholder|alt|ariaLabel)\s*=(?!=)|"
    r"setAttribute\('(?:aria-label|title|alt|placeholder|aria-valuetext)',)([^;]*)"
)


JS_LOOKUP = re.compile(r"(?:querySelector(?:All)?|closest|getAttribute|matches)\([^)]*\)|\[[^\]]*\]")
"""Expressions whose texts name something in the page."""


def script_literals(source: str) -> Iterator[str]:
    """Yield the texts of a script that it shows, or that read like a sentence."""
    code = re.sub(r"^\s*//.*$|\s// .*$|/\*.*?\*/", "", source, flags=re.MULTILINE)
    for shown in JS_SINK.findall(code):
        for literal in JS_STRING.findall(JS_LOOKUP.sub("", shown)):
            words = re.sub(r"<[^>]*>|\$\{[^}]*\}", "", literal[1:-1])
            if LETTERS.search(words) and "rw-" not in words and f"ext({literal}" not in shown.replace(" ", ""):
                yield literal
    for literal in JS_STRING.findall(code):
        if PROSE.search(re.sub(r"\$\{[^}]*\}", "\0", literal)) and not re.search(r"[\[\]#:={}]|rw-|, ", literal):
            yield literal


FILES = [
    *((file, python_literals) for file in python_files()),
    *((file, template_literals) for file in sorted(UI.glob("templates/*.html"))),
    *((file, script_literals) for file in sorted(UI.glob("static/*.js"))),
]


@pytest.mark.parametrize(("file", "literals"), FILES, ids=[str(file.relative_to(UI)) for file, _ in FILES])
def test_no_text_is_shown_that_the_catalogue_does_not_have(file: Path, literals: Any) -> None:
    assert list(literals(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("literals", "source"),
    [
        (python_literals, 'gr.Button("Go")'),
        (python_literals, 'gr.Textbox("", label="Words")'),
        (python_literals, 'raise UsageError("Nothing.", remedy)'),
        (python_literals, 'x = f"{count} frames left"'),
        (template_literals, "<p>Hello {{ name }}</p>"),
        (template_literals, '<img alt="frame {{ number }}">'),
        (template_literals, '{{ button("Drop", "drop", 1) }}'),
        (template_literals, '{{ "two words" if x else y }}'),
        (script_literals, "button.textContent = on ? 'Pause' : 'Play';"),
        (script_literals, "status.textContent = `${count} selected`;"),
        (script_literals, "say('something went wrong');"),
        (script_literals, "cell.setAttribute('aria-label', `frame ${number}`);"),
    ],
)
def test_a_text_outside_the_catalogue_would_be_found(literals: Any, source: str) -> None:
    assert list(literals(source))


def catalogue(part: Any = STRINGS, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each entry."""
    if isinstance(part, str):
        yield name, part
    elif name.count(".") < 1:
        for key, value in part._asdict().items():
            yield from catalogue(value, f"{name}.{key}".lstrip("."))
    elif hasattr(part, "values"):
        for value in part.values():
            yield from catalogue(value, name)
    else:
        for value in part:
            yield from catalogue(value, name)


def test_no_text_names_an_option_a_setting_an_identifier_or_a_command() -> None:
    sections = tomllib.loads((UI.parent / "settings.toml").read_text(encoding="utf-8"))
    settings = {f"{section}.{key}" for section, keys in sections.items() if isinstance(keys, dict) for key in keys}
    for name, text in catalogue():
        words = re.sub(r"\{[^}]*\}", "", text)
        assert not re.search(r"--|`|[a-z]_[a-z]|REELWEAVE_", words), (name, text)
        assert not [setting for setting in settings if setting in words], (name, text)


def test_every_text_is_used() -> None:
    used = "".join(
        file.read_text(encoding="utf-8") for file in UI.rglob("*.*") if file.suffix in (".py", ".html", ".js")
    )
    names = {name.split(".")[1] for name, _ in catalogue()}
    assert {name for name in names if not re.search(rf"\.{name}\b|ext\(.*'{name}'", used)} == set()


def test_the_scripts_use_only_texts_that_exist() -> None:
    for file in UI.glob("static/*.js"):
        found = set(re.findall(r"\b(?:text|reelweaveText)\('(\w+)'", file.read_text(encoding="utf-8")))
        assert found <= set(Browser._fields), file.name


CALL = re.compile(r"\b(?:STRINGS|strings)\.(\w+)\.(\w+)(?:\.format|\.about)?\(")


def arguments(code: str, start: int) -> set[str]:
    """Return the names of the arguments of a call whose parenthesis opens before `start`."""
    depth, names, position = 1, set(), start
    while depth:
        if depth == 1 and (found := re.compile(r"(\w+)\s*=(?!=)").match(code, position)):
            names.add(found[1])
            position = found.end()
            continue
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(code[position], 0)
        position += 1
    return names


def test_every_text_is_given_the_fields_that_it_has() -> None:
    wrong = []
    for file in [*python_files(), *UI.glob("templates/*.html")]:
        code = file.read_text(encoding="utf-8")
        section = re.search(r"^_TEXT = STRINGS\.(\w+)$", code, re.MULTILINE)
        code = code.replace("_TEXT.", f"STRINGS.{section[1]}.") if section else code
        for call in CALL.finditer(code):
            text = getattr(getattr(STRINGS, call[1]), call[2])
            if not isinstance(text, str | tuple):
                continue
            words = text if isinstance(text, str) else " ".join(text)
            wanted = set(re.findall(r"\{(\w+)[^}]*\}", words)) - {"count"}
            if wanted != arguments(code, call.end()) - {"count"}:
                wrong.append((file.name, call[2], wanted))
    assert wrong == []
