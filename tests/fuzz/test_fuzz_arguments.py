"""Arguments and settings: ranges, times, rates, names, queries, and every key of the settings."""

import os
import shutil
from pathlib import Path

import pytest
from fuzz.harness import Outcome, Stock, Worker, hashes, remembered, scratch, tries, vectors_of
from fuzz.inputs import (
    HOSTILE,
    NUMBERS,
    clock_times,
    garbled,
    joined,
    mostly,
    numbers,
    pairs,
    ranges,
    rates,
    texts,
    whole,
)
from hypothesis import given
from hypothesis import strategies as st

from reelweave.settings import LOCAL, PACKAGED, explain

Shared = tuple[Path, Path]


def option(name: str, value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return value.map(lambda text: f"{name}={text}")


FRAMES = st.one_of(
    *(option(name, ranges) for name in ("--drop", "--keep", "--cut-after", "--join-after")),
    *(option(name, pairs) for name in ("--before", "--adjacent")),
    *(option(name, whole) for name in ("--first", "--last")),
)
SHOTS = st.one_of(
    *(option(name, ranges) for name in ("--keep-shot", "--drop-shot", "--flip-shot")),
    option("--shot-order", garbled(joined(",", whole))),
)


@pytest.fixture(scope="module", autouse=True)
def unharmed(stock: Stock, worker: Worker, shared: Shared) -> None:
    """After all of them the library holds what it held, and every source is as it was."""
    folder, library = shared
    before = stock.untouched()
    yield
    assert stock.untouched() == before
    for video in ("a", "b"):
        assert remembered(library, video) == remembered(stock.library, video)
        assert vectors_of(worker, library, video, folder) == hashes(stock.export(video))


def _run(worker: Worker, shared: Shared, *arguments: object, **environment: object) -> Outcome:
    folder, library = shared
    variables = {"REELWEAVE_LIBRARY": library, "REELWEAVE_INGEST__SPACE": "appearance"} | environment
    return worker.run(*arguments, folder=folder, **variables)


@tries("ranges")
@given(constraints=st.lists(FRAMES, min_size=1, max_size=3), repaired=st.none() | ranges)
def test_ranges_of_frames(
    worker: Worker, shared: Shared, stock: Stock, constraints: list[str], repaired: str | None
) -> None:
    if repaired is None:
        _run(worker, shared, "solve", "a.mp4", "-q", *constraints)
    else:
        _run(worker, shared, "repair", stock.a, "--detect-only", f"--frames={repaired}", "-q")


@tries("shots")
@given(constraints=st.lists(SHOTS, max_size=2), films=st.none() | whole)
def test_ranges_of_shots(worker: Worker, shared: Shared, constraints: list[str], films: str | None) -> None:
    _run(worker, shared, "solve", "a.mp4", "-q", *(constraints if films is None else [f"--films={films}"]))


@tries("times")
@given(
    after=st.none() | clock_times,
    before=st.none() | clock_times,
    threshold=st.none() | mostly(st.sampled_from(["0", "0.9", "auto", "calibrated"]), numbers, texts),
    count=st.none() | whole,
    moments=st.booleans(),
)
def test_times_and_thresholds(
    worker: Worker,
    shared: Shared,
    stock: Stock,
    after: str | None,
    before: str | None,
    threshold: str | None,
    count: str | None,
    moments: bool,
) -> None:
    said = {"--after": after, "--before": before, "--threshold": threshold, "-k": count}
    options = [part for name, value in said.items() if value is not None for part in (name, value)]
    _run(worker, shared, "search", "--image", stock.picture, *options, *["--moments"] * moments)


@tries("rates")
@given(st.sampled_from(["render", "ingest", "reconstruct", "size", "solve"]), rates)
def test_rates_sizes_and_limits(worker: Worker, stock: Stock, command: str, value: str) -> None:
    with scratch(stock) as shared:
        film = shared[0] / "film.mp4"
        options = {
            "render": ["render", stock.plan, "-o", film, f"--fps={value}"],
            "ingest": ["ingest", stock.scrambled, f"--fps={value}"],
            "reconstruct": ["reconstruct", stock.scrambled, "-o", film, f"--crf={value}"],
            "size": ["ingest", stock.scrambled, f"--size={value}"],
            "solve": ["solve", "a.mp4", f"--time-limit={value}"],
        }[command]
        _run(worker, shared, *options, "-q")


@tries("names")
@given(
    st.sampled_from(["show", "solve", "export", "remove", "ingest", "file", "option"]), texts, st.sampled_from(HOSTILE)
)
def test_names(worker: Worker, stock: Stock, command: str, name: str, other: str) -> None:
    with scratch(stock) as shared:
        folder, library = shared
        if command == "file":
            _run(worker, shared, "ingest", "-q", "--", _copied(stock.scrambled, folder, name))
            assert _run(worker, shared, "videos", "check").code == 0
        elif command in ("ingest", "solve"):
            # To take in all of the machine's films is no mistake, but not what is tried here.
            leads_out = os.path.isdir(folder / name)
            _run(worker, shared, "solve" if leads_out else command, "-q", "--", name)
        elif command == "option":
            _run(worker, shared, name, other)
        elif command == "export":
            _run(worker, shared, "videos", "export", "--space", name, "--", "a.mp4", "export")
        else:
            _run(worker, shared, "videos", command, *["-y"] * (command == "remove"), "--", name)
        assert remembered(library, "b") == remembered(stock.library, "b") or name.startswith("b")


def _copied(file: Path, folder: Path, name: str) -> Path:
    """A file of that name, as far as the system allows it."""
    try:
        return Path(shutil.copy(file, folder / name.replace("/", "_")))
    except (OSError, ValueError):
        return Path(shutil.copy(file, folder / "plain"))


WORDS = st.sampled_from(["beach", "@picture.png", "0.5*@picture.png", "'@picture.png'", "@none.png", "2*sea"])


@tries("queries")
@given(garbled(st.sampled_from([" - ", " + ", " ", "+", " -"]).flatmap(lambda mark: joined(mark, WORDS))), texts)
def test_queries(worker: Worker, shared: Shared, stock: Stock, query: str, space: str) -> None:
    shutil.copy(stock.picture, shared[0] / "picture.png")
    _run(worker, shared, "search", "--space", space if len(query) % 5 == 0 else "appearance", "--", query)


DAMAGE = joined(",", st.sampled_from(["tears", "smear", "noise", "freeze", "grey", "flips", "all"]))
SCRAMBLES = st.one_of(
    *(option(f"--{name}", whole | numbers) for name in ("frames", "seed", "foreign-share", "salt-pepper", "gaussian")),
    option("--crf", whole),
    option("--damage", garbled(joined(":", DAMAGE | st.sampled_from(["0.1", "0.5"]) | numbers, 1, 2))),
    option("--audio", texts),
)
SPOILINGS = garbled(
    joined("=", st.sampled_from(["grain", "salt-pepper", "blur", "resize", "jpeg"]) | joined(",", numbers), 1, 2)
)


@tries("scrambles")
@given(options=st.lists(SCRAMBLES, min_size=1, max_size=2), noise=st.none() | SPOILINGS, frames=whole)
def test_scrambling_and_spoiling(
    worker: Worker, stock: Stock, options: list[str], noise: str | None, frames: str
) -> None:
    with scratch(stock) as shared:
        if noise is None:
            _run(worker, shared, "scramble", stock.a, "-o", "s.mp4", "--truth", "t.json", *options, "-q")
        else:
            chosen = [f"--noise={noise}", f"--frames={frames}"]
            _run(worker, shared, "evaluate", "robustness", stock.a, *chosen, "--json", "-q")


DEFAULTS = {row.key: row.value for row in explain() if row.key != "library"}
EXTREMES = ["0", "1", "2", "-1", "1e-300", "0.5", "1e9", "1e300", "1000000000", "99999999999999999999", *NUMBERS]


def setting(key: str) -> st.SearchStrategy[tuple[str, str]]:
    """A key with a value of its kind, at the ends of what that kind can hold."""
    usual = st.sampled_from([str(DEFAULTS[key]), *(["true", "false"] if isinstance(DEFAULTS[key], bool) else EXTREMES)])
    return st.tuples(st.just(key), mostly(usual, numbers, texts))


SETTINGS = st.sampled_from(sorted(DEFAULTS)).flatmap(setting)


@tries("settings")
@given(
    values=st.lists(SETTINGS, min_size=1, max_size=3),
    more=mostly(st.just(""), texts),
    command=st.sampled_from(["show", "solve", "search", "reconstruct", "repair"]),
)
def test_settings_of_the_environment(
    worker: Worker, stock: Stock, values: list[tuple[str, str]], more: str, command: str
) -> None:
    variables = {f"REELWEAVE_{key.upper().replace('.', '__')}": value for key, value in values}
    if _can_be_variable(f"REELWEAVE_{more}") and more:
        variables[f"REELWEAVE_{more}"] = "1"
    with scratch(stock) as shared:
        _run(worker, shared, *_command(command, stock), **variables)


def _can_be_variable(name: str) -> bool:
    return "=" not in name and name not in ("REELWEAVE_DEBUG", "REELWEAVE_LIBRARY")


def _command(name: str, stock: Stock) -> list[object]:
    return {
        "show": ["settings", "show"],
        "solve": ["solve", "a.mp4", "-q"],
        "search": ["search", "--image", stock.picture],
        "reconstruct": ["reconstruct", stock.scrambled, "-o", "film.mp4", "-q"],
        "repair": ["repair", stock.a, "-o", "film.mp4", "-q"],
    }[name]


@tries("settings files")
@given(
    st.lists(
        st.tuples(
            st.integers(0, 200),
            st.sampled_from(["value", "key", "line", "cut"]),
            mostly(st.sampled_from(EXTREMES), numbers, texts, joined(".", st.sampled_from(["[", "]", "{", '"', "a"]))),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_settings_files(worker: Worker, stock: Stock, changes: list[tuple[int, str, str]]) -> None:
    lines = [line for line in PACKAGED.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    for at, how, text in changes:
        place = at % len(lines)
        key, _, value = lines[place].partition(" = ")
        changed = {"value": f"{key} = {text}", "key": f"{text} = {value}", "line": text, "cut": lines[place][: at % 9]}
        lines[place] = changed[how]
    with scratch(stock) as shared:
        (shared[0] / LOCAL).write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
        _run(worker, shared, "settings", "show")
        _run(worker, shared, "solve", "a.mp4", "-q")
