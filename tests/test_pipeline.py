"""The main job from end to end: a shuffled video with foreign frames goes in, an ordered one comes out."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from helpers import Scrambled, decoded, nearest, pictures, raw_frames, write_clip, write_pictures
from runs import Run, contents, in_process, modules_after, opened, settings

import reelweave
from reelweave import pipeline
from reelweave.evaluate.scores import score_order
from reelweave.media import ffmpeg
from reelweave.solve.constraints import Constraints
from reelweave.solve.plan.files import read_plan
from reelweave.solve.plan.model import Alternative, Plan, WeakJoin


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("REELWEAVE_INGEST__SPACE", "appearance")
    return in_process(capsys)


@pytest.fixture(scope="module")
def stocked(scrambled: Scrambled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that holds the scrambled film. Tests must not change it."""
    folder = tmp_path_factory.mktemp("stocked")
    pipeline.ingest(scrambled.video, settings(library=str(folder)))
    return folder


@pytest.fixture
def full(stocked: Path, library: Path) -> Path:
    shutil.copytree(stocked, library, dirs_exist_ok=True)
    return library


def true_order(plan: Plan, scrambled: Scrambled) -> list[int]:
    return [scrambled.truth.frames[frame] for frame in plan.order]


def test_reconstruct_orders_a_shuffled_film_and_drops_foreign_frames(
    scrambled: Scrambled, film: Path, tmp_path: Path
) -> None:
    done = pipeline.reconstruct(scrambled.video, settings(), output=tmp_path / "out.mp4")
    plan = read_plan(Path(done.plan))
    assert score_order(plan.order, [d.frame for d in plan.dropped], scrambled.truth).exact
    assert {d.frame for d in plan.dropped} == set(scrambled.truth.foreign)
    assert (done.frames, done.kept, done.dropped) == (52, 48, 4)
    originals = decoded(film)
    shown = [nearest(picture, originals) for picture in decoded(tmp_path / "out.mp4")]
    assert shown in (list(range(48)), list(range(47, -1, -1)))


def test_the_json_answer_agrees_with_the_plan(full: Path, scrambled: Scrambled, run: Run, tmp_path: Path) -> None:
    answer = run("reconstruct", scrambled.video, "-o", tmp_path / "out.mp4", "--json", "-q").data
    plan = read_plan(tmp_path / "out.plan.json")
    assert answer["video"] == plan.video.id
    assert (answer["frames"], answer["kept"], answer["dropped"]) == (52, 48, 4)
    assert answer["shots"] == len(plan.shots)
    assert answer["gap"] == plan.path.gap
    assert answer["mean_confidence"] == pytest.approx(plan.mean_confidence, abs=1e-4)
    assert answer["output"] == str(tmp_path / "out.mp4")
    assert answer["plan"] == str(tmp_path / "out.plan.json")
    assert set(answer["seconds"]) == {"ingest", "solve", "render"}


def test_a_plan_holds_every_frame_and_the_settings_it_was_made_with(full: Path, scrambled: Scrambled) -> None:
    plan = pipeline.solve("scrambled.mp4", settings())
    assert sorted(plan.order + [d.frame for d in plan.dropped]) == list(range(52))
    assert plan.video.frames == 52
    assert plan.video.source == str(scrambled.video)
    assert (plan.video.width, plan.video.height) == (192, 108)
    assert sum(shot.length for shot in plan.shots) == len(plan.order)
    assert len(plan.confidence) == len(plan.order) - 1
    assert all(0 <= value <= 1 for value in plan.confidence)
    assert plan.settings["solve"]["seed"] == 0


def test_film_and_plan_go_beside_the_source_by_default(full: Path, scrambled: Scrambled, tmp_path: Path) -> None:
    own = Path(shutil.copy(scrambled.video, tmp_path / "my film.v2.mkv"))
    done = pipeline.reconstruct(own, settings())
    assert done.output == str(tmp_path / "my film.v2.reordered.mp4")
    assert done.plan == str(tmp_path / "my film.v2.reordered.plan.json")
    assert {path.name for path in tmp_path.iterdir()} == {own.name, Path(done.output).name, Path(done.plan).name}


def test_reverse_is_the_same_film_backwards(full: Path, scrambled: Scrambled, tmp_path: Path) -> None:
    forwards = pipeline.reconstruct(scrambled.video, settings(), output=tmp_path / "f.mkv", lossless=True)
    backwards = pipeline.reconstruct(
        scrambled.video, settings(), output=tmp_path / "b.mkv", lossless=True, reverse=True
    )
    assert raw_frames(tmp_path / "b.mkv") == raw_frames(tmp_path / "f.mkv")[::-1]
    one, other = read_plan(Path(forwards.plan)), read_plan(Path(backwards.plan))
    assert other.order == one.order[::-1]
    assert other.direction.reversed != one.direction.reversed


def test_both_writes_the_film_both_ways(full: Path, scrambled: Scrambled, tmp_path: Path) -> None:
    done = pipeline.reconstruct(scrambled.video, settings(), output=tmp_path / "out.mkv", both=True, lossless=True)
    assert done.outputs == [str(tmp_path / "out.mkv"), str(tmp_path / "out.reversed.mkv")]
    assert raw_frames(tmp_path / "out.reversed.mkv") == raw_frames(tmp_path / "out.mkv")[::-1]


def test_a_lossless_film_holds_the_samples_of_the_source(full: Path, scrambled: Scrambled, tmp_path: Path) -> None:
    done = pipeline.reconstruct(scrambled.video, settings(), output=tmp_path / "out.mkv", lossless=True)
    source, made = raw_frames(scrambled.video), raw_frames(tmp_path / "out.mkv")
    assert made == [source[frame] for frame in read_plan(Path(done.plan)).order]


def test_report_and_plan_go_to_the_given_paths(full: Path, scrambled: Scrambled, tmp_path: Path) -> None:
    done = pipeline.reconstruct(
        scrambled.video,
        settings(),
        output=tmp_path / "out.mp4",
        plan_file=tmp_path / "my.json",
        report=tmp_path / "report",
    )
    assert done.plan == str(tmp_path / "my.json")
    assert not (tmp_path / "out.plan.json").exists()
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    pictured = [path for path in (tmp_path / "report").rglob("*") if path.suffix in (".png", ".jpg")]
    assert pictured
    plan = read_plan(tmp_path / "my.json")
    for dropped in plan.dropped:
        assert str(dropped.frame) in page
    assert [f"Shot {number}" in page for number, _ in enumerate(plan.shots, 1)] == [True] * len(plan.shots)
    assert (tmp_path / "report" / "joins.png").exists()
    assert len(plan.prices) == len(plan.order) - 1
    assert np.median([price for price in plan.prices if price]) == pytest.approx(1, abs=0.01)


def test_the_report_names_the_frames_of_a_weak_join_and_the_option_that_fixes_it(full: Path, tmp_path: Path) -> None:
    plan = pipeline.solve("scrambled.mp4", settings())
    known = {frame for frame in plan.order if frame not in plan.order[3:6]}
    left, right, other = plan.order[3], plan.order[4], min(known)
    choice = Alternative(side="before", frame=other, price=1.25)
    weak = WeakJoin(at=3, left=left, right=right, confidence=0.4, price=1.5, alternatives=[choice])
    marked = plan.model_copy(update={"weak": [weak], "confidence": [1.0] * 3 + [0.4] + [1.0] * (len(plan.order) - 5)})
    for film, remedy in ((marked, f"{other}:{right}"), (marked.reversed(), f"{right}:{other}")):
        page = pipeline.write_report(film, tmp_path, settings())[-1].read_text(encoding="utf-8")
        assert f"--adjacent {remedy}</code>" in page
        assert [
            words for words in (f"frame {left}", f"frame {right}", "40 % sure", "1.5 &times;") if words not in page
        ] == []


def test_solve_lists_the_shots_for_people_and_prints_the_plan_for_programs(
    full: Path, run: Run, tmp_path: Path
) -> None:
    told = run("solve", "scrambled.mp4", "-q", "--plan", tmp_path / "p.json").out.splitlines()
    plan = read_plan(tmp_path / "p.json")
    shots = [line.split() for line in told[told.index(next(line for line in told if line.startswith("shot "))) + 1 :]]
    for number, shot in enumerate(plan.shots):
        frames = plan.order[shot.start : shot.start + shot.length]
        told_of = [str(number + 1), str(len(frames)), f"{len(frames) / 25:.2f}", str(frames[0]), str(frames[-1])]
        assert shots[number] == told_of
    dropped = told[told.index("dropped:") + 2 :]
    assert sum(int(line.split()[1]) for line in dropped) == len(plan.dropped)
    talk = run("solve", "scrambled.mp4")
    assert json.loads(talk.out)["order"] == plan.order
    assert told[1] in talk.err.splitlines()
    program = run("solve", "scrambled.mp4", "--json", "--plan", tmp_path / "p.json")
    assert program.data["order"] == plan.order
    assert told[1] not in program.err


def test_a_folder_of_pictures_is_reconstructed(tmp_path: Path) -> None:
    film, order = pictures(24, (192, 108)), np.random.default_rng(3).permutation(24)
    done = pipeline.reconstruct(write_pictures(tmp_path / "pictures", [film[place] for place in order]), settings())
    plan = read_plan(Path(done.plan))
    shown = [int(order[frame]) for frame in plan.order]
    assert shown in (list(range(24)), list(range(23, -1, -1)))
    assert plan.video.fps == 25
    assert done.output == str(tmp_path / "pictures.reordered.mp4")


def test_a_folder_with_an_unreadable_picture_is_rendered_from_the_others(tmp_path: Path) -> None:
    film = pictures(16, (192, 108))
    folder = write_pictures(tmp_path / "pictures", film)
    (folder / "frame 5.png").write_bytes(b"no picture")
    done = pipeline.reconstruct(folder, settings(), output=tmp_path / "out.mkv", lossless=True)
    plan = read_plan(Path(done.plan))
    shown = [nearest(picture, film) for picture in decoded(tmp_path / "out.mkv")]
    assert shown == plan.order
    assert sorted(shown) == [place for place in range(16) if place != 4]


def test_reconstruct_ingests_every_frame_whatever_the_sampling_rate(
    scrambled: Scrambled, tmp_path: Path, library: Path
) -> None:
    wanted = settings(ingest__fps=2)
    assert pipeline.ingest(scrambled.video, wanted).frames < 10
    done = pipeline.reconstruct(scrambled.video, wanted, output=tmp_path / "out.mp4")
    assert done.frames == 52
    assert len(contents(library)) == 1


@pytest.mark.parametrize("seed", [0, 5])
def test_the_same_seed_gives_the_same_plan(stocked: Path, tmp_path: Path, seed: int) -> None:
    made: list[dict[str, Any]] = []
    for attempt in ("one", "two"):
        folder = Path(shutil.copytree(stocked, tmp_path / attempt))
        plan = pipeline.solve("scrambled.mp4", settings(library=str(folder), solve__seed=seed)).model_dump()
        del plan["path"]["seconds"]
        made.append(plan)
    assert made[0] == made[1]


def test_the_same_film_ingested_again_gives_the_same_plan(full: Path, scrambled: Scrambled, tmp_path: Path) -> None:
    first = pipeline.solve("scrambled.mp4", settings())
    pipeline.ingest(scrambled.video, settings(library=str(tmp_path), ingest__batch=7))
    second = pipeline.solve("scrambled.mp4", settings(library=str(tmp_path)))
    assert (second.order, second.dropped, second.confidence) == (first.order, first.dropped, first.confidence)


def test_solve_needs_no_source(full: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, film: Path) -> None:
    own = Path(shutil.copy(film, tmp_path / "own.mp4"))
    pipeline.ingest(own, settings())
    own.unlink()
    for name in ("run", "Reader"):
        monkeypatch.setattr(ffmpeg, name, lambda *_, **__: pytest.fail("ffmpeg was started"))
    assert len(pipeline.solve("own.mp4", settings()).order) == 48


class Reads:
    """What a command does with its source: the ffmpeg processes that read it, and how often it is hashed."""

    def __init__(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.processes: list[list[str]] = []
        self.hashes = 0
        popen, digest = subprocess.Popen, hashlib.file_digest

        def started(command: Sequence[str], *arguments: Any, **options: Any) -> Any:
            if ffmpeg.input_argument(source) in command:
                self.processes.append([*command])
            return popen(command, *arguments, **options)

        def hashed(file: IO[bytes], *arguments: Any) -> Any:
            self.hashes += Path(file.name) == source
            return digest(file, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(subprocess, "Popen", started)
        monkeypatch.setattr(hashlib, "file_digest", hashed)

    def counted(self) -> tuple[int, int, int]:
        """Return the probes, which decode one frame, the passes over all frames, and the hashes; start anew."""
        probes = sum("-frames:v" in command for command in self.processes)
        found = probes, len(self.processes) - probes, self.hashes
        self.processes, self.hashes = [], 0
        return found


def test_a_source_is_probed_and_hashed_once_per_command(
    film: Path, tmp_path: Path, library: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copy(film, tmp_path / "own.mp4"))
    reads, out, plan = Reads(own, monkeypatch), tmp_path / "out.mp4", tmp_path / "out.plan.json"
    report = ["--report", tmp_path / "report"]
    assert run("reconstruct", own, "-o", out, *report).code == 0
    assert reads.counted() == (1, 2, 1)
    # Ingested already, and recognised by its stamp; the outputs are recognised by its hash.
    assert run("reconstruct", own, "-o", out, *report).code == 0
    assert reads.counted() == (1, 1, 1)
    shutil.rmtree(library)
    assert run("reconstruct", own, "-o", out).code == 0
    assert reads.counted() == (1, 2, 1)
    assert run("reconstruct", own, "-o", out, "--repair").code == 0
    assert reads.counted() == (1, 2, 1)
    assert run("render", plan, "-o", out, "-y").code == 0
    assert reads.counted() == (1, 1, 1)
    assert run("ingest", own, "--size", "32").code == 0
    assert reads.counted() == (1, 1, 0)
    assert run("repair", own, "--frames", "5-7", "-o", tmp_path / "whole.mp4", *report, "-y").code == 0
    assert reads.counted() == (1, 3, 1)


def test_a_second_reconstruction_ingests_nothing(
    full: Path, scrambled: Scrambled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reelweave.ingest.ingester.ingest_video", lambda *_: pytest.fail("ingested"))
    assert pipeline.reconstruct(scrambled.video, settings(), output=tmp_path / "out.mp4").kept == 48


def test_all_videos_are_solved_as_each_by_itself(full: Path, film: Path, run: Run, tmp_path: Path) -> None:
    pipeline.ingest(film, settings())
    answer = run("solve", "--all", "--plan", tmp_path / "plans", "--json")
    assert answer.code == 0
    assert len(answer.rows) == 2
    for row in answer.rows:
        file = tmp_path / "plans" / f"{row['video']['id']}.json"
        assert (
            json.loads(file.read_text())
            == row
            == pipeline.solve(row["video"]["id"], settings()).model_dump(mode="json")
        )


def test_a_video_that_cannot_be_solved_does_not_stop_the_others(full: Path, film: Path, run: Run) -> None:
    lost = pipeline.ingest(film, settings())
    (full / "proxies" / f"{lost.id}.i420").unlink()
    answer = run("solve", "--all", "--json")
    assert answer.code == 1
    assert lost.id in answer.err
    assert len(answer.rows) == 1


@pytest.mark.parametrize("arguments", [["scrambled.mp4", "--all"], [], ["--all", "--split"], ["--all", "--first", "3"]])
def test_solve_takes_one_video_or_all(full: Path, run: Run, arguments: list[str]) -> None:
    assert run("solve", *arguments).code == 2


def test_the_library_stores_the_latest_plan(full: Path) -> None:
    plan = pipeline.solve("scrambled.mp4", settings(solve__seed=3))
    with opened(full) as library:
        assert library.catalog.plan(plan.video.id) == plan.model_dump_json()


def test_solve_works_if_the_plan_cannot_be_stored(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    from reelweave.index.catalog import Catalog

    def full_disk(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Catalog, "save_plan", full_disk)
    assert len(pipeline.solve("scrambled.mp4", settings()).order) == 48


def test_the_evidence_has_one_line_per_frame(full: Path, run: Run, tmp_path: Path) -> None:
    answer = run("solve", "scrambled.mp4", "--evidence", tmp_path / "evidence.jsonl", "--plan", tmp_path / "p.json")
    assert answer.code == 0
    rows = [json.loads(line) for line in (tmp_path / "evidence.jsonl").read_text().splitlines()]
    plan = read_plan(tmp_path / "p.json")
    assert {row["frame"] for row in rows if row["dropped"]} == {dropped.frame for dropped in plan.dropped}
    assert all(row["neighbours"] for row in rows)


def test_solve_prints_the_plan_unless_it_goes_to_a_file(full: Path, run: Run, tmp_path: Path) -> None:
    printed = Plan.model_validate_json(run("solve", "scrambled.mp4", "-q").out)
    told = run("solve", "scrambled.mp4", "-q", "--plan", tmp_path / "p.json")
    assert read_plan(tmp_path / "p.json").order == printed.order
    assert str(tmp_path / "p.json") in told.out


def test_render_needs_only_the_plan_and_its_source(
    full: Path, scrambled: Scrambled, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("solve", "scrambled.mp4", "--plan", tmp_path / "p.json", "-q").code == 0
    monkeypatch.setenv("REELWEAVE_LIBRARY", str(tmp_path / "none"))
    answer = run("render", tmp_path / "p.json", "-o", tmp_path / "out.mkv", "--lossless", "--json", "-q")
    assert answer.data == {"outputs": [str(tmp_path / "out.mkv")], "notes": []}
    source = raw_frames(scrambled.video)
    assert raw_frames(tmp_path / "out.mkv") == [source[frame] for frame in read_plan(tmp_path / "p.json").order]
    assert not (tmp_path / "none").exists()


def test_a_source_that_changed_since_the_plan_is_refused(film: Path, tmp_path: Path, run: Run) -> None:
    own = Path(shutil.copy(film, tmp_path / "own.mp4"))
    assert run("ingest", own).code == 0
    assert run("solve", own, "--plan", tmp_path / "p.json").code == 0
    write_clip(own, pictures(20))
    answer = run("render", tmp_path / "p.json", "-o", tmp_path / "out.mp4")
    assert answer.code == 1
    assert "has changed" in answer.err
    assert not (tmp_path / "out.mp4").exists()


def test_constraints_hold_in_the_plan_and_are_recorded(full: Path, scrambled: Scrambled, run: Run) -> None:
    """One ordered pair also settles the direction."""
    place = {true: frame for frame, true in enumerate(scrambled.truth.frames)}
    for early, late in ((3, 40), (40, 3)):
        pair = f"{place[early]}:{place[late]}"
        plan = run("solve", "scrambled", "--before", pair, "--drop", place[10], "--json", "-q").data
        assert plan["direction"] == {"reversed": False, "confidence": 1.0, "by": "user"}
        assert plan["wishes"] == {"before": [[place[early], place[late]]], "drop": [place[10]]}
        assert {"user"} == {d["reason"] for d in plan["dropped"] if d["frame"] == place[10]}
        shown = [scrambled.truth.frames[frame] for frame in plan["order"]]
        assert shown == sorted(set(range(48)) - {10}, reverse=early > late)


def test_contradictory_constraints_are_wrong_usage(full: Path, run: Run) -> None:
    refused = run("solve", "scrambled", "--before", "1:2", "--before", "2:1")
    assert refused.code == 2
    assert "--before 1:2" in refused.err
    assert "--before 2:1" in refused.err


@pytest.mark.parametrize("command", ["solve", "reconstruct"])
def test_constraints_on_a_split_are_refused_before_any_work(
    command: str, library: Path, scrambled: Scrambled, run: Run
) -> None:
    refused = run(command, scrambled.video, "--split", "--before", "1:2", "-q")
    assert refused.code == 2
    assert "--split" in refused.err
    assert not library.exists() or not list(library.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        *("ingest", "ingest_all", "solve", "solve_split", "render", "reconstruct", "repair", "find_broken", "mend"),
        *("write_report", "look", "viewable", "playable", "glimpse", "scramble", "evaluate", "evaluate_split"),
        *("robustness", "search", "similar", "demo", "every_frame", "save_plan", "repair_video"),
    ],
)
def test_the_functions_of_version_0_1_are_still_found(name: str) -> None:
    assert callable(getattr(pipeline, name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        pipeline.nothing  # noqa: B018


def test_a_request_and_the_keywords_of_version_0_1_give_the_same_plan(full: Path) -> None:
    constraints = Constraints(drop=(3,))
    request = pipeline.SolveRequest("scrambled.mp4", constraints=constraints)
    plans = [
        pipeline.solve(request, settings()),
        pipeline.solve("scrambled.mp4", settings(), constraints=constraints),
        pipeline.solve("scrambled.mp4", settings(), wishes=constraints),
    ]
    assert [plan.order for plan in plans] == [plans[0].order] * 3
    assert 3 not in plans[0].order


def test_an_unknown_keyword_is_refused_before_any_work(library: Path) -> None:
    request = pipeline.SolveRequest("scrambled.mp4")
    with pytest.raises(TypeError, match="colour"):
        pipeline.solve("scrambled.mp4", settings(), colour="red")
    with pytest.raises(TypeError, match="repair"):
        pipeline.solve(request, settings(), repair=True)
    with pytest.raises(TypeError, match="colour"):
        pipeline.reconstruct(Path("scrambled.mp4"), settings(), colour="red")
    assert not library.exists() or not list(library.iterdir())


def test_the_public_api_is_loaded_on_first_access() -> None:
    assert modules_after("import reelweave") & {"numpy", "pydantic", "typer"} == set()
    assert set(reelweave.__all__) <= set(dir(reelweave))
    assert reelweave.solve_video is pipeline.solve
    assert [name for name in reelweave.__all__ if not hasattr(reelweave, name)] == []
    with pytest.raises(AttributeError, match="nothing"):
        reelweave.nothing  # noqa: B018


def test_type_checkers_see_the_public_api() -> None:
    stub = Path(reelweave.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    assert set(re.findall(r'^    "(\w+)",$', stub, re.MULTILINE)) == set(reelweave.__all__)
