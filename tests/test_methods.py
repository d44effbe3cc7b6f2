"""Every method that can be chosen goes the whole way on a film, and the plan says which it was."""

import json
from pathlib import Path

import pytest
from helpers import Scrambled
from runs import Run


@pytest.fixture
def known(run: Run, scrambled: Scrambled) -> str:
    """The scrambled film in the library, by its id."""
    return str(run("ingest", scrambled.video, "--json").data["id"])


def adjacency(run: Run, plan: Path, truth: Path) -> float:
    return float(run("evaluate", plan, "--truth", truth, "--json").data["adjacency"])


@pytest.mark.parametrize("rule", ["density", "dbscan", "hdbscan"])
def test_the_outlier_rule_that_was_chosen_is_used_and_recorded(
    rule: str, run: Run, known: str, scrambled: Scrambled
) -> None:
    plan = run("solve", known, "--outliers", rule, "--json").data
    assert plan["settings"]["outliers"]["rule"] == rule
    assert [dropped["frame"] for dropped in plan["dropped"]] == scrambled.truth.foreign


def test_reconstruct_takes_the_same_choices(run: Run, scrambled: Scrambled, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    done = run("reconstruct", scrambled.video, "-o", film, "--outliers", "dbscan", "--json").data
    assert json.loads(Path(done["plan"]).read_text())["settings"]["outliers"]["rule"] == "dbscan"


def test_a_rule_that_there_is_not_is_refused_with_those_there_are(run: Run, known: str) -> None:
    answer = run("solve", known, "--outliers", "luck")
    assert answer.code == 2
    assert "outliers.rule" in answer.err
    assert "dbscan" in answer.err
