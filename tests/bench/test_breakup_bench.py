"""The tables of bench/breakup.py: what was not measured is no zero, and small damage is counted apart."""

import json
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from breakup import Result, judged_clips, read_results, share_table, tables


def result(case: str, half: str, by_share: dict[str, tuple[int, int]]) -> Result:
    found, damaged = (sum(pair[at] for pair in by_share.values()) for at in (0, 1))
    return Result("clip", case, half, 100, 4.0, damaged, found, 1, 1.0, 1.0, 1.0, 1.0, by_share=by_share)


def rows(lines: str) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in cells}


def test_a_half_that_was_not_judged_has_no_figures() -> None:
    shown = rows(tables([result("tears", "check", {"20 % or more": (8, 10)}), result("whole clip", "check", {})]))
    assert shown["tears"] == ["10", "-", "-", "0.800", "0.889"]
    assert shown["mean, all"] == ["10", "-", "-", "0.800", "0.889"]


def test_recall_is_told_by_how_much_of_the_picture_differs() -> None:
    results = [
        result("tears", "check", {"under 1 %": (0, 10), "20 % or more": (9, 10)}),
        result("flips", "check", {"under 1 %": (1, 30), "1 to 5 %": (1, 2)}),
    ]
    shown = rows("\n".join(share_table(results)))
    assert shown["under 1 %"] == ["-", "-", "-", "40", "0.025", "0.017"]
    assert shown["5 to 20 %"] == ["-"] * 6
    assert shown["1 % or more"] == ["-", "-", "-", "12", "0.833", "0.700"]


def test_what_the_file_of_results_has_is_not_measured_again(tmp_path: Path) -> None:
    kept = result("whole clip", "check", {})
    (tmp_path / "results.jsonl").write_text(json.dumps(asdict(kept)) + "\n", encoding="utf-8")
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    done = {(one.clip, one.case): one for one in read_results(tmp_path / "results.jsonl")}
    chosen = Namespace(clips=tmp_path, frames=1, share=0.1, seed=0, pixels=1, width=1, kinds=[], leave_out=[], real="")
    chosen.half, chosen.few, chosen.clean = None, False, True
    assert [one.case for one in judged_clips(chosen, tmp_path, done)] == [kept.case]
    assert not read_results(tmp_path / "missing.jsonl")
