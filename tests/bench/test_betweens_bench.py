"""The bench of in-betweens: fair to every method, told by clip, and never the same work twice."""

import sys
from pathlib import Path

import numpy as np
import pytest
import rife
from betweens import Line, lines_in, over_clips, report
from cases import read_split
from helpers import pictures, write_clip

import repair as bench
from reelweave.render.interpolate import GapEnds


def line(clip: str, method: str, psnr: float, gap: int = 1, first: int = 4) -> Line:
    return Line(clip, 640, 0, gap, first, method, 1.0, psnr, 0.9, 0.1)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "moving.mp4", pictures(24, (96, 64)))
    return folder


def test_every_method_is_given_the_same_gaps_once(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "repair.jsonl"
    command = ["repair.py", str(clips), "--gaps", "1", "3", "--places", "2", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr(rife, "package", lambda: None)
    bench.main()
    first, told = file.read_text("utf-8"), capsys.readouterr().out
    bench.main()
    lines = lines_in(file)
    assert file.read_text("utf-8") == first
    assert len(lines) == 2 * 2 * len(bench.METHODS)
    gaps = {method: {(one.gap, one.first) for one in lines if one.method == method} for method in bench.METHODS}
    assert all(found == gaps["hold"] for found in gaps.values())
    assert "minterpolate" in told
    # Each sees what is on either side of the gap, so that none is as far off as holding a frame still.
    hold = over_clips([one for one in lines if one.method == "hold"], "psnr")
    assert all(
        over_clips([one for one in lines if one.method == method], "psnr") > hold for method in bench.METHODS[1:]
    )


def test_no_gap_lies_across_a_cut() -> None:
    places = bench.places_of(Path("clip.mp4"), [30], 60, [1, 5], each=50, seed=0)
    assert places
    assert all(30 not in place.needed[1:] for place in places)


def test_a_line_cut_short_by_a_crash_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_text('{"clip": "a", "wid\n', "utf-8")
    assert lines_in(tmp_path / "lines.jsonl") == []


def test_every_clip_counts_the_same_however_many_of_its_gaps_there_are() -> None:
    assert over_clips([line("a", "auto", 40), line("a", "auto", 40, first=9), line("b", "auto", 20)], "psnr") == 30


def test_the_report_names_the_clip_where_the_best_way_gains_least() -> None:
    lines = [line("a", "auto", 40), line("a", "blend", 30), line("b", "auto", 29.5), line("b", "blend", 30)]
    assert "b -0.50, a +10.00" in report(lines, read_split())
    assert "Nothing" in report([], read_split())


def test_a_method_that_left_out_gaps_has_no_figure_for_them() -> None:
    lines = [line("a", method, 30.5, gap) for gap in (1, 2) for method in ("blend", "auto")]
    rows = report([*lines, line("a", "rife", 33.5, 1)], read_split()).splitlines()
    by_gap, by_speed, *_ = (row.split(" | ")[1:] for row in rows if row.startswith("| rife"))
    assert by_gap[0].startswith("33.50")
    assert by_gap[1].startswith("-")
    assert "33.50" not in "".join(by_speed)


@pytest.mark.parametrize(("gap", "is_filled"), [(1, True), (2, False), (3, True), (5, False), (10, False)])
def test_rife_fills_the_gaps_that_halving_divides_evenly(gap: int, is_filled: bool) -> None:
    assert ("rife" in bench.methods_for(bench.Place(gap, 9), ["auto", "rife"])) == is_filled


def test_rife_makes_pictures_between_by_halving(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the mean of two pictures for its network; a moment between two halves gets the nearest picture."""
    monkeypatch.setattr(rife, "_middle", lambda one, other: (one + other) / 2)
    ends = [tuple(np.full(shape, value, np.float32) for shape in ((8, 8), (4, 4), (4, 4))) for value in (40, 80)]
    make = rife.across(GapEnds(*ends))
    for moment, value in ((0.5, 60), (0.25, 50), (0.75, 70), (1 / 3, 53.3)):
        for plane in make(moment).planes:
            assert plane == pytest.approx(value, abs=0.7)
