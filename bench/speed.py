"""What a whole command costs, film included, beside video-descrambler: python bench/speed.py CLIPS --clips NAME...

Each clip is cut to each length, encoded again and shuffled. Then both commands run on it in turn, each in a new process
with an empty library, for some rounds. Medians count, so that a machine busy with other work spoils both alike.
Seconds are those of the clock; CPU seconds and memory include the decoders and encoders that were started. The peer
searches for two seconds whatever the film, and writes MPEG-4 part 2 where we write H.264.

--into puts the table between the marks of that page. It needs Linux.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import mean, median
from threading import Event

from cases import Case, Clip, length_of, make
from limits import Limits, Spent, run_limited
from methods import PEERS_FOLDER, chosen_peers, environment
from table import put_between_marks, table

from reelweave.evaluate.foreign import count_frames

BEGIN, END = "<!-- bench/speed: begin -->", "<!-- bench/speed: end -->"
OURS, PEER = "reelweave", "video-descrambler"
_LIMITS = Limits(seconds=900, megabytes=8000)
_CRF = 18
_DIGITS = {"seconds": 2, "cpu_seconds": 2, "peak_mb": 0}


@dataclass(frozen=True)
class Result:
    """Medians of the rounds of one way on one clip."""

    clip: str
    asked: int
    frames: int
    way: str
    seconds: float
    cpu_seconds: float
    peak_mb: float


def commands(video: Path, peers: Path | None) -> dict[str, list[str]]:
    """The commands, from the shuffled video to the film; everything they write is beside the video."""
    film = str(video.with_name("film.mp4"))
    library = str(video.with_name("library"))
    ours = [sys.executable, "-m", "reelweave", "reconstruct", str(video), "-o", film, "--library", library, "--quiet"]
    # Without vectors for searching by text, which no film needs.
    ours += ["--space", "appearance"]
    if peers is None:
        return {OURS: ours}
    (peer,) = chosen_peers([PEER], peers)
    return {OURS: ours, PEER: [*peer.command, str(video), str(video.with_name("answer.json")), film]}


def run(way: str, command: Sequence[str], video: Path, threads: int) -> Spent:
    """Run one command where nothing of an earlier one is left."""
    with tempfile.TemporaryDirectory(dir=video.parent) as scratch:
        here = Path(scratch) / video.name
        here.hardlink_to(video)
        moved = [argument.replace(str(video.parent), scratch) for argument in command]
        spent = run_limited(moved, _LIMITS, environment(here.parent, threads), here.with_name("log"), Event())
    if spent.failure:
        sys.exit(f"{way} failed on {video.name}: {spent.failure}")
    return spent


def measure(clip: Clip, asked: int, folder: Path, peers: Path | None, rounds: int, threads: int) -> Iterator[Result]:
    video, case = folder / "shuffled.mp4", Case(clip, length_of(clip.frames, asked), _CRF, 0, "clean")
    make(case, video, [])
    ways = commands(video, peers)
    runs: dict[str, list[Spent]] = {way: [] for way in ways}
    warm_ups = int(rounds > 1)
    for number in range(warm_ups + rounds):
        for way, command in ways.items():
            spent = run(way, command, video, threads)
            # The first run compiles modules and fills the disk's cache.
            runs[way] += [spent] if number >= warm_ups else []
    for way, all_spent in runs.items():
        yield Result(
            case.clip.path.stem,
            asked,
            case.frames,
            way,
            median(one.seconds for one in all_spent),
            median(one.cpu_seconds for one in all_spent),
            median(one.peak_mb for one in all_spent),
        )


def by_clip(results: Sequence[Result]) -> str:
    """A row for each clip, ours beside the peer's, and the means of each length."""
    ours, peers = ([result for result in results if result.way == way] for way in (OURS, PEER))
    if peers:
        rows = [[one.clip, one.frames, *_compared([one], [peer])] for one, peer in zip(ours, peers, strict=True)]
        rows.append(["mean", "", *_compared(ours, peers)])
    else:
        rows = [[one.clip, one.frames, *(f"{getattr(one, cost):.0f}" for cost in _DIGITS)] for one in ours]
    return table(["clip", "frames", "seconds", "CPU s", "peak MB"], rows)


def _compared(ours: Sequence[Result], peers: Sequence[Result]) -> Iterator[str]:
    for cost, digits in _DIGITS.items():
        a, b = (mean(getattr(result, cost) for result in results) for results in (ours, peers))
        yield f"{a:.{digits}f} / {b:.{digits}f} ({a / b:.2f})"


def summary(results: Sequence[Result], rounds: int, threads: int) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    compared = f"{OURS} / {PEER} (ratio)" if any(result.way == PEER for result in results) else OURS
    begins = f"{date.today()}: {compared}; medians of {rounds} rounds; {threads} threads; {machine}."
    lengths = sorted({result.asked for result in results})
    parts = [by_clip([result for result in results if result.asked == length]) for length in lengths]
    return "\n\n".join([begins, *parts])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="CLIPS")
    parser.add_argument("--clips", nargs="+", required=True, metavar="NAME")
    parser.add_argument("--frames", type=int, nargs="+", default=[100], help="lengths; 0 is all of a clip")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="threads of numeric libraries")
    parser.add_argument("--peers-folder", type=Path, default=PEERS_FOLDER, help="what bench/peers/setup.py made")
    parser.add_argument(
        "--alone", action="store_true", help="without the peer, which needs far too long for long films"
    )
    parser.add_argument("--into", type=Path, metavar="PAGE")
    return parser


def _clips(folder: Path, names: Sequence[str]) -> list[Clip]:
    """The clips of these names, which are read to their ends, and not the rest of the folder."""
    paths = [path for name in names for path in sorted(folder.glob(f"{name}*")) if name in (path.name, path.stem)]
    if missing := set(names) - {name for path in paths for name in (path.name, path.stem)}:
        sys.exit(f"There is no clip {min(missing)} in {folder}.")
    return [Clip(path, count_frames(path), "") for path in paths]


def _results(chosen: argparse.Namespace) -> Iterator[Result]:
    for clip in _clips(chosen.folder, chosen.clips):
        for asked in chosen.frames:
            with tempfile.TemporaryDirectory() as folder:
                peers = None if chosen.alone else chosen.peers_folder
                yield from measure(clip, asked, Path(folder), peers, chosen.rounds, chosen.threads)


def main() -> None:
    chosen = _parser().parse_args()
    results = []
    for result in _results(chosen):
        print(json.dumps(asdict(result)), file=sys.stderr, flush=True)
        results.append(result)
    text = summary(results, chosen.rounds, chosen.threads)
    print(text)
    if chosen.into:
        chosen.into.write_text(put_between_marks(chosen.into.read_text("utf-8"), text, BEGIN, END), "utf-8")


if __name__ == "__main__":
    main()
