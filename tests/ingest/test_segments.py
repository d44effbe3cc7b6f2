"""Long videos in segments: together they equal one pass, or the video stays whole and a note says why."""

from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from helpers import ffmpeg_ok, pictures, write_vfr
from runs import contents, settings
from tiny_timm import make_tiny_timm, space_name

from reelweave import pipeline
from reelweave.engine.local import LocalEngine
from reelweave.errors import EngineError, SourceError
from reelweave.evaluate.drawn.film import draw_film
from reelweave.ingest import distributed, long_videos, segments
from reelweave.ingest.discover import discover_sources
from reelweave.ingest.distributed import ingest_distributed
from reelweave.ingest.ingester import IngestResult
from reelweave.progress import NotingProgress, SilentProgress

_SECOND = 1 / 60


class TwoWorkers(LocalEngine):
    workers = 2


@pytest.fixture(autouse=True)
def _short_videos_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_LEAST_BYTES_A_SECOND", 0)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds in which all moves, lossless."""
    return draw_film(tmp_path_factory.mktemp("long") / "film.mp4", frames=200, size=(192, 108))


def encoded(film: Path, path: Path, *options: str) -> Path:
    ffmpeg_ok("-i", str(film), *options, str(path))
    return path


H264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "25")
ENCODINGS = {
    "B-frames.mp4": H264,
    "B-frames.mkv": H264,
    "reset.mp4": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "open-gop=0:keyint=25:log-level=none"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25"),
    "intra.mov": ("-c:v", "mjpeg", "-q:v", "3"),
    "late.mkv": (*H264, "-output_ts_offset", "100"),
}


def both(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **flags: Any) -> tuple[int, list[str]]:
    """Ingest in one pass and in segments; both must make the same library. Return how many segments, and the notes."""
    jobs: list[object] = []
    monkeypatch.setattr(distributed, "embed_segment", lambda job: (jobs.append(job), embed(job))[1])
    flags = {"ingest__batch": 16, "engine__segment_minutes": _SECOND, "clip__speed": "exact"} | flags
    one, cut = (settings(library=str(tmp_path / name), **flags) for name in ("one", "cut"))
    plain, noted = (NotingProgress(SilentProgress()) for _ in range(2))
    assert [result.state for result in pipeline.ingest_all([path], one, plain)] == ["new"]
    with pipeline.open_library(cut) as library:
        results = list(ingest_distributed(TwoWorkers(), library, discover_sources([path]), cut, noted))
    assert [(result.state, result.error) for result in results] == [("new", None)]
    assert contents(tmp_path / "cut") == contents(tmp_path / "one")
    assert not list((tmp_path / "cut" / "cache").glob("*"))
    assert noted.notes[-len(plain.notes) :] == plain.notes or not plain.notes
    return len(jobs), [note for note in noted.notes if note not in plain.notes]


embed = distributed.embed_segment


@pytest.mark.parametrize(("name", "options"), ENCODINGS.items(), ids=ENCODINGS)
def test_segments_equal_one_pass(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: tuple[str, ...]
) -> None:
    parts, notes = both(encoded(film, tmp_path / name, *options), tmp_path, monkeypatch)
    assert parts > 2
    assert notes == []


def test_segments_of_a_variable_rate_equal_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uneven = write_vfr(tmp_path / "raw.mkv", pictures(90), list(islice(cycle([0.04, 0.07, 0.12]), 90)))
    path = encoded(uneven, tmp_path / "uneven.mkv", "-fps_mode", "passthrough", "-enc_time_base", "1:1000", *H264)
    parts, notes = both(path, tmp_path, monkeypatch)
    assert parts > 2
    assert notes == []


def test_segments_are_sampled_as_one_pass_is(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encoded(film, tmp_path / "film.mkv", *H264)
    assert both(path, tmp_path, monkeypatch, ingest__fps=10) == (5, [])


def test_a_network_sees_the_same_batches_and_shares_the_same_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each picture stays for four frames, and the last for four seconds: segments begin within repeats.
    drawn = [picture for picture in pictures(25) for _ in range(4)] + [pictures(25)[-1]] * 100
    path = encoded(write_vfr(tmp_path / "raw.mkv", drawn, [0.04] * 200), tmp_path / "still.mkv", *H264)
    space = space_name(make_tiny_timm(tmp_path / "tiny"))
    parts, notes = both(path, tmp_path, monkeypatch, ingest__space=space)
    assert parts > 6, "no segment was embedded again"
    assert notes == []


WHOLE = {
    "open GOPs": (*H264, "-x264-params", "open-gop=1:keyint=25:scenecut=0"),
    "one GOP": ("-c:v", "libx264", "-preset", "veryfast", "-g", "1000", "-sc_threshold", "0"),
    "another codec": ("-c:v", "flv1",),
}  # fmt: skip


@pytest.mark.parametrize("options", WHOLE.values(), ids=WHOLE)
def test_a_video_without_safe_beginnings_stays_whole_and_a_note_says_so(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    parts, notes = both(encoded(film, tmp_path / "film.mkv", *options), tmp_path, monkeypatch)
    assert parts == 0
    assert len(notes) == 1
    assert "film.mkv" in notes[0]


def test_a_damaged_video_stays_whole(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encoded(film, tmp_path / "film.ts", *H264)
    content = bytearray(path.read_bytes())
    # Within the payload of packets in the middle.
    for packet in range(len(content) // 188 // 2, len(content) // 188 // 2 + 40, 5):
        content[packet * 188 + 60 : packet * 188 + 70] = bytes(10)
    path.write_bytes(content)
    # One thread, so that what the decoder makes up is the same each time.
    segments.ffmpeg.limit_threads(1)
    try:
        _, notes = both(path, tmp_path, monkeypatch)
    finally:
        segments.ffmpeg.limit_threads(0)
    assert len(notes) == 1


def test_a_segment_that_fails_is_replaced_by_a_whole_pass(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encoded(film, tmp_path / "film.mkv", *H264)
    decode = segments.VideoFile.stretch

    def shifted(self: segments.VideoFile, seek: float, short_side: int = 0) -> Any:
        # From the second segment on pictures differ, as those of a decoder that lacks a reference.
        for stamp, frame in decode(self, seek, short_side):
            if seek:
                frame.picture.flags.writeable = False
                frame = segments.Frame(frame.index, frame.time, frame.picture[::-1])
            yield stamp, frame

    monkeypatch.setattr(segments.VideoFile, "stretch", shifted)
    parts, notes = both(path, tmp_path, monkeypatch)
    assert parts > 2
    assert len(notes) == 1


def test_one_worker_gets_whole_videos(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TwoWorkers, "workers", 1)
    assert both(encoded(film, tmp_path / "film.mkv", *H264), tmp_path, monkeypatch) == (0, [])


def ingested(sources: list[Path], folder: Path, **flags: Any) -> list[IngestResult]:
    cut = settings(library=str(folder), ingest__batch=16, engine__segment_minutes=_SECOND, clip__speed="exact", **flags)
    with pipeline.open_library(cut) as library:
        return list(ingest_distributed(TwoWorkers(), library, discover_sources(sources), cut, SilentProgress()))


def test_a_worker_that_dies_while_a_segment_is_embedded_again_fails_that_video_alone(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = [picture for picture in pictures(25) for _ in range(4)] + [pictures(25)[-1]] * 100
    still = encoded(write_vfr(tmp_path / "raw.mkv", drawn, [0.04] * 200), tmp_path / "still.mkv", *H264)
    other = encoded(film, tmp_path / "zebra.mkv", *H264)

    def die_the_second_time(job: Any) -> Any:
        if job.distinct:
            raise EngineError("The worker died.")
        return embed(job)

    monkeypatch.setattr(distributed, "embed_segment", die_the_second_time)
    failed, done = ingested([still, other], tmp_path / "library")
    assert (failed.path, failed.state, type(failed.error)) == (str(still), "failed", EngineError)
    assert (done.path, done.state) == (str(other), "new")


def test_a_video_that_vanishes_before_it_is_cut_fails_alone(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = encoded(film, tmp_path / "gone.mkv", *H264)
    other = encoded(film, tmp_path / "zebra.mkv", *H264, "-crf", "30")
    is_long = long_videos.is_long

    def vanish(source: Any, minutes: float) -> bool:
        gone.unlink(missing_ok=True)
        return is_long(source, minutes)

    monkeypatch.setattr(long_videos, "is_long", vanish)
    failed, done = ingested([gone, other], tmp_path / "library")
    assert (failed.path, failed.state, type(failed.error)) == (str(gone), "unreadable", SourceError)
    assert (done.path, done.state) == (str(other), "new")
