"""Measure the error of forecasts: python bench/forecast.py [--record CLIP...] [--frames N] [--jobs FILE] [--into PAGE]

`--record` runs the jobs of the page on clips and adds to FILE when each of their steps began, advanced and ended.
Then each recorded job is replayed on a simulated clock: once as the first of its kind, with the estimates that the
program brings, and once after the other jobs of its kind, from which the page has learned. The error is that of the
whole duration as forecast at each moment after the first tenth of the job, relative to the duration.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shutil import copyfile
from statistics import median
from time import monotonic
from typing import Any

from table import put_between_marks

from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.progress import Progress
from reelweave.settings import load
from reelweave.ui.context import PageContext, open_context
from reelweave.ui.forecast import Forecast, History
from reelweave.ui.jobs import Job
from reelweave.ui.measure.measure_job import measure
from reelweave.ui.reconstruct import reconstruct_job
from reelweave.ui.repair import state as repair_state

BEGIN, END = "<!-- bench/forecast: begin -->", "<!-- bench/forecast: end -->"
JOBS = Path(__file__).with_name("forecast.jsonl")
TICKS = 200
"""Moments of a job at which its forecast is looked at."""
FROM = 0.1
"""The share of a job after which its forecast counts."""
_KEPT = 40
"""Reports kept of a step; there may be one for each frame."""

Event = tuple[str, str, int, float]
"""`begin` of a step with its total, `advance` to a number, or `end`; and the seconds since the job began."""


@dataclass(frozen=True)
class RecordedJob:
    """When the steps of a job began, advanced and ended."""

    kind: str
    clip: str
    seconds: float
    events: Sequence[Event] = field(default_factory=list)


class _Recorder(Forecast):
    """Write down what a job reports."""

    def __init__(self) -> None:
        super().__init__("", History())
        self._begun = monotonic()
        self.events: list[Event] = []
        self._next = 0

    def begin(self, step: str, total: int | None) -> None:
        self.events.append(("begin", step, total or 0, self._now()))
        self._next, self._stride = 0, max(1, (total or 0) // _KEPT)

    def advance(self, done: int) -> None:
        if done >= self._next:
            self.events.append(("advance", "", done, self._now()))
            self._next = done + self._stride

    def end(self) -> None:
        self.events.append(("end", "", 0, self._now()))

    def _now(self) -> float:
        return round(monotonic() - self._begun, 2)


def record(clip: Path, frames: int) -> Iterator[RecordedJob]:
    """Run the jobs that a user would run on a clip, each as the page runs it."""
    with tempfile.TemporaryDirectory(prefix="reelweave-forecast-") as folder:
        settings = load({"library": str(Path(folder) / "library"), "ingest.space": "appearance"})
        with open_context(settings) as context:
            yield from _jobs(context, clip, frames)


def _jobs(context: PageContext, clip: Path, frames: int) -> Iterator[RecordedJob]:
    shuffled = context.uploads / "shuffled.mp4"
    scramble(clip, shuffled, ScrambleOptions(frames=frames, seed=1, foreign=5))
    given = context.uploads / clip.name
    copyfile(clip, given)

    def run(kind: str, work: Callable[[Progress], Any]) -> tuple[RecordedJob, Any]:
        recorder = _Recorder()
        result = Job(work, forecast=recorder, owner="bench").result()
        return RecordedJob(kind, clip.stem, recorder._now(), recorder.events), result

    job, solved = run("restore", lambda progress: reconstruct_job.begin(context, str(shuffled), None, progress))
    yield job
    yield run("render", lambda progress: reconstruct_job.render(context, solved, False, progress))[0]
    job, found = run("find broken", lambda progress: repair_state.begin(context, given, None, progress))
    yield job
    if found.corrected.broken:
        yield run("repair", lambda progress: repair_state.repair(found, context.settings, progress))[0]
    options = ScrambleOptions(frames=frames, seed=2, foreign=5)
    yield run("measure", lambda progress: measure(context, given, options, progress))[0]


def replay(job: RecordedJob, history: History) -> Iterator[tuple[float, float | None]]:
    """Play a job on a clock of its own; yield the seconds passed and the seconds left at each tick."""
    now = 0.0
    forecast = Forecast(job.kind, history, lambda: now)
    events = iter([*job.events, ("stop", "", 0, float("inf"))])
    event = next(events)
    for tick in range(1, TICKS):
        until = job.seconds * tick / TICKS
        while event[3] <= until:
            now = event[3]
            _play(forecast, event)
            event = next(events)
        now = until
        yield now, forecast.outlook().seconds_left
    while event[0] != "stop":
        now = event[3]
        _play(forecast, event)
        event = next(events)
    forecast.succeeded()


def _play(forecast: Forecast, event: Event) -> None:
    kind, step, number, _ = event
    if kind == "begin":
        forecast.begin(step, number or None)
    elif kind == "advance":
        forecast.advance(number)
    else:
        forecast.end()


def errors(job: RecordedJob, history: History) -> list[float]:
    """Return the errors of the forecast after the first tenth; a moment without a forecast counts as wholly wrong."""
    return [
        1.0 if left is None else abs(passed + left - job.seconds) / job.seconds
        for passed, left in replay(job, history)
        if passed >= FROM * job.seconds
    ]


def learned_from(jobs: Sequence[RecordedJob]) -> History:
    """Return the history of a page that has run these jobs."""
    history = History()
    for job in jobs:
        for _ in replay(job, history):
            pass
    return history


def read_jobs(file: Path = JOBS) -> list[RecordedJob]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [RecordedJob(**json.loads(line)) for line in lines]


def table_of(jobs: Sequence[RecordedJob]) -> str:
    """Return the errors by kind of job: of the first one ever, and of one after the others."""
    rows = [
        "| job | recorded | seconds | first ever: median | worst | after others: median | worst |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(job.kind for job in jobs):
        own = [job for job in jobs if job.kind == kind]
        first = [errors(job, History()) for job in own]
        later = [errors(job, learned_from([other for other in own if other is not job])) for job in own]
        cells = [_percent(first), _percent(later) if len(own) > 1 else "- | -"]
        seconds = f"{min(job.seconds for job in own):.0f} to {max(job.seconds for job in own):.0f}"
        rows.append(f"| {kind} | {len(own)} | {seconds} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _percent(found: Sequence[Sequence[float]]) -> str:
    """Return the median over all moments, and the median over the jobs of their worst moments."""
    everything = [error for one in found for error in one]
    return f"{100 * median(everything):.0f} % | {100 * median(map(max, found)):.0f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--record", type=Path, nargs="+", default=[], metavar="CLIP", help="run the jobs on these clips"
    )
    parser.add_argument("--frames", type=int, default=200, help="frames of a clip that are put in order (default 200)")
    parser.add_argument("--jobs", type=Path, default=JOBS, metavar="FILE", help="the recorded jobs")
    parser.add_argument("--into", type=Path, help="put the table between the marks of this page")
    options = parser.parse_args()
    for clip in options.record:
        for job in record(clip, options.frames):
            with options.jobs.open("a", encoding="utf-8") as lines:
                lines.write(f"{json.dumps(asdict(job))}\n")
    table = table_of(read_jobs(options.jobs))
    print(table)
    if options.into:
        options.into.write_text(put_between_marks(options.into.read_text("utf-8"), table, BEGIN, END), "utf-8")


if __name__ == "__main__":
    main()
