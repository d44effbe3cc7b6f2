"""What is shipped for clusters: the files are read, and the commands in them are run as processes on this machine."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from chroma import free_port
from command_lines import misunderstood
from runs import PATIENCE, in_a_process, wait_until

import reelweave
from reelweave import cli
from reelweave.settings import load

ROOT = Path(reelweave.__file__).resolve().parent
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
KUBERAY: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text(encoding="utf-8")))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
IMAGE = dict(re.findall(r"\b((?:RAY|GRPC)_[A-Z_]+)=(\S+)", DOCKERFILE))
RAY = IMAGE | SERVICES["ray-head"]["environment"] | {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
PROGRAMS = Path(sys.executable).parent


def containers() -> Iterator[dict[str, Any]]:
    """Every container that the Kubernetes file describes."""

    def within(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            yield from value.get("containers", [])
        for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from within(child)

    yield from within(KUBERAY)


def commands() -> Iterator[list[str]]:
    yield from (service["command"] for service in SERVICES.values())
    yield from (container["command"] for container in containers() if "command" in container)


def test_the_image_has_the_tested_versions_and_no_others() -> None:
    installs = re.findall(r"pip install (.+)", DOCKERFILE)
    assert len(installs) == 2
    assert all(install.startswith("-c constraints.txt ") for install in installs)
    assert "==" not in DOCKERFILE
    (python,) = re.findall(r"FROM python:(3\.\d+)-slim", DOCKERFILE)
    supported = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert python in supported
    assert {service["image"] for service in SERVICES.values()} == {"reelweave"}
    assert {container["image"] for container in containers()} == {f"reelweave:{reelweave.__version__}"}


def test_the_image_runs_as_an_ordinary_user_and_checks_its_health() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["reelweave"]
    assert DOCKERFILE.index("USER reelweave") < DOCKERFILE.index("\nCMD ")
    assert "\nHEALTHCHECK " in DOCKERFILE
    pods = [
        text for text in (DEPLOY / "kuberay.yaml").read_text(encoding="utf-8").splitlines() if "containers:" in text
    ]
    assert (DEPLOY / "kuberay.yaml").read_text(encoding="utf-8").count("runAsNonRoot: true") == len(pods)


def test_the_image_gets_the_whole_package_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.split(".")[1] for name in project["tool"]["setuptools"]["packages"] if "." in name}
    given = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert packages <= given
    assert {
        "pyproject.toml",
        "constraints.txt",
        "README.md",
        "LICENSE",
        "settings.toml",
        "py.typed",
        "schemas",
    } <= given
    assert not given & {".venv", ".git", "tests", "bench", "docs"}


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_can_be_typed(command: list[str]) -> None:
    program, *words = command
    assert (PROGRAMS / program).exists()
    if program == "reelweave":
        assert misunderstood(words) == ""


def test_settings_in_the_files_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    variables: dict[str, str] = {}
    for service in SERVICES.values():
        variables |= service.get("environment", {})
    for container in containers():
        variables |= {entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert load().store.url == "http://chroma:8000"
    assert load().library == "/data/library"


def test_only_the_page_is_published_and_only_to_this_machine() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "page": ["127.0.0.1:7860:7860"]
    }
    assert all("hostNetwork" not in str(part) for part in KUBERAY)


def test_whoever_reaches_ray_needs_its_token() -> None:
    for service in ("ray-head", "ray-worker", "ingest"):
        assert SERVICES[service]["environment"]["RAY_AUTH_MODE"] == "token"
        assert SERVICES[service]["environment"]["RAY_AUTH_TOKEN"].startswith("${RAY_AUTH_TOKEN:?")
    (cluster,) = [part for part in KUBERAY if part["kind"] == "RayCluster"]
    assert cluster["spec"]["authOptions"] == {"mode": "token"}
    assert (
        f"ray=={cluster['spec']['rayVersion']}" in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    )


def test_volumes_and_services_that_are_named_are_described() -> None:
    named = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {name for name in named if name.isalpha()} == set(COMPOSE["volumes"])
    for service in SERVICES.values():
        for name in service.get("depends_on", ()):
            assert "test" in SERVICES[name]["healthcheck"]
    for address in re.findall(r"(?:http|ray)://([a-z-]+):", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")):
        assert address in SERVICES


@contextmanager
def running(command: list[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A command of the files as a process, with the processes that it starts."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [PROGRAMS / command[0], *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=os.environ | RAY,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def here(command: list[str], changes: dict[str, str]) -> list[str]:
    """Replace the addresses, ports and folders of containers by those of this machine."""
    replaced = []
    for word in command:
        for old, new in changes.items():
            word = word.replace(old, new)
        replaced.append(word)
    return replaced


def is_healthy(service: str, changes: dict[str, str]) -> bool:
    _, python, *words = here(SERVICES[service]["healthcheck"]["test"], changes)
    assert python == "python"
    return subprocess.run([sys.executable, *words], capture_output=True, timeout=PATIENCE).returncode == 0


def test_the_services_start_are_healthy_and_ingest(clip: Path, tmp_path: Path) -> None:
    """All but the page, which tests/commands/test_ui_command.py starts."""
    folder = Path(tempfile.mkdtemp(prefix="rw-"))
    ports = {port: str(free_port()) for port in ("8000", "6379", "10001")}
    changes = ports | {"0.0.0.0": "127.0.0.1", "ray-head": "127.0.0.1", "/data/vectors": str(tmp_path / "vectors")}
    small = ["--object-store-memory=100000000"]
    (tmp_path / "videos").mkdir()
    shutil.copy(clip, tmp_path / "videos" / "clip.mp4")
    try:
        with ExitStack() as stack:
            head = [*here(SERVICES["ray-head"]["command"], changes), f"--temp-dir={folder}", *small]
            worker = [*here(SERVICES["ray-worker"]["command"], changes), "--num-cpus=1", *small]
            stack.enter_context(running(here(SERVICES["chroma"]["command"], changes), tmp_path / "chroma.log"))
            stack.enter_context(running(head, tmp_path / "head.log"))
            wait_until(lambda: is_healthy("chroma", changes))
            wait_until(lambda: is_healthy("ray-head", changes))
            stack.enter_context(running(worker, tmp_path / "worker.log"))
            ingest = here(SERVICES["ingest"]["command"], changes | {"/videos": str(tmp_path / "videos")})
            store = here([SERVICES["ingest"]["environment"]["REELWEAVE_STORE__URL"]], ports | {"chroma": "127.0.0.1"})
            command = [*ingest, "--store", *store, "--space", "appearance", "--json"]
            # Ray gives up on a connection after 20 seconds; a busy machine needs longer.
            wait_until(lambda: in_a_process(*command[1:], **RAY).code == 0)
            assert cli.run(["videos", "check"]) == 0
            assert [row["frames"] for row in in_a_process("videos", "list", "--json").rows] == [12]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("interrupted", [False, True], ids=["to the end", "until Ctrl-C"])
def test_the_demo_stops_everything_that_it_started(tmp_path: Path, interrupted: bool) -> None:
    mark = f"demo-{tmp_path.name}"
    with subprocess.Popen(
        [sys.executable, DEPLOY / "demo.py", "--folder", tmp_path / "demo"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"DEMO_MARK": mark},
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        told = ""
        for line in demo.stdout:
            told += line
            if interrupted and line.startswith("$ reelweave ingest"):
                demo.send_signal(signal.SIGINT)
    assert demo.returncode == (130 if interrupted else 0), told
    if not interrupted:
        assert "6 films with 360 frames" in told
        assert "one of the two nodes is killed" in told
        assert "is found in" in told
        assert "back in order" in told
    wait_until(lambda: not marked(mark))


def marked(mark: str) -> list[str]:
    """The processes that inherited a variable."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"DEMO_MARK={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().decode(errors="replace"))
    return found
