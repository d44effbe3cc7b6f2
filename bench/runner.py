"""Run methods on cases. The video of a case is made once, tried with every method that is left, and deleted."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

from cases import Case, Clip, make
from limits import Limits, Spent, run_limited
from methods import Method, environment
from results import Result, ResultsFile, key_of

from reelweave import pipeline
from reelweave.engine.task import Engine, FunctionTask
from reelweave.evaluate.scores import evaluate_plan, right_joins, score_order
from reelweave.evaluate.truth import FOREIGN, Truth
from reelweave.evaluate.undecided import alike_adjacency, alike_truth, determined_tau
from reelweave.settings import load
from reelweave.solve.plan.files import read_plan

Truths = tuple[Truth, Truth]
"""The truth of a case, and the truth with the frames that encoding made alike as ties."""
_SCORES = ("adjacency", "abs_tau", "shot_tau", "jumps", "exact", "lost", "lost_share", "precision", "recall")


@dataclass
class Bench:
    """What all runs share."""

    file: ResultsFile
    clips: Sequence[Clip]
    work: Path
    limits: Limits
    threads: int = 1
    pictures: bool = False
    stop: Event = field(default_factory=Event)
    missing: dict[str, str] = field(default_factory=dict)
    """Methods found out to be impossible here while they ran."""
    total: int = 0
    ended: Iterator[int] = field(default_factory=lambda: count(1))

    def run(self, case: Case, methods: Sequence[Method]) -> None:
        """Make the case's video, try each method on it, and leave nothing behind but their results."""
        if self.stop.is_set():
            return
        folder = self.work / case.name.replace(", ", "-").replace(" ", "")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            video = folder / "scrambled.mp4"
            truth = make(case, video, [clip.path for clip in self.clips])
            truths = truth, alike_truth(truth, video)
            for method in methods:
                if method.name not in self.missing:
                    self._try(case, method, video, truths)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _try(self, case: Case, method: Method, video: Path, truths: Truths) -> None:
        answer = video.with_name("answer.json")
        answer.unlink(missing_ok=True)
        command = [*method.command, str(video), str(answer)]
        surroundings = environment(video.parent, self.threads)
        spent = run_limited(command, self.limits, surroundings, video.with_name("log"), self.stop)
        said: dict[str, Any] = {} if spent.failure else json.loads(answer.read_text())
        if "unavailable" in said:
            self.missing[method.name] = said["unavailable"]
            self.file.add({"not_run": {method.name: said["unavailable"]}})
            return
        result = _judged(case, method, spent, said, truths)
        if self.pictures and case.kind == "clean" and "said" in said:
            result.scores.update(_pictures(video.with_name("plan.json"), truths[0]))
        self.file.add(result)
        outcome = result.failure or f"adjacency {result.scores['adjacency']:.3f}"
        told = f"{next(self.ended)} of {self.total}: {case.name}: {method.name}: {outcome}, {spent.seconds} s"
        print(told, file=sys.stderr, flush=True)


def _judged(case: Case, method: Method, spent: Spent, said: dict[str, Any], truths: Truths) -> Result:
    failure, scores, details = spent.failure, {}, {}
    truth = truths[0]
    if not failure and sorted(named := [*said["order"], *said["dropped"]]) != list(range(len(truth.frames))):
        failure = f"its answer does not name every frame once ({len(set(named))} of {len(truth.frames)})"
    if not failure:
        found = score_order(said["order"], said["dropped"], truth)
        scores = {name: float(getattr(found, name)) for name in _SCORES} | {"dropped": float(len(said["dropped"]))}
        scores |= _undecided(said, truths)
        details = {name: value for name, value in said.items() if name not in ("order", "dropped")}
    if "said" in details:
        details["right"] = [int(right) for right in right_joins(said["order"], truth)]
    return Result(
        clip=case.clip.path.name,
        total=case.clip.frames,
        sha256=case.clip.sha256,
        frames=case.frames,
        crf=case.crf,
        seed=case.seed,
        kind=case.kind,
        method=method.name,
        version=method.version,
        seconds=spent.seconds,
        cpu_seconds=spent.cpu_seconds,
        peak_mb=spent.peak_mb,
        failure=failure,
        shots=max(1, len(truth.shots)),
        scores=scores,
        details=details,
    )


def _undecided(said: dict[str, Any], truths: Truths) -> dict[str, float]:
    """Score an order up to frames that encoding made alike, and what the plan calls determined."""
    order, (truth, alike) = said["order"], truths
    film = [frame for frame in alike.frames if frame != FOREIGN]
    scores = {
        "alike": 1 - len({alike.picture_of(frame) for frame in film}) / max(1, len(film)),
        "alike_adjacency": alike_adjacency(order, alike),
        "alike_tau": score_order(order, said["dropped"], alike).shot_tau,
    }
    tau = determined_tau(order, said["undetermined"], truth) if "undetermined" in said else None
    return scores if tau is None else scores | {"determined_tau": tau}


def _pictures(plan_file: Path, truth: Truth) -> dict[str, float]:
    """How true the pictures of the film are; it is rendered without loss, outside the time that is measured."""
    plan, film = read_plan(plan_file), plan_file.with_name("film.mp4")
    pipeline.render(plan, film, load(), lossless=True)
    scores = evaluate_plan(plan, truth, rendered=film)
    return {"psnr": scores.psnr or 0.0, "ssim": scores.ssim or 0.0}


@dataclass
class _Collected:
    """Results that a worker keeps for the driver."""

    rows: list[Any] = field(default_factory=list)

    def add(self, row: Any) -> None:
        self.rows.append(row)


def _run_apart(
    clips: Sequence[Clip], work: Path, limits: Limits, threads: int, pictures: bool, job: tuple[Case, list[Method]]
) -> list[Any]:
    """Run a case on a worker of an engine, and return what is to be added to the file."""
    kept = _Collected()
    Bench(kept, clips, work / f"worker-{os.getpid()}", limits, threads, pictures).run(*job)  # type: ignore[arg-type]
    return kept.rows


def _run_on(engine: Engine, bench: Bench, todo: Sequence[tuple[Case, list[Method]]]) -> None:
    task = FunctionTask(partial(_run_apart, bench.clips, bench.work, bench.limits, bench.threads, bench.pictures))
    with closing(engine.run(task, todo)) as work:
        for number, ((case, _), rows) in enumerate(work, 1):
            if isinstance(rows, Exception):
                raise rows
            for row in rows:
                bench.file.add(row)
            print(f"{number} of {len(todo)}: {case.name}", file=sys.stderr, flush=True)


def run_all(
    bench: Bench,
    chosen: Sequence[Case],
    methods: Sequence[Method],
    jobs: int = 1,
    retry: bool = False,
    engine: Engine | None = None,
) -> None:
    """Run what the file does not hold yet, in this process or by the workers of an engine."""
    done = bench.file.keys(failed=not retry)
    for method in methods:
        if method.missing:
            bench.file.add({"not_run": {method.name: method.missing}})
    able = [method for method in methods if not method.missing]
    todo = [(case, [method for method in able if key_of(case, method) not in done]) for case in chosen]
    todo = [(case, left) for case, left in todo if left]
    if engine:
        _run_on(engine, bench, todo)
        return
    bench.total = sum(len(left) for _, left in todo)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for run in as_completed([pool.submit(bench.run, case, left) for case, left in todo]):
                run.result()
        except BaseException:
            bench.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
