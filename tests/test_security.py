"""SECURITY.md names tests that exist, and every way in that the program has."""

import re
from pathlib import Path

import pytest

import reelweave

ROOT = Path(reelweave.__file__).resolve().parent
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)))


@pytest.mark.parametrize(("file", "test"), NAMED, ids="::".join)
def test_the_named_test_exists(file: str, test: str) -> None:
    source = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {test or 'test_'}", source, re.MULTILINE)


def test_every_threat_has_a_test() -> None:
    rows = [row.split(" | ") for row in TEXT.splitlines() if row.startswith("| **")]
    assert len(rows) == 10
    assert [row[0] for row in rows if "tests/" not in row[-1]] == []
