"""What each command prints to stdout and stderr, and which modules it does not load."""

import json
import os
import pty
import re
import select
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from helpers import Scrambled, pictures, write_clip
from runs import Run, in_a_process, modules_after, opened

import reelweave
from reelweave import cli, pipeline
from reelweave.commands.console import BarProgress, LineProgress, QuietProgress, terminal_progress
from reelweave.evaluate import scramble

HEAVY = {"numpy", "torch", "chromadb", "cv2", "scipy", "ortools", "faiss", "open_clip", "PIL", "huggingface_hub"}

COMMANDS = [
    "reconstruct",
    "ingest",
    "solve",
    "render",
    "scramble",
    "evaluate",
    "repair",
    "breakup label",
    "breakup train",
    "breakup test",
    "demo",
    "mcp",
    "mcp config",
    "search",
    "similar",
    "schema",
    "doctor",
    "ui",
    "videos list",
    "videos show",
    "videos remove",
    "videos check",
    "videos export",
    "videos export-edits",
    "videos import",
    "models list",
    "models fetch",
    "models check",
    "settings show",
]


@pytest.fixture
def known(run: Run, clip: Path) -> str:
    """The id of a video in the library."""
    return str(run("ingest", clip, "--json").data["id"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_its_help_to_stdout(run: Run, command: str) -> None:
    answer = run(*command.split(), "--help")
    assert (answer.code, answer.err) == (0, "")
    assert f"reelweave {command}" in answer.out


@pytest.mark.parametrize("group", ["", "videos", "models", "settings", "breakup", "mcp"])
def test_a_list_of_commands_has_whole_sentences(run: Run, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = run(*group.split(), "--help").out.partition("Commands:")[2].splitlines()[1:]
    assert listed
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


def test_help_lists_every_command(run: Run) -> None:
    said = run("--help").out
    assert {command.split()[0] for command in COMMANDS} == set(re.findall(r"^  (\w+)  ", said, re.MULTILINE))


def test_the_version_is_one_line(run: Run) -> None:
    assert run("--version") == (0, f"reelweave {reelweave.__version__}\n", "")


@pytest.mark.parametrize(
    "command",
    [["--help"], ["--version"], ["reconstruct", "--help"], ["mcp", "--help"], ["mcp", "config"], ["settings", "show"]],
    ids=" ".join,
)
def test_help_and_settings_load_no_heavy_library(command: list[str]) -> None:
    assert modules_after(f"from reelweave.cli import run; run({command})") & HEAVY == set()


def test_videos_show_loads_no_vector_store(known: str) -> None:
    loaded = modules_after(f"from reelweave.cli import run; run(['videos', 'show', {known!r}])")
    assert loaded & (HEAVY - {"numpy"}) == set()


def test_solve_loads_no_model(known: str) -> None:
    loaded = modules_after(f"from reelweave.cli import run; assert run(['solve', {known!r}]) == 0")
    assert loaded & {"torch", "open_clip"} == set()


def test_the_package_runs_as_a_module(clip: Path) -> None:
    answer = in_a_process("ingest", clip, "--space", "appearance", "--json", "-q")
    assert answer.code == 0
    assert answer.err == ""
    assert answer.data["frames"] == 12


@pytest.mark.parametrize("quiet", [[], ["--quiet"]], ids=["normal", "quiet"])
@pytest.mark.parametrize("command", ["ingest {clip}", "solve {clip}", "reconstruct {clip} -o {folder}/film.mp4"])
def test_stdout_carries_data_and_stderr_messages(
    run: Run, clip: Path, tmp_path: Path, known: str, command: str, quiet: list[str]
) -> None:
    answer = run(*command.format(clip=clip, folder=tmp_path).split(), "--json", *quiet)
    assert answer.code == 0
    assert isinstance(answer.data, dict)
    assert (answer.err == "") == bool(quiet or command.startswith("ingest"))


def test_a_traceback_is_shown_only_with_reelweave_debug(tmp_path: Path) -> None:
    assert "Traceback" not in in_a_process("ingest", tmp_path / "none").err
    assert "Traceback" in in_a_process("ingest", tmp_path / "none", REELWEAVE_DEBUG=1).err


def test_ingest_prints_one_line_per_video(run: Run, clip: Path, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mkv", pictures(5, seed=3))
    rows = run("ingest", clip, other, "--json").rows
    assert [(row["name"], row["frames"], row["complete"]) for row in rows] == [
        ("clip.mp4", 12, True),
        ("other.mkv", 5, True),
    ]
    lines = run("ingest", clip, other).out.splitlines()
    assert [line.split()[:2] for line in lines] == [[rows[0]["id"], "12"], [rows[1]["id"], "5"]]


def test_ingest_takes_a_folder_of_videos(run: Run, tmp_path: Path) -> None:
    for number in (1, 2, 10):
        write_clip(tmp_path / f"part {number}.mp4", pictures(3, seed=number))
    rows = run("ingest", tmp_path, "--json").rows
    assert [row["name"] for row in rows] == ["part 1.mp4", "part 2.mp4", "part 10.mp4"]


@pytest.mark.parametrize(("fps", "frames"), [("all", 12), ("25", 12), ("5", 3), ("0.1", 1)])
def test_fps_is_a_number_or_all(run: Run, clip: Path, fps: str, frames: int) -> None:
    assert run("ingest", clip, "--fps", fps, "--json").data["frames"] == frames


def test_videos_list_prints_every_video(run: Run, known: str, clip: Path) -> None:
    (row,) = run("videos", "list", "--json").rows
    assert row["bytes"] > 0
    assert abs(datetime.now(UTC) - datetime.fromisoformat(row["ingested"])) < timedelta(days=1)
    assert row | {"spaces": None, "bytes": None, "ingested": None} == {
        "id": known,
        "name": "clip.mp4",
        "source": str(clip),
        "ingested": None,
        "frames": 12,
        "fps": 25.0,
        "width": 96,
        "height": 64,
        "seconds": pytest.approx(0.48),
        "spaces": None,
        "state": "complete",
        "bytes": None,
    }
    assert [(space["name"], space["vectors"]) for space in row["spaces"]] == [("appearance", 12)]
    head, line = run("videos", "list").out.splitlines()
    assert head.split() == ["id", "frames", "rate", "spaces", "size", "state", "ingested", "path"]
    assert line.split()[:2] == [known, "12"]
    assert line.endswith(str(clip))


@pytest.mark.parametrize("name", ["id", "name", "source"])
def test_videos_show_takes_an_id_a_name_or_a_path(run: Run, known: str, name: str) -> None:
    (row,) = run("videos", "list", "--json").rows
    shown = run("videos", "show", row[name], "--json").data
    assert row.items() <= shown.items()
    assert shown["source_present"] is True
    assert shown["solved"] is False
    assert shown["bytes"] > 12 * 1440 * 4
    assert known in run("videos", "show", row[name]).out


def test_videos_remove_needs_a_confirmation(run: Run, known: str) -> None:
    refused = run("videos", "remove", known)
    assert refused.code == 2
    assert "--yes" in refused.err
    assert [row["id"] for row in run("videos", "list", "--json").rows] == [known]
    removed = run("videos", "remove", known, "--yes")
    assert (removed.code, removed.out) == (0, "")
    assert known in removed.err
    assert run("videos", "list", "--json").out == ""


def test_ctrl_c_at_a_question_interrupts_the_command(known: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise typer.Abort

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", interrupted)
    answer = run("videos", "remove", known)
    assert answer.code == 130
    assert "interrupted" in answer.err
    assert [row["id"] for row in run("videos", "list", "--json").rows] == [known]


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("y", 0)])
def test_videos_remove_asks_on_a_terminal(known: str, library: Path, answer: str, left: int) -> None:
    code, said = on_a_terminal("videos", "remove", known, type_in=f"{answer}\n")
    assert code == 0
    assert f"Remove {known}?" in said
    with opened(library) as library:
        assert len(library.catalog.videos()) == left


def test_videos_remove_takes_several(run: Run, known: str, tmp_path: Path) -> None:
    other = run("ingest", write_clip(tmp_path / "other.mp4", pictures(3, seed=4)), "--json").data["id"]
    assert run("videos", "remove", known, other, "--yes").code == 0
    assert run("videos", "list").out == ""


def test_videos_check_finds_a_missing_file(run: Run, known: str, library: Path) -> None:
    assert run("videos", "check", "--json").rows == [{"id": known, "problems": [], "warnings": []}]
    assert run("videos", "check").out.split() == [known, "ok"]
    with opened(library) as library:
        library.proxies_file(known).unlink()
    assert run("videos", "check").code == 1


def test_doctor_checks_everything(run: Run, known: str) -> None:
    answer = run("doctor", "--json")
    assert answer.code == 0
    expected = {"ffmpeg", "packages", "torch", "library", "disk", "store", "clip weights"}
    assert {row["name"] for row in answer.rows} >= expected
    assert all(row["ok"] and row["detail"] for row in answer.rows)
    assert len(run("doctor").out.splitlines()) == len(answer.rows)


@pytest.mark.parametrize(
    ("cuda", "said"), [("'12.8'", "built for CUDA 12.8, 3.0 GB on disk"), ("None", "built for the CPU, 2.0 GB on disk")]
)
def test_doctor_says_what_torch_takes_without_loading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuda: str, said: str
) -> None:
    from reelweave.commands import doctor

    for name, size in [("torch", 2_000_000_000), *([("nvidia_cublas", 1_000_000_000)] if cuda != "None" else [])]:
        info = tmp_path / f"{name}-9.9.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 9.9\n")
        (info / "RECORD").write_text(f"{name}/library.so,,{size}\n")
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "version.py").write_text(f"cuda: Optional[str] = {cuda}\nhip: Optional[str] = None\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert doctor._torch() == f"9.9, {said}"


@pytest.mark.parametrize("what", ["no ffmpeg", "damage", "a file for the library"])
def test_doctor_finds_the_fault(
    run: Run, known: str, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "no ffmpeg":
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    elif what == "damage":
        with opened(library) as library:
            library.proxies_file(known).unlink()
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("REELWEAVE_LIBRARY", str(tmp_path / "file"))
    answer = run("doctor", "--json")
    assert answer.code == 1
    assert {row["name"] for row in answer.rows if not row["ok"]} & {"ffmpeg", "store", "library"}
    assert "Traceback" not in answer.err


def test_models_list_tells_which_models_are_here(run: Run) -> None:
    rows = {row["space"]: row for row in run("models", "list", "--json").rows if not row.get("name")}
    assert rows["appearance"]["ready"] is True
    assert rows["clip"]["ready"] is False
    used, _ = run("models", "list").out.split("\n\n")
    assert len(used.splitlines()) == 2


def test_settings_show_prints_values_with_their_origin(run: Run, library: Path) -> None:
    rows = {row["key"]: row for row in run("settings", "show", "--json").rows}
    assert rows["library"]["value"] == str(library)
    assert rows["ingest.space"]["origin"] == "environment REELWEAVE_INGEST__SPACE"
    assert rows["render.crf"]["origin"] == "settings.toml"
    assert len(run("settings", "show").out.splitlines()) == len(rows)


def test_reconstruct_prints_what_it_kept_dropped_and_wrote(run: Run, scrambled: Scrambled, tmp_path: Path) -> None:
    lines = run(
        *("reconstruct", scrambled.video, "-o", tmp_path / "film.mp4", "--report", tmp_path / "report", "-q")
    ).out.splitlines()
    assert lines[0].startswith("kept 48 of 52 frames, dropped 4")
    assert [line.split(maxsplit=1) for line in lines[1:]] == [
        ["film", str(tmp_path / "film.mp4")],
        ["plan", str(tmp_path / "film.plan.json")],
        ["report", str(tmp_path / "report" / "index.html")],
    ]


@pytest.mark.parametrize(("count", "which"), [(1, 1), (2, 2), (12, 1)], ids=["one", "two", "identical"])
def test_an_undetermined_order_is_called_so_everywhere(run: Run, tmp_path: Path, count: int, which: int) -> None:
    """In the text, in the JSON and in the report."""
    clip = write_clip(tmp_path / "clip.mp4", [pictures(40)[17 * (place % which)] for place in range(count)])
    report = tmp_path / "report"
    asked = ("reconstruct", clip, "--space", "appearance", "-o", tmp_path / "film.mp4", "--report", report, "-q")
    told = run(*asked).out.splitlines()[0]
    page = (report / "index.html").read_text(encoding="utf-8")
    answer = run(*asked, "--json").data
    assert "order undetermined: " in told
    assert "%" not in told
    assert "<td>undetermined: " in page
    assert (answer["mean_confidence"], sum(answer["undetermined"].values())) == (None, count - 1)
    plan = json.loads(Path(answer["plan"]).read_text(encoding="utf-8"))
    assert plan["undetermined"] == list(range(count - 1))


@pytest.mark.parametrize(
    ("verb", "given", "resumes"),
    [
        ("ingest", "{clip}", True),
        ("reconstruct", "{clip}", True),
        ("scramble", "{clip} -o {folder}/s.mp4 --truth {folder}/t.json", False),
    ],
)
def test_only_resumable_commands_say_that_they_resume(
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verb: str,
    given: str,
    resumes: bool,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    works = {
        "ingest": (pipeline, "ingest_all"),
        "reconstruct": (pipeline, "reconstruct"),
        "scramble": (scramble, "scramble_video"),
    }
    monkeypatch.setattr(*works[verb], interrupted)
    assert cli.run([verb, *given.format(clip=film, folder=tmp_path).split()]) == 130
    said = capsys.readouterr().err
    assert "interrupted" in said
    assert ("resumes from there" in said) is resumes


def test_a_scrambled_film_is_reconstructed_and_scored(run: Run, film: Path, tmp_path: Path) -> None:
    shuffled, truth, plan = tmp_path / "shuffled.mp4", tmp_path / "truth.json", tmp_path / "plan.json"
    made = run("scramble", film, "-o", shuffled, "--truth", truth, "--foreign", "3", "--seed", "7", "--json", "-q")
    assert made.data["frames"].count(-1) == 3
    assert json.loads(truth.read_text())["frames"] == made.data["frames"]
    done = run("reconstruct", shuffled, "--plan", plan, "-o", tmp_path / "film.mp4", "--json", "-q")
    assert (done.data["kept"], done.data["dropped"]) == (48, 3)
    scores = run("evaluate", plan, "--truth", truth, "--rendered", tmp_path / "film.mp4", "--json", "-q").data
    wanted = {"adjacency", "tau", "abs_tau", "jumps", "exact", "lost", "precision", "recall", "psnr", "ssim"}
    assert set(scores) >= wanted
    assert (scores["exact"], scores["lost"], scores["precision"], scores["recall"]) == (True, 0, 1.0, 1.0)
    assert scores["psnr"] > 25
    assert re.search(r"^adjacency +1\.0000$", run("evaluate", plan, "--truth", truth, "-q").out, re.MULTILINE)


def test_demo_reconstructs_and_searches_its_film(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reelweave.evaluate.drawn import film

    draw = film.draw_film
    monkeypatch.setattr(film, "draw_film", lambda path: draw(path, frames=40, size=(192, 108)))
    monkeypatch.delenv("REELWEAVE_LIBRARY")
    answer = run("demo", "--folder", tmp_path / "demo", "--json", "-q")
    assert answer.code == 0, answer.err
    assert answer.data["scores"]["exact"]
    assert answer.data["reconstruction"]["dropped"] == 8
    found = answer.data["search"]
    assert (found["text"], found["model"], found["frames"]) == ("a red circle", "toy", 40)
    assert 0 < found["showing"] < 40
    assert found["right"] == found["hits"] == 10
    assert found["above"] > 0.9
    made = {path.name for path in (tmp_path / "demo").iterdir()}
    assert made >= {"original.mp4", "scrambled.mp4", "truth.json", "reconstructed.mp4", "reconstructed.plan.json"}
    assert (tmp_path / "demo" / "report" / "index.html").exists()
    again = run("demo", "--folder", tmp_path / "demo", "-q")
    assert again.code == 0
    assert re.search("exact +True", again.out)
    assert "'a red circle', with the small model 'toy': 10 of the 10 best frames show it" in again.out


# The terminal


def on_a_terminal(*arguments: object, type_in: str = "") -> tuple[int, str]:
    """Run the program on a pseudo-terminal; return its exit code and everything it printed."""
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "reelweave", *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=child, stdout=child, stderr=child, env=os.environ | {"TERM": "xterm"}
    ) as process:
        os.close(child)
        os.write(parent, type_in.encode())
        shown = b""
        while True:
            ready, _, _ = select.select([parent], [], [], 60)
            assert ready, shown
            try:
                part = os.read(parent, 1 << 16)
            except OSError:
                break
            if not part:
                break
            shown += part
    os.close(parent)
    return process.returncode, shown.decode("utf-8", "replace")


def test_a_terminal_shows_bars_for_nested_stages(clip: Path, tmp_path: Path) -> None:
    code, said = on_a_terminal("reconstruct", clip, "--space", "appearance", "-o", tmp_path / "film.mp4")
    assert code == 0, said
    assert "Traceback" not in said
    for stage in ("ingest (appearance)", "neighbours", "read", "render"):
        assert stage in said
    assert "12/12" in said
    assert "kept 12 of 12" in said


def test_nested_bars_share_one_display(capsys: pytest.CaptureFixture[str]) -> None:
    bars = BarProgress()
    with bars.stage("outer", 2) as outer:
        with bars.stage("inner") as inner, bars.stage("innermost", 3) as innermost:
            bars.note("half [way]")
            inner.advance()
            innermost.advance(3)
        outer.advance(2)
    with bars.stage("next"):
        pass
    bars.note("done")
    err = capsys.readouterr().err
    for word in ("outer", "inner", "innermost", "next", "note: half [way]", "note: done", "3/3", "2/2"):
        assert word in err


def test_bars_work_after_a_failure_inside_them(capsys: pytest.CaptureFixture[str]) -> None:
    bars = BarProgress()
    with pytest.raises(ValueError, match="inside"), bars.stage("outer"), bars.stage("inner"):
        raise ValueError("inside")
    with bars.stage("again", 1) as stage:
        stage.advance()
    assert "1/1" in capsys.readouterr().err


def test_a_log_gets_one_line_per_stage_and_quiet_only_notes(capsys: pytest.CaptureFixture[str]) -> None:
    for progress in (LineProgress(), QuietProgress()):
        with progress.stage("work", 5) as stage:
            stage.advance(5)
        progress.note("mind this")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" in ")[0] for line in lines] == ["work: 5", "note: mind this", "note: mind this"]


def test_without_a_terminal_there_are_no_bars() -> None:
    assert type(terminal_progress()) is LineProgress
    assert type(terminal_progress(quiet=True)) is QuietProgress
