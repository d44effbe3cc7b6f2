"""Plans, timelines, truths and detectors: valid ones with values changed, dropped, retyped, deepened or blown up."""

import json
from pathlib import Path

import pytest
from fuzz.harness import Stock, Worker, scratch, tries
from fuzz.inputs import Edit, Splice, edited, edits, mostly, spliced, splices
from hypothesis import given
from hypothesis import strategies as st

Changes = tuple[list[Edit], list[Splice]]

changes = mostly(
    st.tuples(st.lists(edits, min_size=1, max_size=3), st.just([])),
    st.tuples(st.lists(edits, max_size=1), st.lists(splices, min_size=1, max_size=3)),
)
"""Of what the document says, and now and then of its text."""


@pytest.fixture(scope="module", autouse=True)
def unharmed(stock: Stock) -> None:
    """After all of them every file that the documents name is as it was."""
    before = stock.untouched()
    yield
    assert stock.untouched() == before


def _written(file: Path, document: Path, made: Changes) -> Path:
    text = document.read_text(encoding="utf-8")
    if made[0]:
        text = edited(json.loads(text), made[0])
    file.write_bytes(spliced(text.encode("utf-8", "replace"), made[1]))
    return file


@tries("plans")
@given(made=changes, command=st.sampled_from(["render", "lossless", "reverse", "evaluate", "audio"]))
def test_plans(worker: Worker, stock: Stock, made: Changes, command: str) -> None:
    with scratch(stock, library=False) as (folder, _):
        plan = _written(folder / "plan.json", stock.plan, made)
        options = {"lossless": ["--lossless"], "reverse": ["--both", "--reverse"], "audio": ["--audio", "keep"]}
        if command == "evaluate":
            answer = worker.run("evaluate", plan, "--truth", stock.truth, folder=folder)
        else:
            answer = worker.run("render", plan, "-o", "film.mp4", "-q", *options.get(command, []), folder=folder)
            assert (folder / "film.mp4").exists() == (answer.code == 0)


@tries("timelines")
@given(made=changes)
def test_timelines(worker: Worker, stock: Stock, made: Changes) -> None:
    with scratch(stock, library=False) as (folder, _):
        timeline = _written(folder / "cut.otio", stock.timeline, made)
        answer = worker.run("render", timeline, "-o", "film.mp4", "-q", folder=folder)
        assert (folder / "film.mp4").exists() == (answer.code == 0)


@tries("truths")
@given(made=changes, command=st.sampled_from(["evaluate", "rendered", "test"]))
def test_truths(worker: Worker, stock: Stock, made: Changes, command: str) -> None:
    with scratch(stock, library=False) as (folder, _):
        truth = _written(folder / "truth.json", stock.truth, made)
        if command == "test":
            worker.run("breakup", "test", stock.scrambled, "--truth", truth, "--json", folder=folder)
        else:
            rendered = ["--rendered", stock.folder / "film.mp4"] * (command == "rendered")
            worker.run("evaluate", stock.plan, "--truth", truth, *rendered, folder=folder)


@tries("detectors")
@given(made=changes)
def test_detectors(worker: Worker, stock: Stock, made: Changes) -> None:
    with scratch(stock, library=False) as (folder, _):
        detector = _written(folder / "detector.json", stock.detector, made)
        worker.run("repair", stock.a, "--detect-only", "--detector", detector, "-q", folder=folder)
