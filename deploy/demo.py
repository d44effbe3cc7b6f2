"""Show a cluster on this machine: make cluster-demo, or python deploy/demo.py [--folder FOLDER]

Starts a Chroma server and a Ray cluster of two nodes, and ingests drawn films through them by the commands of the
guide. One node is killed on the way. Then one film is searched for and another, which was shuffled, is put back into
order. Everything that was started is stopped at the end, also after Ctrl-C.
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from reelweave.evaluate.drawn.film import draw_film
from reelweave.media import ffmpeg

FILMS = 6
FRAMES = 60
SIZE = (320, 180)

START_SECONDS = 300
"""Patience with what is started, for a busy machine."""

OBJECT_STORE_BYTES = 100 << 20

_ON_PATH = Path(sys.executable).parent
"""Where the programs of this environment are."""


def say(text: str) -> None:
    print(f"== {text}", flush=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def chroma(folder: Path) -> Iterator[str]:
    """Run a Chroma server and yield its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        (folder / "chroma.log").open("wb") as log,
        subprocess.Popen(
            [_ON_PATH / "chroma", "run", "--path", folder / "vectors", "--host", "127.0.0.1", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C in the terminal is for this program, which stops the server at the end.
            start_new_session=True,
        ) as server,
    ):
        try:
            _wait_for(url, server)
            yield url
        finally:
            server.terminate()


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            raise SystemExit(f"The Chroma server ended with exit code {server.returncode}.")
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/api/v2/heartbeat", timeout=5).is_success:
                return
        time.sleep(0.2)
    raise SystemExit("The Chroma server did not start.")


@contextmanager
def ray_cluster() -> Iterator[tuple[Any, Any, str]]:
    """Run a Ray cluster of two nodes of one core; yield it, its second node, and the address for clients."""
    # Ray's processes and its clients find the token of the cluster here.
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    # Ray forks a process for each client; gRPC's handlers of forks sometimes crash it.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    from ray.cluster_utils import Cluster

    # The names of its sockets may have 107 characters.
    folder = tempfile.mkdtemp(prefix="rw-")
    node = {"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
    port = free_port()
    head = node | {"temp_dir": folder, "ray_client_server_port": port}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        yield cluster, cluster.add_node(**node), f"ray://127.0.0.1:{port}"
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


class Commands:
    """The program, with the library and the cluster of the demo."""

    def __init__(self, folder: Path) -> None:
        settings = {"LIBRARY": folder / "library", "INGEST__SPACE": "appearance"}
        self._environment = {
            **os.environ,
            **{f"REELWEAVE_{name}": str(value) for name, value in settings.items()},
            "OMP_NUM_THREADS": "1",
        }

    @contextmanager
    def started(self, *words: object) -> Iterator["subprocess.Popen[str]"]:
        command = [sys.executable, "-m", "reelweave", *map(str, words)]
        print(f"$ reelweave {' '.join(map(str, words))}", flush=True)
        with subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                yield process
            finally:
                # It stops its own work as it does after Ctrl-C.
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
                    process.communicate()

    def run(self, *words: object) -> list[dict[str, Any]]:
        with self.started(*words) as process:
            out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"reelweave {words[0]} ended with exit code {process.returncode}.")
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def draw(folder: Path, run: Commands) -> Path:
    """Draw films, and shuffle one of them."""
    films = folder / "films"
    films.mkdir()
    for number in range(FILMS):
        draw_film(films / f"film{number}.mp4", frames=FRAMES, size=SIZE, seed=number)
    run.run(
        "scramble", films / "film0.mp4", "-o", films / "shuffled.mp4", "--truth", folder / "truth.json", "--seed", 1
    )
    (films / "film0.mp4").rename(folder / "original.mp4")
    return films


def ingest(films: Path, url: str, engine: str, run: Commands, cluster: Any, node: Any) -> None:
    """Ingest the films, and kill a node once the first is stored."""
    killed = False
    with run.started("ingest", films, "--engine", engine, "--store", url, "--json") as process:
        assert process.stdout is not None
        for line in process.stdout:
            done = json.loads(line)
            print(f"{done['path']}: {done['state']}, {done.get('frames', 0)} frames", flush=True)
            if not killed:
                say("one of the two nodes is killed")
                cluster.remove_node(node, allow_graceful=False)
                killed = True
    if process.returncode:
        raise SystemExit(f"The ingest ended with exit code {process.returncode}.")


def show(folder: Path, run: Commands) -> None:
    """Check the library, search it, and reconstruct the shuffled film."""
    videos = run.run("videos", "list", "--json")
    run.run("videos", "check", "--json")
    frames = sum(video["frames"] for video in videos)
    say(f"{len(videos)} films with {frames} frames are in the library, and all their vectors on the server")
    wanted = videos[-1]
    picture = folder / "frame.png"
    still = ["-loglevel", "error", "-y", "-ss", "1", "-i", wanted["source"], "-frames:v", "1", str(picture)]
    ffmpeg.run(still)
    best = run.run("search", "--image", picture, "-k", 1, "--json")[0]
    say(f"a frame of {wanted['name']} is found in {best['name']} at {best['time']:.2f} s, score {best['score']:.3f}")
    film, plan = folder / "restored.mp4", folder / "plan.json"
    run.run("reconstruct", folder / "films" / "shuffled.mp4", "-o", film, "--plan", plan, "--overwrite")
    scores = run.run("evaluate", plan, "--truth", folder / "truth.json", "--json")[0]
    say(f"the shuffled film is back in order: {film}, {100 * scores['adjacency']:.0f} % of its joins are right")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("reelweave-demo/cluster"), help="emptied before use")
    folder: Path = parser.parse_args().folder.resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with ExitStack() as running:
            say("a Chroma server is started")
            url = running.enter_context(chroma(folder))
            say(f"a Ray cluster of two nodes is started; the server is {url}")
            cluster, node, engine = running.enter_context(ray_cluster())
            run = Commands(folder)
            films = draw(folder, run)
            ingest(films, url, engine, run, cluster, node)
            show(folder, run)
            say("everything that was started is stopped")
    except KeyboardInterrupt:
        print("interrupted; everything that was started has been stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
