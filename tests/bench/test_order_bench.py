"""The bench: limits of a run, going on where it was stopped, and tables that hide no failure."""

import json
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import numpy as np
import pytest
from cases import KINDS, SPLIT, Case, Clip, Split, cases, clips_in, length_of, make, read_split
from helpers import pictures, write_clip
from limits import Limits, Spent, run_limited
from methods import METHODS, PEERS, Method, chosen_methods, chosen_peers, ours
from peers.baselines import best_walk, with_nowhere
from reliability import binned, calibration_error, draw_reliability, joins_of, reliability
from results import Result, ResultsFile
from runner import Bench, run_all
from table import (
    BEGIN,
    END,
    by_clip,
    by_decided,
    by_hard_clip,
    by_kind,
    by_method,
    failures,
    in_common,
    interval,
    of_size,
    put_between_marks,
    report,
)

from reelweave.engine.local import LocalEngine
from reelweave.errors import UsageError
from reelweave.settings import load

PATIENT = Limits(seconds=60, megabytes=4000)
HALVES = Split(frozenset({"tuned"}), ("tuned", "absent"), {})


def spent(code: str, folder: Path, limits: Limits = PATIENT) -> Spent:
    return run_limited([sys.executable, "-c", code], limits, {}, folder / "log", Event())


@pytest.mark.parametrize(
    ("code", "limits", "reason"),
    [
        pytest.param("pass", PATIENT, "", id="ends well"),
        pytest.param("raise ValueError('no   such thing')", PATIENT, "ValueError: no such thing", id="fails"),
        pytest.param("raise SystemExit(3)", PATIENT, "exit code 3", id="fails without a word"),
        pytest.param("import os; os.abort()", PATIENT, "ended by SIGABRT", id="crashes"),
        pytest.param("while True: pass", Limits(0.3, 4000), "out of time (over 0.3 s)", id="takes too long"),
        pytest.param(
            "a = b'1' * 300_000_000\nwhile True: pass",
            Limits(60, 200),
            "out of memory (over 200 MB)",
            id="takes too much",
        ),
    ],
)
def test_a_run_ends_with_its_reason(code: str, limits: Limits, reason: str, tmp_path: Path) -> None:
    assert spent(code, tmp_path, limits).failure == reason


def test_what_a_run_spent_counts_the_processes_it_started(tmp_path: Path) -> None:
    child = (
        "a = b'1' * 150_000_000; import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    )
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    run = spent(code, tmp_path)
    assert run.cpu_seconds >= 0.5
    assert run.peak_mb >= 150


def test_a_run_over_its_limit_takes_its_children_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "still here"
    child = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(mark)!r}).touch()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert "out of time" in spent(code, tmp_path, Limits(0.4, 4000)).failure
    Event().wait(1.6)
    assert not mark.exists()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films, a single picture as a film, and a file that is none."""
    folder = tmp_path_factory.mktemp("clips")
    for seed, name in enumerate(("tuned.mp4", "checked.mp4")):
        write_clip(folder / name, pictures(16, seed=seed))
    write_clip(folder / "short.mp4", pictures(1))
    (folder / "README.md").write_text("Clips.")
    return folder


@pytest.fixture
def bench(folder: Path, tmp_path: Path) -> Bench:
    return Bench(ResultsFile(tmp_path / "results.jsonl"), clips_in(folder), tmp_path / "work", PATIENT)


def test_clips_are_the_videos_of_two_frames_or_more(folder: Path) -> None:
    assert [(clip.path.name, clip.frames) for clip in clips_in(folder)] == [("checked.mp4", 16), ("tuned.mp4", 16)]


@pytest.mark.parametrize("name", ["tuned", "tuned.mp4"])
def test_a_clip_is_named_with_or_without_its_ending(folder: Path, name: str) -> None:
    assert clips_in(folder, [name])


def test_a_clip_that_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(UsageError, match="no clip tunned"):
        clips_in(folder, ["tunned"])


def test_a_short_clip_is_not_run_once_for_each_size_and_order_not_for_each_seed(folder: Path) -> None:
    clip = Clip(folder / "tuned.mp4", 16, "")
    found = list(cases([clip], [10, 100, 300, 0], [18], [0, 1], KINDS))
    assert len(found) == len(set(found)) == 2 * (2 * 3 + 1)
    assert {case.frames for case in found} == {10, 16}
    assert {case.seed for case in found if case.kind == "ordered"} == {0}


@pytest.mark.parametrize(
    ("kind", "foreign", "in_order"), [("clean", 0, False), ("foreign", 1, False), ("ordered", 0, True)]
)
def test_a_case_is_what_it_is_called(folder: Path, tmp_path: Path, kind: Any, foreign: int, in_order: bool) -> None:
    case = Case(Clip(folder / "tuned.mp4", 16, ""), 16, 18, 0, kind)
    truth = make(case, tmp_path / "case.mp4", [folder / "tuned.mp4", folder / "checked.mp4"])
    assert len(truth.foreign) == foreign
    assert (truth.frames == sorted(truth.frames)) is in_order


def test_the_halves_and_the_hard_clips_are_those_of_the_list() -> None:
    split = read_split()
    assert "sport_sam2_juggle" in split.hard
    assert split.half("hand_kitten.mp4") == "tuning"
    assert split.half("surv_dvrscan_traffic.mp4") == split.half("surv_dvrscan_traffic_vfr.mp4") == "check"
    assert split.kind("periodic_dance_room.mp4") == "periodic"
    assert split.kind("of_ones_own.mp4") == "other"


def test_every_kind_has_clips_in_both_halves_and_no_clip_is_listed_twice() -> None:
    kinds = tomllib.loads(SPLIT.read_text(encoding="utf-8"))["kinds"]
    assert all(halves["tuning"] and halves["check"] for halves in kinds.values())
    listed = [clip for halves in kinds.values() for half in halves.values() for clip in half]
    assert len(listed) == len(set(listed))


AS_FILED = "import json, sys; n = 16; json.dump({answer}, open(sys.argv[2], 'w')); print(file=open({log!r}, 'a'))"


@pytest.fixture
def saying(tmp_path: Path) -> Callable[..., Method]:
    """A method that answers with a Python expression, and leaves a line for each of its runs in `runs`."""

    def method(name: str, answer: str, version: str = "1") -> Method:
        code = AS_FILED.format(answer=answer, log=str(tmp_path / f"{name} runs"))
        return Method(name, (sys.executable, "-c", code), version)

    return method


def runs_of(name: str, folder: Path) -> int:
    return len((folder / f"{name} runs").read_text().splitlines())


def results_of(bench: Bench) -> Mapping[str, Result]:
    return {result.method: result for result in bench.file.contents().results}


FILED = "{'order': list(range(n)), 'dropped': []}"


def test_a_run_is_made_once_and_again_for_another_version(
    bench: Bench, saying: Callable[..., Method], tmp_path: Path
) -> None:
    chosen = list(cases(bench.clips, [0], [18], [0], ["ordered"]))
    for version in ("1", "1", "2"):
        run_all(bench, chosen, [saying("one", FILED, version)])
    assert runs_of("one", tmp_path) == 4
    assert {result.version for result in bench.file.contents().results} == {"2"}
    assert not list(bench.work.iterdir())


def test_workers_of_an_engine_fill_the_same_file(bench: Bench, saying: Callable[..., Method], tmp_path: Path) -> None:
    chosen = list(cases(bench.clips, [0], [18], [0], ["ordered"]))
    for _ in range(2):
        run_all(bench, chosen, [saying("one", FILED)], engine=LocalEngine())
    assert runs_of("one", tmp_path) == len(chosen)
    assert [result.scores["adjacency"] for result in bench.file.contents().results] == [1.0] * len(chosen)


def test_a_bench_goes_on_behind_a_line_that_was_cut_short(
    bench: Bench, saying: Callable[..., Method], tmp_path: Path
) -> None:
    chosen = list(cases(bench.clips, [0], [18], [0], ["ordered"]))
    run_all(bench, chosen, [saying("one", FILED)])
    whole = bench.file.path.read_text()
    bench.file.path.write_text(whole[:-20])
    run_all(bench, chosen, [saying("one", FILED)])
    assert runs_of("one", tmp_path) == 3
    assert len(bench.file.contents().results) == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(
            "{'order': list(range(15)), 'dropped': []}",
            "its answer does not name every frame once (15 of 16)",
            id="forgets one",
        ),
        pytest.param(
            "{'order': [0] * 16, 'dropped': []}",
            "its answer does not name every frame once (1 of 16)",
            id="repeats one",
        ),
        pytest.param("1 / 0", "ZeroDivisionError: division by zero", id="fails"),
    ],
)
def test_a_peer_that_fails_is_told_with_its_reason_and_tried_again_only_when_asked(
    bench: Bench, saying: Callable[..., Method], answer: str, reason: str
) -> None:
    chosen = list(cases(bench.clips[:1], [0], [18], [0], ["clean"]))
    methods = [saying("good", FILED), saying("bad", answer)]
    run_all(bench, chosen, methods)
    assert results_of(bench)["bad"].failure.startswith(reason)
    assert results_of(bench)["good"].scores["lost"] == 0
    assert f"- bad: 1 of 1 runs failed: {reason}" in failures(bench.file.contents())
    lines = len(bench.file.path.read_text().splitlines())
    run_all(bench, chosen, methods)
    assert len(bench.file.path.read_text().splitlines()) == lines
    run_all(bench, chosen, methods, retry=True)
    assert len(bench.file.path.read_text().splitlines()) == lines + 1


def test_a_method_that_cannot_be_had_is_told_once_and_not_tried_again(
    bench: Bench, saying: Callable[..., Method], tmp_path: Path
) -> None:
    chosen = list(cases(bench.clips, [0], [18], [0], ["ordered"]))
    absent = Method("absent", (), "", "it is not installed")
    run_all(bench, chosen, [saying("model", "{'unavailable': 'no weights here'}"), absent])
    assert runs_of("model", tmp_path) == 1
    assert failures(bench.file.contents()).splitlines() == [
        "- absent: not run: it is not installed",
        "- model: not run: no weights here",
    ]


def test_what_the_last_bench_was_not_asked_for_is_not_missed(tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "results.jsonl")
    for row in ({"machine": {"cores": 1}}, {"not_run": {"old": "no weights"}}, {"machine": {"cores": 2}}):
        file.add(row)
    assert (file.contents().not_run, file.contents().machine) == ({}, {"cores": 2})


def test_a_bench_that_is_stopped_stops_its_run(bench: Bench, tmp_path: Path) -> None:
    bench.stop.set()
    with pytest.raises(InterruptedError):
        run_limited([sys.executable, "-c", "while True: pass"], PATIENT, {}, tmp_path / "log", bench.stop)


def test_the_product_is_run_and_scored_from_end_to_end(bench: Bench) -> None:
    bench.pictures = True
    run_all(bench, list(cases(bench.clips[:1], [0], [18], [0], ["clean"])), [ours("reelweave", {})])
    result = results_of(bench)["reelweave"]
    assert result.failure == ""
    assert result.scores["adjacency"] > 0.9
    assert result.scores["psnr"] > 30
    assert len(result.details["said"]) == len(result.details["right"]) == 15
    assert result.details["undetermined"] == []
    assert result.scores["alike"] == 0
    assert result.scores["alike_adjacency"] == result.scores["adjacency"]
    assert result.scores["determined_tau"] == result.scores["abs_tau"]
    assert result.details["band"] >= 1
    assert result.cpu_seconds > 0


def test_a_baseline_on_the_products_own_numbers_is_run_and_scored(bench: Bench) -> None:
    run_all(bench, list(cases(bench.clips[:1], [0], [18], [0], ["clean"])), chosen_peers(["nearest-neighbour"], Path()))
    assert results_of(bench)["nearest-neighbour"].failure == ""
    assert results_of(bench)["nearest-neighbour"].scores["lost"] == 0


def test_the_best_walk_is_the_line_that_the_points_lie_on() -> None:
    points = np.array([3.0, 0.0, 2.0, 1.0, 5.0])
    assert best_walk(np.abs(points[:, None] - points)) in ([1, 3, 2, 0, 4], [4, 0, 2, 3, 1])


def test_fast_tsp_is_given_integers_it_takes_and_a_free_way_from_end_to_end() -> None:
    given = with_nowhere(np.array([[0.0, 0.5], [0.5, 0.0]]))
    assert given.tolist() == [[0, 65535, 0], [65535, 0, 0], [0, 0, 0]]


def test_settings_that_do_not_exist_are_a_method_not_run() -> None:
    assert "no setting solve.magic" in ours("magic", {"solve.magic": 1}).missing
    assert "solve.price" in ours("magic", {"solve.price": "magic"}).missing


def test_the_version_of_a_method_is_that_of_its_settings() -> None:
    plain, same, other = (
        ours("x", flags).version for flags in ({}, {"solve.seed": load().solve.seed}, {"solve.seed": 7})
    )
    assert plain == same != other


def test_methods_are_named_singly_in_groups_or_spelled_out() -> None:
    assert [method.name for method in chosen_methods(["price"])][:2] == ["reelweave", "price=huber"]
    assert [method.name for method in chosen_methods(["all"])] == list(METHODS)
    (spelled,) = chosen_methods(["few:neighbours.k=12,solve.seed=1"])
    assert json.loads(spelled.command[-1])["neighbours.k"] == "12"
    assert not spelled.missing


@pytest.mark.parametrize("word", ["rewelave", "few:", "few:neighbours.k", ":a=b"])
def test_a_method_that_is_none_is_an_error(word: str) -> None:
    with pytest.raises(UsageError, match="method"):
        chosen_methods([word])


def test_a_peer_that_is_not_installed_says_how_to_install_it(tmp_path: Path) -> None:
    missing = {method.name: method.missing for method in chosen_peers(PEERS, tmp_path)}
    assert not missing.pop("nearest-neighbour")
    assert all("peers/setup.py" in why for why in missing.values())


def result(method: str = "a", clip: str = "tuned.mp4", kind: str = "clean", **facts: Any) -> Result:
    scores = {"adjacency": 1.0, "abs_tau": 1.0, "shot_tau": 1.0, "jumps": 0.0, "exact": 1.0, "lost_share": 0.0}
    scores |= {"precision": 1.0, "recall": 1.0, "dropped": 1.0, "lost": 0.0} | facts.pop("scores", {})
    plain = Result(clip, 100, "", 100, 18, 0, kind, method, "1", seconds=2, cpu_seconds=1, peak_mb=50, scores=scores)
    return replace(plain, **facts)


def failed(**facts: Any) -> Result:
    return replace(result(**facts), failure="out of memory", scores={})


def cells(text: str) -> list[dict[str, str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def test_a_table_has_means_over_what_ended_well_and_counts_the_rest() -> None:
    runs = [result(), result(crf=23, scores={"adjacency": 0.5}, peak_mb=70), failed(seed=1)]
    (row,) = cells(by_method(runs))
    assert (row["method"], row["runs"], row["adjacency"]) == ("a", "2 of 3", "0.750")
    assert (row["seconds"], row["CPU s"], row["peak MB"]) == ("2.0", "1.0", "70")


def test_order_is_of_clean_runs_outliers_of_foreign_ones() -> None:
    runs = [result(scores={"recall": 0.1}), result(kind="foreign", scores={"adjacency": 0.1, "recall": 0.5})]
    (row,) = cells(by_method([*runs, result(kind="ordered", scores={"exact": 0.0})]))
    assert (row["adjacency"], row["recall"], row["left as it was"]) == ("1.000", "0.500", "0 of 1")


def test_the_precision_of_a_method_that_drops_nothing_is_unknown() -> None:
    (row,) = cells(by_method([result(kind="foreign", scores={"dropped": 0.0})]))
    assert row["precision"] == "-"


def test_bursts_of_foreign_frames_are_reported_apart() -> None:
    runs = [result(kind="foreign", scores={"recall": 1.0}), result(kind="bursts", scores={"recall": 0.5})]
    text = by_method([result(), *runs])
    assert "| bursts: precision | recall |" in text
    assert "| 1.000 | 0.500 |" in text


def test_clips_are_reported_by_what_they_show() -> None:
    split = Split(frozenset({"a"}), (), {"a": "static", "b": "sport"})
    rows = cells(by_kind([result(clip="a.mp4"), result(clip="b.mp4", scores={"adjacency": 0.5})], split))
    assert [row["kind"] for row in rows] == ["sport", "static", "**all**", "95 % interval"]
    assert [row["a"][:5] for row in rows] == ["0.500", "1.000", "0.750", "0.500"]


def test_an_interval_draws_clips_and_not_runs() -> None:
    same = [result(clip=f"{name}.mp4", crf=crf, scores={"adjacency": 0.5}) for name in "abc" for crf in (18, 23)]
    assert interval(same, "adjacency") == (0.5, 0.5)
    low, high = interval([*same, result(clip="d.mp4")], "adjacency")
    assert low == 0.5 < 0.625 < high


def test_where_a_method_failed_the_others_are_also_compared_without_that_case() -> None:
    runs = [result("a"), result("b"), result("a", crf=23, scores={"adjacency": 0.0}), failed(method="b", crf=23)]
    assert [run.crf for run in in_common(runs)] == [18, 18]


def test_joins_that_a_plan_leaves_open_are_counted_and_left_out() -> None:
    details = {"said": [0.9, 0.9, None, 0.9], "right": [1, 0, 0, 1], "undetermined": [1, 2]}
    runs = [result(details=details, scores={"determined_tau": 0.5, "alike": 0.1, "alike_adjacency": 0.8})]
    runs += [result("peer", scores={"alike": 0.1, "alike_adjacency": 0.9, "alike_tau": 0.7})]
    (row, everything) = cells(by_decided(runs, HALVES))
    assert row | {"kind": "**all**"} == everything
    assert (row["alike %"], row["a: undetermined %"], row["the others"]) == ("10.0", "50.0", "1.000 / 0.500")
    assert (row["a"], row["peer"]) == ("0.800 / -", "0.900 / 0.700")


def test_a_file_of_an_earlier_version_says_which_joins_it_leaves_open_but_for_cuts() -> None:
    assert sure([0.9, None, 0.3], [1, 1, 0]).undetermined == {1}
    assert result("peer").undetermined == set()


def test_a_short_clip_counts_at_every_size_it_cannot_give() -> None:
    runs = [result(frames=60, total=60), result("b", frames=100, total=400), result("c", frames=400, total=400)]
    found = {asked: [run.method for run in of_size(runs, asked)] for asked in (50, 100, 0)}
    assert found == {50: [], 100: ["a", "b"], 0: ["a", "c"]}
    assert length_of(60, 100) == length_of(60, 0) == 60


def test_hard_clips_are_shown_by_name_with_a_column_for_each_method() -> None:
    runs = [result("a"), result("b", scores={"adjacency": 0.5}), result("a", clip="easy.mp4")]
    (row,) = cells(by_hard_clip(runs, HALVES, [100]))
    assert (row["clip"], row["a"], row["b"]) == ("tuned", "1.000 / 1.000", "0.500 / 1.000")


def test_a_clips_row_says_the_products_own_doubt() -> None:
    rows = cells(by_clip([result(details={"band": 1.5, "price": "huber"}), result(clip="b.mp4")], "a"))
    assert [(row["clip"], row["band"]) for row in rows] == [("b.mp4", "-"), ("tuned.mp4", "1.50"), ("**mean**", "1.50")]


def test_pictures_are_shown_where_they_were_scored() -> None:
    runs = [result(scores={"psnr": 40.0, "ssim": 0.9})]
    for row, *_ in (cells(by_method(runs)), cells(by_clip(runs, "a"))):
        assert (row["PSNR dB"], row["SSIM"]) == ("40.0", "0.900")
    assert "PSNR dB" not in cells(by_method([result()]))[0]


def test_a_report_has_both_halves_and_every_reason() -> None:
    runs = [result(), result(clip="other.mp4", scores={"adjacency": 0.25}), failed(method="b")]
    file = ResultsFile(Path("nowhere"))
    text = report(replace(file.contents(), results=runs, not_run={"c": "no such setting"}), HALVES, [100])
    assert "| a | 0.625 / 1.000 | 1.000 / 1.000 | 0.250 / 1.000 | 0.625 / 1.000 |" in text
    assert "- b: 1 of 1 runs failed: out of memory (1)" in text
    assert "- c: not run: no such setting" in text


def sure(said: list[float | None], right: list[int], clip: str = "tuned.mp4") -> Result:
    return result(clip=clip, details={"said": said, "right": right})


def test_reliability_counts_what_was_said_against_what_is_right() -> None:
    runs = [sure([0.6, 0.6, 0.99], [1, 0, 1]), sure([0.6], [0], "other.mp4")]
    rows = cells(reliability(runs, HALVES).split("\n\n")[0])
    assert [row["joins"] for row in rows] == ["3", "1"]
    assert rows[0]["mean confidence"] == "60.0 %"
    assert "50 to 70 % | 3 | 60.0 % | 33.3 % | 1 | 0.0 % |" in reliability(runs, HALVES)


def test_joins_of_which_nothing_was_said_are_left_out_of_the_reliability() -> None:
    assert joins_of([sure([0.6, None, 0.99], [1, 1, 0])]) == [(0.6, True), (0.99, False)]


def test_confidence_that_says_what_is_so_has_no_error() -> None:
    assert calibration_error([(0.5, True), (0.5, False)]) == 0
    assert calibration_error([(1.0, False)]) == 1
    assert [len(found) for *_, found in binned([(0.0, True), (1.0, True)])] == [1, 1]


def test_reliability_is_drawn_where_it_lies(tmp_path: Path) -> None:
    runs = [sure([s] * 4, [1, 1, 1, 0], clip) for s, clip in product((0.2, 0.8), ("tuned.mp4", "other.mp4"))]
    drawn = cv2.imread(str(draw_reliability(runs, HALVES, tmp_path / "curve.png")))
    # The point at 20 % said, 75 % right, is that of the check half, which is drawn last.
    assert drawn[56 + round(0.25 * 420), 56 + round(0.2 * 420)].tolist() == [60, 90, 220]


def test_the_block_of_a_page_is_replaced_and_nothing_else() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = put_between_marks(text, "new")
    assert put_between_marks(once, "new") == once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_a_page_without_marks_is_an_error() -> None:
    with pytest.raises(SystemExit, match="no <!-- bench/order"):
        put_between_marks("text", "new")
