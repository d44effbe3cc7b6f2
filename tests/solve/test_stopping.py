"""Stopping a search early: the best order so far is kept, and a second Ctrl-C aborts."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelweave import pipeline
from reelweave.commands.console import BarProgress, LineProgress, QuietProgress
from reelweave.media.source import open_source
from reelweave.progress import Progress, SilentProgress
from reelweave.repair.frame_cache import cached_measures
from reelweave.repair.repair import find_broken_frames
from reelweave.settings import load
from reelweave.solve.cost.prices import dense_costs
from reelweave.solve.path.local import improve
from reelweave.solve.plan.files import read_plan
from reelweave.solve.stop import StopCondition

CONSOLES = pytest.mark.parametrize("console", [QuietProgress, LineProgress, BarProgress])


class StopAtOnce(SilentProgress):
    """A user who has seen enough as soon as there is anything to stop."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    @contextmanager
    def stoppable(self) -> Iterator[Callable[[], bool]]:
        yield lambda: True


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@CONSOLES
def test_the_first_ctrl_c_requests_a_stop_and_the_second_aborts(console: type[QuietProgress]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with console().stoppable() as stopped:
        assert not stopped()
        interrupt()
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_ctrl_c_handler_is_restored_after_the_search() -> None:
    with QuietProgress().stoppable():
        pass
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_sigterm_does_not_request_a_stop() -> None:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), QuietProgress().stoppable():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with QuietProgress().stoppable() as stopped:
            interrupt()
            assert not stopped()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_without_signals_can_search() -> None:
    heard: list[bool] = []

    def work() -> None:
        with QuietProgress().stoppable() as stopped:
            heard.append(stopped())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [False]


@pytest.mark.parametrize("after", [0.0, 0.02, 0.1, 0.3])
def test_a_signal_in_the_middle_of_a_move_leaves_a_complete_path(after: float) -> None:
    """The search has no other end than the signal."""
    points = np.random.default_rng(0).random((400, 2))
    costs = dense_costs(np.linalg.norm(points[:, None] - points[None], axis=2), 10)
    with QuietProgress().stoppable() as stopped:
        timer = threading.Timer(after, interrupt)
        timer.start()
        path = improve(list(range(400)), costs, kicks=10**9, seed=0, stop=StopCondition(stopped=stopped))
        timer.join()
    assert sorted(path) == list(range(400))
    assert costs.of(path) <= costs.of(range(400))


def test_a_plan_stopped_early_has_every_frame_and_says_so(full: Path, tmp_path: Path) -> None:
    progress, file = StopAtOnce(), tmp_path / "plan.json"
    pipeline.solve("clip", load({}), progress, plan_file=file)
    plan = read_plan(file)
    assert sorted([*plan.order, *(dropped.frame for dropped in plan.dropped)]) == list(range(plan.video.frames))
    assert plan.path.interrupted
    assert "stopped early" in plan.path.solver
    assert any("best order found so far" in note for note in progress.notes)


def test_a_plan_that_was_not_stopped_does_not_mention_it(full: Path) -> None:
    plan = pipeline.solve("clip", load({}))
    assert not plan.path.interrupted
    assert "early" not in plan.path.solver


def test_a_progress_line_ends_with_the_last_message(capsys: pytest.CaptureFixture[str]) -> None:
    with LineProgress().stage("order") as stage:
        stage.describe("cost 9")
        stage.describe("cost 7")
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.endswith("cost 7\n")


class BrokenOff(SilentProgress):
    """Somebody cancels as soon as the first frame was seen."""

    def advance(self, steps: int = 1) -> None:
        raise KeyboardInterrupt


def survey_all(film: Path, progress: Progress) -> None:
    find_broken_frames(film, load({}), progress)


def survey_some(film: Path, progress: Progress) -> None:
    find_broken_frames(film, load({}), progress, frames="3")


def keep_looks(film: Path, progress: Progress) -> None:
    with cached_measures(open_source(film, steady=True), progress):
        pass


@pytest.mark.parametrize("work", [survey_all, survey_some, keep_looks])
def test_interrupted_work_leaves_no_decoder_running(
    work: Callable[[Path, Progress], None], film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the interruption is still being told of, which keeps all that the work had in hand."""
    begun: list[subprocess.Popen[bytes]] = []

    class NotingProgress(subprocess.Popen[bytes]):
        def __init__(self, *how: Any, **options: Any) -> None:
            super().__init__(*how, **options)
            begun.append(self)

    monkeypatch.setattr("reelweave.media.ffmpeg.subprocess.Popen", NotingProgress)
    with pytest.raises(KeyboardInterrupt) as told:
        work(film, BrokenOff())
    assert begun
    assert [process.args for process in begun if process.poll() is None] == []
    assert told.value
