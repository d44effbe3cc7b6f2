"""Tables of a bench from its file: python bench/table.py [FILE] [--per-clip METHOD] [--into PAGE.md]

`--into` puts them between the marks of that page, `--picture` draws the calibration of the confidences.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from statistics import mean

import numpy as np
from cases import Split, length_of, read_split
from reliability import draw_reliability, reliability
from results import Contents, Result, ResultsFile

BEGIN, END = "<!-- bench/order: begin -->", "<!-- bench/order: end -->"
_NONE = "-"
_DRAWS = 2000
"""Bootstrap samples of an interval."""

Cell = Callable[[Sequence[Result]], str]
Column = tuple[str, Cell]


def of_kind(results: Iterable[Result], kind: str) -> list[Result]:
    return [result for result in results if result.kind == kind and not result.failure]


def average(kind: str, key: str, digits: int = 3, times: float = 1.0) -> Cell:
    """The mean of a score over the runs of a kind that ended well."""

    def cell(results: Sequence[Result]) -> str:
        values = [result.scores[key] for result in of_kind(results, kind) if key in result.scores]
        return f"{times * mean(values):.{digits}f}" if values else _NONE

    return cell


def _precision(kind: str) -> Cell:
    """Nothing is known of the precision of a method that drops nothing."""

    def cell(results: Sequence[Result]) -> str:
        foreign = of_kind(results, kind)
        return average(kind, "precision")(foreign) if any(run.scores["dropped"] for run in foreign) else _NONE

    return cell


def _as_it_is(results: Sequence[Result]) -> str:
    runs = of_kind(results, "ordered")
    return f"{sum(int(run.scores['exact']) for run in runs)} of {len(runs)}" if runs else _NONE


def _ended_well(results: Sequence[Result]) -> str:
    return f"{sum(not result.failure for result in results)} of {len(results)}"


def _spent(key: str, digits: int, whole: Callable[[Sequence[float]], float] = mean) -> Cell:
    def cell(results: Sequence[Result]) -> str:
        values = [float(getattr(run, key)) for run in of_kind(results, "clean")]
        return f"{whole(values):.{digits}f}" if values else _NONE

    return cell


def _band(results: Sequence[Result]) -> str:
    bands = [run.details["band"] for run in of_kind(results, "clean") if run.details.get("band") is not None]
    return f"{mean(bands):.2f}" if bands else _NONE


def _prices(results: Sequence[Result]) -> str:
    return ", ".join(sorted({run.details.get("price") or _NONE for run in of_kind(results, "clean")}))


def _undetermined(results: Sequence[Result]) -> str:
    """Return the share of joins that the plans call undetermined, in percent."""
    runs = _with_doubt(results)
    joins = sum(len(run.details["right"]) for run in runs)
    return f"{100 * sum(len(run.undetermined) for run in runs) / max(1, joins):.1f}" if runs else _NONE


def _determined(results: Sequence[Result]) -> str:
    """Return the share of the other joins that are right, and the tau of the stretches they form."""
    joins = [
        right
        for run in _with_doubt(results)
        for at, right in enumerate(run.details["right"])
        if at not in run.undetermined
    ]
    return f"{mean(joins):.3f} / {average('clean', 'determined_tau')(results)}" if joins else _NONE


def _with_doubt(results: Sequence[Result]) -> list[Result]:
    return [run for run in of_kind(results, "clean") if "said" in run.details]


def _up_to_alike(results: Sequence[Result]) -> str:
    return f"{average('clean', 'alike_adjacency')(results)} / {average('clean', 'alike_tau')(results)}"


COLUMNS: list[Column] = [
    ("runs", _ended_well),
    ("adjacency", average("clean", "adjacency")),
    ("abs tau", average("clean", "abs_tau")),
    ("tau in shots", average("clean", "shot_tau")),
    ("jumps", average("clean", "jumps", 1)),
    ("lost %", average("clean", "lost_share", 2, 100)),
    ("precision", _precision("foreign")),
    ("recall", average("foreign", "recall")),
    ("left as it was", _as_it_is),
    ("seconds", _spent("seconds", 1)),
    ("CPU s", _spent("cpu_seconds", 1)),
    ("peak MB", _spent("peak_mb", 0, max)),
]
_OUR_OWN: list[Column] = [("band", _band), ("prices", _prices)]
_BURSTS: list[Column] = [("bursts: precision", _precision("bursts")), ("recall", average("bursts", "recall"))]
_PICTURES: list[Column] = [("PSNR dB", average("clean", "psnr", 1)), ("SSIM", average("clean", "ssim"))]


def _order(results: Sequence[Result]) -> str:
    return f"{average('clean', 'adjacency')(results)} / {average('clean', 'shot_tau')(results)}"


def methods_of(results: Iterable[Result]) -> list[str]:
    return list(dict.fromkeys(result.method for result in results))


def of_size(results: Iterable[Result], asked: int) -> list[Result]:
    """The runs at a length that was asked for: a shorter clip gave all it has."""
    return [result for result in results if result.frames == length_of(result.total, asked)]


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def by_method(results: Sequence[Result], columns: Sequence[Column] | None = None) -> str:
    """A row of means for each method."""
    columns = columns or _columns(results)
    rows = (
        [name, *(cell([run for run in results if run.method == name]) for _, cell in columns)]
        for name in methods_of(results)
    )
    return table(["method", *(head for head, _ in columns)], rows)


def _columns(results: Sequence[Result]) -> list[Column]:
    """What is known of all methods, and of their pictures where they were rendered."""
    bursts = _BURSTS if any(result.kind == "bursts" for result in results) else []
    return [*COLUMNS, *bursts, *(_PICTURES if any("psnr" in result.scores for result in results) else [])]


def in_common(results: Sequence[Result]) -> list[Result]:
    """The runs of the cases in which no method failed and none is still to be run."""
    names = set(methods_of(results))
    done: dict[object, set[str]] = {}
    for result in results:
        if not result.failure:
            done.setdefault(result.case, set()).add(result.method)
    return [result for result in results if done.get(result.case) == names]


def of_every_clip(results: Sequence[Result], everything: Sequence[Result]) -> list[Result]:
    """Without the runs of a quality, seed and kind that were not begun on every clip, which compare with nothing."""
    clips = {run.clip for run in everything}
    seen: dict[object, set[str]] = {}
    for run in results:
        seen.setdefault((run.crf, run.seed, run.kind), set()).add(run.clip)
    return [run for run in results if seen[run.crf, run.seed, run.kind] == clips]


def by_clip(results: Sequence[Result], method: str) -> str:
    """A row for each clip of one method, and their mean."""
    mine = [result for result in results if result.method == method]
    columns = [*_columns(mine), *(_OUR_OWN if any("band" in run.details for run in mine) else [])]
    rows = [
        [*_clip_facts(runs), *(cell(runs) for _, cell in columns)]
        for runs in ([run for run in mine if run.clip == clip] for clip in sorted({run.clip for run in mine}))
    ]
    mean_row = ["**mean**", "", "", *(cell(mine) for _, cell in columns)]
    return table(["clip", "frames", "shots", *(head for head, _ in columns)], [*rows, mean_row])


def _clip_facts(runs: Sequence[Result]) -> list[str]:
    shots = sorted({run.shots for run in runs if run.kind == "clean"} or {1})
    through = f"{shots[0]} to {shots[-1]}" if len(shots) > 1 else str(shots[0])
    return [runs[0].clip, str(runs[0].frames), through]


def by_part(results: Sequence[Result], split: Split) -> str:
    """Adjacency and tau in shots by crf, by half, and of the clips without a cut."""
    columns = [(f"crf {crf}", _where(partial(_has_crf, crf))) for crf in _crfs(results)]
    columns += [(f"{half} half", _where(partial(_in_half, split, half))) for half in ("tuning", "check")]
    return by_method(results, [*columns, ("clips in one shot", _where(lambda run: run.shots == 1))])


def _where(wanted: Callable[[Result], bool]) -> Cell:
    return lambda results: _order([run for run in results if wanted(run)])


def _has_crf(crf: int, run: Result) -> bool:
    return run.crf == crf


def _in_half(split: Split, half: str, run: Result) -> bool:
    return split.half(run.clip) == half


def by_kind(results: Sequence[Result], split: Split) -> str:
    """Adjacency and tau in shots by what the clips show, a column for each method; intervals over all clips."""
    names = methods_of(results)
    rows = []
    for kind in sorted({split.kind(run.clip) for run in results}):
        runs = [run for run in results if split.kind(run.clip) == kind]
        cells = (_order([run for run in runs if run.method == name]) for name in names)
        rows.append([kind, str(len({run.clip for run in runs})), *cells])
    everything = ([run for run in results if run.method == name] for name in names)
    last = ["**all**", str(len({run.clip for run in results})), *map(_order, everything)]
    spread = ["95 % interval", "", *(_intervals([run for run in results if run.method == name]) for name in names)]
    return table(["kind", "clips", *names], [*rows, last, spread])


def _intervals(results: Sequence[Result]) -> str:
    spans = (interval(results, key) for key in ("adjacency", "shot_tau"))
    return " / ".join(f"{low:.3f} to {high:.3f}" for low, high in spans)


def interval(results: Sequence[Result], key: str) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean: clips are drawn with replacement, each with all its runs."""
    by_clip_name: dict[str, list[float]] = {}
    for run in of_kind(results, "clean"):
        by_clip_name.setdefault(run.clip, []).append(run.scores[key])
    means = np.array([mean(values) for values in by_clip_name.values()] or [0.0])
    drawn = np.random.default_rng(0).integers(0, len(means), (_DRAWS, len(means)))
    low, high = np.quantile(means[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def by_decided(results: Sequence[Result], split: Split) -> str:
    """Tabulate by kind what the plans leave open and how the rest is; and all methods up to frames that are alike."""
    names = methods_of(results)
    doubting = [name for name in names if _with_doubt([run for run in results if run.method == name])]
    columns: list[Column] = [("alike %", average("clean", "alike", 1, 100))]
    for name in doubting:
        columns += [(f"{name}: undetermined %", _of(name, _undetermined)), ("the others", _of(name, _determined))]
    columns += [(name, _of(name, _up_to_alike)) for name in names]
    kinds = sorted({split.kind(run.clip) for run in results})
    groups = [(kind, [run for run in results if split.kind(run.clip) == kind]) for kind in kinds]
    rows = [[kind, *(cell(runs) for _, cell in columns)] for kind, runs in [*groups, ("**all**", list(results))]]
    return table(["kind", *(head for head, _ in columns)], rows)


def _of(name: str, cell: Cell) -> Cell:
    return lambda results: cell([run for run in results if run.method == name])


def _half_by_kind(results: Sequence[Result], split: Split) -> list[str]:
    """Tabulate each half and quality by kind."""
    parts = []
    for half, crf in product(("check", "tuning"), _crfs(results)):
        runs = [run for run in results if split.half(run.clip) == half and run.crf == crf]
        if of_kind(runs, "clean"):
            parts += [f"The {half} half by kind, crf {crf}, adjacency / tau in shots:", by_kind(runs, split)]
            parts += ["The same where pictures decide:", by_decided(runs, split)]
    return parts


def by_hard_clip(results: Sequence[Result], split: Split, sizes: Sequence[int]) -> str:
    """Adjacency and tau in shots of the clips that are hard, a column for each method."""
    names = methods_of(results)
    rows = []
    for hard in split.hard:
        runs = [result for result in results if Path(result.clip).stem == hard]
        for frames in sorted({run.frames for size in sizes for run in of_size(runs, size)}):
            cells = ([run for run in runs if run.frames == frames and run.method == name] for name in names)
            rows.append([hard, str(frames), *map(_order, cells)])
    return table(["clip", "frames", *names], rows) if rows else ""


def failures(contents: Contents) -> str:
    """Every method that failed or could not be run, with its reasons."""
    lines = []
    for name in methods_of(contents.results):
        runs = [result for result in contents.results if result.method == name]
        reasons = Counter(result.failure for result in runs if result.failure)
        if reasons:
            said = "; ".join(f"{why} ({count})" for why, count in reasons.most_common())
            lines.append(f"- {name}: {sum(reasons.values())} of {len(runs)} runs failed: {said}")
        if len({result.version for result in runs}) > 1:
            lines.append(f"- {name}: some of its runs are of another version of its code or settings")
    return "\n".join([*lines, *(f"- {name}: not run: {why}" for name, why in contents.not_run.items())])


def report(contents: Contents, split: Split, sizes: Sequence[int], per_clip: Sequence[str] = ()) -> str:
    """All tables, in Markdown."""
    parts = [_heading(contents)]
    for asked in sizes:
        results = of_every_clip(of_size(contents.results, asked), contents.results)
        parts += [f"#### {f'{asked} frames' if asked else 'Whole clips'}", by_method(results)] if results else []
        shared = in_common(results)
        if 0 < len(shared) < len(results):
            parts += ["Over the cases that every method finished:", by_method(shared)]
        parts += ["Adjacency / tau in shots, by part:", by_part(results, split)] if results else []
        parts += _half_by_kind(results, split) if split.kinds else []
        for name in per_clip:
            parts += [f"{name}, clip by clip:", by_clip(results, name)]
    hard = by_hard_clip(contents.results, split, sizes)
    parts += ["#### Hard clips", "Adjacency / tau in shots:", hard] if hard else []
    for name in methods_of(contents.results):
        sure = reliability(of_kind((run for run in contents.results if run.method == name), "clean"), split)
        parts += [f"#### Calibration of {name}", sure] if sure and name in ("reelweave", "thorough") else []
    wrong = failures(contents)
    return "\n\n".join([*parts, *(["#### What failed or was not run", wrong] if wrong else [])])


def _crfs(results: Iterable[Result]) -> list[int]:
    return sorted({result.crf for result in results})


def _heading(contents: Contents) -> str:
    on, runs = contents.machine, contents.results
    if not runs:
        return "No run has ended yet."
    limits = on.get("limits", {})
    return (
        f"{len(runs)} runs, {on.get('date')}: {len({run.clip for run in runs})} clips, crf {_listed(_crfs(runs))}, "
        f"seeds {_listed({run.seed for run in runs})};\n"
        f"{on.get('cores')} cores, {on.get('memory_gb')} GiB, {on.get('system')}, Python {on.get('python')}, "
        f"jobs {on.get('jobs')}, threads {on.get('threads')};\n"
        f"at most {limits.get('seconds')} s and {limits.get('megabytes')} MB a run."
    )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def put_between_marks(text: str, block: str, first: str = BEGIN, last: str = END) -> str:
    """The text with the block between its marks, whatever was there before."""
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        sys.exit(f"There is no {first} before a {last}.")
    return f"{before}{first}\n\n{block}\n\n{last}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=Path(".bench/order.jsonl"))
    parser.add_argument("--frames", type=int, nargs="+", default=[100, 300, 0])
    parser.add_argument("--per-clip", nargs="+", default=[], metavar="METHOD")
    parser.add_argument("--into", type=Path)
    parser.add_argument("--marks", default="bench/order", help="the name in the marks of the page")
    parser.add_argument("--picture", type=Path)
    chosen = parser.parse_args()
    contents, split = ResultsFile(chosen.file).contents(), read_split()
    block = report(contents, split, chosen.frames, chosen.per_clip)
    if chosen.into:
        marks = (f"<!-- {chosen.marks}: {end} -->" for end in ("begin", "end"))
        chosen.into.write_text(put_between_marks(chosen.into.read_text("utf-8"), block, *marks), "utf-8")
    if chosen.picture:
        ours = [result for result in of_kind(contents.results, "clean") if result.method == "reelweave"]
        draw_reliability(ours, split, chosen.picture)
    print(block)


if __name__ == "__main__":
    main()
