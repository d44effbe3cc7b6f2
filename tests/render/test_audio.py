"""Sound is dropped, kept, or cut by frame and reordered, without clicks or drift."""

import errno
import json
import random
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from helpers import drawn_plan, ffmpeg_ok, pictures, write_clip, write_gif, write_pictures, write_vfr
from runs import Run
from voices import RATE, voice

from reelweave.errors import RenderError, UsageError
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.evaluate.truth import FOREIGN, read_truth
from reelweave.media import ffmpeg
from reelweave.media.source import open_source
from reelweave.progress import SilentProgress
from reelweave.render import reorder
from reelweave.render.audio import slices, soundtrack, track
from reelweave.render.audio.soundtrack import Audio
from reelweave.render.encode import SUFFIXES, Encoding
from reelweave.render.film import render
from reelweave.solve.plan.files import read_plan

Samples = npt.NDArray[Any]

FRAMES = 24
plan_of = partial(drawn_plan, frames=FRAMES)
SHUFFLED = random.Random(5).sample(range(FRAMES), FRAMES)
QUICK = Encoding(preset="ultrafast")
LOSSLESS = Encoding(preset="ultrafast", lossless=True)
LOW, STEP = 400.0, 150.0


class Notes(SilentProgress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def sweep(seconds: float, rate: int, channels: int = 1, fps: float = 25.0) -> Samples:
    """Return a tone that rises by STEP Hz a frame; each channel has its own volume."""
    time = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * (LOW * time + STEP * fps * time**2 / 2))
    return np.rint(tone[:, None] * (12000 - 1500 * np.arange(channels))).astype("<i2")


def frame_heard(slice_: Samples, rate: int) -> float:
    """Return the frame of a sweep that this sound belongs to, where .5 is the middle of a frame."""
    window = slice_.astype(float) * np.hanning(len(slice_))
    spectrum = np.abs(np.fft.rfft(window, 1 << 15))
    return (float(spectrum.argmax()) * rate / (1 << 15) - LOW) / STEP - 0.5


def frames_heard(film: Path, count: int, fps: float = 25.0, rate: int = 48000) -> list[int]:
    samples = heard(film)[:, 0]
    edges = np.rint(np.arange(count + 1) * rate / fps).astype(int)
    return [round(frame_heard(samples[a:b], rate)) for a, b in pairwise(edges)]


def heard(film: Path, *filters: str) -> Samples:
    """Return a film's sound as it plays, from its first picture on."""
    said = ffmpeg.run(["-i", str(film), "-map", "0:a:0", "-af", "ashowinfo", "-f", "null", "-"]).stderr.decode()
    found = re.search(r"channels:(\d+)", said)
    assert found, said
    steps = ",".join([*filters, "aresample=async=1:first_pts=0"])
    raw = ffmpeg_ok("-i", str(film), "-map", "0:a:0", "-af", steps, "-f", "s16le", "-")
    return np.frombuffer(raw, "<i2").reshape(-1, int(found[1]))


def add_sound(
    silent: Path, path: Path, samples: Samples, rate: int = 48000, codec: Sequence[str] = ("flac",), offset: float = 0.0
) -> Path:
    """Add sound to a film; it starts `offset` seconds after the film, or before it if negative."""
    raw, coded = path.with_suffix(".raw"), path.with_suffix(".mka")
    raw.write_bytes(samples.tobytes())
    shape = ["-f", "s16le", "-ar", str(rate), "-ac", str(samples.shape[1]), "-i", str(raw)]
    ffmpeg_ok(*shape, "-c:a", *codec, str(coded))
    delays = [["-itsoffset", str(max(0.0, seconds))] for seconds in (-offset, offset)]
    both = [*delays[0], "-i", str(silent), *delays[1], "-i", str(coded)]
    ffmpeg_ok(*both, "-map", "0:v", "-map", "1:a", "-c", "copy", str(path))
    raw.unlink()
    coded.unlink()
    return path


def audio_stream(film: Path) -> str:
    """Return ffmpeg's description of a film's sound, or an empty text."""
    found = re.search(r"Stream #0.*: Audio: (.*)", ffmpeg.run(["-i", str(film)]).stderr.decode())
    return found[1] if found else ""


def packets(film: Path) -> list[bytes]:
    """Return the hash of every audio packet."""
    lines = ffmpeg_ok("-i", str(film), "-map", "0:a", "-c", "copy", "-f", "framemd5", "-").splitlines()
    return [line.rsplit(b",", 1)[1].strip() for line in lines if not line.startswith(b"#")]


def seconds_of(film: Path) -> float:
    """Return the duration of the pictures."""
    source = open_source(film)
    return sum(1 for _ in source.frames(short_side=8)) / float(source.info().fps)


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("silent") / "silent.mkv", pictures(FRAMES), crf=30)


@pytest.fixture(scope="module")
def clip(silent: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with a lossless tone that rises with its frames."""
    return add_sound(silent, tmp_path_factory.mktemp("clip") / "clip é [1].mkv", sweep(FRAMES / 25, 48000, 2))


@pytest.fixture
def left_behind(tmp_path: Path) -> Iterator[Path]:
    """The output folder; after a test it must contain no hidden file."""
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder
    assert [f.name for f in folder.iterdir() if f.name.startswith(".")] == []


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_shuffled_tone_sweep_rises_again_after_reconstruction(
    film: Path, run: Run, tmp_path: Path, suffix: str
) -> None:
    source = add_sound(film, tmp_path / f"sweep{suffix}", sweep(48 / 25, 48000), codec=("aac", "-b:a", "192k"))
    scrambled, truth_file = tmp_path / f"scrambled{suffix}", tmp_path / "truth.json"
    asked = ["--truth", truth_file, "--seed", "1", "--foreign", "4", "--audio", "shuffle"]
    assert run("scramble", source, "-o", scrambled, *asked).code == 0
    truth = read_truth(truth_file)
    wild = frames_heard(scrambled, 52)
    known = [(heard, frame) for heard, frame in zip(wild, truth.frames, strict=True) if frame != FOREIGN]
    assert [heard for heard, _ in known] == [frame for _, frame in known]
    loud = np.abs(heard(scrambled)[: 52 * 1920, 0].astype(int)).reshape(52, 1920)[:, 300:-300].mean(axis=1)
    assert all((level < 300) == (frame == FOREIGN) for level, frame in zip(loud, truth.frames, strict=True))

    made = tmp_path / f"film{suffix}"
    assert run("reconstruct", scrambled, "-o", made, "--audio", "reslice").code == 0
    order = [truth.frames[frame] for frame in read_plan(made.with_suffix(".plan.json")).order]
    again = frames_heard(made, 48)
    assert again == order
    assert again in (list(range(48)), list(range(47, -1, -1)))


@pytest.mark.parametrize(
    "order",
    [SHUFFLED, range(FRAMES), range(FRAMES)[::-1], SHUFFLED[:9], [FRAMES - 1], [0], range(1, FRAMES, 3)],
    ids=["shuffled", "as filmed", "reversed", "a few", "only the last", "only the first", "every third"],
)
def test_every_frame_plays_with_its_own_sound_and_dropped_frames_lose_theirs(
    clip: Path, left_behind: Path, order: Sequence[int]
) -> None:
    made = render(plan_of(order), clip, left_behind / "film.mp4", QUICK, audio="reslice")
    assert frames_heard(made, len(order)) == list(order)
    assert abs(len(heard(made)) / 48000 - len(order) / 25) < 1 / 25


def test_a_reversed_film_plays_each_slice_forwards(clip: Path, left_behind: Path) -> None:
    made = render(plan_of(range(FRAMES)[::-1]), clip, left_behind / "film.mkv", LOSSLESS, audio="reslice")
    pieces = heard(made).reshape(FRAMES, 1920, 2)[::-1, 60:]
    assert np.array_equal(pieces, heard(clip).reshape(FRAMES, 1920, 2)[:, 60:])


@pytest.mark.parametrize(
    ("rate", "fps", "channels"),
    [
        (48000, Fraction(25), 1),
        (44100, Fraction(30000, 1001), 2),
        (44100, Fraction(24000, 1001), 2),
        (22050, Fraction(24), 1),
        (96000, Fraction(60000, 1001), 2),
        (48000, Fraction(25), 6),
    ],
    ids=lambda value: str(value),
)
def test_a_film_in_source_order_keeps_every_sample(left_behind: Path, rate: int, fps: Fraction, channels: int) -> None:
    silent = write_clip(left_behind / "silent.mkv", pictures(FRAMES), float(fps), crf=30)
    samples = sweep(FRAMES / float(fps), rate, channels, float(fps))
    source = add_sound(silent, left_behind / "source.mkv", samples, rate)
    plan = plan_of(range(FRAMES), float(fps))
    made = heard(render(plan, source, left_behind / "film.mkv", LOSSLESS, audio="reslice"))
    assert abs(len(made) - len(samples)) <= 1
    assert np.array_equal(made[: len(samples)], samples[: len(made)])


@pytest.mark.parametrize("order", ["as filmed", "shuffled"])
@pytest.mark.parametrize("digits", [6, 3], ids=["exact times", "times in milliseconds"])
@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(24000, 1001), Fraction(25)], ids=str)
def test_an_hour_drifts_by_less_than_two_samples(fps: Fraction, digits: int, order: str) -> None:
    count = int(3600 * fps)
    frames = list(range(count))
    if order == "shuffled":
        random.Random(1).shuffle(frames)
    times = [round(float(frame / fps), digits) for frame in range(count)]
    made = slices.slice_positions(frames, slices.frame_edges(times, fps), 44100)
    exact = np.arange(1, count + 1) * (44100 / float(fps))
    assert np.abs(made.ends - exact).max() < 2
    assert np.abs(made.starts - np.asarray(frames) * (44100 / float(fps))).max() < 2
    assert sum(length for _, length in slices.contiguous_runs(made)) == made.total
    if order == "as filmed":
        assert list(slices.contiguous_runs(made)) == [(0, made.total)]


LASTING = [0.04, 0.12, 0.04, 0.2, 0.08, 0.04, 0.16, 0.68 / 7]
"""No film stores the duration of its last frame; the mean of the others is used."""


@pytest.mark.parametrize("order", [range(8), [3, 6, 1, 4, 0, 7, 2, 5]], ids=["as filmed", "shuffled"])
def test_at_a_variable_rate_every_slice_is_as_long_as_its_frame_was_shown(
    left_behind: Path, order: Sequence[int]
) -> None:
    silent = write_vfr(left_behind / "silent.mkv", pictures(8), LASTING)
    times = [frame.time for frame in open_source(silent).frames()]
    lasting = np.diff(times, append=times[-1] + 8 / sum(LASTING))
    starts = np.rint(np.asarray(times) * 48000).astype(int)
    samples = np.repeat(np.arange(1, 9) * 1000, [*np.diff(starts), 48000]).astype("<i2")[:, None]
    source = add_sound(silent, left_behind / "source.mkv", samples)
    watcher = Notes()
    plan = plan_of(order, 8 / sum(LASTING), frames=8)
    made = render(plan, source, left_behind / "film.mkv", LOSSLESS, audio="reslice", progress=watcher)
    levels, lengths = np.unique(np.round(heard(made)[:, 0] / 1000), return_counts=True)
    assert levels[levels > 0].tolist() == list(range(1, 9))
    kept = dict(zip(levels.tolist(), lengths / 48000, strict=True))
    assert [kept[level] for level in range(1, 8)] == pytest.approx(lasting[:-1].tolist(), abs=0.003)
    assert abs(len(heard(made)) / 48000 - seconds_of(made)) < sum(LASTING) / 8
    assert len([note for note in watcher.notes if "apart" in note]) == (order[0] == 3)


def test_a_constant_rate_causes_no_note(clip: Path, left_behind: Path) -> None:
    watcher = Notes()
    render(plan_of(SHUFFLED), clip, left_behind / "film.mp4", QUICK, audio="reslice", progress=watcher)
    assert watcher.notes == []


@pytest.mark.parametrize("fps", [Fraction(50), Fraction(10), Fraction(5)], ids=str)
def test_at_another_rate_sound_is_stretched_with_its_pitch_kept_and_noted(
    silent: Path, left_behind: Path, fps: Fraction
) -> None:
    tone = sweep(FRAMES / 25, 48000, fps=0)
    source, watcher = add_sound(silent, left_behind / "source.mkv", tone), Notes()
    made = render(
        plan_of(range(FRAMES)), source, left_behind / "film.mkv", LOSSLESS, fps=fps, audio="reslice", progress=watcher
    )
    samples = heard(made)[:, 0]
    assert abs(len(samples) / 48000 - FRAMES / fps) < 1 / fps
    assert frame_heard(samples[4800:-4800], 48000) == pytest.approx(-0.5, abs=0.1)
    assert [f"{float(fps / 25):.4g} times" in note for note in watcher.notes] == [True]


@pytest.mark.parametrize("seconds", [0.5, 3.0], ids=["shorter", "longer"])
def test_sound_is_padded_with_silence_or_cut_to_the_length_of_the_film(
    silent: Path, left_behind: Path, seconds: float
) -> None:
    source = add_sound(silent, left_behind / "source.mkv", sweep(seconds, 48000))
    made = heard(render(plan_of(SHUFFLED), source, left_behind / "film.mkv", LOSSLESS, audio="reslice"))
    assert len(made) == FRAMES * 1920
    loud = [np.abs(piece[100:-100]).mean() > 1000 for piece in made[:, 0].astype(int).reshape(FRAMES, 1920)]
    whole = [frame < seconds * 25 - 0.1 for frame in SHUFFLED]
    partly = [frame == int(seconds * 25) for frame in SHUFFLED]
    assert [a for a, unsure in zip(loud, partly, strict=True) if not unsure] == [
        a for a, unsure in zip(whole, partly, strict=True) if not unsure
    ]


def onset(film: Path) -> float:
    """When sound is first heard, in seconds of the film."""
    return float(np.argmax(np.abs(heard(film)[:, 0].astype(int)) > 3000)) / 48000


@pytest.mark.parametrize("audio", ["keep", "reslice"])
@pytest.mark.parametrize("out", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("kind", [".mp4", ".mkv", ".ts"])
def test_sound_that_begins_later_than_the_film_stays_in_step(
    silent: Path, left_behind: Path, kind: str, out: str, audio: Audio
) -> None:
    source = add_sound(silent, left_behind / f"source{kind}", sweep(0.6, 48000), codec=["aac"], offset=0.32)
    made = render(plan_of(range(FRAMES)), source, left_behind / f"film{out}", QUICK, audio=audio)
    assert onset(made) == pytest.approx(0.32, abs=0.01)


@pytest.mark.parametrize("audio", ["keep", "reslice"])
def test_sound_that_begins_before_the_film_stays_in_step(silent: Path, left_behind: Path, audio: Audio) -> None:
    click = np.zeros((96000, 1), "<i2")
    click[48000:48100] = 20000
    source = add_sound(silent, left_behind / "source.mkv", click, codec=["pcm_s16le"], offset=-0.4)
    first = next(frame.time for frame in open_source(source).frames())
    assert first == pytest.approx(0.4, abs=0.002)
    made = render(plan_of(range(FRAMES)), source, left_behind / "film.mkv", LOSSLESS, audio=audio)
    begins = next(frame.time for frame in open_source(made).frames())
    assert onset(made) - begins == pytest.approx(0.6, abs=0.002)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".m4v"])
@pytest.mark.parametrize("encoding", [QUICK, LOSSLESS], ids=["crf", "lossless"])
def test_keep_copies_every_packet(silent: Path, left_behind: Path, suffix: str, encoding: Encoding) -> None:
    source, watcher = add_sound(silent, left_behind / "source.mp4", sweep(0.96, 48000, 2), codec=["aac"]), Notes()
    made = render(plan_of(SHUFFLED), source, left_behind / f"film{suffix}", encoding, audio="keep", progress=watcher)
    assert packets(made) == packets(source)
    assert watcher.notes == []


def test_keep_reencodes_what_the_container_cannot_hold_and_notes_it(clip: Path, left_behind: Path) -> None:
    watcher = Notes()
    made = render(plan_of(SHUFFLED), clip, left_behind / "film.m4v", QUICK, audio="keep", progress=watcher)
    assert audio_stream(made).startswith("aac")
    assert frames_heard(made, FRAMES) == list(range(FRAMES))
    assert [".m4v" in note and "aac" in note for note in watcher.notes] == [True]


@pytest.mark.parametrize(
    ("order", "fps", "said"),
    [(SHUFFLED[:14], None, "0.40 s shorter"), (SHUFFLED, Fraction(20), "0.24 s longer")],
    ids=["frames dropped", "slower"],
)
def test_keep_notes_a_film_of_another_length_than_its_source(
    clip: Path, left_behind: Path, order: Sequence[int], fps: Fraction | None, said: str
) -> None:
    watcher = Notes()
    made = render(plan_of(order), clip, left_behind / "film.mkv", QUICK, fps=fps, audio="keep", progress=watcher)
    assert packets(made) == packets(clip)
    assert [said in note for note in watcher.notes] == [True]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_lossless_films_keep_every_sample(clip: Path, left_behind: Path, suffix: str) -> None:
    made = render(plan_of(range(FRAMES)), clip, left_behind / f"film{suffix}", LOSSLESS, audio="reslice")
    codec = {".mkv": "flac", ".avi": "pcm_s16le"}.get(suffix, "alac")
    assert audio_stream(made).startswith(codec)
    assert np.array_equal(heard(made), heard(clip))


def test_lossless_keeps_24_bits(silent: Path, left_behind: Path) -> None:
    source = left_behind / "source.mkv"
    noise = ["-f", "lavfi", "-i", "anoisesrc=r=48000:d=0.96:a=0.3:seed=1"]
    deep = ["-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "flac", "-sample_fmt", "s32"]
    ffmpeg_ok("-i", str(silent), *noise, *deep, str(source))
    made = render(plan_of(range(FRAMES)), source, left_behind / "film.mkv", LOSSLESS, audio="reslice")
    asked = ["-map", "0:a", "-f", "s32le", "-"]
    assert ffmpeg_ok("-i", str(made), *asked) == ffmpeg_ok("-i", str(source), *asked)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_container_plays_resliced_sound(clip: Path, left_behind: Path, suffix: str) -> None:
    made = render(plan_of(SHUFFLED), clip, left_behind / f"film{suffix}", QUICK, audio="reslice")
    assert audio_stream(made).startswith("pcm" if suffix == ".avi" else "aac")
    assert frames_heard(made, FRAMES) == SHUFFLED


def test_new_joins_make_no_click() -> None:
    track = sweep(1.0, 48000, 2, fps=2)
    edges = slices.frame_edges([frame / 25 for frame in range(25)], Fraction(25))
    made = slices.slice_positions(range(25)[::-1], edges, 48000)
    hard = np.concatenate(list(slices.joined_audio(track, made, 0))).astype(int)
    soft = np.concatenate(list(slices.joined_audio(track, made, 48))).astype(int)
    usual = np.abs(np.diff(track.astype(int), axis=0)).max()
    assert np.abs(np.diff(hard, axis=0)).max() > 4 * usual
    assert np.abs(np.diff(soft, axis=0)).max() < 2 * usual
    changed = np.flatnonzero((hard != soft).any(axis=1))
    assert set((changed % 1920).tolist()) <= set(range(48))


def test_slices_that_were_adjacent_in_the_source_join_bit_for_bit() -> None:
    true = sweep(1.0, 48000, 2)
    order = random.Random(2).sample(range(25), 25)
    track = true.reshape(25, 1920, 2)[order].reshape(-1, 2)
    edges = slices.frame_edges([frame / 25 for frame in range(25)], Fraction(25))
    back = slices.slice_positions([order.index(frame) for frame in range(25)], edges, 48000)
    assert np.array_equal(np.concatenate(list(slices.joined_audio(track, back, 48))), true)


@pytest.mark.parametrize("encoding", [QUICK, LOSSLESS], ids=["crf", "lossless"])
def test_drop_leaves_no_sound(clip: Path, left_behind: Path, encoding: Encoding) -> None:
    assert audio_stream(clip)
    assert audio_stream(render(plan_of(SHUFFLED), clip, left_behind / "film.mp4", encoding)) == ""


@pytest.fixture(scope="module")
def speaking(silent: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film whose sound changes as speech does."""
    folder = tmp_path_factory.mktemp("speaking")
    return add_sound(silent, folder / "speaking.mkv", voice(FRAMES)[:, None], RATE, ["aac", "-b:a", "128k"])


@pytest.fixture(scope="module")
def cut_along(speaking: Path) -> Path:
    """The same film, scrambled with its sound."""
    made = speaking.with_name("cut along.mp4")
    scramble(speaking, made, ScrambleOptions(seed=3, audio="shuffle"))
    return made


@pytest.fixture(scope="module")
def dubbed(cut_along: Path, speaking: Path) -> Path:
    """The scrambled pictures with the sound as it was."""
    made = cut_along.with_name("dubbed.mp4")
    maps = ["-map", "0:v", "-map", "1:a", "-c", "copy", str(made)]
    ffmpeg_ok("-i", str(cut_along), "-i", str(speaking), *maps)
    return made


@pytest.fixture(scope="module")
def hushed(cut_along: Path) -> Path:
    """The scrambled pictures with a silent track."""
    made = cut_along.with_name("hushed.mp4")
    maps = ["-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-shortest", str(made)]
    ffmpeg_ok("-i", str(cut_along), "-f", "lavfi", "-i", "anullsrc=r=44100:cl=stereo", *maps)
    return made


def test_by_default_sound_that_was_shuffled_along_is_cut_by_frame(cut_along: Path, run: Run, left_behind: Path) -> None:
    answer = run("reconstruct", cut_along, "-o", left_behind / "film.mkv", "--quiet", "--lossless")
    assert (answer.code, "shuffled along" in answer.err) == (0, True)
    plan = read_plan(left_behind / "film.plan.json")
    assert plan.sound
    assert plan.sound.state == "shuffled"
    assert plan.direction.by == "sound"
    rendered = render(plan, cut_along, left_behind / "again.mkv", LOSSLESS, audio="reslice")
    assert np.array_equal(heard(left_behind / "film.mkv"), heard(rendered))


def test_by_default_sound_that_was_not_shuffled_is_kept(dubbed: Path, run: Run, left_behind: Path) -> None:
    answer = run("reconstruct", dubbed, "-o", left_behind / "film.mp4", "--quiet")
    assert (answer.code, "not shuffled" in answer.err) == (0, True)
    assert packets(left_behind / "film.mp4") == packets(dubbed)
    plan = read_plan(left_behind / "film.plan.json")
    assert plan.sound
    assert plan.sound.state == "untouched"
    assert plan.direction.by == ""


def test_by_default_sound_that_does_not_tell_is_left_out(hushed: Path, run: Run, left_behind: Path) -> None:
    answer = run("reconstruct", hushed, "-o", left_behind / "film.mp4", "--quiet")
    assert (answer.code, "left out" in answer.err) == (0, True)
    assert audio_stream(left_behind / "film.mp4") == ""


def test_a_plan_made_without_the_sound_is_rendered_by_what_the_source_tells(
    cut_along: Path, run: Run, left_behind: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWEAVE_SOLVE__SOUND", "false")
    assert run("reconstruct", cut_along, "-o", left_behind / "film.mp4", "--audio", "drop", "-q").code == 0
    assert read_plan(left_behind / "film.plan.json").sound is None
    answer = run("render", left_behind / "film.plan.json", "-o", left_behind / "again.mp4", "-q")
    assert (answer.code, "shuffled along" in answer.err) == (0, True)
    assert audio_stream(left_behind / "again.mp4").startswith("aac")


def test_a_plan_without_its_source_is_solved_without_its_sound(cut_along: Path, run: Run, tmp_path: Path) -> None:
    source = tmp_path / "moved.mp4"
    source.write_bytes(cut_along.read_bytes())
    assert run("ingest", source, "-q").code == 0
    source.unlink()
    solved = run("solve", "moved.mp4", "--json", "-q")
    assert (solved.code, solved.data["sound"], solved.data["direction"]["by"]) == (0, None, "")


def test_sound_that_is_to_be_kept_does_not_decide_the_direction(cut_along: Path, run: Run, left_behind: Path) -> None:
    assert run("reconstruct", cut_along, "-o", left_behind / "film.mp4", "--audio", "keep", "-q").code == 0
    assert read_plan(left_behind / "film.plan.json").direction.by == ""


def test_dropped_sound_is_noted(clip: Path, run: Run, left_behind: Path) -> None:
    answer = run("reconstruct", clip, "-o", left_behind / "film.mp4", "--quiet", "--both", "--audio", "drop")
    assert (answer.code, audio_stream(left_behind / "film.mp4")) == (0, "")
    notes = [line for line in answer.err.splitlines() if "has sound, left out" in line]
    assert len(notes) == 1
    assert re.search("--audio keep.*reslice", notes[0])


def gif(folder: Path) -> Path:
    return write_gif(folder / "silent.gif", pictures(8))


def folder_of_pictures(folder: Path) -> Path:
    return write_pictures(folder / "pictures", pictures(8))


def without(folder: Path) -> Path:
    return write_clip(folder / "silent.mp4", pictures(8))


@pytest.mark.parametrize("audio", ["keep", "reslice", "drop", "auto"])
@pytest.mark.parametrize("make", [gif, folder_of_pictures, without], ids=lambda make: str(make.__name__))
def test_a_source_without_sound_is_rendered_with_a_note(make: Any, run: Run, left_behind: Path, audio: str) -> None:
    answer = run("reconstruct", make(left_behind), "-o", left_behind / "film.mp4", "--quiet", "--audio", audio)
    assert (answer.code, audio_stream(left_behind / "film.mp4")) == (0, "")
    assert ("has no sound" in answer.err) == (audio in ("keep", "reslice"))


def test_the_film_and_its_reverse_have_their_own_sound(clip: Path, run: Run, left_behind: Path) -> None:
    made = left_behind / "film.mp4"
    assert run("reconstruct", clip, "-o", made, "--both", "--audio", "reslice", "-q").code == 0
    order = read_plan(made.with_suffix(".plan.json")).order
    assert frames_heard(made, FRAMES) == order
    assert frames_heard(left_behind / "film.reversed.mp4", FRAMES) == order[::-1]


def test_render_treats_sound_as_the_settings_say(
    clip: Path, run: Run, left_behind: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("reconstruct", clip, "-o", left_behind / "film.mp4", "-q").code == 0
    monkeypatch.setenv("REELWEAVE_RENDER__AUDIO", "keep")
    plan, made = left_behind / "film.plan.json", left_behind / "again.mkv"
    assert run("render", plan, "-o", made, "-q").code == 0
    assert packets(made) == packets(clip)
    assert run("render", plan, "-o", made, "-q", "--audio", "drop").code == 0
    assert audio_stream(made) == ""


@pytest.mark.parametrize("command", ["reconstruct {clip}", "scramble {clip} --truth {folder}/truth.json"])
def test_an_unknown_audio_option_is_rejected(clip: Path, run: Run, left_behind: Path, command: str) -> None:
    words = [word.format(clip=clip, folder=left_behind) for word in command.split(" ")]
    answer = run(*words, "-o", left_behind / "film.mp4", "--audio", "loud")
    assert answer.code == 2
    assert "loud" in answer.err
    assert list(left_behind.iterdir()) == []


class Case(NamedTuple):
    error: type[BaseException]
    names: str


def _undecodable(source: Path, _: pytest.MonkeyPatch) -> Case:
    data = source.read_bytes()
    assert data.count(b"A_FLAC") == 1
    source.write_bytes(data.replace(b"A_FLAC", b"A_NONE"))
    return Case(RenderError, "source.mkv")


def _too_many_channels(source: Path, _: pytest.MonkeyPatch) -> Case:
    add_sound(source, source.with_name("many.mkv"), sweep(0.96, 48000, 16), codec=["pcm_s16le"])
    source.with_name("many.mkv").replace(source)
    return Case(RenderError, "--audio drop")


def _changed(source: Path, _: pytest.MonkeyPatch) -> Case:
    ffmpeg_ok("-i", str(source), "-map", "0", "-c", "copy", "-t", "0.5", str(source.with_name("cut.mkv")))
    source.with_name("cut.mkv").replace(source)
    return Case(RenderError, f"Frame {FRAMES - 1}")


def _full_disk(_: Path, patch: pytest.MonkeyPatch) -> Case:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    patch.setattr(track, "write_all", full)
    return Case(RenderError, f"{2 * FRAMES * 1920 * 2 * 2} bytes")


def _interrupted(_: Path, patch: pytest.MonkeyPatch) -> Case:
    def stop(*_: object) -> Iterator[Samples]:
        yield np.zeros((10, 2), "<i2")
        raise KeyboardInterrupt

    patch.setattr(soundtrack, "joined_audio", stop)
    return Case(KeyboardInterrupt, "")


def _interrupted_late(_: Path, patch: pytest.MonkeyPatch) -> Case:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    patch.setattr(reorder, "write_all", stop)
    return Case(KeyboardInterrupt, "")


@pytest.mark.parametrize(
    "spoil",
    [_undecodable, _too_many_channels, _changed, _full_disk, _interrupted, _interrupted_late],
    ids=lambda spoil: str(spoil.__name__),
)
@pytest.mark.parametrize("existing", [b"", b"an older film"], ids=["new", "existing"])
def test_a_failure_leaves_no_file_behind_and_keeps_the_old_film(
    clip: Path, tmp_path: Path, left_behind: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, existing: bytes
) -> None:
    source, output = tmp_path / "source.mkv", left_behind / "film.mp4"
    source.write_bytes(clip.read_bytes())
    if existing:
        output.write_bytes(existing)
    case = spoil(source, monkeypatch)
    with pytest.raises(case.error) as raised:
        render(plan_of(SHUFFLED), source, output, QUICK, audio="reslice")
    assert case.names in str(raised.value)
    assert [f.name for f in left_behind.iterdir()] == (["film.mp4"] if existing else [])
    assert not existing or output.read_bytes() == existing


def test_scramble_notes_that_it_leaves_sound_out(clip: Path, tmp_path: Path) -> None:
    watcher = Notes()
    scramble(clip, tmp_path / "out.mkv", ScrambleOptions(crf=40), watcher)
    assert audio_stream(tmp_path / "out.mkv") == ""
    assert [("left out" in note, "--audio shuffle" in note) for note in watcher.notes] == [(True, True)]


def test_scramble_shuffles_the_sound_of_a_range_bit_for_bit(clip: Path, tmp_path: Path) -> None:
    options = ScrambleOptions(frames=10, seed=4, crf=0, foreign=2, audio="shuffle")
    truth = scramble(clip, tmp_path / "out.mkv", options)
    there = heard(clip).reshape(FRAMES, 1920, 2)
    made = heard(tmp_path / "out.mkv").reshape(12, 1920, 2)
    for piece, frame in zip(made, truth.frames, strict=True):
        assert np.array_equal(piece, np.zeros_like(piece) if frame == FOREIGN else there[frame])


def test_scramble_gives_each_frame_of_a_variable_rate_the_sound_at_its_start(tmp_path: Path) -> None:
    silent = write_vfr(tmp_path / "silent.mkv", pictures(8), LASTING)
    times = [frame.time for frame in open_source(silent).frames()]
    starts = np.rint(np.asarray(times) * 48000).astype(int)
    samples = np.repeat(np.arange(1, 9) * 1000, [*np.diff(starts), 48000]).astype("<i2")[:, None]
    source = add_sound(silent, tmp_path / "source.mkv", samples)
    truth = scramble(source, tmp_path / "out.mkv", ScrambleOptions(crf=0, seed=2, audio="shuffle"))
    slot = 48000 / truth.fps
    made = heard(tmp_path / "out.mkv")[:, 0]
    assert [int(made[round(place * slot) + 96] / 1000) - 1 for place in range(8)] == truth.frames


def test_an_unknown_audio_option_is_rejected_in_python(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="audio"):
        scramble(clip, tmp_path / "out.mkv", ScrambleOptions(audio="loud"))


def test_json_output_stays_a_single_object(clip: Path, run: Run, left_behind: Path) -> None:
    answer = run("reconstruct", clip, "-o", left_behind / "film.mp4", "--audio", "reslice", "--json")
    assert json.loads(answer.out)["output"].endswith("film.mp4")
