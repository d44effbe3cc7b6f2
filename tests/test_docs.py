"""The documentation agrees with the program."""

import ast
import importlib
import importlib.util
import inspect
import json
import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from command_lines import COMMANDS, is_group, misunderstood, options

import reelweave
from reelweave.settings import PACKAGED

ROOT = Path(reelweave.__file__).resolve().parent
DOCS = ROOT / "docs"
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    *sorted(file.relative_to(ROOT).as_posix() for file in DOCS.rglob("*.md")),
]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
README = TEXTS["README.md"]
GUIDES = "\n".join(text for name, text in TEXTS.items() if name.startswith("docs/guide/"))
EVERYTHING = "\n".join(TEXTS.values())
ENVIRONMENT = re.compile(r"[A-Z_]+=\S*")


def script(name: str) -> ModuleType:
    """A script of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reference(name: str) -> str:
    return TEXTS[f"docs/reference/{name}.md"]


def blocks(language: str, text: str = EVERYTHING) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for named, block in found if named == language]


def examples(text: str = EVERYTHING) -> Iterator[list[str]]:
    """The command lines of code blocks, as words without variables before them."""
    for line in re.split(r"\n| && ", "".join([*blocks("", text), *blocks("sh", text)])):
        words = shlex.split(line, comments=True)
        while words and ENVIRONMENT.fullmatch(words[0]):
            words = words[1:]
        if words:
            yield words


EXAMPLES = list(examples())
OURS = [list(words) for words in dict.fromkeys(tuple(words[1:]) for words in EXAMPLES if words[0] == "reelweave")]


@pytest.mark.parametrize("name", ["cli.md", "settings.md", "models.md"])
def test_a_generated_page_is_what_the_program_says(name: str) -> None:
    page = script("generate").PAGES[name]()
    assert TEXTS[f"docs/reference/{name}"] == page, "out of date: run `make reference`"


def test_the_man_page_is_what_the_program_says() -> None:
    made = script("generate")
    assert made.MAN_PAGE.read_text(encoding="utf-8") == made.man_page(), "out of date: run `make reference`"


@pytest.mark.parametrize("path", [path for path in COMMANDS if path], ids=" ".join)
def test_every_command_is_in_the_reference(path: tuple[str, ...]) -> None:
    assert re.search(rf"^#+ reelweave {' '.join(path)}$", reference("cli"), re.MULTILINE)


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(("reelweave", *path)))
def test_every_option_says_what_it_does_and_is_explained_in_a_guide(path: tuple[str, ...]) -> None:
    explained = GUIDES + reference("cli").split("\n## ")[0]
    known = options(COMMANDS[path])
    assert [name for name, option in known.items() if not option.help] == []
    assert [name for name in known if not re.search(rf"(`|reelweave ){name}[` ]", explained)] == []


def test_the_guides_show_how_every_kind_of_work_is_done() -> None:
    shown = {tuple(words[: len(path)]) for words in OURS for path in COMMANDS}
    told = {path for path in COMMANDS if f"`reelweave {' '.join(path)}`" in EVERYTHING}
    inline = {path for path in COMMANDS if path and f"`{' '.join(path)}`" in GUIDES}
    groups = {path for path, command in COMMANDS.items() if is_group(command)}
    assert set(COMMANDS) - shown - groups - (told & {("demo",), ("doctor",), ("settings", "show")}) - inline == set()


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_the_command_lines_are_understood(words: list[str]) -> None:
    assert misunderstood(words) == ""


@pytest.mark.parametrize(
    "target", sorted({words[1] for words in EXAMPLES if words[0] == "make" and "=" not in words[1]})
)
def test_the_make_targets_exist(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\b(?:bench|docs)/[\w/-]+\.(?:py|toml)", EVERYTHING))))
def test_the_scripts_exist(name: str) -> None:
    assert (ROOT / name.replace("run-NAME", "run-seriate")).is_file()


def test_the_readme_says_how_to_test() -> None:
    assert ["make", "test"] in list(examples(README))


def test_the_readme_and_the_contributors_page_stay_short() -> None:
    assert len(README.splitlines()) < 250
    assert len(TEXTS["CONTRIBUTING.md"].splitlines()) <= 100


def defaults() -> dict[str, Any]:
    table = tomllib.loads(PACKAGED.read_text(encoding="utf-8"))
    found = {}
    for name, value in table.items():
        found |= {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
    return found


def test_the_reference_lists_every_setting_with_its_default_and_a_reason() -> None:
    rows = re.findall(r"^### ([\w.]+)\n\nDefault `(.*?)`; .+\n\n(.+)$", reference("settings"), re.MULTILINE)
    assert {key: value for key, value, _ in rows} == {key: json.dumps(value) for key, value in defaults().items()}


def test_every_score_is_defined() -> None:
    from dataclasses import fields

    from reelweave.evaluate.robustness import Retrieval
    from reelweave.evaluate.scores import Scores
    from reelweave.evaluate.split_scores import Grouping

    names = [
        name for cell in re.findall(r"^\| (`.+?`) \|", reference("scores"), re.MULTILINE) for name in cell.split(", ")
    ]
    assert names == [f"`{field.name}`" for kind in (Scores, Grouping, Retrieval) for field in fields(kind)]


def test_every_key_of_a_plan_and_a_truth_is_explained() -> None:
    from reelweave.evaluate.truth import Mixed, Truth
    from reelweave.solve.plan.model import Plan

    keys = [*Plan.model_fields, *Truth.model_fields, *Mixed.model_fields]
    assert [key for key in keys if f"`{key}`" not in reference("files")] == []


def test_every_field_of_an_answer_is_named() -> None:
    from dataclasses import fields

    from reelweave.evaluate.split_scores import FilmScores, SplitScores
    from reelweave.render.results import FilmResult, Reconstruction
    from reelweave.search.question import Similarity
    from reelweave.search.results import Hit, Moment

    kinds = (Reconstruction, FilmResult, SplitScores, FilmScores, Hit, Moment, Similarity)
    assert [f.name for kind in kinds for f in fields(kind) if f"`{f.name}`" not in reference("files")] == []


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.splitlines()[0])
def test_the_python_examples_use_what_there_is(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.import_module(f"{module.__name__}.{alias.name}")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pipeline":
            assert hasattr(importlib.import_module("reelweave.pipeline"), node.attr)


def test_every_public_function_is_in_the_reference() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", reference("python"), re.MULTILINE)
    names = [name.strip("`") for row in rows for name in row.split(", ")]
    public = [name for name in reelweave.__all__ if inspect.isfunction(getattr(reelweave, name))]
    assert sorted(names) == sorted(public)


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/explanation/how-it-works.md", "docs/reference/python.md"])
def test_the_modules_exist(name: str) -> None:
    paths = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?|[a-z_]+\.py)`", TEXTS[name])
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def links(document: str) -> list[str]:
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", without_code(TEXTS[document])) if "://" not in target]


def anchors(text: str) -> Counter[str]:
    """The anchors that a repository host gives to headings, with how many headings share each."""
    titles = re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE)
    return Counter(re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for link in links(document):
        file, _, anchor = link.partition("#")
        target = (ROOT / document).parent / file if file else ROOT / document
        assert target.exists(), link
        # A second heading of the same name gets another anchor, and hosts differ in which.
        assert not anchor or anchors(target.read_text(encoding="utf-8"))[anchor] == 1, link


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            todo += [
                (page.parent / link.partition("#")[0]).resolve() for link in links(page.relative_to(ROOT).as_posix())
            ]
    assert {ROOT / name for name in DOCUMENTS} <= seen


def test_every_page_is_in_the_sites_navigation() -> None:
    def pages(nav: Any) -> Iterator[str]:
        for entry in nav:
            for below in entry.values():
                yield from [below] if isinstance(below, str) else pages(below)

    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    site = script("make_site").copied()
    assert sorted(pages(nav)) == sorted(page.as_posix() for page in site.values() if page.suffix == ".md")


def test_the_site_links_to_its_own_copies_and_to_no_file_that_it_lacks() -> None:
    site = script("make_site")
    files = site.copied()
    page = ROOT / "docs" / "guide" / "search.md"
    text = "[a](../../CONTRIBUTING.md#code) [b](library.md) [c](../../settings.toml) [d](#queries) [e](https://example.org)"
    linked = "[a](../contributing.md#code) [b](library.md) c [d](#queries) [e](https://example.org)"
    assert site.relinked(text, page, files) == linked


def test_the_site_refuses_a_link_to_a_file_that_does_not_exist() -> None:
    site = script("make_site")
    with pytest.raises(SystemExit, match=r"nowhere\.md"):
        site.relinked("[a](nowhere.md)", ROOT / "README.md", site.copied())


@pytest.mark.parametrize(
    "name", sorted({name for text in TEXTS.values() for name in re.findall(r"!\[.+?\]\((.+?)\)", text)})
)
def test_pictures_are_small_enough_to_load(name: str) -> None:
    assert 1000 < (DOCS / "images" / Path(name).name).stat().st_size < 400_000


def test_the_readme_shows_a_picture() -> None:
    assert re.search(r"!\[.+?\]\(docs/images/before-after\.jpg\)", README)


def test_the_changelog_knows_the_version() -> None:
    assert f"## [{reelweave.__version__}]" in TEXTS["CHANGELOG.md"]


def test_no_line_of_prose_is_too_long_to_review() -> None:
    generated = {"docs/reference/cli.md", "docs/reference/settings.md"}
    for text in (text for name, text in TEXTS.items() if name not in generated):
        assert [line for line in text.splitlines() if len(line) > 120 and not line.startswith(("|", "!["))] == []
