"""Run tasks on a Ray cluster: one that is there, or one that is started on this machine for the duration of a command.

Ray places the tasks, starts them again when a worker or a machine dies, and carries what they send. The pieces of files
travel through its object store, a few at a time: no disk needs to be shared, and nothing is left on a node.
"""

import os
import signal
import socket
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ..errors import EngineError, UsageError
from .task import FilePiece, FolderOf, FolderWriter, Item, PieceChain, Result, Task, TaskEnd, perform

_QUEUED = 2
"""Tasks submitted beyond those that can run, so that a worker need not wait for the driver to import a result.

It also bounds what waits for the driver: the results of so many tasks and of those that run, in Ray's object stores. A
bound on the pieces of a task (Ray's `_generator_backpressure_num_objects`, 2.60) let the repeated attempts of tasks and
the driver wait for each other when a machine was lost.
"""

_OBJECT_STORE_BYTES = 256 << 20
"""Shared memory of a cluster that is started here; by default Ray takes 30 % of the machine's memory."""

_CHECK_SECONDS = 300
"""Patience with a node that is to describe its installation; a worker starts in 2 s, or 30 on a busy machine."""

_CLIENT_PORT = 10001
"""Ray's default port for clients."""

_CONNECTION_SECONDS = 20
"""Patience with a cluster that does not answer."""

_ATTEMPTS = 3
"""Attempts at a connection. Ray forks a process for each client, and on a busy machine gRPC (1.85) crashed one of 36 at
its start; none of 90 with `GRPC_ENABLE_FORK_SUPPORT=0` in the environment of the head.
"""

_NO_ANSWER = "ray client connection timeout"
"""What Ray says of an address where no cluster answers, after half a minute."""

_PASSED_ON = ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "XDG_CACHE_HOME", "IMAGEIO_FFMPEG_EXE")
"""Variables of the driver that workers take over: where models and ffmpeg are, and whether to go online."""

Facts = Callable[[], Mapping[str, str]]
"""Describes an installation; runs on the driver and on each node."""


@dataclass(frozen=True)
class ClusterOptions:
    """How tasks run on a cluster.

    `cpus` and `gpus` are what one task takes; `retries` is how often a task is started again whose worker died.
    """

    address: str
    cpus: int = 1
    gpus: float = 0.0
    retries: int = 3


@contextmanager
def connected(options: ClusterOptions) -> Iterator["RayEngine"]:
    """Connect to a cluster, or start one on this machine, and disconnect or stop it at the end.

    A process that is already connected uses that cluster and stays connected.

    Raises:
        UsageError: Ray is not installed.
        EngineError: The cluster cannot be reached, or is of another version of Python or Ray.
    """
    try:
        import ray
    except ImportError as missing:
        raise UsageError("Ray is not installed.", "Run: pip install '.[cluster]'") from missing
    if ray.is_initialized():
        yield RayEngine(options)
        return
    # Ray replaces the handlers, but Ctrl-C and SIGTERM are to end a command as they do elsewhere.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        _connect(options.address)
        with suppress(ValueError):  # raised outside the main thread
            for number, handler in handlers.items():
                signal.signal(number, handler)
        yield RayEngine(options)
    finally:
        ray.shutdown()


def _connect(address: str) -> None:
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    own = {"address": "local", "include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
    where = {"address": address} if address else own
    try:
        if address.startswith("ray://"):
            _check_reachable(address)
        # Ray reports the death of workers on stdout, which carries data here. It has no option for that.
        ray._private.worker._worker_logs_enabled = False
        _repeatedly(lambda: ray.init(**where, **quiet))
    except (ConnectionError, OSError) as failed:
        raise EngineError(
            f"There is no Ray cluster at {address} ({_one_line(failed)}).",
            "Check the address, and that it runs. If it wants a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN.",
        ) from failed
    except RuntimeError as failed:
        raise EngineError(
            f"The cluster cannot be used: {' '.join(str(failed).split())}",
            "Install the same versions of Python and Ray on each machine.",
        ) from failed
    except Exception as failed:  # what Ray raises where its processes do not start in time is nothing more special
        raise EngineError(
            f"Ray cannot be started: {' '.join(str(failed).split())}",
            "If this machine is busy, run the command again: Ray gives its processes 30 seconds to start.",
        ) from failed


def _repeatedly(connect: Callable[[], object]) -> None:
    """Connect; try again where the cluster answered, but could not start what serves this client."""
    for left in reversed(range(_ATTEMPTS)):
        try:
            connect()
        except ConnectionError as failed:
            if not left or str(failed) == _NO_ANSWER:
                raise
        else:
            return


def _check_reachable(address: str) -> None:
    """Fail early where nothing listens, since the client of Ray tries for minutes."""
    host, _, port = address.removeprefix("ray://").partition(":")
    with socket.create_connection((host, int(port or _CLIENT_PORT)), _CONNECTION_SECONDS):
        pass


class RayEngine:
    """The engine of a connected cluster."""

    def __init__(self, options: ClusterOptions) -> None:
        import ray

        self._options = options
        self._streams = not ray.util.client.ray.is_connected()
        """A Ray client cannot receive a stream; it gets the pieces of a task when all are there."""

    @property
    def workers(self) -> int:
        import ray

        have = ray.cluster_resources()
        by_gpu = have.get("GPU", 0) / self._options.gpus if self._options.gpus else float("inf")
        return max(1, int(min(have.get("CPU", 0) / self._options.cpus, by_gpu)))

    def run(
        self, task: Task[Item, Result], items: Iterable[Item], folder_of: FolderOf[Item] | None = None
    ) -> Generator[tuple[Item, Result | Exception], None, None]:
        import ray

        waiting, running = iter(items), dict[Any, _Running]()
        remote = self._remote(task)
        try:
            while True:
                with _one_line_errors():
                    for item in islice(waiting, max(0, self.workers + _QUEUED - len(running))):
                        stream = remote.remote(item)
                        running[stream] = _Running(item, stream, FolderWriter(folder_of and folder_of(item)))
                if not running:
                    return
                item, end = self._next_end(running)
                yield item, end.error or end.result
        finally:
            for state in running.values():
                with suppress(Exception):
                    ray.cancel(state.stream, recursive=True)

    def _next_end(self, running: "dict[Any, _Running]") -> tuple[Any, TaskEnd]:
        """Receive pieces of all running tasks in turn until one of them ends, and remove that one.

        `running` has each task under what is awaited of it: its stream or a piece. No piece is awaited by itself: one
        that was lost with its machine comes again only when a worker is free, and others may wait to send theirs.
        """
        import ray

        while True:
            with _one_line_errors():
                (ready, *_), _ = ray.wait([*running], num_returns=1)
            state = running.pop(ready)
            step = state.advance(ready, self._streams)
            if isinstance(step, TaskEnd):
                return state.item, step
            running[step] = state

    def _remote(self, task: Callable[[Any], Any]) -> Any:
        import ray

        options: dict[str, Any] = {
            "num_cpus": self._options.cpus,
            "num_gpus": self._options.gpus,
            "max_retries": self._options.retries,
            "num_returns": "streaming" if self._streams else "dynamic",
        }
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        with warnings.catch_warnings():
            # Ray deprecates dynamic returns, but its client has nothing else for a result in pieces.
            warnings.simplefilter("ignore")
            return ray.remote(**options)(_worker_function(task, environment, self._options.cpus))

    def check(self, facts: Facts, essential: Iterable[str]) -> list[str]:
        """Compare each node's installation with that of the driver, and return a line for each difference.

        Raises:
            EngineError: A node differs in an essential fact, or cannot tell.
        """
        here, notes = facts(), []
        for node, there in self._facts_of_nodes(facts):
            if isinstance(there, Exception):
                raise EngineError(
                    f"The worker {node} cannot run this version of Reelweave ({_one_line(there)}).",
                    "Install the same version on each machine of the cluster.",
                )
            different = {name: there.get(name, "none") for name in here if there.get(name) != here[name]}
            lines = [f"{name} {found}, not {here[name]} as this machine" for name, found in different.items()]
            if set(essential) & set(different):
                raise EngineError(
                    f"The worker {node} has {' and '.join(lines)}.", "Install the same versions on each machine."
                )
            notes += [f"The worker {node} has {line}." for line in lines]
        return notes

    def _facts_of_nodes(self, facts: Facts) -> Iterator[tuple[str, Any]]:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        asked = {}
        for node in ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU"):
                strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
                remote = ray.remote(num_cpus=0, scheduling_strategy=strategy)(_asking_function(facts, environment))
                asked[node["NodeManagerHostname"], node["NodeID"]] = remote.remote()
        for (name, node_id), reference in asked.items():
            try:
                yield name, ray.get(reference, timeout=_CHECK_SECONDS)
            except Exception as failed:
                # A node that has left since takes no task, whatever is installed on it.
                if node_id in _alive_nodes() and not isinstance(failed, ray.exceptions.TaskUnschedulableError):
                    yield name, failed


def _alive_nodes() -> set[str]:
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


@dataclass
class _Running:
    """A task that runs: its item, and what has arrived of it."""

    item: Any
    stream: Any
    files: FolderWriter
    chain: PieceChain = field(default_factory=PieceChain)
    pieces: Iterator[Any] = field(default_factory=lambda: iter(()))
    """References to all pieces, where they do not stream."""

    def advance(self, ready: Any, streams: bool) -> Any:
        """Take what is ready, and return what to wait for next, or the end of the task."""
        import ray

        try:
            if ready == self.stream:
                if not streams:
                    self.pieces = iter(ray.get(ready))
                return next(ready if streams else self.pieces)
            end = self._take(*ray.get(ready))
            return end or (self.stream if streams else next(self.pieces))
        except (ray.exceptions.RayError, StopIteration) as failed:
            return TaskEnd(error=_task_lost(failed))

    def _take(self, before: bytes, piece: FilePiece | TaskEnd) -> TaskEnd | None:
        if before != self.chain.advance(piece):
            return TaskEnd(
                error=EngineError(
                    "A worker died, and the one that took over computed something else.", "Run the command again."
                )
            )
        if isinstance(piece, TaskEnd):
            return piece
        self.files.write(piece)
        return None


def _task_lost(failed: Exception) -> EngineError:
    """Describe why Ray gave a task up."""
    import ray

    if isinstance(failed, ray.exceptions.WorkerCrashedError | ray.exceptions.OutOfMemoryError):
        return EngineError(
            f"The worker died each time it was tried ({type(failed).__name__}).",
            "Memory or a defect of a library may be the cause: try this one on a machine by itself.",
        )
    return EngineError(f"The cluster lost the task ({_one_line(failed)}).", "Run the command again.")


def _worker_function(
    task: Callable[[Any], Any], environment: Mapping[str, str], threads: int
) -> Callable[[Any], Iterator[tuple[bytes, FilePiece | TaskEnd]]]:
    def run_task(item: Any) -> Iterator[tuple[bytes, FilePiece | TaskEnd]]:
        prepare_worker(environment, threads)
        chain = PieceChain()
        for piece in perform(task, item):
            yield chain.advance(piece), _portable(piece)

    return run_task


def _asking_function(facts: Facts, environment: Mapping[str, str]) -> Callable[[], dict[str, str]]:
    def ask() -> dict[str, str]:
        prepare_worker(environment, 1)
        return dict(facts())

    return ask


def prepare_worker(environment: Mapping[str, str], threads: int) -> None:
    """Set a worker's environment, before the libraries that read it are imported."""
    os.environ.update(environment)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)


def _portable(piece: FilePiece | TaskEnd) -> FilePiece | TaskEnd:
    """Replace an exception that does not survive the way to the driver."""
    import pickle

    if isinstance(piece, FilePiece) or piece.error is None:
        return piece
    try:
        pickle.loads(pickle.dumps(piece.error))
    except Exception:
        return TaskEnd(error=EngineError(f"{type(piece.error).__name__}: {piece.error}"))
    return piece


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn a lost connection into an error of one line."""
    import ray

    try:
        yield
    except (ray.exceptions.RayError, ConnectionError) as failed:
        raise EngineError(f"The connection to the cluster was lost ({_one_line(failed)}).") from failed
