"""The share and the time left of a whole job, forecast from earlier jobs, on a clock of the test's own."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from forecast import RecordedJob, learned_from, read_jobs
from forecast import errors as recorded_errors

from reelweave.ui.forecast import Forecast, History

STEPS = {"ingest": 20.0, "neighbours": 4.0, "order": 10.0, "prove": 6.0, "render": 20.0}
"""A job of a minute for 1,000 frames."""
COUNTED = ("ingest", "render")
"""The steps that report how far they are; the others only begin and end."""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def played(forecast: Forecast, clock: Clock, frames: int, pace: float = 1.0) -> Iterator[float]:
    """Play a job in ticks of a tenth of a second; yield the seconds since its begin after each."""
    begun = clock.now
    for name, seconds in STEPS.items():
        ticks = round(seconds * pace * frames / 1000 * 10)
        forecast.begin(name, frames if name in COUNTED else None)
        for tick in range(1, ticks + 1):
            clock.now += 0.1
            if name in COUNTED:
                forecast.advance(frames * tick // ticks)
            yield clock.now - begun
        forecast.end()


def run(history: History, kind: str = "restore", frames: int = 1000, pace: float = 1.0) -> None:
    clock = Clock()
    forecast = Forecast(kind, history, clock)
    for _ in played(forecast, clock, frames, pace):
        pass
    forecast.succeeded()


def errors(history: History, frames: int, pace: float) -> list[float]:
    """Return the relative error of the total time, as forecast after each tick past the first tenth of the job."""
    clock = Clock()
    forecast = Forecast("restore", history, clock)
    total = sum(STEPS.values()) * pace * frames / 1000
    found = []
    for passed in played(forecast, clock, frames, pace):
        if passed > total / 10:
            left = forecast.outlook().seconds_left
            assert left is not None
            found.append(abs(passed + left - total) / total)
    return found


@pytest.mark.parametrize(("frames", "pace"), [(1000, 1.0), (1000, 3.0), (1000, 0.4), (300, 1.0), (4000, 1.5)])
def test_the_time_left_is_right_within_30_percent_after_the_first_tenth(frames: int, pace: float) -> None:
    history = History()
    run(history)
    assert max(errors(history, frames, pace)) < 0.3


def test_the_share_grows_from_zero_to_one_without_steps_back() -> None:
    history, clock = History(), Clock()
    run(history)
    forecast = Forecast("restore", history, clock)
    shares = [forecast.outlook().share or 0.0 for _ in played(forecast, clock, 1000, 2.0)]
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] > 0.9


def test_an_unknown_job_without_a_count_forecasts_nothing() -> None:
    clock = Clock()
    forecast = Forecast("", History(), clock)
    forecast.begin("order", None)
    clock.now += 5
    assert forecast.outlook() == (None, None)


def test_a_history_outlives_the_page_and_a_damaged_one_counts_as_empty(tmp_path: Path) -> None:
    file = tmp_path / "timings.json"
    history = History(file)
    run(history, "a job")
    assert History(file).steps("a job") == history.steps("a job")
    assert list(history.steps("a job")) == list(STEPS)
    file.write_text('{"a job": [1, 2], "other": {"x": "y"}, "')
    assert History(file).steps("a job") == {}
    run(History(file), "a job")
    assert History(file).steps("a job")


def test_a_step_that_recent_jobs_did_not_have_is_forgotten() -> None:
    history = History()
    history.learn("a job", {"ingest": 1.0, "motion": 1.0})
    for _ in range(30):
        history.learn("a job", {"ingest": 1.0})
    assert list(history.steps("a job")) == ["ingest"]


def test_a_step_that_comes_twice_is_expected_twice() -> None:
    """Two films are encoded; while the first one is, the second is still to come."""
    history, steps = History(), (("encode", 10.0), ("encode", 20.0), ("order", 10.0))

    def play(forecast: Forecast, clock: Clock) -> Iterator[float]:
        for name, seconds in steps:
            forecast.begin(name, 100)
            for done in range(1, 101):
                clock.now += seconds / 100
                forecast.advance(done)
                yield clock.now
            forecast.end()

    clock = Clock()
    forecast = Forecast("two", history, clock)
    assert list(play(forecast, clock))
    forecast.succeeded()
    clock = Clock()
    forecast = Forecast("two", history, clock)
    for now in play(forecast, clock):
        if now > 104:
            assert forecast.outlook().seconds_left == pytest.approx(140 - now, rel=0.1, abs=0.5)


def test_time_between_steps_counts() -> None:
    history, clock = History(), Clock()
    for _ in range(2):
        forecast = Forecast("a job", history, clock)
        forecast.begin("read", 10)
        clock.now += 5
        forecast.advance(10)
        forecast.end()
        left = forecast.outlook().seconds_left
        clock.now += 5
        forecast.begin("write", 10)
        clock.now += 10
        forecast.advance(10)
        forecast.end()
        forecast.succeeded()
    assert left == pytest.approx(15, rel=0.1)


RECORDED = [job for job in read_jobs() if job.seconds > 30]


@pytest.mark.parametrize("job", RECORDED, ids=[f"{job.kind} {job.clip}" for job in RECORDED])
def test_recorded_jobs_of_half_a_minute_are_forecast_within_30_percent_most_of_the_time(job: RecordedJob) -> None:
    others = [other for other in read_jobs() if other.kind == job.kind and other != job]
    assert median(recorded_errors(job, learned_from(others))) < 0.3
