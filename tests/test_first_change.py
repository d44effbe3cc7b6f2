"""The page for a contributor's first change works: its blocks are applied to a copy, and its commands are run there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_release import distribution

import reelweave

ROOT = Path(reelweave.__file__).resolve().parent
PAGE = (ROOT / "docs" / "guide" / "first-change.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r"`([\w/]+\.py)`:\n\n```(py|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r'^make test ARGS="(.+)"$', re.MULTILINE)


def apply(change: str, file: Path) -> None:
    """Apply a hunk whose unchanged lines occur exactly once."""
    lines = change.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{file.name} is not what the page says any more:\n{before}"
    file.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / ".git").exists():
        pytest.skip("only a checkout knows which files belong to it")
    copied: Path = distribution.copied(ROOT, tmp_path_factory.mktemp("copy") / "reelweave")
    return copied


@pytest.mark.parametrize("section", ["An embedder", "A price", "A detector"])
def test_the_change_works_as_the_page_says(copy: Path, section: str) -> None:
    blocks = BLOCK.findall(SECTIONS[section])
    assert len(blocks) == SECTIONS[section].count("```py\n") + SECTIONS[section].count("```diff\n") >= 2
    for name, kind, text in blocks:
        file = copy / name
        assert file.exists() == (kind == "diff"), name
        apply(text, file) if kind == "diff" else file.write_text(text, encoding="utf-8")
    for arguments in COMMAND.findall(SECTIONS[section]):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments.split()]
        environment = os.environ | {"PYTHONPATH": str(copy.parent)}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    checked = [*{name for name, _, _ in blocks}]
    linted = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", *checked],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout
