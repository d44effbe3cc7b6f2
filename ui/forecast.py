"""Estimate a job's progress and remaining time from how long its steps took in earlier jobs."""

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from ..media.files import atomic
from ..media.untrusted import UntrustedError, read_object

Steps = Mapping[str, float]
"""Seconds per frame of each step of a job, in the order of the steps."""

_FIRST_GUESS: dict[str, dict[str, float]] = {
    "restore": {
        "ingest": 0.006,
        "neighbours": 0.002,
        "motion": 0.01,
        "order": 0.002,
        "prove": 0.004,
        "preview": 0.006,
    },
    "render": {"read": 0.005, "render": 0.03},
    "find broken": {"look for broken frames": 0.006, "fetch pictures": 0.003},
    "repair": {"read": 0.005, "encode": 0.03},
    "measure": {"encode": 0.03, "ingest": 0.006, "neighbours": 0.002, "order": 0.002, "prove": 0.004, "render": 0.03},
}
"""Estimates for jobs that have not run here yet, measured roughly at 640x360 on two cores. Only the ratios matter: the
first steps of a job show how fast the machine is."""
_MEMORY = 0.5
"""Weight of the latest job in the running average, since machines and videos change."""
_SLOWEST, _FASTEST = 20.0, 0.05
"""Bounds on the pace of the finished steps, relative to the expected one, by which the rest is scaled."""
_LEAST_SHARE = 0.03
"""Share of a job that must be done before its remaining time is shown."""
_BEFORE_FIRST = "+"
"""The time before the first step."""
_MOST_TIMES = 100
"""A step that repeats more often than this is no longer counted separately."""
_PRIOR_OF_JOB = 0.02
"""Share of the job that counts as done at the expected pace, so that a slow first second does not decide the pace."""
_PRIOR_OF_STEP = 0.1
"""Share of a counted step that counts as done at the expected pace: decoders and encoders are slow to start."""
_OVERDUE = 0.3
"""What is left of a step that takes longer than expected, as a share of what it has taken."""
_FORGOTTEN = 1e-6
"""Seconds per frame below which a step that recent jobs skipped is dropped from the history."""
_MAX_HISTORY = 1 << 20
"""Bytes of the file with the history; a larger one is not ours."""


class History:
    """Seconds per frame of each step of each kind of job, kept in a file between runs of the page."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._learned = _read(file) if file else {}

    def steps(self, kind: str) -> Steps:
        return self._learned.get(kind) or _FIRST_GUESS.get(kind, {})

    def learn(self, kind: str, seconds: Steps) -> None:
        """Average the timings of a job that has succeeded into those of earlier ones."""
        with self._lock:
            old = self._learned.get(kind, seconds)
            names = _merged(list(seconds), list(old))
            mean = {name: (1 - _MEMORY) * old.get(name, 0.0) + _MEMORY * seconds.get(name, 0.0) for name in names}
            self._learned[kind] = {name: value for name, value in mean.items() if value > _FORGOTTEN}
            if self._file:
                # On a full disk only the next forecast is worse.
                with suppress(OSError), atomic(self._file) as part:
                    part.write_text(json.dumps(self._learned), encoding="utf-8")


def _merged(new: list[str], old: list[str]) -> list[str]:
    """Return the steps of both jobs in their order: what only the old one had comes after what was before it there."""
    merged = list(new)
    for place, name in enumerate(old):
        if name not in merged:
            merged.insert(merged.index(old[place - 1]) + 1 if place else 0, name)
    return merged


def _read(file: Path) -> dict[str, dict[str, float]]:
    """Read the history; one that cannot be read counts as empty."""
    try:
        data = read_object(file, _MAX_HISTORY)
    except (OSError, UntrustedError):
        return {}
    return {
        kind: {name: float(value) for name, value in steps.items() if isinstance(value, int | float) and value > 0}
        for kind, steps in data.items()
        if isinstance(steps, dict)
    }


class Outlook(NamedTuple):
    """The share of a job that is done, and the seconds left; None where unknown."""

    share: float | None
    seconds_left: float | None


class Forecast:
    """Follow the outermost steps of one job, and the time between them; nested steps count as part of them.

    A step that comes again, as when two films are encoded, is known by its number besides its name, and what happens
    after a step by the step and a `+`.
    """

    def __init__(self, kind: str, history: History, clock: Callable[[], float] = monotonic) -> None:
        self._kind, self._history, self._clock = kind, history, clock
        self._expected = dict(history.steps(kind))
        self._spent: dict[str, float] = {}
        self._step = _BEFORE_FIRST
        self._started = clock()
        self._done, self._total = 0, 0
        self._frames = 0
        self._shown = 0.0

    def begin(self, step: str, total: int | None) -> None:
        self._enter(self._numbered(step), total or 0)
        self._frames = self._frames or self._total

    def advance(self, done: int) -> None:
        self._done = done

    def end(self) -> None:
        self._enter(f"{self._step}+", 0)

    def succeeded(self) -> None:
        """Add the timings of the job to the history."""
        self._enter("", 0)
        if self._kind and self._frames and self._spent:
            self._history.learn(self._kind, {name: spent / self._frames for name, spent in self._spent.items()})

    def _enter(self, step: str, total: int) -> None:
        now = self._clock()
        if self._step:
            self._spent[self._step] = self._spent.get(self._step, 0.0) + now - self._started
        self._step, self._started, self._done, self._total = step, now, 0, total

    def _numbered(self, step: str) -> str:
        names = (step, *(f"{step} {number}" for number in range(2, _MOST_TIMES)))
        return next((name for name in names if name not in self._spent), step)

    def outlook(self) -> Outlook:
        """Forecast the rest: the current step by its own pace and by history, later ones by history."""
        now = self._clock() - self._started
        if not self._frames or not self._expected:
            return self._alone(now)
        spent = sum(self._spent.values()) + now
        pace = self._pace(now)
        later = sum(self._to_come().values())
        left = self._rest_of_step(now, pace) + later * self._frames * pace
        share = spent / (spent + left) if spent + left > 0 else 0.0
        self._shown = max(self._shown, min(share, 0.99))
        return Outlook(self._shown, left if share >= _LEAST_SHARE else None)

    def _to_come(self) -> dict[str, float]:
        """Return the expected steps after the last one that this job has had."""
        order, had = list(self._expected), {*self._spent, self._step}
        last = max((place for place, step in enumerate(order) if step in had), default=-1)
        return {step: self._expected[step] for step in order[last + 1 :]}

    def _pace(self, now: float) -> float:
        """Return how many times as long as expected the job has taken so far."""
        known = {name: spent for name, spent in self._spent.items() if name in self._expected}
        prior = _PRIOR_OF_JOB * sum(self._expected.values()) * self._frames
        expected = sum(self._expected[name] * self._frames for name in known) + prior
        actual = sum(known.values()) + prior
        if self._step in self._expected and self._share() > 0:
            expected += self._expected[self._step] * self._frames * self._share()
            actual += now
        return min(max(actual / expected, _FASTEST), _SLOWEST) if expected > 0 else 1.0

    def _share(self) -> float:
        return min(self._done / self._total, 1.0) if self._total else 0.0

    def _rest_of_step(self, now: float, pace: float) -> float:
        expected, share = self._expected.get(self._step, 0.0) * self._frames * pace, self._share()
        if share >= _LEAST_SHARE or (share and expected):
            # The first items may take long, so the step counts as if a little of it had gone as expected.
            known = _PRIOR_OF_STEP if expected else 0.0
            return (now + known * expected) / (share + known) * (1 - share)
        return max(expected - now, _OVERDUE * now)

    def _alone(self, now: float) -> Outlook:
        """Forecast a job without a history from its one counted step."""
        share = self._share()
        if share <= 0:
            return Outlook(None, None)
        self._shown = max(self._shown, share)
        return Outlook(self._shown, now * (1 - share) / share if share >= _LEAST_SHARE else None)
