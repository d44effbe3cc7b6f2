"""The sound of a film: none, the source's track as it is, or that track cut by frame and put in the plan's order."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

from .. import ffmpeg
from ..errors import RenderError
from ..ingest.source import open_source
from ..progress import Progress
from ..solve.plan import Plan
from .encode import Encoding, Soundtrack
from .scratch import FULL, no_space
from .slices import Cuts, cuts, frame_edges, joined, out_of_step
from .track import Track, ask, decoded

Audio: TypeAlias = Literal["drop", "keep", "reslice"]

_FADE_SECONDS = 0.001
_AAC_KBITS = 96
_HEARD_AS_ONE = 0.02


def own_rate(plan: Plan) -> Fraction:
    """The rate of the plan's source, exact again."""
    # A picture an hour or fewer would come to 0.
    return Fraction(plan.video.fps).limit_denominator(1001) or Fraction(plan.video.fps).limit_denominator(1_000_000)


def has_sound(source: Path, audio: str, others: Sequence[str], progress: Progress) -> bool:
    """Whether there is sound to do with what was asked; what the user may not expect is said."""
    tracks = 0 if source.is_dir() else open_source(source).info().audio_tracks
    there = tracks > 0
    if not there and audio != "drop":
        progress.note(f"{source.name} has no sound to {audio}.")
    if there and audio == "drop":
        progress.note(f"{source.name} has sound, left out; --audio {' or '.join(others)} takes it along.")
    if tracks > 1 and audio != "drop":
        progress.note(f"{source.name} has {tracks} sound tracks; the first is taken.")
    return there


def soundtrack(
    audio: Audio, plan: Plan, source: Path, target: Path, encoding: Encoding, rate: Fraction, progress: Progress
) -> AbstractContextManager[Soundtrack | None]:
    """What the encoder needs to give a film that plays at `rate` its sound."""
    if audio == "keep":
        changed = float(len(plan.played) / rate - plan.video.frames / own_rate(plan))
        if abs(changed) > 1 / rate:
            than = "longer" if changed > 0 else "shorter"
            progress.note(f"{target.name} is {abs(changed):.2f} s {than} than its source; the sound is kept whole.")
        return nullcontext(kept(source, target, encoding, progress))
    if audio == "reslice":
        return resliced(source, plan.played, target, encoding, (own_rate(plan), rate), progress)
    return nullcontext(None)


@contextmanager
def resliced(
    source: Path,
    frames: Sequence[int],
    target: Path,
    encoding: Encoding,
    rates: tuple[Fraction, Fraction],
    progress: Progress,
    *,
    bare: bool = False,
) -> Iterator[Soundtrack]:
    """The slices of the source's sound in the order of `frames`, of which SILENT is one without any.

    `rates` are the source's own and the one that the film plays at. `bare` cuts as a test case wants it:
    every slice exactly as long as its frame is shown, no join softened.
    """
    own, played = rates
    track, _ = ask(source)
    edges = frame_edges(_frame_times(source, max(frames), progress), own)
    made = cuts(frames, edges - edges[0] - track.lead, track.rate, 1 / own if bare else None)
    scratch = target.with_name(f".reelweave-{secrets.token_hex(6)}.pcm")
    try:
        _write(scratch, source, track, made, 0 if bare else max(2, round(track.rate * _FADE_SECONDS)), progress)
        shape = ["-f", track.pcm, "-ar", str(track.rate), "-ch_layout", track.layout]
        fit = _fitted(made, track.rate, played, target.name, progress)
        codec = _codec(target.suffix.lower(), track, encoding.lossless)
        yield Soundtrack([*shape, "-i", ffmpeg.input_argument(scratch)], ["-af", fit, *codec])
    finally:
        scratch.unlink(missing_ok=True)


def kept(source: Path, target: Path, encoding: Encoding, progress: Progress) -> Soundtrack:
    """The track as it lies in the source, in step with the first picture; encoded anew only for a container's sake."""
    track, first_picture = ask(source)
    given = ["-copyts", "-itsoffset", f"{-first_picture:.6f}", "-i", ffmpeg.input_argument(source)]
    suffix = target.suffix.lower()
    # AVI has no place for the time at which sound begins.
    if (suffix != ".avi" or abs(track.lead) <= _HEARD_AS_ONE) and _taken(source, target):
        return Soundtrack(given, ["-c:a", "copy"])
    codec = _codec(suffix, track, encoding.lossless)
    progress.note(f"{suffix} cannot hold the sound of {source.name} as it is: encoded anew as {codec[1]}.")
    return Soundtrack(given, ["-af", "aresample=async=1:first_pts=0", *codec])


def _taken(source: Path, target: Path) -> bool:
    """Whether the container takes the track as it is: ffmpeg is asked to try with a bit of it."""
    trial = target.with_name(f".reelweave-{secrets.token_hex(6)}{target.suffix}")
    copy = ["-map", "0:a:0", "-c:a", "copy", "-frames:a", "4", "-y", ffmpeg.input_argument(trial)]
    try:
        return ffmpeg.run(["-i", ffmpeg.input_argument(source), *copy]).returncode == 0
    finally:
        trial.unlink(missing_ok=True)


def _frame_times(source: Path, last: int, progress: Progress) -> list[float]:
    """Every frame's own time, from the decoder that numbers frames everywhere else."""
    film = open_source(source)
    times = []
    with progress.stage("frame times", film.info().frames_hint) as stage, closing(film.frames(short_side=1)) as frames:
        for frame in frames:
            times.append(frame.time)
            stage.advance()
    if last >= len(times):
        raise RenderError(
            f"Frame {last} of {source} could not be had: only {len(times)} frames came out of it.",
            "The source is not the one the plan was made from; solve it again.",
        )
    return times


def _write(path: Path, source: Path, track: Track, made: Cuts, fade: int, progress: Progress) -> None:
    """The film's sound as PCM, which the disk puts in order as it does the frames."""
    try:
        with progress.stage("cut sound"), decoded(source, track, path.parent) as samples, path.open("wb") as file:
            for block in joined(samples, made, fade):
                file.write(block.tobytes())
    except OSError as failed:
        if failed.errno in FULL:
            raise no_space(path.parent, 2 * made.total * track.channels * track.sample.itemsize) from failed
        raise RenderError(f"{path.parent} takes no scratch file: {failed.strerror or failed}.") from failed


def _fitted(made: Cuts, sample_rate: int, played: Fraction, film: str, progress: Progress) -> str:
    """Filters that make the sound as long as the film, to the sample: stretched where over a frame is amiss."""
    lasts = round(len(made.frames) * sample_rate / played)
    steps = []
    if abs(made.total - lasts) > sample_rate / played:
        tempo = made.total / lasts
        steps = list(_tempo(tempo))
        progress.note(f"{film}: its sound plays at {tempo:.4g} times its speed and at its own pitch, to fit the film.")
    if (apart := out_of_step(made)) > 1:
        progress.note(
            f"{film} plays at a constant rate and its source does not: "
            f"sound and picture are up to {apart / float(played):.2f} s apart."
        )
    return ",".join([*steps, f"apad=whole_len={lasts}", f"atrim=end_sample={lasts}"])


def _tempo(factor: float) -> Iterator[str]:
    """The stretcher goes down to a half at a time, and leaves sound out where it goes above two."""
    while not 0.5 <= factor <= 2:
        step = 2.0 if factor > 1 else 0.5
        yield f"atempo={step}"
        factor /= step
    yield f"atempo={factor:.9f}"


def _codec(suffix: str, track: Track, lossless: bool) -> list[str]:
    """AAC for any player; FLAC or ALAC where nothing may be lost, and PCM in AVI, which AAC does not fit."""
    if suffix == ".avi":
        return ["-c:a", "pcm_s24le" if track.deep and lossless else "pcm_s16le"]
    if lossless:
        return ["-c:a", "flac" if suffix == ".mkv" else "alac"]
    return ["-c:a", "aac", "-b:a", f"{_AAC_KBITS * track.channels}k"]
