"""What sound tells: python bench/sound.py CLIPS [--order] [--json FILE] [--into docs/explanation/results.md]

Stretches of every clip's sound are cut by frame, shuffled or left in order, and encoded again; no picture is needed.
Each is judged as `--audio auto` does, and the direction of the true order is scored. `--order` shuffles clips with
their sound instead, and puts them in order with and without it. `--table FILE...` prints what such runs stored.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import product
from pathlib import Path
from statistics import mean

import numpy as np
from cases import Split, length_of, read_split
from table import put_between_marks, table

from reelweave.evaluate.scores import evaluate_plan
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.media import ffmpeg
from reelweave.media.source import open_source
from reelweave.pipeline import ingest, solve
from reelweave.render.audio.analysis import read_slices
from reelweave.render.audio.slices import SILENT, Samples, frame_edges, joined_audio, slice_positions
from reelweave.render.audio.track import Track, decoded, probe_track
from reelweave.settings import load
from reelweave.solve.sound import direction_confidence, direction_score, judge_sound

BEGIN, END = "<!-- bench/sound: begin -->", "<!-- bench/sound: end -->"
CODECS = {
    "AAC 128k": ["-c:a", "aac", "-b:a", "128k"],
    "AAC 64k": ["-c:a", "aac", "-b:a", "64k"],
    "Opus 128k": ["-c:a", "libopus", "-b:a", "128k"],
    "Opus 64k": ["-c:a", "libopus", "-b:a", "64k"],
}
TRUE_STATE = {"shuffled": "shuffled", "foreign": "shuffled", "in order": "untouched", "untouched": "untouched"}
"""Kinds of cases: sound cut and shuffled with the frames; the same with silent frames among them; everything in file
order; and only the pictures shuffled."""
LENGTHS = ((0, 60), (61, 150), (151, 300))
FOREIGN_SHARE = 0.05
FOREIGN_FRAMES = 100
"""Length of the stretches that silent frames are mixed into."""
SILENCE_DB = -80.0
"""Mean level in dB under which a clip is silent."""


@dataclass(frozen=True)
class Result:
    clip: str
    silent: bool
    kind: str
    codec: str
    frames: int
    seed: int
    state: str
    sure: float
    score: float
    direction: float
    """The probability given to the true direction."""
    joins: float
    """The share of true joins whose direction is right."""


@dataclass(frozen=True)
class Ordered:
    """Adjacency, tau in shots, |tau| and tau without and with sound."""

    clip: str
    frames: int
    seed: int
    without: tuple[float, float, float, float]
    with_sound: tuple[float, float, float, float]


@dataclass(frozen=True)
class ClipSound:
    path: Path
    track: Track
    samples: Samples
    rate: Fraction
    edges: "np.ndarray[tuple[int], np.dtype[np.float64]]"
    silent: bool

    @property
    def frames(self) -> int:
        return len(self.edges) - 1


def sound_of(clip: Path) -> ClipSound | None:
    source = open_source(clip)
    if not source.info().has_audio:
        return None
    times = [frame.time for frame in source.frames(short_side=1)]
    track, _ = probe_track(clip)
    edges = frame_edges(times, source.info().fps)
    with tempfile.TemporaryDirectory() as folder, decoded(clip, track, Path(folder)) as mapped:
        samples = np.array(mapped)
    power = float(np.square(samples / np.iinfo(track.sample).max).mean())
    return ClipSound(clip, track, samples, source.info().fps, edges, bool(10 * np.log10(power + 1e-20) < SILENCE_DB))


def is_audible(clip: Path) -> bool:
    heard = sound_of(clip)
    return heard is not None and not heard.silent


def order_of(kind: str, first: int, count: int, seed: int) -> list[int]:
    """The frames whose sound plays, in the order of the file."""
    rng = np.random.default_rng([seed, 1])
    frames = np.arange(first, first + count)
    if kind not in ("shuffled", "foreign"):
        return [int(frame) for frame in frames]
    silent = round(FOREIGN_SHARE * count) if kind == "foreign" else 0
    return [int(frame) for frame in rng.permutation(np.concatenate([frames, np.full(silent, SILENT)]))]


def encoded(heard: ClipSound, order: Sequence[int], codec: str, folder: Path) -> Path:
    """Write the slices one after another, each as long as a frame; those in order stay in one piece."""
    track, file = heard.track, folder / "sound.mka"
    begins = heard.edges - heard.edges[0] - track.lead
    made = slice_positions(order, begins, track.rate, 1 / heard.rate)
    if np.all(np.diff(order) == 1):
        start = max(0, int(made.starts[0]))
        raw = heard.samples[start : start + made.total].tobytes()
    else:
        raw = b"".join(block.tobytes() for block in joined_audio(heard.samples, made, 0))
    shape = ["-f", track.pcm, "-ar", str(track.rate), "-ch_layout", track.layout, "-i", "-"]
    done = ffmpeg.run([*shape, *CODECS[codec], "-y", ffmpeg.input_argument(file)], stdin=raw)
    if done.returncode:
        sys.exit(done.stderr.decode("utf-8", "replace"))
    return file


def measured(heard: ClipSound, kinds: Sequence[str], codec: str, frames: int, seed: int) -> Iterator[Result]:
    """Judge a stretch as each of some kinds, whose files are the same and whose pictures are in other orders."""
    count = length_of(heard.frames, frames)
    first = int(np.random.default_rng([seed, 0]).integers(heard.frames - count + 1))
    order = order_of(kinds[0], first, count, seed)
    times = [float(place / heard.rate) for place in range(len(order))]
    with tempfile.TemporaryDirectory() as folder:
        sound = read_slices(encoded(heard, order, codec, Path(folder)), times, float(heard.rate))
    assert sound
    for kind in kinds:
        true = [place for place in np.argsort(order).tolist() if order[place] != SILENT]
        if kind == "untouched":
            true = np.random.default_rng([seed, 2]).permutation(len(order)).tolist()
        verdict = judge_sound(sound, np.arange(len(order)), true)
        score = direction_score(sound, [[row] for row in true])
        left, right = np.array(true[:-1]), np.array(true[1:])
        better = sound.breaks(left, right) < sound.breaks(right, left)
        facts = (heard.path.stem, heard.silent, kind, codec, count, seed, verdict.state, verdict.confidence)
        yield Result(*facts, score, direction_confidence(score, verdict), float(better.mean()))


def judged(clips: Iterable[ClipSound], lengths: Sequence[int], seeds: Sequence[int]) -> Iterator[Result]:
    for heard in clips:
        counts = sorted({length_of(heard.frames, length) for length in lengths})
        codecs = CODECS if not heard.silent else [*CODECS][:1]
        for codec, count, seed in product(codecs, counts, seeds):
            yield from measured(heard, ["shuffled"], codec, count, seed)
            yield from measured(heard, ["in order", "untouched"], codec, count, seed)
            if count == FOREIGN_FRAMES:
                yield from measured(heard, ["foreign"], codec, count, seed)
        print(heard.path.name, file=sys.stderr, flush=True)


def ordered(clip: Path, frames: int, seed: int, crf: int) -> Ordered:
    scores = []
    with tempfile.TemporaryDirectory() as name:
        video = Path(name) / "shuffled.mp4"
        truth = scramble(clip, video, ScrambleOptions(frames=frames, seed=seed, crf=crf, audio="shuffle"))
        for audio in ("keep", "auto"):
            settings = load({"library": f"{name}/library", "ingest.space": "appearance", "render.audio": audio})
            found = evaluate_plan(solve(ingest(video, settings).id, settings), truth)
            scores.append((found.adjacency, found.shot_tau, found.abs_tau, found.tau))
    return Ordered(clip.stem, len(truth.frames), seed, *scores)


def choices(results: Sequence[Result], split: Split) -> str:
    """How often the automatic choice is made and right, and so for the direction, by half, codec, length and clip."""
    heard = [run for run in results if not run.silent]
    rows = []
    for half in ("tuning", "check"):
        runs = [run for run in heard if split.half(run.clip) == half]
        groups = {codec: [run for run in runs if run.codec == codec] for codec in CODECS}
        groups |= {
            f"{low} to {high} frames": [run for run in runs if low <= run.frames <= high] for low, high in LENGTHS
        }
        groups |= {name: [run for run in runs if run.clip == name] for name in sorted({run.clip for run in runs})}
        rows += [[half, name, *_choice_cells(some)] for name, some in groups.items() if some]
        rows += [[f"**{half}**", "**all**", *_choice_cells(runs)]] if runs else []
    heads = ["half", "cases of", "cases", "decided", "precision", "`reslice` right", "`keep` right"]
    return table([*heads, "direction right", "joins right"], rows)


def _choice_cells(runs: Sequence[Result]) -> list[str]:
    decided = [run for run in runs if run.state != "unknown"]
    right = {state: [_is_right(run) for run in decided if run.state == state] for state in ("shuffled", "untouched")}
    cut = [run for run in runs if TRUE_STATE[run.kind] == "shuffled"]
    return [
        str(len(runs)),
        f"{len(decided) / len(runs):.3f}",
        *map(_share, ([_is_right(run) for run in decided], right["shuffled"], right["untouched"])),
        _share([run.score > 0 for run in cut if run.state == "shuffled"]),
        _share([run.joins for run in cut]),
    ]


def _is_right(run: Result) -> bool:
    return run.state == TRUE_STATE[run.kind]


def _share(values: Sequence[float]) -> str:
    return f"{mean(values):.3f}" if values else "-"


def calibration(results: Sequence[Result], split: Split) -> str:
    """How certain the stated direction was, and how often it was right."""
    cut = [run for run in results if run.state == TRUE_STATE[run.kind] == "shuffled"]
    rows = []
    for half, (low, high) in product(("tuning", "check"), ((0.5, 0.9), (0.9, 0.99), (0.99, 1.0))):
        said = [max(run.direction, 1 - run.direction) for run in cut if split.half(run.clip) == half]
        right = [run.score > 0 for run in cut if split.half(run.clip) == half]
        some = [(sure, true) for sure, true in zip(said, right, strict=True) if low <= sure < high]
        if some:
            rows.append([half, f"{low} to {high}", str(len(some)), *(_share(side) for side in zip(*some, strict=True))])
    return table(["half", "direction said", "cases", "mean", "right"], rows)


def orders(results: Sequence[Ordered], split: Split) -> str:
    rows = [[run.clip, split.half(run.clip), str(run.frames), *_order_cells([run])] for run in results]
    for half in ("tuning", "check"):
        runs = [run for run in results if split.half(run.clip) == half]
        rows += [[f"**{half}**", "", "", *_order_cells(runs)]] if runs else []
    heads = ["clip", "half", "frames", "adjacency", "with sound", "tau in shots", "with sound"]
    return table([*heads, "abs tau", "with sound", "tau", "with sound"], rows)


def _order_cells(runs: Sequence[Ordered]) -> list[str]:
    pairs = [(mean(run.without[i] for run in runs), mean(run.with_sound[i] for run in runs)) for i in range(4)]
    return [f"{value:.3f}" for pair in pairs for value in pair]


def report(results: Sequence[Result], ordered_runs: Sequence[Ordered], split: Split) -> str:
    silent = [run for run in results if run.silent]
    parts = [choices(results, split), calibration(results, split)]
    if silent:
        left = sum(run.state == "unknown" for run in silent)
        parts.append(f"Of {len(silent)} cases of clips whose track is silent, {left} were recognised (`drop`).")
    return "\n\n".join([*parts, *([orders(ordered_runs, split)] if ordered_runs else [])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="?")
    parser.add_argument("--only", nargs="*", default=[], help="names of clips, without what ends them")
    parser.add_argument("--half", choices=["tuning", "check"])
    parser.add_argument("--frames", type=int, nargs="+", default=[30, 100, 300])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--order", type=int, nargs="*", default=[], help="lengths at which clips are put in order")
    parser.add_argument("--crf", type=int, default=23, help="quality of the clips that are put in order")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path, nargs="+", help="print the tables of such files")
    parser.add_argument("--into", type=Path)
    asked, split = parser.parse_args(), read_split()
    if asked.table:
        stored = [json.loads(file.read_text("utf-8")) for file in asked.table]
        results = [Result(**row) for one in stored for row in one["results"]]
        ordered_runs = [Ordered(**row) for one in stored for row in one["ordered"]]
    else:
        clips = [path for path in sorted(asked.clips.iterdir()) if not asked.only or path.stem in asked.only]
        clips = [path for path in clips if asked.half in (None, split.half(path.stem))]
        results = [] if asked.order else list(judged(filter(None, map(sound_of, clips)), asked.frames, asked.seeds))
        found = (
            ordered(clip, length, asked.seeds[0], asked.crf)
            for length in asked.order
            for clip in clips
            if is_audible(clip)
        )
        ordered_runs = list(found)
    if asked.json:
        rows = {"results": [asdict(run) for run in results], "ordered": [asdict(run) for run in ordered_runs]}
        asked.json.write_text(json.dumps(rows) + "\n", "utf-8")
    block = report(results, ordered_runs, split)
    if asked.into:
        asked.into.write_text(put_between_marks(asked.into.read_text("utf-8"), block, BEGIN, END), "utf-8")
    print(block)


if __name__ == "__main__":
    main()
