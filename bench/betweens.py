"""Tables of bench/repair.py: python bench/betweens.py [FILE] [--into PAGE.md]"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from cases import Split, read_split
from table import put_between_marks, table

BEGIN, END = "<!-- bench/repair: begin -->", "<!-- bench/repair: end -->"
SPEEDS = {"under .5": (0.0, 0.5), ".5 to 2": (0.5, 2.0), "2 or more": (2.0, float("inf"))}


@dataclass(frozen=True)
class Line:
    """One gap filled by one method; `speed` is what the picture moves by, in pixels a frame."""

    clip: str
    width: int
    seed: int
    gap: int
    first: int
    method: str
    speed: float
    psnr: float
    ssim: float
    seconds: float

    @property
    def place(self) -> tuple[object, ...]:
        return self.clip, self.width, self.seed, self.gap, self.first

    @property
    def key(self) -> tuple[object, ...]:
        return *self.place, self.method


def lines_in(file: Path) -> list[Line]:
    """What the file holds; a line that was cut short is passed over."""
    found: dict[tuple[object, ...], Line] = {}
    for row in file.read_text("utf-8").splitlines() if file.exists() else []:
        try:
            line = Line(**json.loads(row))
        except (json.JSONDecodeError, TypeError):
            continue
        found[line.key] = line
    return list(found.values())


def report(lines: Sequence[Line], split: Split) -> str:
    """By gap, by motion, by half, and where the best way is furthest under the blend."""
    if not lines:
        return "Nothing has been measured yet."
    gaps = sorted({line.gap for line in lines})
    clips = {line.clip for line in lines}
    places = {(line.clip, line.seed, line.gap, line.first) for line in lines}
    most = max(line.width for line in lines)
    return "\n\n".join(
        [
            f"{len(places)} gaps in {len(clips)} clips, at most {most} pixels wide; PSNR in dB / SSIM of luma, "
            "the mean over clips.",
            _by(lines, {f"{gap} left out": _has_gap(gap) for gap in gaps}),
            "Gaps of 1 to 5, by what the picture moves by from frame to frame, in pixels:",
            _by(lines, {name: _moves(*ends) for name, ends in SPEEDS.items()}),
            "Gaps of 1 to 5, by half of the clips; seconds are for a picture:",
            _by(lines, {half: _in_half(split, half) for half in ("tuning", "check")}, seconds=True),
            "`auto` over the blend at gaps of 1 to 5, dB, the worst clips:\n" + _worst(lines),
        ]
    )


Wanted = Callable[[Line], bool]


def _has_gap(gap: int) -> Wanted:
    return lambda line: line.gap == gap


def _moves(low: float, high: float) -> Wanted:
    return lambda line: line.gap <= 5 and low <= line.speed < high


def _in_half(split: Split, half: str) -> Wanted:
    return lambda line: line.gap <= 5 and split.half(line.clip) == half


def _by(lines: Sequence[Line], columns: dict[str, Wanted], seconds: bool = False) -> str:
    """A method that did not fill all the gaps of a column has no figure there, for its mean would be of others."""
    rows = []
    places = [{line.place for line in lines if wanted(line)} for wanted in columns.values()]
    for method in dict.fromkeys(line.method for line in lines):
        mine = [line for line in lines if line.method == method]
        columned = [[line for line in mine if wanted(line)] for wanted in columns.values()]
        cells = [_cell(own if len(own) == len(every) else []) for own, every in zip(columned, places, strict=True)]
        rows.append([method, *cells, *[f"{mean(line.seconds for line in mine):.2f}"] * seconds])
    return table(["method", *columns, *["seconds"] * seconds], rows)


def _cell(lines: Sequence[Line]) -> str:
    if not lines:
        return "-"
    return f"{over_clips(lines, 'psnr'):.2f} / {over_clips(lines, 'ssim'):.4f}"


def over_clips(lines: Sequence[Line], score: str) -> float:
    """Every clip counts the same, however many of its gaps there are."""
    by_clip: dict[str, list[float]] = {}
    for line in lines:
        by_clip.setdefault(line.clip, []).append(getattr(line, score))
    return mean(mean(values) for values in by_clip.values())


def _worst(lines: Sequence[Line], most: int = 4) -> str:
    gains = {}
    for clip in {line.clip for line in lines}:
        of = {
            method: [line.psnr for line in lines if line.clip == clip and line.method == method and line.gap <= 5]
            for method in ("auto", "blend")
        }
        if of["auto"] and of["blend"]:
            gains[clip] = mean(of["auto"]) - mean(of["blend"])
    worst = sorted(gains.items(), key=lambda item: item[1])[:most]
    return ", ".join(f"{clip} {gain:+.2f}" for clip, gain in worst)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=Path(".bench/repair.jsonl"))
    parser.add_argument("--into", type=Path)
    chosen = parser.parse_args()
    block = report(lines_in(chosen.file), read_split())
    if chosen.into:
        text = put_between_marks(chosen.into.read_text("utf-8"), block, BEGIN, END)
        chosen.into.write_text(text, "utf-8")
    print(block)


if __name__ == "__main__":
    main()
