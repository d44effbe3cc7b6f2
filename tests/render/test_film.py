"""Rendering plays the frames of a plan in order, at its rate, looking like the source, or writes nothing."""

import errno
import random
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pytest
from helpers import drawn_plan

from reelweave.errors import RenderError, SourceError, UsageError
from reelweave.media import ffmpeg
from reelweave.media.source import VideoFile
from reelweave.progress import SilentProgress, Stage
from reelweave.render import reorder
from reelweave.render.encode import SUFFIXES, Encoding
from reelweave.render.film import render
from reelweave.solve.plan.model import Plan

Bytes = npt.NDArray[np.uint8]

FRAMES = 40
plan_of = partial(drawn_plan, frames=FRAMES)
SHUFFLED = random.Random(3).sample(range(FRAMES), FRAMES)
QUICK = Encoding(preset="ultrafast")
LOSSLESS = Encoding(preset="ultrafast", lossless=True)
BITS = 8


def coded(number: int, width: int = 96, height: int = 64) -> Bytes:
    """Draw a grey picture that encodes its number: dark and bright columns above, its own noise below."""
    bits = [(number >> bit) & 1 for bit in range(BITS)]
    columns = np.repeat(np.where(bits, 200, 50), -(-width // BITS))[:width]
    picture = np.tile(columns, (height, 1)).astype(np.uint8)
    noise = np.random.default_rng(number).integers(16, 236, (height // 4, width))
    picture[-(height // 4) :] = noise
    return picture


def number_of(picture: Bytes) -> int:
    """Return the number that a decoded picture encodes."""
    height, width = picture.shape[:2]
    step = -(-width // BITS)
    middle = slice(step // 4, step // 2)
    columns = [picture[: height // 2, bit * step : (bit + 1) * step][:, middle] for bit in range(BITS)]
    return sum(1 << bit for bit, column in enumerate(columns) if column.mean() > 125)


def ffmpeg_ok(*arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        [ffmpeg.executable(), "-y", "-loglevel", "error", *arguments], input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def draw(
    path: Path, *encoder: str, size: tuple[int, int] = (96, 64), rate: str = "25", look: str = "format=yuv420p"
) -> Path:
    """Write a film of numbered frames whose chroma drifts."""
    width, height = size
    raw = b"".join(coded(i, width, height).tobytes() for i in range(FRAMES))
    tint = "hue=h=0,format=yuv444p,geq=lum=lum(X\\,Y):cb=128+40*sin(X/20+N/5):cr=128+40*cos(Y/20)"
    shape = ["-f", "rawvideo", "-pix_fmt", "gray", "-video_size", f"{width}x{height}", "-framerate", rate, "-i", "-"]
    ffmpeg_ok(*shape, "-vf", f"scale=out_range=tv,{tint},{look}", *encoder, str(path), stdin=raw)
    return path


def numbers(path: Path) -> list[int]:
    return [number_of(frame.picture) for frame in VideoFile(path).frames()]


def samples(path: Path, pixel_format: str, order: Sequence[int] | None = None) -> list[bytes]:
    """Return the raw decoded frames of a file."""
    lines = ffmpeg_ok(
        "-i", str(path), "-map", "0:V:0", "-fps_mode", "passthrough", "-pix_fmt", pixel_format, "-f", "framemd5", "-"
    )
    sums = [line.rsplit(b",", 1)[1].strip() for line in lines.splitlines() if not line.startswith(b"#")]
    return sums if order is None else [sums[i] for i in order]


def shown(path: Path) -> str:
    """Return ffmpeg's description of a file's video stream."""
    log = ffmpeg.run(["-i", ffmpeg.input_argument(path)]).stderr.decode()
    found = re.search(r"Stream #0:0.*Video:.*", log)
    assert found
    return found.group(0)


def tags(path: Path) -> str:
    log = ffmpeg.run(["-i", str(path), "-frames:v", "1", "-vf", "showinfo", "-f", "null", "-"]).stderr.decode()
    found = re.search(r"color_range:.*", log)
    assert found
    return found.group(0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("clip") / "clip é [1].mp4", "-c:v", "libx264", "-crf", "12", "-g", "12")


@pytest.fixture
def left_behind(tmp_path: Path) -> Iterator[Path]:
    """The output folder; after a test it must contain no hidden file."""
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder
    assert [f.name for f in folder.iterdir() if f.name.startswith(".")] == []


@pytest.mark.parametrize(
    "order",
    [SHUFFLED, range(FRAMES), range(FRAMES)[::-1], SHUFFLED[:7], [FRAMES - 1], [0], range(1, FRAMES, 3)],
    ids=["shuffled", "as filmed", "reversed", "a few", "only the last", "only the first", "every third"],
)
def test_the_film_plays_the_plan_frame_by_frame(clip: Path, left_behind: Path, order: Sequence[int]) -> None:
    made = render(plan_of(order), clip, left_behind / "film.mp4", QUICK)
    assert numbers(made) == list(order)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".MP4"])
@pytest.mark.parametrize("encoding", [Encoding(), LOSSLESS], ids=["usual", "lossless"])
def test_every_container_holds_every_frame(clip: Path, left_behind: Path, suffix: str, encoding: Encoding) -> None:
    made = render(plan_of(SHUFFLED), clip, left_behind / f"film{suffix}", encoding)
    assert numbers(made) == SHUFFLED


def test_a_reversed_plan_is_the_same_film_backwards(clip: Path, left_behind: Path) -> None:
    plan = plan_of(SHUFFLED)
    ahead = render(plan, clip, left_behind / "ahead.mkv", LOSSLESS)
    back = render(plan.reversed(), clip, left_behind / "back.mkv", LOSSLESS)
    assert samples(back, "yuv420p") == samples(ahead, "yuv420p")[::-1]


@pytest.mark.parametrize(
    ("look", "encoder", "pixel_format"),
    [
        ("format=yuv420p", ["-c:v", "libx264"], "yuv420p"),
        ("scale=out_range=pc,format=yuvj420p", ["-c:v", "libx264"], "yuvj420p"),
        ("scale=out_range=pc,format=yuvj422p", ["-c:v", "mjpeg"], "yuvj422p"),
        ("format=yuv422p", ["-c:v", "libx264"], "yuv422p"),
        ("format=yuv444p", ["-c:v", "ffv1"], "yuv444p"),
        ("format=yuv420p10le", ["-c:v", "libx264"], "yuv420p10le"),
        ("format=yuv422p10le", ["-c:v", "libx264"], "yuv422p10le"),
        ("format=yuv444p10le", ["-c:v", "ffv1"], "yuv444p10le"),
    ],
    ids=["8 bit", "full range", "full range 4:2:2", "4:2:2", "4:4:4", "10 bit", "10 bit 4:2:2", "10 bit 4:4:4"],
)
def test_a_lossless_film_is_bit_identical_to_the_decoded_frames(
    left_behind: Path, look: str, encoder: list[str], pixel_format: str
) -> None:
    source = draw(left_behind / "source.mkv", *encoder, look=look)
    made = render(plan_of(SHUFFLED), source, left_behind / "film.mp4", LOSSLESS)
    assert samples(made, pixel_format) == samples(source, pixel_format, SHUFFLED)


@pytest.mark.parametrize(
    ("look", "encoder"),
    [
        ("format=yuv420p", ["-c:v", "libx264"]),
        ("scale=out_range=pc,format=yuvj420p", ["-c:v", "libx264"]),
        ("scale=out_range=pc,format=yuvj422p", ["-c:v", "mjpeg"]),
        ("format=yuv420p10le", ["-c:v", "libx264"]),
        ("format=gbrp", ["-c:v", "ffv1"]),
        ("scale=out_range=pc,format=gray", ["-c:v", "ffv1"]),
        ("format=yuva420p", ["-c:v", "ffv1"]),
        ("format=yuv410p", ["-c:v", "ffv1"]),
    ],
    ids=["limited", "full", "motion jpeg", "10 bit", "rgb", "grey", "transparent", "4:1:0"],
)
@pytest.mark.parametrize("lossless", [False, True], ids=["crf", "lossless"])
def test_brightness_and_colour_do_not_shift(left_behind: Path, look: str, encoder: list[str], lossless: bool) -> None:
    source = draw(left_behind / "source.mkv", *encoder, look=look)
    made = render(plan_of(SHUFFLED), source, left_behind / "film.mp4", Encoding(10, "ultrafast", lossless))
    before = np.array([f.picture[:32].astype(int) for f in VideoFile(source).frames()])[SHUFFLED]
    after = np.array([f.picture[:32] for f in VideoFile(made).frames()])
    assert np.median(np.abs(after - before)) <= 2


@pytest.mark.parametrize(
    "said",
    [
        "range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709",
        "range=pc:colorspace=bt470bg:color_primaries=bt470bg:color_trc=bt470bg",
        "range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084",
        "range=tv:colorspace=smpte170m:color_primaries=smpte170m:color_trc=iec61966-2-1",
        "range=tv:colorspace=ycgco:color_primaries=film:color_trc=log100",
    ],
    ids=["hd", "full", "hdr", "sd", "rare"],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("lossless", [False, True], ids=["crf", "lossless"])
def test_the_colour_tags_of_the_source_are_kept(left_behind: Path, said: str, suffix: str, lossless: bool) -> None:
    source = draw(left_behind / "source.mp4", "-c:v", "libx264", look=f"format=yuv420p,setparams={said}")
    made = render(plan_of(range(5)), source, left_behind / f"film{suffix}", Encoding(23, "ultrafast", lossless))
    assert tags(made) == tags(source)
    assert all(part.split("=")[1] in tags(source) for part in said.split(":"))


def test_the_pixel_aspect_ratio_is_kept(left_behind: Path) -> None:
    source = draw(left_behind / "source.mp4", "-c:v", "libx264", look="format=yuv420p,setsar=16/11")
    made = render(plan_of(range(5)), source, left_behind / "film.mp4", QUICK)
    assert "SAR 16:11" in shown(source)
    assert "SAR 16:11" in shown(made)


@pytest.mark.parametrize("lossless", [False, True], ids=["crf", "lossless"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("size", [(97, 64), (96, 63), (97, 63)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_odd_sizes_lose_no_pixel(left_behind: Path, size: tuple[int, int], pixel_format: str, lossless: bool) -> None:
    source = draw(left_behind / "source.mkv", "-c:v", "ffv1", size=size, look=f"format={pixel_format}")
    made = render(plan_of(SHUFFLED), source, left_behind / "film.mp4", Encoding(4, "ultrafast", lossless))
    assert numbers(made) == SHUFFLED
    wanted = [f.picture.astype(int) for f in VideoFile(source).frames()]
    for place, frame in enumerate(VideoFile(made).frames()):
        inside = frame.picture[: size[1], : size[0]]
        assert inside.shape[:2] == (size[1], size[0])
        assert np.abs(inside - wanted[SHUFFLED[place]]).mean() < 6
    grown = VideoFile(made).info()
    assert grown.width - size[0] in (0, 1)
    assert grown.height - size[1] in (0, 1)


@pytest.mark.parametrize("frames_that_fit", [1, 7, 20, 39])
@pytest.mark.parametrize("order", [SHUFFLED, SHUFFLED[:11], range(FRAMES)[::-1]], ids=["all", "some", "reversed"])
def test_several_passes_make_the_same_film_as_one(
    clip: Path, left_behind: Path, frames_that_fit: int, order: Sequence[int]
) -> None:
    room = frames_that_fit * 96 * 64 * 3 // 2
    once = render(plan_of(order), clip, left_behind / "once.mp4", QUICK)
    often = render(plan_of(order), clip, left_behind / "often.mp4", QUICK, scratch_bytes=room)
    assert often.read_bytes() == once.read_bytes()


def test_a_plan_in_file_order_needs_no_scratch(clip: Path, left_behind: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reorder.tempfile, "TemporaryFile", _never)
    assert numbers(render(plan_of(range(3, 20)), clip, left_behind / "film.mp4", QUICK)) == list(range(3, 20))


def _never(*_: object, **__: object) -> IO[bytes]:
    raise AssertionError


@pytest.mark.parametrize(
    ("stated", "override", "exact"),
    [
        (30000 / 1001, None, Fraction(30000, 1001)),
        (24000 / 1001, None, Fraction(24000, 1001)),
        (25.0, None, Fraction(25)),
        (12.5, None, Fraction(25, 2)),
        (25.0, Fraction(60000, 1001), Fraction(60000, 1001)),
        (25.0, Fraction(1, 2), Fraction(1, 2)),
    ],
    ids=["ntsc", "film", "pal", "12.5", "overridden", "one in two seconds"],
)
def test_the_rate_is_exact_and_constant(
    clip: Path, left_behind: Path, stated: float, override: Fraction | None, exact: Fraction
) -> None:
    made = render(plan_of(SHUFFLED, fps=stated), clip, left_behind / "film.mp4", QUICK, fps=override)
    times = [frame.time for frame in VideoFile(made).frames()]
    assert VideoFile(made).info().fps == exact
    assert times == pytest.approx([float(i / exact) for i in range(FRAMES)], abs=1e-5)


def test_a_variable_frame_rate_loses_and_repeats_no_frame(left_behind: Path) -> None:
    source = draw(
        left_behind / "source.mkv",
        *["-c:v", "libx264", "-fps_mode", "passthrough"],
        look="setpts=(N+10*floor(N/7)+0.4*mod(N\\,3))/25/TB,format=yuv420p",
    )
    steps = np.diff([f.time for f in VideoFile(source).frames()])
    assert steps.max() > 5 * steps.min()
    made = render(plan_of(SHUFFLED), source, left_behind / "film.mp4", QUICK)
    assert numbers(made) == SHUFFLED
    assert np.diff([f.time for f in VideoFile(made).frames()]) == pytest.approx(1 / 25, abs=1e-5)


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("encoding", [QUICK, LOSSLESS], ids=["crf", "lossless"])
def test_a_turned_recording_stays_upright(left_behind: Path, clip: Path, degrees: int, encoding: Encoding) -> None:
    source = left_behind / "turned.mp4"
    ffmpeg_ok("-display_rotation", str(degrees), "-i", str(clip), "-c", "copy", str(source))
    made = render(plan_of(SHUFFLED), source, left_behind / "film.mp4", encoding)
    wanted = [f.picture.astype(int) for f in VideoFile(source).frames()]
    got = [f.picture for f in VideoFile(made).frames()]
    assert all(np.abs(g - wanted[i]).mean() < 8 for g, i in zip(got, SHUFFLED, strict=True))


def test_cover_art_is_not_mistaken_for_the_video(left_behind: Path, clip: Path) -> None:
    cover = left_behind / "cover.png"
    ffmpeg_ok("-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1", str(cover))
    source = left_behind / "covered.mp4"
    maps = ["-map", "1", "-map", "0", "-c", "copy", "-c:v:0", "png", "-disposition:v:0", "attached_pic"]
    ffmpeg_ok("-i", str(clip), "-i", str(cover), *maps, str(source))
    assert numbers(render(plan_of(SHUFFLED), source, left_behind / "film.mp4", QUICK)) == SHUFFLED


def test_an_animated_gif_can_be_rendered(left_behind: Path) -> None:
    source = draw(left_behind / "source.gif", look="format=bgr8")
    assert numbers(render(plan_of(SHUFFLED), source, left_behind / "film.mp4", QUICK)) == SHUFFLED


@pytest.mark.parametrize("encoding", [QUICK, LOSSLESS], ids=["crf", "lossless"])
@pytest.mark.parametrize("first", [(96, 64), (97, 63)], ids=["even", "odd"])
def test_a_folder_of_pictures_of_mixed_sizes_makes_one_film(
    left_behind: Path, first: tuple[int, int], encoding: Encoding
) -> None:
    import cv2

    folder = left_behind / "pictures"
    folder.mkdir()
    for i in range(12):
        width, height = first if i % 3 == 0 else (first[0] * (i % 3 + 1), first[1] * (i % 3 + 1))
        cv2.imwrite(str(folder / f"{i}.png"), cv2.cvtColor(coded(i, width, height), cv2.COLOR_GRAY2BGR))
    order = random.Random(1).sample(range(12), 10)
    made = render(plan_of(order, fps=10), folder, left_behind / "film.mp4", encoding)
    assert numbers(made) == order
    level = next(iter(VideoFile(made).frames())).picture[:20].mean()
    assert level == pytest.approx(coded(order[0])[:20].mean(), abs=2)


def test_progress_counts_every_frame_once(clip: Path, left_behind: Path) -> None:
    seen = Counting()
    room = 20 * 96 * 64 * 3 // 2
    render(plan_of(SHUFFLED), clip, left_behind / "film.mp4", QUICK, scratch_bytes=room, progress=seen)
    assert seen.totals["render"] == [FRAMES]
    assert seen.steps["render"] == FRAMES
    assert seen.steps["read"] == sum(seen.totals["read"])
    assert len(seen.totals["read"]) == 2


class Counting(SilentProgress):
    def __init__(self) -> None:
        self.totals: dict[str, list[int]] = {}
        self.steps: dict[str, int] = {}
        self._open: list[str] = []

    def stage(self, name: str, total: int | None = None):  # type: ignore[no-untyped-def]
        assert total is not None
        self.totals.setdefault(name, []).append(total)
        return Counted(self.steps, name)


class Counted:
    def __init__(self, steps: dict[str, int], name: str) -> None:
        self._steps, self._name = steps, name

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None: ...

    def advance(self, steps: int = 1) -> None:
        self._steps[self._name] = self._steps.get(self._name, 0) + steps


Setup = Callable[[Path, pytest.MonkeyPatch], tuple[Plan, Path, Encoding]]


def _changed(clip: Path, _: pytest.MonkeyPatch) -> tuple[Plan, Path, Encoding]:
    return plan_of([*SHUFFLED, FRAMES + 7], frames=FRAMES + 8), clip, QUICK


def _bad_preset(clip: Path, _: pytest.MonkeyPatch) -> tuple[Plan, Path, Encoding]:
    return plan_of(SHUFFLED), clip, Encoding(preset="warp")


def _full_disk(clip: Path, patch: pytest.MonkeyPatch) -> tuple[Plan, Path, Encoding]:
    class Full:
        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None: ...

        def seek(self, _: int) -> None: ...

        def write(self, _: memoryview) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    patch.setattr(reorder.tempfile, "TemporaryFile", lambda **_: Full())
    return plan_of(SHUFFLED), clip, QUICK


def _interrupted(clip: Path, patch: pytest.MonkeyPatch) -> tuple[Plan, Path, Encoding]:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    patch.setattr(reorder, "write_all", stop)
    return plan_of(SHUFFLED), clip, QUICK


def _interrupted_late(clip: Path, patch: pytest.MonkeyPatch) -> tuple[Plan, Path, Encoding]:
    def some(*_: object) -> Iterator[bytes]:
        yield b"\0" * (96 * 64 * 3 // 2)
        raise KeyboardInterrupt

    patch.setattr(reorder, "_stored", some)
    return plan_of(SHUFFLED), clip, QUICK


def _no_frames(clip: Path, _: pytest.MonkeyPatch) -> tuple[Plan, Path, Encoding]:
    return plan_of([]), clip, QUICK


def _below_zero(clip: Path, _: pytest.MonkeyPatch) -> tuple[Plan, Path, Encoding]:
    return plan_of([3, -1]), clip, QUICK


def _twice(clip: Path, _: pytest.MonkeyPatch) -> tuple[Plan, Path, Encoding]:
    return plan_of([3, 4]).model_copy(update={"order": [3, 3]}), clip, QUICK


def _not_a_film(clip: Path, _: pytest.MonkeyPatch) -> tuple[Plan, Path, Encoding]:
    text = clip.with_name("text.mp4")
    text.write_text("not a film")
    return plan_of(SHUFFLED), text, QUICK


def _moved(clip: Path, _: pytest.MonkeyPatch) -> tuple[Plan, Path, Encoding]:
    return plan_of(SHUFFLED), clip.with_name("elsewhere.mp4"), QUICK


FAILURES: dict[str, tuple[Setup, type[BaseException], str]] = {
    "source changed": (_changed, RenderError, f"{FRAMES + 7}"),
    "encoder refuses": (_bad_preset, RenderError, "preset"),
    "disk full": (_full_disk, RenderError, f"{FRAMES * 96 * 64 * 3 // 2}"),
    "interrupted while sorting": (_interrupted, KeyboardInterrupt, ""),
    "interrupted while encoding": (_interrupted_late, KeyboardInterrupt, ""),
    "nothing to play": (_no_frames, RenderError, ""),
    "frame below 0": (_below_zero, RenderError, ""),
    "frame twice": (_twice, RenderError, ""),
    "not a film": (_not_a_film, SourceError, "text.mp4"),
    "source missing": (_moved, SourceError, "elsewhere.mp4"),
}


@pytest.mark.parametrize("existing", [b"", b"an older film"], ids=["new", "existing"])
@pytest.mark.parametrize(("setup", "error", "names"), FAILURES.values(), ids=FAILURES)
def test_a_failure_leaves_no_file_behind_and_keeps_the_old_film(
    clip: Path,
    left_behind: Path,
    monkeypatch: pytest.MonkeyPatch,
    setup: Setup,
    error: type[BaseException],
    names: str,
    existing: bytes,
) -> None:
    running: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def watched(*args: object, **options: object) -> subprocess.Popen[bytes]:
        running.append(start(*args, **options))  # type: ignore[call-overload]
        return running[-1]

    output = left_behind / "film.mp4"
    if existing:
        output.write_bytes(existing)
    plan, source, encoding = setup(clip, monkeypatch)
    monkeypatch.setattr(subprocess, "Popen", watched)
    with pytest.raises(error) as raised:
        render(plan, source, output, encoding)
    assert names in str(raised.value)
    assert [f.name for f in left_behind.iterdir()] == (["film.mp4"] if existing else [])
    assert not existing or output.read_bytes() == existing
    assert all(process.poll() is not None for process in running)


@pytest.mark.parametrize(
    ("place", "names"),
    [("film.webm", ".mp4"), ("film", ".mp4"), ("nowhere/film.mp4", "nowhere"), ("folder.mp4", "folder.mp4")],
    ids=["unknown suffix", "no suffix", "no folder", "a folder"],
)
def test_the_error_names_an_impossible_output(clip: Path, left_behind: Path, place: str, names: str) -> None:
    (left_behind / "folder.mp4").mkdir()
    with pytest.raises(UsageError, match=re.escape(names)):
        render(plan_of(SHUFFLED), clip, left_behind / place, QUICK)


@pytest.mark.parametrize("way", ["itself", "a link to it"])
def test_the_source_is_never_overwritten(clip: Path, left_behind: Path, way: str) -> None:
    output = clip
    if way != "itself":
        output = left_behind / "link.mp4"
        output.symlink_to(clip)
    before = clip.read_bytes()
    with pytest.raises(UsageError):
        render(plan_of(SHUFFLED), clip, output, QUICK)
    assert clip.read_bytes() == before


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-25)], ids=str)
def test_an_impossible_rate_is_rejected(clip: Path, left_behind: Path, rate: Fraction) -> None:
    with pytest.raises(UsageError):
        render(plan_of(SHUFFLED), clip, left_behind / "film.mp4", QUICK, fps=rate)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted disk of 256 KiB, if the machine allows it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no right to mount a disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("fill", [200, 252], ids=["too small for the film", "too small for a frame"])
def test_the_error_of_a_full_disk_says_how_much_space_is_needed(clip: Path, small_disk: Path, fill: int) -> None:
    (small_disk / "other").write_bytes(b"\0" * (fill << 10))
    with pytest.raises(RenderError, match=re.escape(str(small_disk))) as raised:
        render(plan_of(SHUFFLED), clip, small_disk / "film.mkv", LOSSLESS)
    assert re.search(r"\d{4,} bytes", str(raised.value))
    assert [f.name for f in small_disk.iterdir()] == ["other"]


def test_a_small_scratch_disk_is_used_in_several_passes(clip: Path, small_disk: Path) -> None:
    assert FRAMES * 96 * 64 * 3 // 2 > 256 << 10
    assert numbers(render(plan_of(SHUFFLED), clip, small_disk / "film.mp4", QUICK)) == SHUFFLED


def test_a_new_film_has_the_permissions_of_any_new_file(clip: Path, left_behind: Path) -> None:
    plain = left_behind / "plain"
    plain.touch()
    made = render(plan_of(SHUFFLED), clip, left_behind / "film.mp4", QUICK)
    assert made.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("name", ["-y.mp4", "100%d.mp4", "a:b.mp4", "日本 'film'.mp4"])
def test_any_file_name_works(clip: Path, left_behind: Path, name: str) -> None:
    assert numbers(render(plan_of(SHUFFLED), clip, left_behind / name, QUICK)) == SHUFFLED
