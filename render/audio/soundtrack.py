"""The soundtrack of a film: none, the source's track unchanged, or the track cut by frame in the plan's order."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from ...errors import RenderError
from ...media import ffmpeg
from ...media.rates import exact_rate
from ...media.source import Source
from ...progress import Progress
from ...solve.plan.model import Plan, SoundReport
from ...solve.sound import SoundState, SoundVerdict, judge_sound
from ..encode import Encoding, Soundtrack
from ..reorder import FULL, missing_frame, no_space
from ..results import confidence_text
from .analysis import read_slices
from .slices import SlicePositions, frame_edges, joined_audio, out_of_step, slice_positions
from .track import Track, decoded, probe_track

Audio: TypeAlias = Literal["drop", "keep", "reslice"]
"""No sound, the track unchanged, or the track cut by frame and reordered."""

_BY_STATE: dict[SoundState, Audio] = {"shuffled": "reslice", "untouched": "keep", "unknown": "drop"}
_NOTES: dict[Audio, str] = {
    "reslice": "was shuffled along with the frames ({sure} sure), so it is cut by frame and put in the film's order",
    "keep": "was not shuffled ({sure} sure), so the track is kept unchanged",
    "drop": "does not tell whether it was shuffled along with the frames, so it is left out",
}

_FADE_SECONDS = 0.001
"""Length of the fade that softens a click between slices."""
_AAC_KBITS = 96
"""Bit rate of each channel in kbit/s."""
_NOTICEABLE_LEAD = 0.02
"""Seconds between sound and picture up to which they seem simultaneous."""


def own_rate(plan: Plan) -> Fraction:
    """Restore the exact frame rate of the plan's source."""
    return exact_rate(plan.video.fps)


def chosen_audio(asked: Audio | Literal["auto"], plan: Plan, source: Source, progress: Progress) -> Audio:
    """Return what to do with the sound of a source; where it is left to the sound itself, note what it tells."""
    if not has_sound(source, asked, ("keep", "reslice"), progress):
        return "drop"
    if asked != "auto":
        return asked
    found = plan.sound or _judged(plan, source, progress)
    chosen = _BY_STATE[found.state]
    why = _NOTES[chosen].format(sure=confidence_text(found.confidence))
    others = " or ".join(other for other in _NOTES if other != chosen)
    progress.note(f"The sound of {source.path.name} {why}; --audio {others} decides otherwise.")
    return chosen


def _judged(plan: Plan, source: Source, progress: Progress) -> SoundReport:
    """Hear the source of a plan that was made without its sound."""
    times = _frame_times(source, max(plan.played, default=0), progress)
    sound = read_slices(source.path, times, plan.video.fps)
    verdict = judge_sound(sound, np.arange(len(times)), plan.order) if sound else SoundVerdict()
    return SoundReport(**asdict(verdict))


def has_sound(source: Source, audio: str, others: Sequence[str], progress: Progress) -> bool:
    """Check whether the source has sound, and note what the user may not expect; `others` are the other options."""
    tracks, name = source.info().audio_tracks, source.path.name
    if not tracks and audio not in ("auto", "drop"):
        progress.note(f"{name} has no sound to {audio}.")
    if tracks and audio == "drop":
        progress.note(f"{name} has sound, left out; --audio {' or '.join(others)} includes it.")
    if tracks > 1 and audio != "drop":
        progress.note(f"{name} has {tracks} sound tracks; the first is used.")
    return tracks > 0


def soundtrack(
    audio: Audio, plan: Plan, source: Source, target: Path, encoding: Encoding, rate: Fraction, progress: Progress
) -> AbstractContextManager[Soundtrack | None]:
    """Open the soundtrack of a film that plays at `rate`."""
    if audio == "keep":
        changed = float(len(plan.played) / rate - plan.video.frames / own_rate(plan))
        if abs(changed) > 1 / rate:
            than = "longer" if changed > 0 else "shorter"
            progress.note(f"{target.name} is {abs(changed):.2f} s {than} than its source; the sound keeps its length.")
        return nullcontext(original_track(source.path, target, encoding, progress))
    if audio == "reslice":
        return resliced(source, plan.played, target, encoding, (own_rate(plan), rate), progress)
    return nullcontext(None)


@contextmanager
def resliced(
    source: Source,
    frames: Sequence[int],
    target: Path,
    encoding: Encoding,
    rates: tuple[Fraction, Fraction],
    progress: Progress,
    *,
    bare: bool = False,
) -> Iterator[Soundtrack]:
    """Cut the source's sound by frame and join the slices in the order of `frames`; SILENT is a frame without sound.

    `rates` are those of the source and of the film. With `bare`, as for test films, each slice has exactly the length
    of a frame and no join is softened.
    """
    own, played = rates
    track, _ = probe_track(source.path)
    edges = frame_edges(_frame_times(source, max(frames), progress), own)
    made = slice_positions(frames, edges - edges[0] - track.lead, track.rate, 1 / own if bare else None)
    scratch = target.with_name(f".reelweave-{secrets.token_hex(6)}.pcm")
    try:
        _write(scratch, source.path, track, made, 0 if bare else max(2, round(track.rate * _FADE_SECONDS)), progress)
        shape = ["-f", track.pcm, "-ar", str(track.rate), "-ch_layout", track.layout]
        fit = _fitted(made, track.rate, played, target.name, progress)
        codec = _codec(target.suffix.lower(), track, encoding.lossless)
        yield Soundtrack([*shape, "-i", ffmpeg.input_argument(scratch)], ["-af", fit, *codec])
    finally:
        scratch.unlink(missing_ok=True)


def original_track(source: Path, target: Path, encoding: Encoding, progress: Progress) -> Soundtrack:
    """Keep the track in step with the first picture; re-encode it only where the container cannot hold it."""
    track, first_picture = probe_track(source)
    original = ["-copyts", "-itsoffset", f"{-first_picture:.6f}", "-i", ffmpeg.input_argument(source)]
    suffix = target.suffix.lower()
    # AVI cannot store the time at which sound begins.
    if (suffix != ".avi" or abs(track.lead) <= _NOTICEABLE_LEAD) and _container_holds(source, target):
        return Soundtrack(original, ["-c:a", "copy"])
    codec = _codec(suffix, track, encoding.lossless)
    progress.note(f"{suffix} cannot hold the sound of {source.name} unchanged; it is re-encoded as {codec[1]}.")
    return Soundtrack(original, ["-af", "aresample=async=1:first_pts=0", *codec])


def _container_holds(source: Path, target: Path) -> bool:
    """Try whether the container holds the track unchanged by writing a few frames of it."""
    trial = target.with_name(f".reelweave-{secrets.token_hex(6)}{target.suffix}")
    copy = ["-map", "0:a:0", "-c:a", "copy", "-frames:a", "4", "-y", ffmpeg.input_argument(trial)]
    try:
        return ffmpeg.run(["-i", ffmpeg.input_argument(source), *copy]).returncode == 0
    finally:
        trial.unlink(missing_ok=True)


def _frame_times(source: Source, last: int, progress: Progress) -> list[float]:
    """Return the time of every frame, from the decoder that numbers frames elsewhere."""
    times = []
    hint = source.info().frames_hint
    with progress.stage("frame times", hint) as stage, closing(source.frames(short_side=1)) as frames:
        for frame in frames:
            times.append(frame.time)
            stage.advance()
    if last >= len(times):
        raise missing_frame(source.path, last, len(times))
    return times


def _write(path: Path, source: Path, track: Track, made: SlicePositions, fade: int, progress: Progress) -> None:
    """Write the film's sound to a PCM file; the track is mapped from disk, as frames are."""
    try:
        with progress.stage("cut sound"), decoded(source, track, path.parent) as samples, path.open("wb") as file:
            for block in joined_audio(samples, made, fade):
                file.write(block.tobytes())
    except OSError as failed:
        if failed.errno in FULL:
            raise no_space(path.parent, 2 * made.total * track.channels * track.sample.itemsize) from failed
        raise RenderError(f"No scratch file can be written to {path.parent}: {failed.strerror or failed}.") from failed


def _fitted(made: SlicePositions, sample_rate: int, played: Fraction, film: str, progress: Progress) -> str:
    """Return the filters that fit the sound to the film's length; it is stretched if more than a frame is off."""
    samples = round(len(made.frames) * sample_rate / played)
    steps = []
    if abs(made.total - samples) > sample_rate / played:
        tempo = made.total / samples
        steps = list(_tempo(tempo))
        progress.note(f"{film}: its sound plays at {tempo:.4g} times its speed, with its pitch kept, to fit the film.")
    if (offset := out_of_step(made)) > 1:
        progress.note(
            f"{film} plays at a constant rate and its source does not: "
            f"sound and picture are up to {offset / float(played):.2f} s apart."
        )
    return ",".join([*steps, f"apad=whole_len={samples}", f"atrim=end_sample={samples}"])


def _tempo(factor: float) -> Iterator[str]:
    """Split a tempo into steps of 0.5 to 2: the filter takes no less, and skips samples beyond."""
    while not 0.5 <= factor <= 2:
        step = 2.0 if factor > 1 else 0.5
        yield f"atempo={step}"
        factor /= step
    yield f"atempo={factor:.9f}"


def _codec(suffix: str, track: Track, lossless: bool) -> list[str]:
    """Choose AAC for any player, FLAC or ALAC for lossless films, and PCM in AVI, which cannot hold AAC."""
    if suffix == ".avi":
        return ["-c:a", "pcm_s24le" if track.deep and lossless else "pcm_s16le"]
    if lossless:
        return ["-c:a", "flac" if suffix == ".mkv" else "alac"]
    return ["-c:a", "aac", "-b:a", f"{_AAC_KBITS * track.channels}k"]
