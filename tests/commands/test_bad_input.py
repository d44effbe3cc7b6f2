"""Bad input of every kind works or is refused in one clear message, and damages nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ffmpeg_ok, pictures, raw_frames, write_clip, write_pictures
from runs import Answer, Run, contents, files, in_a_process, settings, started, wait_until

from reelweave import pipeline
from reelweave.solve.plan.files import read_plan, write_plan

FILM = pictures(12)
Make = Callable[[Path], Path]


def refused(answer: Answer, code: int, *said: str) -> None:
    """One clear error on stderr, nothing on stdout, no traceback."""
    assert answer.code == code, answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err
    errors = [line for line in answer.err.splitlines() if line.lower().startswith("error:")]
    assert len(errors) == 1
    for word in said:
        assert word in answer.err


def has_remedy(answer: Answer) -> bool:
    """Tell whether the error is followed by the next step, which is indented."""
    _, _, told = answer.err.partition("error: ")
    return told.partition("\n")[2].startswith("  ")


# Sources that cannot be read


def text(folder: Path) -> Path:
    (folder / "text.mp4").write_text("Dear diary,\n" * 99)
    return folder / "text.mp4"


def empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def without_index(folder: Path) -> Path:
    whole = folder / "whole.mov"
    ffmpeg_ok("-i", str(write_clip(folder / "a.mkv", FILM)), "-c", "copy", str(whole))
    cut = folder / "cut.mov"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return cut


def sound_only(folder: Path) -> Path:
    ffmpeg_ok("-f", "lavfi", "-i", "sine=d=0.2", str(folder / "sound.mp4"))
    return folder / "sound.mp4"


def no_frames(folder: Path) -> Path:
    source = write_clip(folder / "a.mkv", FILM)
    ffmpeg_ok("-i", str(source), "-vf", "select=0", "-c:v", "libx264", str(folder / "none.mp4"))
    return folder / "none.mp4"


def one_picture(folder: Path) -> Path:
    return write_pictures(folder / "pictures", FILM[:1]) / "frame 1.png"


def empty_folder(folder: Path) -> Path:
    (folder / "none").mkdir()
    (folder / "none" / "notes.txt").write_text("x")
    return folder / "none"


def broken_pictures(folder: Path) -> Path:
    for file in (made := write_pictures(folder / "broken", FILM[:3])).iterdir():
        file.write_bytes(b"no picture")
    return made


def playlist(folder: Path) -> Path:
    write_clip(folder / "a.mp4", FILM)
    rows = ["#EXTM3U", "#EXT-X-TARGETDURATION:10", "#EXTINF:9.9,", "a.mp4", "#EXT-X-ENDLIST", ""]
    (folder / "list.m3u8").write_text("\n".join(rows))
    return folder / "list.m3u8"


def list_of_files(folder: Path) -> Path:
    write_clip(folder / "a.mp4", FILM)
    (folder / "list.mp4").write_text("ffconcat version 1.0\nfile a.mp4\n")
    return folder / "list.mp4"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


def dangling(folder: Path) -> Path:
    (folder / "link.mp4").symlink_to(folder / "nowhere.mp4")
    return folder / "link.mp4"


UNUSABLE = {
    "nothing there": (lambda folder: folder / "missing.mp4", "There is no file or folder"),
    "a dangling link": (dangling, "There is no file or folder"),
    "text called .mp4": (text, "not a video"),
    "an empty file": (empty, "is empty"),
    "an index that is missing": (without_index, "moov"),
    "sound alone": (sound_only, "contains no video"),
    "no frames": (no_frames, "contains no video"),
    "a single picture": (one_picture, "Give its folder"),
    "a folder without pictures": (empty_folder, "no pictures"),
    "a folder of broken pictures": (broken_pictures, "can be read"),
    "a playlist": (playlist, "playlist"),
    "a list of files": (list_of_files, "playlist"),
    "a pipe": (pipe, "neither a file nor a folder"),
}


@pytest.mark.parametrize("command", ["reconstruct", "ingest"])
@pytest.mark.parametrize(("make", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_source_is_refused(
    tmp_path: Path, full: Path, run: Run, make: Make, said: str, command: str
) -> None:
    path, before, there = make(tmp_path), contents(full), files(full)
    around = files(tmp_path)
    answer = run(command, path)
    refused(answer, 1, said, path.name)
    assert has_remedy(answer)
    assert contents(full) == before
    assert files(full) == there
    assert files(tmp_path) == around


@pytest.mark.parametrize("make", [text, empty, sound_only, empty_folder], ids=lambda make: make.__name__)
def test_scramble_refuses_an_unusable_source(tmp_path: Path, run: Run, make: Make) -> None:
    path = make(tmp_path)
    answer = run("scramble", path, "-o", tmp_path / "out.mp4", "--truth", tmp_path / "truth.json")
    refused(answer, 1)
    assert not (tmp_path / "out.mp4").exists()
    assert not (tmp_path / "truth.json").exists()


def test_one_bad_source_does_not_stop_the_others(tmp_path: Path, full: Path, run: Run) -> None:
    good = write_clip(tmp_path / "good.mp4", FILM[:3])
    answer = run("ingest", text(tmp_path), good, "--json")
    assert answer.code == 1
    assert answer.err.count("error:") == 1
    bad, taken = answer.rows
    assert (bad["state"], bad["path"]) == ("unreadable", str(tmp_path / Path(bad["path"]).name))
    assert bad["error"] in answer.err
    assert (taken["name"], taken["state"]) == ("good.mp4", "new")


# Unusual sources that must work


def cut_mkv(folder: Path) -> Path:
    whole = write_clip(folder / "whole.mkv", pictures(48), crf=23).read_bytes()
    (folder / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.mkv"


def cut_mp4(folder: Path) -> Path:
    whole = write_clip(folder / "whole.mp4", pictures(48), crf=23).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    return folder / "cut.mp4"


def mixed_sizes(folder: Path) -> Path:
    small = [np.ascontiguousarray(frame[::2, ::3]) for frame in FILM[:4]]
    return write_pictures(folder / "mixed", [*FILM[4:], *small])


def one_broken(folder: Path) -> Path:
    made = write_pictures(folder / "pictures", FILM)
    (made / "frame 1.png").write_bytes(b"no picture")
    return made


UNUSUAL: dict[str, tuple[Make, int | None, bool]] = {
    "one frame": (lambda folder: write_clip(folder / "one.mp4", FILM[:1]), 1, False),
    "two frames": (lambda folder: write_clip(folder / "two.mp4", FILM[:2]), 2, False),
    "three frames": (lambda folder: write_clip(folder / "three.mp4", FILM[:3]), 3, False),
    "the same frame all along": (lambda folder: write_clip(folder / "still.mp4", FILM[:1] * 20), 20, False),
    "black": (lambda folder: write_clip(folder / "black.mp4", [FILM[0] * 0] * 20), 20, False),
    "one picture in a folder": (lambda folder: write_pictures(folder / "one", FILM[:1]), 1, False),
    "pictures of mixed sizes": (mixed_sizes, None, False),
    "one broken picture": (one_broken, 11, True),
    "an odd size": (lambda folder: write_pictures(folder / "odd", [f[:63, :95] for f in FILM]), 12, False),
    "a sliver": (lambda folder: write_pictures(folder / "sliver", [f[:2] for f in FILM]), 12, False),
    "a cut off MKV": (cut_mkv, None, True),
    "a cut off MP4": (cut_mp4, None, True),
}


@pytest.mark.parametrize(("make", "kept", "noted"), UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_source_is_reconstructed(
    tmp_path: Path, run: Run, make: Make, kept: int | None, noted: bool
) -> None:
    path = make(tmp_path)
    answer = run("reconstruct", path, "-o", tmp_path / "film.mp4", "--json", "-q")
    assert answer.code == 0, answer.err
    assert ("is damaged" in answer.err) == noted
    assert answer.data["frames"] == answer.data["kept"] + answer.data["dropped"] > 0
    assert kept in (None, answer.data["kept"])
    assert len(raw_frames(tmp_path / "film.mp4")) == answer.data["kept"]
    plan = read_plan(Path(answer.data["plan"]))
    assert len(plan.confidence) == len(plan.order) - 1


UNUSUAL_NAMES = [
    "-dash",
    "two words",
    "[br](x)",
    "q'u\"o",
    "🎬",
    "éàü",
    "new\nline",
    "%d %%03d",
    "a:b",
    "..",
    "back\\slash",
]


@pytest.mark.parametrize("name", UNUSUAL_NAMES, ids=ascii)
def test_a_source_may_have_any_name(
    clip: Path, tmp_path: Path, library: Path, run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip, f"{name}.mp4")
    answer = run("reconstruct", "--json", "-q", "--", f"{name}.mp4")
    assert answer.code == 0, answer.err
    assert set(os.listdir()) == {f"{name}.mp4", f"{name}.reordered.mp4", f"{name}.reordered.plan.json"}
    assert Path(answer.data["output"]).name == f"{name}.reordered.mp4"
    assert run("videos", "show", "--json", "--", f"{name}.mp4").data["name"] == f"{name}.mp4"
    assert run("render", "-q", "-o", "again.mp4", "--", f"{name}.reordered.plan.json").code == 0


# Wrong requests


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        pytest.param(["-o", "{folder}"], 2, "film", id="a folder for the film"),
        pytest.param(["-o", "{folder}/folder.mp4"], 2, "is a folder", id="a folder that is called .mp4"),
        pytest.param(["-o", "{folder}/out.txt"], 2, ".mp4", id="an unknown ending"),
        pytest.param(["-o", "{folder}/out"], 2, ".mp4", id="no ending"),
        pytest.param(["-o", "{folder}/none/out.mp4"], 2, "no folder", id="no folder for the film"),
        pytest.param(["-o", "{clip}"], 2, "an input of this command", id="the source for the film"),
        pytest.param(["--plan", "{folder}/none/plan.json"], 2, "no folder", id="no folder for the plan"),
        pytest.param(["--plan", "{folder}"], 2, "is a folder", id="a folder for the plan"),
        pytest.param(["--plan", "{clip}"], 2, "overwrite", id="the source for the plan"),
        pytest.param(["-o", "{folder}/a.mp4", "--plan", "{folder}/a.mp4"], 2, "overwrite", id="the film for the plan"),
        pytest.param(["--report", "{clip}"], 2, "is a file", id="a file for the report"),
        pytest.param(["--crf", "99"], 2, "render.crf", id="no such quality"),
        pytest.param(["--crf", "good"], 2, "--crf", id="a word for a number"),
        pytest.param(["--size", "-1"], 2, "ingest.size", id="a negative size"),
        pytest.param(["--space", "colour"], 2, "ingest.space", id="no such space"),
        pytest.param(["--time-limit", "nan"], 2, "solve.time_limit", id="no number"),
        pytest.param(["--speed", "2"], 2, "--speed", id="no such option"),
    ],
)
def test_a_wrong_request_is_refused_before_any_work(
    clip: Path, tmp_path: Path, full: Path, run: Run, options: list[str], code: int, said: str
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    own = Path(shutil.copy(clip, tmp_path / "own.mp4"))
    before, there = own.read_bytes(), files(tmp_path)
    answer = run("reconstruct", own, *(option.format(folder=tmp_path, clip=own) for option in options))
    refused(answer, code, said)
    assert files(tmp_path) == there
    assert own.read_bytes() == before
    assert len(contents(full)) == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        pytest.param(["reconstrct", "x"], "reconstrct", id="unknown command"),
        pytest.param(["videos", "lst"], "lst", id="unknown command of a group"),
        pytest.param(["reconstruct"], "video", id="no video"),
        pytest.param(["ingest"], "path", id="no path"),
        pytest.param(["ingest", "{clip}", "--fps", "fast"], "ingest.fps", id="a word for a rate"),
        pytest.param(["ingest", "{clip}", "--fps", "-1"], "ingest.fps", id="a negative rate"),
        pytest.param(["solve", "clpi.mp4"], "'clip.mp4'", id="unknown video"),
        pytest.param(["videos", "show", "nothing"], "nothing", id="unknown video to show"),
        pytest.param(["videos", "show", "\udcff"], "called", id="a name that is no text"),
        pytest.param(["videos", "remove", "nothing", "--yes"], "nothing", id="unknown video to remove"),
        pytest.param(["videos", "remove", "clip"], "--yes", id="nobody to confirm"),
        pytest.param(["solve", "clip", "--plan", "{clip}"], "overwrite", id="the source for the plan"),
        pytest.param(["solve", "clip", "--evidence", "{clip}"], "overwrite", id="the source for the evidence"),
        pytest.param(["solve", "clip", "--evidence", "/none/at/all"], "no folder", id="no folder for the evidence"),
        pytest.param(["solve", "clip", "--space", "colour"], "solve.space", id="no such space to solve in"),
        pytest.param(["scramble", "{clip}"], "--output", id="scramble without output"),
        pytest.param(
            ["scramble", "{clip}", "-o", "{clip}.avi", "--truth", "{clip}"], "overwrite", id="the source for the truth"
        ),
    ],
)
def test_wrong_usage_exits_with_2(clip: Path, full: Path, run: Run, command: list[str], said: str) -> None:
    before = contents(full)
    refused(run(*(part.format(clip=clip) for part in command)), 2, said)
    assert contents(full) == before
    assert clip.stat().st_size > 1000


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REELWEAVE_SPEED", "9", "REELWEAVE_SPEED"),
        ("REELWEAVE_INGEST__BATCH", "0", "ingest.batch"),
        ("REELWEAVE_INGEST__BATCH", "many", "ingest.batch"),
        ("REELWEAVE_SOLVE__SEDE", "1", "REELWEAVE_SOLVE__SEED"),
    ],
    ids=["unknown", "out of range", "not a number", "mistyped"],
)
def test_an_invalid_environment_variable_is_named(
    clip: Path, run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    refused(run("ingest", clip), 2, name, said)


def test_a_space_without_vectors_is_refused_with_the_command_that_makes_them(full: Path, run: Run, clip: Path) -> None:
    """The commands keep the sampling of the stored frames, and fetch the weights, which are missing here."""
    command = f"`reelweave ingest {clip} --fps all --size 360 --space clip`"
    refused(run("solve", "clip", "--space", "clip"), 1, command, "`reelweave models fetch`")


# Plans and truths


def edited(plan: Path, **facts: Any) -> Path:
    data = json.loads(plan.read_text())
    for key, value in facts.items():
        place, *names = key.split("__")
        if names:
            data[place][names[0]] = value
        else:
            data[place] = value
    plan.write_text(json.dumps(data))
    return plan


def gone(frames: Iterable[int]) -> list[dict[str, Any]]:
    return [{"frame": frame, "reason": "user", "score": 0} for frame in frames]


@pytest.fixture(scope="module")
def solved(clip: Path, stocked: Path) -> str:
    plan = pipeline.solve("clip", settings(library=str(stocked)))
    return plan.model_dump_json()


@pytest.fixture
def plan(solved: str, tmp_path: Path, clip: Path) -> Path:
    """A plan for the test's own copy of the clip."""
    own = shutil.copy(clip, tmp_path / "own.mp4")
    (tmp_path / "plan.json").write_text(solved)
    return edited(tmp_path / "plan.json", video__source=str(own))


UNUSABLE_PLANS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda plan: plan.unlink(), "no plan"),
    "a folder": (lambda plan: (plan.unlink(), plan.mkdir()), "not a plan"),
    "another version": (lambda plan: edited(plan, format="reelweave.plan/9"), "format"),
    "a frame twice": (lambda plan: edited(plan, order=[0, 0]), "there twice"),
    "words for frames": (lambda plan: edited(plan, order=["first"]), "order"),
    "no frames": (lambda plan: edited(plan, order=[]), "no film"),
    "every frame dropped": (lambda plan: edited(plan, order=[], dropped=gone(range(12))), "no frame"),
    "frames that are not there": (lambda plan: edited(plan, order=[0, 999]), "999"),
    "a source that is gone": (lambda plan: edited(plan, video__source="/none/at/all.mp4"), "/none/at/all.mp4"),
    "a source that changed": (lambda plan: write_clip(plan.with_name("own.mp4"), FILM[3:]), "has changed"),
}


@pytest.mark.parametrize(("change", "said"), UNUSABLE_PLANS.values(), ids=UNUSABLE_PLANS)
def test_a_plan_that_cannot_be_rendered_is_refused(
    plan: Path, tmp_path: Path, run: Run, change: Callable[[Path], Any], said: str
) -> None:
    change(plan)
    refused(run("render", plan, "-o", tmp_path / "film.mp4", "-q"), 1, said)
    assert not (tmp_path / "film.mp4").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("fps", ["0", "-25", "fast", "1/0", "nan"])
def test_an_invalid_frame_rate_is_refused(plan: Path, tmp_path: Path, run: Run, fps: str) -> None:
    refused(run("render", plan, "-o", tmp_path / "film.mp4", f"--fps={fps}", "-q"), 2)


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        pytest.param(None, "no truth", id="missing"),
        pytest.param("", "not a truth", id="empty"),
        pytest.param("{}", "not a truth", id="without facts"),
        pytest.param('{"source": "x", "fps": 25, "frames": [0, 0]}', "more than once", id="a frame twice"),
        pytest.param('{"format": "reelweave.plan/1"}', "not a truth", id="a plan"),
    ],
)
def test_an_unusable_truth_is_refused(plan: Path, tmp_path: Path, run: Run, truth: str | None, said: str) -> None:
    if truth is not None:
        (tmp_path / "truth.json").write_text(truth)
    refused(run("evaluate", plan, "--truth", tmp_path / "truth.json"), 1, said)


def test_a_plan_and_a_truth_of_different_films_are_refused(plan: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "truth.json").write_text('{"source": "x", "fps": 25, "frames": [2, 0, 1]}')
    refused(run("evaluate", plan, "--truth", tmp_path / "truth.json"), 1)


def test_a_video_in_place_of_its_plan_is_refused(clip: Path, tmp_path: Path, run: Run) -> None:
    answer = run("render", clip, "-o", tmp_path / "film.mp4", "-q")
    refused(answer, 1, clip.name, "solve --plan")
    assert has_remedy(answer)


def test_an_edited_plan_is_rendered_as_edited(plan: Path, tmp_path: Path, run: Run) -> None:
    before = read_plan(plan)
    rest = gone([*before.order[:2], *before.order[5:]])
    edited(plan, order=before.order[2:5], dropped=rest)
    assert run("render", plan, "-o", tmp_path / "film.mp4", "-q").code == 0
    assert len(raw_frames(tmp_path / "film.mp4")) == 3


# Streams and signals


@pytest.mark.parametrize(
    "command",
    [["settings", "show"], ["settings", "show", "--json"], ["solve", "clip"], ["videos", "list"]],
    ids=" ".join,
)
def test_a_closed_pipe_causes_no_traceback(full: Path, command: list[str]) -> None:
    with started(*command) as process:
        assert process.stdout
        process.stdout.close()
        err = process.stderr.read() if process.stderr else ""
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert process.returncode in (0, 1)


def test_a_full_output_device_is_reported(full: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has a file that is always full")
    with Path("/dev/full").open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "reelweave", "videos", "list"],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error:")
    assert "[Errno" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_data_for_a_closed_stdout_is_an_error(closed: str) -> None:
    shell = ["/bin/sh", "-c", f'"$0" -m reelweave models list --json {closed}', sys.executable]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error:") or "2>" in closed
    assert "Exception" not in done.stderr


def test_training_without_labels_names_the_command_that_makes_them(tmp_path: Path, run: Run) -> None:
    answer = run("breakup", "train", tmp_path / "missing")
    refused(answer, 2, "no folder")
    assert has_remedy(answer)


def test_messages_for_a_closed_stderr_are_not_printed_as_data() -> None:
    shell = ["/bin/sh", "-c", '"$0" -m reelweave models check --model none --json 2>&-', sys.executable]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_file_that_looks_like_an_option_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-film.mp4").touch()
    answer = in_a_process("reconstruct", "-film.mp4")
    assert answer.code == 2
    assert "./-film.mp4" in answer.err


def test_characters_the_terminal_lacks_are_escaped(clip: Path, tmp_path: Path, library: Path) -> None:
    path = shutil.copy(clip, tmp_path / "été.mp4")
    answer = in_a_process("ingest", path, "--space", "appearance", PYTHONIOENCODING="ascii")
    assert answer.code == 0, answer.err
    answer = in_a_process("videos", "show", path, PYTHONIOENCODING="ascii")
    assert answer.code == 0, answer.err
    assert "mp4" in answer.out


def test_an_interrupted_render_leaves_no_partial_film(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "long.mp4", [*pictures(10, (640, 360))] * 5, crf=30)
    pipeline.ingest(path, settings())
    write_plan(pipeline.solve("long.mp4", settings(solve__time_limit=0)), tmp_path / "plan.json")
    there = files(tmp_path)
    command = ("render", tmp_path / "plan.json", "-o", tmp_path / "film.mp4")
    with started(*command, REELWEAVE_RENDER__PRESET="placebo") as process:
        wait_until(lambda: files(tmp_path) != there or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        err = process.communicate()[1]
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert files(tmp_path) == there


@pytest.mark.parametrize("rate", [2**25, 2**31 - 1])
def test_a_rate_that_no_film_has_gives_way_to_a_usual_one(tmp_path: Path, run: Run, rate: int) -> None:
    file = write_clip(tmp_path / "x.avi", FILM)
    data = bytearray(file.read_bytes())
    stated = data.index(b"strh") + 8 + 20
    data[stated : stated + 8] = (1).to_bytes(4, "little") + rate.to_bytes(4, "little")
    file.write_bytes(data)
    for made in (
        ["scramble", file, "-o", tmp_path / "s.mp4", "--truth", tmp_path / "truth.json"],
        ["reconstruct", file, "-o", tmp_path / "film.mp4"],
    ):
        answer = run(*made)
        assert answer.code == 0, answer.err
