"""A command replaces only files that it wrote itself, unless the user allows more."""

import os
import pty
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from broken import sort_pictures
from helpers import pictures, write_clip, write_pictures
from runs import PATIENCE, Run, in_a_process, settings

from reelweave import pipeline
from reelweave.cli import app
from reelweave.errors import UsageError
from reelweave.evaluate.drawn import film
from reelweave.evaluate.scramble import ScrambleOptions, scramble_video
from reelweave.index.overwrite import Outputs, Record, origin_of
from reelweave.media.files import atomic
from reelweave.progress import SilentProgress
from reelweave.repair import labelling
from reelweave.solve.plan.files import read_plan
from reelweave.ui.context import open_context
from reelweave.ui.measure import measure_job
from reelweave.ui.reconstruct import reconstruct_job
from reelweave.ui.repair import state

MINE = b"written by somebody else"


class Stopped(Exception):  # noqa: N818 - not an error
    """Raised by the tests to end a command half way."""


def stop(*_: object) -> None:
    raise Stopped


class Scene(NamedTuple):
    """A film that is the only video of the library, its plan, and an empty folder for outputs."""

    clip: Path
    plan: Path
    out: Path
    examples: Path
    query: Path

    def command(self, line: str) -> list[str]:
        return [word.format(**self._asdict()) for word in line.split()]


COMMANDS = {
    "reconstruct": "reconstruct {clip} -o {out}/film.mp4 --both --report {out}/report --otio {out}/cut.otio",
    "reconstruct a split": "reconstruct {clip} -o {out}/film.mp4 --split --plan {out}/p.json --report {out}/report",
    "solve": "solve clip --plan {out}/plan.json --evidence {out}/evidence.jsonl --edl {out}/cut.edl",
    "solve a split": "solve clip --split --plan {out}/plan.json --evidence {out}/evidence.jsonl --edl {out}/cut.edl",
    "render": "render {plan} -o {out}/film.mkv --both",
    "repair": "repair {clip} -o {out}/film.mp4 --frames 3,7 --report {out}/report --edl {out}/cut.edl",
    "scramble": "scramble {clip} -o {out}/film.mp4 --truth {out}/truth.json",
    "evaluate robustness": "evaluate robustness {clip} --noise blur=0.05 --frames 8 --plot {out}/plot.png",
    "search": "search --image {query} -k 3 --clip {out}/clip.mp4 --sheet {out}/sheet.png --export {out}/found"
    " --fcpxml {out}/cut.fcpxml",
    "videos export": "videos export clip {out}/vectors",
    "videos export-edits": "videos export-edits clip {out}/cut.otio {out}/cut.csv",
    "breakup train": "breakup train {examples} -o {out}/detector.json",
}
WRITERS = pytest.mark.parametrize("line", COMMANDS.values(), ids=COMMANDS)


@pytest.fixture(scope="module")
def examples(snowy: Sequence[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sorted pictures. Tests must not change it."""
    folder = tmp_path_factory.mktemp("sorted") / "examples"
    labelling.label_frames(snowy, folder, settings(), count=44)
    sort_pictures(folder)
    return folder


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A film, a library that holds only this film, and its plan. Tests must not change them."""
    folder = tmp_path_factory.mktemp("stage")
    clip, wanted = write_clip(folder / "clip.mp4", pictures(12)), settings(library=str(folder / "library"))
    pipeline.ingest(clip, wanted)
    pipeline.solve("clip", wanted, plan_file=folder / "plan.json")
    return clip, folder / "plan.json", folder / "library"


@pytest.fixture
def scene(stage: tuple[Path, Path, Path], examples: Path, library: Path, tmp_path: Path) -> Scene:
    clip, plan, stocked = stage
    shutil.copytree(stocked, library, dirs_exist_ok=True)
    write_pictures(tmp_path / "query", pictures(1))
    (tmp_path / "query" / "frame 1.png").rename(tmp_path / "query.png")
    (tmp_path / "out").mkdir()
    return Scene(clip, plan, tmp_path / "out", examples, tmp_path / "query.png")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


READ = {
    *(
        "video",
        "path",
        "image",
        "vector",
        "detector",
        "mix",
        "rendered",
        "a",
        "b",
        "target",
        "password_file",
        "library",
    ),
    *("render plan", "evaluate plan", "evaluate truth", "breakup test truth", "breakup train folder"),
    *("videos import folder", "breakup label out", "mcp root", "mcp config root"),
}
"""Paths that are read, by the option's name or the command's and its; `breakup label` adds to a folder of its own."""


def commands(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}".strip())


def test_every_command_that_writes_files_has_overwrite_and_is_tested_here() -> None:
    for name, command in commands(typer.main.get_command(app)):
        paths = {option.name for option in command.params if "path" in repr(option.type_descriptor).lower()}
        written = {path for path in paths if not {path, f"{name} {path}"} & READ}
        overwrites = any("--overwrite" in option.opts for option in command.params)
        assert overwrites == bool(written), name
        assert not overwrites or name in {*COMMANDS, "demo"}, name


@WRITERS
def test_a_command_can_be_repeated(scene: Scene, run: Run, line: str) -> None:
    assert run(*scene.command(line)).code == 0
    first = contents(scene.out)
    again = run(*scene.command(line))
    assert (again.code, set(contents(scene.out))) == (0, set(first)), again.err


@WRITERS
def test_a_foreign_file_is_not_replaced(scene: Scene, run: Run, line: str) -> None:
    assert run(*scene.command(line)).code == 0
    before = contents(scene.out)
    assert before
    for name, ours in before.items():
        (scene.out / name).write_bytes(MINE)
        refused = run(*scene.command(line))
        assert (refused.code, contents(scene.out)) == (2, before | {name: MINE})
        assert name in refused.err
        assert "--overwrite" in refused.err
        (scene.out / name).write_bytes(ours)


@WRITERS
def test_overwrite_replaces_existing_files(scene: Scene, run: Run, line: str) -> None:
    assert run(*scene.command(line)).code == 0
    before = contents(scene.out)
    for name in before:
        (scene.out / name).write_bytes(MINE)
    assert run(*scene.command(line), "-y").code == 0
    after = contents(scene.out)
    assert set(after) == set(before)
    assert MINE not in after.values()


def test_an_edited_plan_and_its_film_are_not_replaced(scene: Scene, run: Run) -> None:
    command = ["reconstruct", scene.clip, "-o", scene.out / "film.mp4"]
    assert run(*command).code == 0
    plan = scene.out / "film.plan.json"
    plan.write_text(plan.read_text(encoding="utf-8").replace('"order": [', '"order": [ '), encoding="utf-8")
    before = contents(scene.out)
    assert run(*command).code == 2
    assert contents(scene.out) == before
    # The film of the edited plan is made from the same source.
    assert run("render", plan, "-o", scene.out / "film.mp4").code == 0


def test_a_film_of_another_source_is_not_replaced(scene: Scene, run: Run, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", pictures(12, seed=3))
    options = ["-o", scene.out / "film.mp4", "--frames", "3"]
    assert run("repair", scene.clip, *options).code == 0
    before = contents(scene.out)
    assert run("repair", other, *options).code == 2
    assert contents(scene.out) == before


def test_a_moved_output_is_recognised_by_its_content(scene: Scene, run: Run) -> None:
    assert run("solve", "clip", "--plan", scene.out / "plan.json").code == 0
    (scene.out / "plan.json").rename(scene.out / "moved.json")
    assert run("solve", "clip", "--plan", scene.out / "moved.json").code == 0


def test_a_command_that_failed_half_way_can_be_repeated(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["reconstruct", scene.clip, "-o", scene.out / "film.mp4"]
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "check_source", stop)
        with pytest.raises(Stopped):
            run(*command)
    assert contents(scene.out).keys() == {"film.plan.json"}
    assert run(*command).code == 0


def test_a_file_that_changes_during_the_command_is_not_replaced(scene: Scene, tmp_path: Path) -> None:
    outputs, file = Outputs("origin"), scene.out / "plan.json"
    with outputs.writing(file):
        file.write_bytes(b"plan")
    later = Outputs("origin")
    later.claim(file)
    file.write_bytes(MINE)
    with pytest.raises(UsageError), later.writing(file):
        pytest.fail("it was replaced")
    asked: list[Path] = []
    allowed = Outputs("origin", lambda files: not asked.extend(files))
    allowed.claim(file)
    with allowed.writing(file):
        assert asked == [file]


def test_an_incomplete_report_can_be_replaced(scene: Scene, tmp_path: Path) -> None:
    outputs = Outputs("origin", library=scene.out)
    outputs.claim(folder=scene.out, names=["*.png"])
    with suppress(Stopped), outputs.writing_folder(scene.out, ["*.png"]):
        (scene.out / "first.png").write_bytes(b"picture")
        raise Stopped
    Outputs("origin").claim(folder=scene.out, names=["*.png"])
    with pytest.raises(UsageError):
        Outputs("another origin").claim(folder=scene.out, names=["*.png"])


def test_a_repair_removes_its_old_pictures_and_keeps_foreign_ones(scene: Scene, run: Run) -> None:
    command = ["repair", scene.clip, "-o", scene.out / "film.mp4", "--report", scene.out / "report"]
    assert run(*command, "--frames", "3").code == 0
    assert run(*command, "--frames", "7").code == 0
    assert [file.name for file in (scene.out / "report").glob("gap-*")] == ["gap-7.png"]
    (scene.out / "report" / "gap-holiday.png").write_bytes(MINE)
    assert run(*command, "--frames", "3").code == 2
    assert (scene.out / "report" / "gap-holiday.png").read_bytes() == MINE


def itself(source: Path, place: Path) -> Path:
    return source


def symlink(source: Path, place: Path) -> Path:
    place.symlink_to(source)
    return place


def hard_link(source: Path, place: Path) -> Path:
    os.link(source, place)
    return place


def linked_folder(source: Path, place: Path) -> Path:
    place.with_suffix("").symlink_to(source.parent)
    return place.with_suffix("") / source.name


ONTO = {
    "reconstruct": "reconstruct {clip} -o {other}",
    "plan of reconstruct": "reconstruct {clip} -o {out}/film.mp4 --plan {other}",
    "solve": "solve clip --plan {other}",
    "evidence": "solve clip --plan {out}/plan.json --evidence {other}",
    "render": "render {plan} -o {other}",
    "repair": "repair {clip} -o {other} --frames 3",
    "scramble": "scramble {clip} -o {other} --truth {out}/truth.json",
    "truth": "scramble {clip} -o {out}/film.mp4 --truth {other}",
    "clip of search": "search --image {query} --clip {other}",
    "breakup train": "breakup train {examples} -o {other}",
}


@pytest.mark.parametrize(
    ("what", "way"),
    [*((what, itself) for what in ONTO), *(("render", way) for way in (symlink, hard_link, linked_folder))],
)
def test_a_source_of_the_library_is_never_overwritten(
    scene: Scene, run: Run, tmp_path: Path, what: str, way: Callable[[Path, Path], Path]
) -> None:
    other = write_clip(tmp_path / "other.mp4", pictures(6, seed=3))
    assert run("ingest", other).code == 0
    content, named = other.read_bytes(), way(other, scene.out / "link.mp4")
    words = {**scene._asdict(), "other": named}
    refused = run(*(word.format(**words) for word in ONTO[what].split()), "--overwrite")
    assert (refused.code, other.read_bytes()) == (2, content)
    assert "source of the library" in refused.err
    assert contents(scene.out).keys() <= {"link.mp4", "link/other.mp4"}


@pytest.mark.parametrize(
    "line",
    ["search --image {query} --sheet {picture}", "evaluate robustness {clip} --frames 8 --plot {picture}"],
)
def test_a_picture_of_a_folder_that_is_a_source_is_never_overwritten(
    scene: Scene, run: Run, tmp_path: Path, line: str
) -> None:
    folder = write_pictures(tmp_path / "stills", pictures(3, seed=3))
    assert run("ingest", folder).code == 0
    before = contents(folder)
    words = {**scene._asdict(), "picture": folder / "frame 1.png"}
    assert (run(*(word.format(**words) for word in line.split()), "-y").code, contents(folder)) == (2, before)


def test_a_report_is_not_written_into_its_source_folder(scene: Scene, run: Run, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "stills", pictures(3, seed=3))
    before = contents(folder)
    refused = run("reconstruct", folder, "-o", scene.out / "film.mp4", "--report", folder, "-y")
    assert (refused.code, contents(folder), contents(scene.out)) == (2, before, {})


@pytest.mark.parametrize(
    "line",
    [
        "scramble {clip} -o {clip} --truth {out}/truth.json",
        "repair {clip} -o {clip}",
        "search --image {query} --sheet {query}",
        "search @{query} --sheet {query}",
    ],
)
def test_an_input_of_the_command_is_never_overwritten(scene: Scene, run: Run, tmp_path: Path, line: str) -> None:
    before = contents(tmp_path), scene.clip.read_bytes()
    assert run(*scene.command(line), "-y").code == 2
    assert (contents(tmp_path), scene.clip.read_bytes()) == before


def test_the_librarys_own_files_are_never_overwritten(scene: Scene, run: Run, library: Path) -> None:
    before = (library / "catalog.db").read_bytes()
    assert run("solve", "clip", "--plan", library / "catalog.db", "-y").code == 2
    assert (library / "catalog.db").read_bytes() == before


def test_other_files_may_be_written_into_the_library_folder(scene: Scene, run: Run, library: Path) -> None:
    for _ in range(2):
        assert run("solve", "clip", "--plan", library / "plan.json").code == 0


@pytest.mark.parametrize(
    "line",
    [
        "solve clip --plan {out}/a.json --evidence {out}/a.json",
        "solve clip --plan {out}/a.json --evidence {out}/b/../a.json",
        "scramble {clip} -o {out}/a.mp4 --truth {out}/a.mp4",
        "reconstruct {clip} -o {out}/a.mp4 --both --plan {out}/a.reversed.mp4",
        "reconstruct {clip} -o {out}/a.mp4 --plan {out}/index.html --report {out}",
    ],
)
def test_two_outputs_must_not_share_a_name(scene: Scene, run: Run, line: str) -> None:
    (scene.out / "b").mkdir()
    assert run(*scene.command(line), "-y").code == 2
    assert contents(scene.out) == {}


@pytest.mark.parametrize("early", [1, 2])
def test_all_films_of_a_split_are_checked_before_one_is_written(
    scene: Scene, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, early: int
) -> None:
    """Also if their number is known only after solving."""
    monkeypatch.setattr(pipeline, "_CLAIMED_EARLY", early)
    other = write_clip(tmp_path / "other.mp4", pictures(12, seed=3))
    mixed = ["--mix", other, "--truth", tmp_path / "truth.json", "-o", tmp_path / "mixed.mp4"]
    assert run("scramble", scene.clip, *mixed).code == 0
    assert run("ingest", tmp_path / "mixed.mp4").code == 0
    options = ["--plan", scene.out / "film.json", "--films", "2"]
    (scene.out / "film.2.json").write_bytes(MINE)
    assert run("solve", "mixed", *options).code == 2
    assert run("reconstruct", tmp_path / "mixed.mp4", "-o", scene.out / "a.mp4", *options).code == 2
    assert contents(scene.out) == {"film.2.json": MINE}


def test_a_demo_can_be_repeated_and_replaces_nothing_else(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = partial(film.draw_film, frames=24, size=(192, 108))
    monkeypatch.setattr(film, "draw_film", small)
    command = ["demo", "--folder", tmp_path / "demo", "--quiet"]
    assert run(*command).code == 0
    # The demo of another version counts as the same origin.
    monkeypatch.setattr(film, "draw_film", partial(small, seed=1))
    assert run(*command).code == 0
    (tmp_path / "demo" / "original.mp4").write_bytes(MINE)
    assert run(*command).code == 2
    assert (tmp_path / "demo" / "original.mp4").read_bytes() == MINE


def test_breakup_label_keeps_foreign_files_in_its_folder(snowy: Sequence[Path], tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_bytes(MINE)
    labelling.label_frames(snowy[:1], tmp_path, settings(), count=3)
    labelling.label_frames(snowy[:1], tmp_path, settings(), count=3)
    assert (tmp_path / "README.txt").read_bytes() == MINE
    (tmp_path / "shown.txt").write_bytes(MINE)
    with pytest.raises(UsageError):
        labelling.label_frames(snowy[:1], tmp_path, settings(), count=3)
    assert (tmp_path / "shown.txt").read_bytes() == MINE


# The question


_ON_A_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from reelweave.cli import main
main()
"""


class Asked(NamedTuple):
    code: int
    out: str
    terminal: str


def on_a_terminal(answer: bytes, *arguments: object) -> Asked:
    """Run a command with stdin and stderr on a terminal, and type the answer when it asks."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", _ON_A_TERMINAL, *map(str, arguments)]
    with subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True) as process:
        guard = threading.Timer(PATIENCE, process.kill)
        guard.start()
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 4096):
                asked_before, seen = b"[y/N]" in seen, seen + part
                if b"[y/N]" in seen and not asked_before:
                    os.write(ours, answer)
        except OSError:
            # Linux raises this when the other end is closed.
            pass
        out, _ = process.communicate()
        guard.cancel()
    os.close(ours)
    return Asked(process.returncode, out, seen.decode())


def scrambling(scene: Scene, *more: str) -> list[object]:
    return ["scramble", scene.clip, "-o", scene.out / "a.mp4", "--truth", scene.out / "a.json", *more]


@pytest.mark.parametrize(
    ("answer", "code", "more"),
    [
        pytest.param(b"y\n", 0, [], id="yes"),
        pytest.param(b"y\n", 0, ["--json", "--quiet"], id="yes, in JSON and quietly"),
        pytest.param(b"n\n", 2, [], id="no"),
        pytest.param(b"\n", 2, [], id="nothing"),
        pytest.param(b"\x04", 2, [], id="the end of the input"),
        pytest.param(b"\x03", 130, [], id="Ctrl-C"),
    ],
)
def test_a_command_asks_on_a_terminal(scene: Scene, answer: bytes, code: int, more: list[str]) -> None:
    (scene.out / "a.json").write_bytes(MINE)
    done = on_a_terminal(answer, *scrambling(scene, *more))
    assert done.code == code, done.terminal
    assert done.terminal.count("[y/N]") == 1
    assert "a.json" in done.terminal
    assert "[y/N]" not in done.out
    if code:
        assert contents(scene.out) == {"a.json": MINE}
    else:
        assert contents(scene.out)["a.json"] != MINE
        assert done.out.startswith("{" if more else str(scene.out))


def test_a_command_does_not_ask_if_nothing_would_be_lost(scene: Scene) -> None:
    for _ in range(2):
        done = on_a_terminal(b"n\n", *scrambling(scene))
        assert (done.code, "[y/N]" in done.terminal) == (0, False)
    (scene.out / "a.json").write_bytes(MINE)
    done = on_a_terminal(b"n\n", *scrambling(scene, "--overwrite"))
    assert (done.code, "[y/N]" in done.terminal) == (0, False)


# From Python


def test_python_calls_refuse_unless_allowed(scene: Scene) -> None:
    (scene.out / "a.json").write_bytes(MINE)
    with pytest.raises(UsageError):
        scramble_video(scene.clip, scene.out / "a.mp4", scene.out / "a.json", ScrambleOptions())
    assert contents(scene.out) == {"a.json": MINE}
    asked: list[Path] = []

    def allow(files: Sequence[Path]) -> bool:
        asked.extend(files)
        return True

    scramble_video(scene.clip, scene.out / "a.mp4", scene.out / "a.json", ScrambleOptions(), overwrite=allow)
    assert asked == [scene.out / "a.json"]
    assert (scene.out / "a.json").read_bytes() != MINE


# The record of outputs


def test_another_process_recognises_the_outputs(scene: Scene) -> None:
    for _ in range(2):
        done = in_a_process(*scrambling(scene))
        assert done.code == 0, done.err


def test_without_a_state_folder_commands_work_and_nothing_is_lost(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "no folder").write_bytes(b"")
    first = in_a_process(*scrambling(scene), XDG_STATE_HOME=tmp_path / "no folder")
    assert first.code == 0, first.err
    before = contents(scene.out)
    again = in_a_process(*scrambling(scene), XDG_STATE_HOME=tmp_path / "no folder")
    assert (again.code, contents(scene.out)) == (2, before)


def test_a_damaged_record_counts_as_empty(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "state" / "reelweave").mkdir(parents=True)
    (tmp_path / "state" / "reelweave" / "outputs.db").write_bytes(MINE * 100)
    for code in (0, 2):
        assert in_a_process(*scrambling(scene), XDG_STATE_HOME=tmp_path / "state").code == code


def test_the_oldest_outputs_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelweave.index.overwrite._KEPT", 3)
    monkeypatch.setattr(Record, "_own", set())
    record, file = Record(tmp_path / "outputs.db"), tmp_path / "file"
    for number in range(6):
        file.write_text(str(number), encoding="utf-8")
        record.add(file, "origin")
    Record._own.clear()
    known = []
    for number in range(6):
        file.write_text(str(number), encoding="utf-8")
        known.append(record.has(file, lambda: "origin"))
    assert known[-1]
    assert not known[0]


def test_an_origin_depends_on_its_parts_not_their_concatenation() -> None:
    assert origin_of("a", "b") == origin_of("a", "b")
    assert origin_of("a", "b") != origin_of("ab")


# Atomic writes


def test_an_atomic_write_follows_links_and_keeps_the_old_file_on_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(MINE)
    (tmp_path / "link").symlink_to("file")
    with suppress(Stopped), atomic(tmp_path / "link") as part:
        part.write_bytes(b"half")
        raise Stopped
    assert contents(tmp_path) == {"file": MINE, "link": MINE}
    with atomic(tmp_path / "link") as part:
        part.write_bytes(b"all")
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path) == {"file": b"all", "link": b"all"}


def test_a_named_pipe_is_written_to_and_not_replaced(scene: Scene, run: Run) -> None:
    pipe, heard = scene.out / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert run("solve", "clip", "--plan", pipe).code == 0
    reader.join(PATIENCE)
    assert pipe.is_fifo()
    assert heard[0].startswith(b"{")


# A plan called robustness


@pytest.mark.parametrize("name", ["robustness", "./robustness"])
def test_a_plan_may_have_the_name_of_a_subcommand(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert run(*scrambling(scene)).code == 0
    assert run("reconstruct", scene.out / "a.mp4", "--plan", scene.out / "robustness").code == 0
    monkeypatch.chdir(scene.out)
    scored = run("evaluate", name, "--truth", scene.out / "a.json", "--json")
    assert "adjacency" in scored.data
    assert "within" in run("evaluate", "robustness", "--help").out


# The page


def test_the_page_writes_only_into_its_own_folder(scene: Scene, library: Path, tmp_path: Path) -> None:
    beside = tmp_path / "films"
    beside.mkdir()
    shutil.copy(scene.clip, beside / "clip.mp4")
    for name in ("clip.reordered.mp4", "clip.reordered.plan.json", "clip.repaired.mp4"):
        (beside / name).write_bytes(MINE)
    before = contents(beside)
    wanted = settings(library=str(tmp_path / "library"))
    pipeline.ingest(beside / "clip.mp4", wanted)
    with open_context(wanted) as context:
        job = reconstruct_job.begin(context, None, "clip", SilentProgress())
        reconstruct_job.render(context, job, False, SilentProgress())
        reconstruct_job.render(
            context, reconstruct_job.solve_again(context, job, SilentProgress()), True, SilentProgress()
        )
        found = state.begin(context, beside / "clip.mp4", None, SilentProgress())
        state.repair(found.marked([3], True), wanted, SilentProgress())
        measure_job.measure(context, beside / "clip.mp4", ScrambleOptions(), SilentProgress())
    assert contents(beside) == before


def test_the_page_never_overwrites(scene: Scene, tmp_path: Path) -> None:
    wanted = settings(library=str(tmp_path / "library"))
    pipeline.ingest(scene.clip, wanted)
    with open_context(wanted) as context:
        job = reconstruct_job.begin(context, None, "clip", SilentProgress())
        for name in ("clip.reordered.mp4", "clip.reordered.plan.json", "preview.mp4"):
            (job.folder / name).write_bytes(MINE)
        for work in (
            lambda: reconstruct_job.render(context, job, False, SilentProgress()),
            lambda: reconstruct_job.solve_again(context, job, SilentProgress()),
            lambda: reconstruct_job.write_preview(job, SilentProgress()),
        ):
            with pytest.raises(UsageError):
                work()
        assert list(contents(job.folder).values()).count(MINE) == 3


def test_save_plan_does_not_replace_a_foreign_file(scene: Scene) -> None:
    plan = read_plan(scene.plan)
    for _ in range(2):
        assert read_plan(pipeline.save_plan(plan, scene.out / "plan.json")) == plan
    (scene.out / "plan.json").write_bytes(MINE)
    with pytest.raises(UsageError):
        pipeline.save_plan(plan, scene.out / "plan.json")
