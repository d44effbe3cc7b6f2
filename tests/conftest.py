"""Fixtures of all tests: a library for each test, no network, and small drawn films."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# Tests run in parallel, so that more threads would only slow them down; set before numpy and torch load.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests must not depend on the speed of the machine.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

_MEMORY = Path("/dev/shm")
# The tests write 1.5 GB in all, and keep little of it at a time.
_ROOM = 4 << 30

if TYPE_CHECKING:
    from chroma import ChromaServer
    from helpers import Scrambled
    from playwright.sync_api import Browser
    from runs import Run


def pytest_configure() -> None:
    """Write to memory where there is room, because SQLite waits for a disk after each transaction.

    Restore SIGINT, which a shell ignores in background jobs, for the processes that tests start. Allow compiled files,
    so that each of these processes need not compile the package.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_LONGEST = (
    *("ui/test_page.py", "fuzz/test_fuzz_libraries.py", "ui/test_page_repair.py", "ingest/test_resume.py"),
    *("engine/test_engine.py", "ui/test_page_axe.py", "ingest/test_segments.py", "ui/test_page_corrections.py"),
    *("ingest/test_distributed.py", "ui/test_page_remedies.py", "ingest/test_known_models.py"),
    *("ui/test_page_keyboard.py", "bench/test_public_sets.py", "ingest/test_views.py"),
    *("ui/test_page_search.py", "commands/test_overwrite.py", "ui/test_page_library.py", "fuzz/test_fuzz_media.py"),
    *("ui/test_page_measure.py", "commands/test_bad_input.py", "render/test_audio.py", "commands/test_cli.py"),
    *("fuzz/test_fuzz_arguments.py", "fuzz/test_fuzz_imports.py", "ingest/test_speed.py", "index/test_damaged.py"),
    *("index/test_server.py", "test_deploy.py"),
)
"""The files that take 15 CPU seconds or more, alternating between those with a browser and the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, so that no worker runs one alone at the end.

    A page test waits more than it computes, so at best one such file runs at a time.
    """
    places = {Path(__file__).parent / name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(autouse=True, scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the digests of written files apart from those of the developer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder := tmp_path_factory.mktemp("state")))
        yield folder


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("libraries")


@pytest.fixture(autouse=True)
def library(libraries: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Set an empty library as the default, and unset the developer's own variables."""
    for name in [name for name in os.environ if name.upper().startswith("REELWEAVE_")]:
        monkeypatch.delenv(name)
    folder = Path(tempfile.mkdtemp(dir=libraries))
    monkeypatch.setenv("REELWEAVE_LIBRARY", str(folder))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # The quickest backend depends on the machine; tests/ingest/test_speed.py tests those that are not exact.
    monkeypatch.setenv("REELWEAVE_CLIP__SPEED", "exact")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[ChromaServer]":
    """One Chroma server for all tests of a worker; each library has a database of its own."""
    from chroma import serving

    with serving(tmp_path_factory.mktemp("chroma")) as server:
        yield server


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> "Run":
    """The command line in this process, in the space that needs no weights."""
    from runs import in_process

    monkeypatch.setenv("REELWEAVE_INGEST__SPACE", "appearance")
    return in_process(capsys)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn pictures as a lossless film."""
    from helpers import pictures, write_clip

    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", pictures(12))


@pytest.fixture(scope="module")
def stocked(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with one video, which tests must not change."""
    from runs import settings

    from reelweave import pipeline

    folder = tmp_path_factory.mktemp("stocked")
    pipeline.ingest(clip, settings(library=str(folder)))
    return folder


@pytest.fixture
def full(stocked: Path, library: Path) -> Path:
    """The test's own library, with one video in it."""
    shutil.copytree(stocked, library, dirs_exist_ok=True)
    return library


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 drawn frames of 192 x 108, in which everything moves."""
    from reelweave.evaluate.drawn.film import draw_film

    return draw_film(tmp_path_factory.mktemp("film") / "film.mp4", frames=48, size=(192, 108))


@pytest.fixture(scope="session")
def scrambled(film: Path, tmp_path_factory: pytest.TempPathFactory) -> "Scrambled":
    """The film shuffled, with four foreign frames, and its truth."""
    from helpers import Scrambled

    from reelweave.evaluate.scramble import ScrambleOptions, scramble
    from reelweave.evaluate.truth import write_truth

    folder = tmp_path_factory.mktemp("scrambled")
    truth = scramble(film, folder / "scrambled.mp4", ScrambleOptions(seed=1, foreign=4))
    return Scrambled(folder / "scrambled.mp4", truth, write_truth(truth, folder / "truth.json"))


@pytest.fixture(scope="module")
def snowy(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two films with frames that are broken by snow."""
    from broken import snowy_film

    folder = tmp_path_factory.mktemp("films")
    return [snowy_film(folder / f"tape {seed}.mp4", seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from browser import browsing

    with browsing() as found:
        yield found
