"""One suite for all engines, and faults of a Ray cluster: two machines of one core, simulated on this one."""

import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext, suppress
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import tasks
from helpers import raw_frames
from runs import PATIENCE, contents, frames_stored, in_a_process, opened, settings, started, wait_until

from reelweave import pipeline
from reelweave.engine.cluster import ClusterOptions, RayEngine, connected
from reelweave.engine.local import LocalEngine
from reelweave.engine.task import Engine, FunctionTask
from reelweave.errors import EngineError, SourceError, UsageError
from reelweave.evaluate.degradations import parse_degradations
from reelweave.evaluate.drawn.film import draw_film
from reelweave.evaluate.robustness import RobustnessOptions, evaluate_robustness
from reelweave.index.transfer import export_vectors
from reelweave.ingest import distributed
from reelweave.solve.plan.files import read_plan

_STORE_BYTES = 100 << 20

# Ray leaves the log files of its processes open.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def patiently(start: Callable[[], Any]) -> Any:
    """Start something of Ray's, which gives up after 30 seconds: a busy machine needs longer."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return start()
        except Exception:
            if time.monotonic() > end:
                raise


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core; RAY_ADDRESS names them to the processes that tests start."""
    import ray
    from ray.cluster_utils import Cluster

    support = str(Path(tasks.__file__).parent)
    # The names of its sockets may have 107 characters, which pytest's folders leave too few of.
    folder = tempfile.mkdtemp(prefix="rw-")
    node = {"num_cpus": 1, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
    head = node | {"temp_dir": folder, "ray_client_server_port": (port := free_port())}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        patch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join([support, os.environ.get("PYTHONPATH", "")]))
        found = patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
        found.client_address = f"ray://127.0.0.1:{port}"
        patiently(lambda: found.add_node(**node))
        patch.setenv("RAY_ADDRESS", found.address)
        ray.init(address=found.address, log_to_driver=False, logging_level="ERROR")
        yield found
        ray.shutdown()
        found.shutdown()
        gc.collect()
    shutil.rmtree(folder, ignore_errors=True)


def add_node(cluster: Any) -> Any:
    """Add a node that a test may remove."""
    node = patiently(lambda: cluster.add_node(num_cpus=1, object_store_memory=_STORE_BYTES, include_dashboard=False))
    cluster.wait_for_nodes(PATIENCE)
    return node


@pytest.fixture(params=["local", "ray"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "local":
        yield LocalEngine()
    else:
        request.getfixturevalue("cluster")
        with connected(ClusterOptions("", retries=2)) as engine:
            yield engine


@pytest.fixture
def ray_engine(cluster: Any) -> Iterator[RayEngine]:
    with connected(ClusterOptions("", retries=2)) as engine:
        yield engine


def test_every_item_comes_back_with_its_result(engine: Engine) -> None:
    assert dict(engine.run(tasks.square, range(20))) == {number: number * number for number in range(20)}


def test_a_plain_function_is_a_task(engine: Engine) -> None:
    assert dict(engine.run(FunctionTask(abs), [-1, -2])) == {-1: 1, -2: 2}


def test_no_items_give_no_results(engine: Engine) -> None:
    assert list(engine.run(tasks.square, [])) == []


def test_an_error_comes_back_as_it_was_raised_and_the_rest_finishes(engine: Engine) -> None:
    done = dict(engine.run(tasks.square, [1, -2, 3]))
    assert (done[1], done[3]) == (1, 9)
    assert isinstance(done[-2], SourceError)
    assert (done[-2].cause, done[-2].remedy) == ("-2 is negative.", "Take its absolute value.")


def test_an_error_that_cannot_be_sent_is_described(engine: Engine) -> None:
    ((_, error),) = engine.run(tasks.odd_error, [1])
    assert isinstance(error, Exception)
    assert "1 and 2" in str(error)


def test_files_arrive_in_the_folder_of_their_item(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "3" / "sub").mkdir(parents=True)
    (tmp_path / "3" / "sub" / "numbers").write_text("of an earlier run")
    done = dict(engine.run(tasks.send_files, [3, 40], lambda number: tmp_path / str(number)))
    assert done == {3: "sent", 40: "sent"}
    for number in done:
        assert (tmp_path / str(number) / "sub" / "numbers").read_bytes() == b"!" + b"x" * 100_000 * number


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "sub/../../out"])
def test_no_file_leaves_its_folder(engine: Engine, tmp_path: Path, name: str) -> None:
    with pytest.raises(EngineError):
        list(engine.run(tasks.escape, [name], lambda _: tmp_path / "in"))
    assert not (tmp_path / "out").exists()
    assert not Path("/tmp/out").exists()


def test_few_items_are_taken_in_advance(engine: Engine) -> None:
    taken = []
    with closing(engine.run(tasks.square, (taken.append(number) or number for number in count()))) as results:
        for _ in range(5):
            next(results)
        assert len(taken) <= 5 + engine.workers + 3


def test_closing_the_iterator_cancels_what_runs(ray_engine: Engine, tmp_path: Path) -> None:
    def begun() -> int:
        return len(list(tmp_path.glob("*.begun")))

    def items() -> Iterator[Path]:
        yield tmp_path
        yield tmp_path
        wait_until(lambda: begun() == 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(ray_engine.run(tasks.linger, items()))
    wait_until(lambda: len(list(tmp_path.glob("*.ended"))) == 2)
    assert dict(ray_engine.run(tasks.square, [2])) == {2: 4}
    assert begun() == 2


def test_a_task_whose_worker_dies_is_repeated(ray_engine: Engine, tmp_path: Path) -> None:
    ((_, done),) = ray_engine.run(tasks.die_once, [tmp_path], lambda path: path / "files")
    assert done == "done"
    assert (tmp_path / "files" / "numbers").read_text() == "0\n1\n2\n3\n"


def test_a_repeated_task_that_sends_something_else_fails(ray_engine: Engine, tmp_path: Path) -> None:
    ((_, done),) = ray_engine.run(tasks.die_and_change, [tmp_path], lambda path: path / "files")
    assert isinstance(done, EngineError)


def test_pieces_that_were_lost_with_their_machine_are_sent_again(
    cluster: Any, ray_engine: RayEngine, tmp_path: Path
) -> None:
    node = add_node(cluster)

    def items() -> Iterator[tuple[Path, int]]:
        yield from ((tmp_path, number) for number in range(3))
        # The driver has received nothing yet.
        wait_until(lambda: all((tmp_path / f"{number} 4").exists() for number in range(3)))
        cluster.remove_node(node, allow_graceful=False)

    done = dict(ray_engine.run(tasks.send_many, items(), lambda job: tmp_path / f"files {job[1]}"))
    assert done == {(tmp_path, number): number for number in range(3)}
    for number in range(3):
        sent = (tmp_path / f"files {number}" / "pieces").read_bytes()
        assert sent == b"".join(bytes([piece]) * 300_000 for piece in range(30))


def test_a_task_that_kills_its_worker_each_time_is_given_up_and_the_rest_finishes(ray_engine: Engine) -> None:
    done = dict(ray_engine.run(tasks.die, range(6)))
    assert isinstance(done.pop(0), EngineError)
    assert done == {number: number for number in range(1, 6)}


def test_machines_that_are_installed_alike_pass_the_check(ray_engine: RayEngine) -> None:
    assert ray_engine.check(tasks.installation, ["Python"]) == []


def test_a_difference_is_noted_and_an_essential_one_refused(
    ray_engine: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKS_FFMPEG", "another")
    notes = ray_engine.check(tasks.installation, ["Python"])
    assert len(notes) == 2
    assert all("ffmpeg" in note for note in notes)
    monkeypatch.setenv("TASKS_PYTHON", "another")
    with pytest.raises(EngineError) as refused:
        ray_engine.check(tasks.installation, ["Python"])
    assert "\n" not in refused.value.cause
    assert "Python" in refused.value.cause


def test_workers_without_this_version_are_refused_in_one_line(
    ray_engine: RayEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def facts():\n    return {}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EngineError) as refused:
        ray_engine.check(import_module("only_here").facts, [])
    assert "\n" not in refused.value.cause
    assert "only_here" in refused.value.cause


def test_a_missing_ray_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(UsageError) as refused, connected(ClusterOptions("")):
        pass
    assert ".[cluster]" in refused.value.remedy


def test_an_unreachable_cluster_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(EngineError) as refused, connected(ClusterOptions(f"ray://127.0.0.1:{free_port()}")):
        pass
    assert "\n" not in refused.value.cause


@pytest.mark.parametrize("failures", [2, 3])
def test_a_cluster_that_cannot_serve_a_client_at_first_is_asked_again(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def init(**_: object) -> None:
        asked.append(1)
        if len(asked) <= failures:
            raise ConnectionAbortedError("Starting Ray client server failed.")

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", init)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as server:
        options = ClusterOptions(f"ray://127.0.0.1:{server.getsockname()[1]}")
        with nullcontext() if failures < 3 else pytest.raises(EngineError), connected(options):
            pass
    assert len(asked) == 3


_OTHER_PYTHON = """
import ray
ray._private.utils.compute_version_info = lambda: (ray.__version__, "3.9.1")
from reelweave.cli import main
main()
"""


def test_a_cluster_of_another_python_is_refused_in_one_line(cluster: Any, library: Path, film: Path) -> None:
    command = [sys.executable, "-c", _OTHER_PYTHON, "ingest", str(film), "--engine", "ray"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert len([line for line in done.stderr.splitlines() if "3.9.1" in line]) == 1
    assert "Traceback" not in done.stderr
    assert not frames_stored(library)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six films, long enough to be caught at work."""
    folder = tmp_path_factory.mktemp("films")
    for number in range(6):
        draw_film(folder / f"film{number}.mp4", frames=150 + 10 * number, size=(320, 180), seed=number)
    return folder


@pytest.fixture(scope="module")
def single(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that the plain command makes of the films."""
    folder = tmp_path_factory.mktemp("single")
    assert {result.state for result in pipeline.ingest_all([films], settings(library=str(folder)))} == {"new"}
    return folder


def same(library: Path, single: Path, tmp_path: Path) -> bool:
    """Whether two libraries hold the same, and export the same bytes."""
    exports = [_exports(folder, tmp_path / f"exports {number}") for number, folder in enumerate((library, single))]
    assert len(exports[0]) > 0
    return contents(library) == contents(single) and exports[0] == exports[1]


def _exports(library: Path, folder: Path) -> dict[str, bytes]:
    with opened(library) as found:
        for video in found.catalog.videos():
            export_vectors(found, video.id, folder / video.id, "appearance")
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _working(parent: int | None = None) -> list[int]:
    """The workers that run a task, of one node or of all."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            title, status = (folder / "cmdline").read_bytes(), (folder / "status").read_text()
            own = parent is None or f"PPid:\t{parent}\n" in status
            if own and title.startswith(b"ray::run_task"):
                found.append(int(folder.name))
    return found


def _ingest(films: Path, library: Path, engine: str = "ray") -> Any:
    return started("ingest", films, "--engine", engine, "--library", library, "--space", "appearance", "--json")


def _states(process: Any) -> list[str]:
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return sorted(json.loads(line)["state"] for line in out.splitlines())


def test_ingest_survives_the_death_of_a_worker_and_of_a_machine(
    cluster: Any, films: Path, single: Path, library: Path, tmp_path: Path
) -> None:
    node = add_node(cluster)
    raylet = node.all_processes["raylet"][0].process.pid
    with _ingest(films, library) as process:
        wait_until(lambda: bool(_working(raylet)))
        cluster.remove_node(node, allow_graceful=False)
        wait_until(lambda: bool(_working()))
        for worker in _working()[:1]:
            os.kill(worker, signal.SIGKILL)
        assert _states(process) == ["new"] * 6
    assert same(library, single, tmp_path)


def test_ingest_goes_on_after_its_own_death(
    cluster: Any, films: Path, single: Path, library: Path, tmp_path: Path
) -> None:
    with _ingest(films, library) as process:
        wait_until(lambda: frames_stored(library) > 0)
        process.kill()
    # Ray stops what worked for it.
    wait_until(lambda: not _working())
    with _ingest(films, library) as process:
        wait_until(lambda: bool(_working()))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert "resumes" in err
    wait_until(lambda: not _working())
    with _ingest(films, library) as process:
        states = _states(process)
    assert set(states) == {"new", "unchanged"}
    assert same(library, single, tmp_path)


def test_a_video_that_kills_its_workers_is_reported_and_the_rest_is_ingested(
    cluster: Any, films: Path, single: Path, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Path(shutil.copytree(films, tmp_path / "archive"))
    draw_film(archive / "poison.mp4", frames=10, size=(64, 64))
    monkeypatch.setattr(distributed, "_embed", tasks.embed_or_die)
    results = list(pipeline.ingest_all([archive], settings(engine__name="ray", engine__retries=1)))
    (failed,) = (result for result in results if result.state == "failed")
    assert Path(failed.path).stem == "poison"
    assert isinstance(failed.error, EngineError)
    assert "poison.mp4" in failed.error.cause
    stored, expected = contents(library), contents(single)
    assert {name: video["rows"] for name, video in stored.items()} == {
        name: video["rows"] for name, video in expected.items()
    }


def test_workers_need_no_disk(
    cluster: Any, films: Path, single: Path, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "_embed", tasks.embed_on_a_full_disk)
    results = list(pipeline.ingest_all([films], settings(engine__name="ray")))
    assert [result.error for result in results] == [None] * 6
    assert same(library, single, tmp_path)


def test_a_client_of_a_cluster_elsewhere_makes_the_same_library(
    cluster: Any, films: Path, single: Path, library: Path, tmp_path: Path
) -> None:
    with _ingest(films, library, cluster.client_address) as process:
        assert _states(process) == ["new"] * 6
    assert same(library, single, tmp_path)


def test_the_library_is_solved_on_a_cluster_as_here(
    cluster: Any, films: Path, single: Path, tmp_path: Path, library: Path
) -> None:
    plans = []
    for engine in ("local", "ray"):
        shutil.copytree(single, tmp_path / engine)
        chosen = settings(library=str(tmp_path / engine), engine__name=engine)
        solved = list(pipeline.solve_all(chosen, plans=tmp_path / f"plans {engine}"))
        assert [video.error for video in solved] == [None] * 6
        found = {video.video.id: read_plan(video.plan_file) for video in solved if video.plan_file}
        # How long the search took is not the same.
        plans.append({name: plan.model_dump(exclude={"path": {"seconds"}}) for name, plan in found.items()})
    assert len(plans[0]) == 6
    assert plans[0] == plans[1]


def test_robustness_is_measured_on_a_cluster_as_here(cluster: Any, films: Path) -> None:
    chosen = RobustnessOptions(parse_degradations(["gaussian=10,40"]), frames=40)
    here, there = (
        evaluate_robustness(films / "film0.mp4", chosen, settings(engine__name=name)) for name in ("local", "ray")
    )
    assert here == there
    assert len(here.rows) == 3


def test_videos_are_repaired_on_a_cluster_as_here(cluster: Any, films: Path, tmp_path: Path) -> None:
    made = []
    for engine in ("local", "ray"):
        out = tmp_path / engine
        # Without loss, since on a busy machine the threads of x264 now and then choose another motion.
        done = in_a_process("repair", films, "-o", out, "--engine", engine, "--yes", "--json", "--lossless")
        assert done.code == 0, done.err
        made.append({file.relative_to(out): raw_frames(file) for file in out.rglob("*") if file.is_file()})
    assert len(made[0]) == 6
    assert made[0] == made[1]
