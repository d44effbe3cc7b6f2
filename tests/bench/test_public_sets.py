"""The benches on public sets run end to end on miniature sets in the same formats, with the small model."""

import csv
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import moments
import numpy as np
import pytest
import retrieval
import ucf_crime

from reelweave.errors import UsageError
from reelweave.evaluate.drawn.film import encode_pictures
from reelweave.evaluate.drawn.painting import DrawnShape
from reelweave.evaluate.drawn.scenes import draw_scene
from reelweave.media.types import Picture

RATE, SIZE = 4, (160, 96)
THINGS = (("red", "circle"), ("blue", "square"), ("yellow", "triangle"))


def shots(*parts: tuple[int, tuple[str, str] | None]) -> list[Picture]:
    """Draw so many frames of each thing, or of a plain background."""
    pictures: list[Picture] = []
    for number, (count, thing) in enumerate(parts):
        things = [DrawnShape(*thing, radius=0.3)] if thing else []
        scene = draw_scene(things, "plain" if thing else "pattern", SIZE, np.random.default_rng(number + 1))
        pictures += [scene.picture] * count
    return pictures


def film(path: Path, *parts: tuple[int, tuple[str, str] | None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = shots(*parts)
    encode_pictures(iter(pictures), len(pictures), path, Fraction(RATE), SIZE)


def run(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> str:
    monkeypatch.setattr(sys, "argv", [f"{bench.__name__}.py", *map(str, arguments)])
    bench.main()
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos of one thing each."""
    root = tmp_path_factory.mktemp("set")
    for number, thing in enumerate(THINGS):
        film(root / "videos" / "all" / f"video{9770 + number}.mp4", (8, thing))
    return root


@pytest.fixture
def options(tmp_path: Path) -> list[object]:
    return ["--work", tmp_path / "work", "--model", "toy", "--fps", RATE]


@pytest.fixture(scope="module")
def msrvtt(videos: Path) -> Path:
    """Sentences for these videos, and one for a video that is missing."""
    with (videos / "MSRVTT_JSFUSION_test.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["key", "vid_key", "video_id", "sentence"])
        for number, (colour, shape) in enumerate(THINGS):
            rows.writerow([f"ret{number}", f"msr{9770 + number}", f"video{9770 + number}", f"a {colour} {shape}"])
        rows.writerow(["ret3", "msr1", "video1", "a video, of a missing file"])
    return videos


def test_msr_vtt_is_read_from_its_csv_and_each_video_is_found_by_its_sentence(
    msrvtt: Path,
    options: list[object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = tmp_path / "lines.jsonl"
    told = run(retrieval, monkeypatch, capsys, msrvtt, "--set", "msrvtt", *options, "--json", lines)
    assert "1 of 4 videos are missing" in told
    assert "3 texts, 3 videos of 1000" in told
    found = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    assert [(line["r1"], line["median_rank"]) for line in found] == [(100, 1)] * 3
    again = run(retrieval, monkeypatch, capsys, msrvtt, "--set", "msrvtt", *options, "--limit", 2)
    assert "2 texts, 2 videos of 1000" in again


def test_the_descriptions_of_a_didemo_video_are_joined(
    videos: Path, options: list[object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"annotation_id": 1, "video": "video9770.avi", "description": "something red", "times": [[0, 0], [0, 1]]},
        {"annotation_id": 2, "video": "video9771.mov", "description": "a blue square", "times": [[1, 1]]},
        {"annotation_id": 3, "video": "video9770.avi", "description": "a circle", "times": [[2, 2]]},
    ]
    (videos / "test_data.json").write_text(json.dumps(rows), encoding="utf-8")
    assert retrieval.didemo(videos) == {"video9770": "something red a circle", "video9771": "a blue square"}
    assert "2 texts, 2 videos of 1004" in run(retrieval, monkeypatch, capsys, videos, "--set", "didemo", *options)


def test_ranks_count_ties_against_the_right_video() -> None:
    scores = np.array([[0.9, 0.1, 0.1], [0.5, 0.5, 0.1], [0.3, 0.2, 0.1]], np.float32)
    found = retrieval.measured("cosine", scores)
    assert (found.r1, found.r5, found.median_rank, found.mean_rank) == (pytest.approx(100 / 3), 100, 2, 2)


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    for read in retrieval.SETS.values():
        with pytest.raises(UsageError):
            read(tmp_path)


def test_qvhighlights_is_read_from_its_lines_and_moments_are_found(
    options: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    red, blue, _ = THINGS
    film(tmp_path / "set" / "videos" / "abc_60.0_210.0.mp4", (16, None), (24, red), (16, None), (24, blue), (16, None))
    rows = [
        {"qid": 1, "query": "a red circle", "duration": 24, "vid": "abc_60.0_210.0", "relevant_windows": [[4, 10]]},
        {"qid": 2, "query": "a blue square", "duration": 24, "vid": "abc_60.0_210.0", "relevant_windows": [[14, 20]]},
        {"qid": 3, "query": "a dog", "duration": 24, "vid": "other_0.0_150.0", "relevant_windows": [[0, 2]]},
    ]
    lines = "".join(json.dumps(row | {"relevant_clip_ids": [], "saliency_scores": []}) + "\n" for row in rows)
    (tmp_path / "set" / "highlight_val_release.jsonl").write_text(lines, encoding="utf-8")
    told = run(moments, monkeypatch, capsys, tmp_path / "set", *options)
    [default] = [line for line in told.splitlines() if "(default)" in line]
    assert "1 of 2 videos are missing" in told
    assert [cell.strip() for cell in default.split("|")[3:6]] == ["2", "100.0", "100.0"]
    assert "Moment-DETR" in told


@pytest.fixture
def surveillance(tmp_path: Path) -> Path:
    """Two videos with an event and one without, in the folders of UCF-Crime, and sentences of UCA."""
    root = tmp_path / "set"
    parts = [(16, None), (24, THINGS[0]), (16, None)]
    film(root / "Anomaly-Videos-Part-1" / "RedCircle" / "RedCircle001_x264.mp4", *parts)
    film(root / "Anomaly-Videos-Part-1" / "BlueSquare" / "BlueSquare002_x264.mp4", (16, None), (24, THINGS[1]))
    film(root / "Testing_Normal_Videos_Anomaly" / "Normal_Videos_003_x264.mp4", (24, None))
    (root / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt").write_text(
        "RedCircle001_x264.mp4  RedCircle  16  39  -1  -1  \n"
        "BlueSquare002_x264.mp4  BlueSquare  16  39  -1  -1  \n"
        "Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1  \n",
        encoding="utf-8",
    )
    said = {"duration": 14.0, "timestamps": [[4.0, 10.0]], "sentences": ["a red circle"]}
    (root / "UCFCrime_Test.json").write_text(json.dumps({"RedCircle001_x264": said}), encoding="utf-8")
    return root


def test_ucf_crime_is_read_with_the_sentences_of_uca(
    surveillance: Path,
    options: list[object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = tmp_path / "lines.jsonl"
    told = run(ucf_crime, monkeypatch, capsys, surveillance, *options, "--noise", 0.1, "--json", lines)
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in told.splitlines() if line.startswith("|")]
    assert float(next(row[1] for row in cells if row[0] == "toy, this run")) > 90
    assert next(row[1] for row in cells if row[0].startswith("LAVAD")) == "80.28"
    clean, noisy = (next(row for row in cells if row[0] == strength) for strength in ("0", "0.1"))
    assert (clean[1], float(noisy[1]) < 1) == ("1.000", True)
    [line] = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    assert line["sentences"] == [100, 100, 100]
    assert [one["threshold"] for one in line["classes"]] == ["fixed, 0.25", "calibrated"]
    assert line["classes"][0]["recall"] > 50


@pytest.mark.parametrize(
    ("bench", "folder", "chosen"),
    [(retrieval, "msrvtt", ("--set", "msrvtt")), (ucf_crime, "surveillance", ())],
    ids=["retrieval", "ucf_crime"],
)
def test_a_set_that_a_cluster_ingests_has_the_same_figures(
    bench: ModuleType,
    folder: str,
    chosen: tuple[str, ...],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("ray")
    files = {engine: tmp_path / f"{engine}.jsonl" for engine in ("local", "ray")}

    def arguments(engine: str) -> list[str]:
        options = ["--work", tmp_path / engine, "--model", "toy", "--fps", RATE, "--json", files[engine]]
        return [str(one) for one in (request.getfixturevalue(folder), *chosen, *options, "--engine", engine)]

    run(bench, monkeypatch, capsys, *arguments("local"))
    # In a process of its own, since Ray starts and ends with it.
    done = subprocess.run(
        [sys.executable, str(bench.__file__), *arguments("ray")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert files["ray"].read_text("utf-8") == files["local"].read_text("utf-8")


def test_up_to_two_events_of_a_video_are_read(tmp_path: Path) -> None:
    file = tmp_path / "Temporal_Anomaly_Annotation.txt"
    file.write_text("Arson011_x264.mp4  Arson  150  420  680  1267\n\n", encoding="utf-8")
    video = ucf_crime.annotations(file)["Arson011_x264"]
    assert video.shows(np.array([149, 150, 420, 421, 700, 1268])).tolist() == [False, True, True, False, True, False]
    assert ucf_crime.text_of("RoadAccidents") == "a surveillance video of a road accident"


def test_the_drawn_films_are_scored_in_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("moment_films.SECONDS", 8.0)
    page = tmp_path / "page.md"
    page.write_text(f"{moments.BEGIN}\nold\n{moments.END}\n", encoding="utf-8")
    told = run(moments, monkeypatch, capsys, "--films", 2, "--work", tmp_path / "work", "--into", page)
    parts = {line.split("|")[1].strip() for line in told.splitlines() if "(default)" in line}
    assert parts == {"tuning", "check"}
    assert "old" not in page.read_text(encoding="utf-8")
