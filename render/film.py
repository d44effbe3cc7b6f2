"""Render a plan to a film: decode the source in one pass, reorder the frames on disk, encode.

Frames keep the YUV format of the source. A round trip through RGB would round every sample twice and would
need a colour matrix and a range that many files do not state. Untouched samples with the source's own tags
look the same in any player, and a lossless film holds exactly the source's frames.
"""

from array import array
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from fractions import Fraction
from functools import partial
from pathlib import Path

from ..errors import RenderError, UsageError
from ..index.overwrite import Outputs
from ..media import ffmpeg
from ..media.rates import measured_rate
from ..media.source import SHOW_TIMES, TIMES, DecoderReport, PictureFolder, Source, VideoFile, next_time, open_source
from ..progress import SILENT, Progress, noting
from ..settings import Settings
from ..solve.plan.model import Plan
from .audio.soundtrack import Audio, chosen_audio, own_rate, soundtrack
from .encode import Encoding, check_output, encode
from .fill import FillOptions, FrameTiming, GapFiller, ReplacedFrame
from .frame_layout import FrameLayout, pictures_layout, video_layout
from .gaps import gaps_of
from .outputs import films_at
from .reorder import in_play_order, missing_frame

_DEFAULT_FILLING = FillOptions()
_GIGABYTE = 10**9
_MOST_RATE = 1_000_000
"""The highest rate, in frames per second, that is passed on to ffmpeg."""


def render_plan(
    plan: Plan,
    source: Source,
    output: Path,
    outputs: Outputs,
    settings: Settings,
    progress: Progress,
    *,
    both: bool = False,
    lossless: bool = False,
    fps: Fraction | None = None,
) -> list[Path]:
    """Write the film of a plan as the settings say and, with `both`, the film backwards; return their paths."""
    progress = noting(progress)
    audio = chosen_audio(settings.render.audio, plan, source, progress)
    films = films_at(output, both)
    for directed, target in zip((plan, plan.reversed()), films, strict=False):
        with outputs.writing(target):
            render(
                directed,
                source,
                target,
                Encoding(settings.render.crf, settings.render.preset, lossless),
                fps=fps,
                audio=audio,
                filling=FillOptions(settings.repair.method, settings.repair.long, settings.repair.longest),
                scratch_bytes=int(settings.render.scratch_gb * _GIGABYTE),
                progress=progress,
            )
    return films


def render(
    plan: Plan,
    source: Path | Source,
    output: Path,
    encoding: Encoding,
    *,
    fps: Fraction | None = None,
    audio: Audio = "drop",
    filling: FillOptions = _DEFAULT_FILLING,
    scratch_bytes: int = 8 << 30,
    progress: Progress = SILENT,
) -> Path:
    """Write the frames that a plan plays, at a constant rate, and interpolate the frames that it fills.

    The output is written atomically: it is complete, or stays as it was.

    Args:
        plan: The order of the frames, and the broken frames to fill.
        source: The video or the folder of pictures that the plan was made from, or its path.
        output: The film, in a format named by its suffix.
        encoding: Quality of the video.
        fps: Frames per second; that of the source by default.
        audio: What to do with the sound.
        filling: How broken frames are replaced.
        scratch_bytes: Disk space for reordering; less makes more decoding passes.
        progress: Receives the stages and notes.

    Returns:
        `output`.

    Raises:
        UsageError: The output or the rate cannot be used.
        RenderError: The film cannot be written, or the plan does not fit the source.
        SourceError: The source is missing or cannot be read.
    """
    source = open_source(source)
    target = check_output(output, source.path)
    rate = fps if fps is not None else own_rate(plan)
    if not 0 < rate <= _MOST_RATE:
        raise UsageError(f"A film cannot play at {rate} frames per second.", "Give a rate above 0 and up to 1,000,000.")
    order = _checked_order(plan)
    try:
        if isinstance(source, PictureFolder):
            frames, layout, losses = _pictures(source, order, encoding.lossless)
        else:
            frames, layout, losses = _video(
                source, order, encoding.lossless, target.parent, scratch_bytes, rate, progress
            )
    except OSError as failed:
        raise RenderError(f"{output} cannot be written: {failed.strerror or failed}.") from failed
    filler = GapFiller(layout, filling, FrameTiming(rate))
    gaps = gaps_of(plan.made, len(order), filling.longest)
    with closing(frames), soundtrack(audio, plan, source, target, encoding, rate, progress) as sound:
        film = filler.filled(frames, gaps)
        encode(film, len(order), layout, target, encoding, rate, progress, sound=sound)
    _note_held_frames(filler.replaced, filling.longest, progress)
    for text in losses():
        progress.note(f"{source.path.name}: {text}")
    return output


def _note_held_frames(replaced: Sequence[ReplacedFrame], longest: int, progress: Progress) -> None:
    """Report the broken frames that could not be interpolated."""
    if long := [one.method for one in replaced if one.why == "long"]:
        kept = "stay unchanged" if "left" in long else "show the nearest clean frame"
        progress.note(f"{len(long)} broken frames are in gaps longer than {longest} (repair.longest) and {kept}.")
    if held := sum(one.why in ("start", "end", "cut") for one in replaced):
        progress.note(f"{held} broken frames at a cut or at an end of the film show the nearest clean frame.")


def _checked_order(plan: Plan) -> list[int]:
    order = plan.played
    if not plan.order:
        raise RenderError("The plan keeps no frame, so there is no film to write.", "Keep frames with --keep.")
    if len(set(order)) != len(order) or min(order) < 0:
        raise RenderError("The plan's order has a duplicate or negative frame.", "Correct `order` in the plan.")
    return order


_Losses = Callable[[], Sequence[str]]
"""Return what the film lacks of the source, once all frames were read."""


def _video(
    source: VideoFile,
    order: Sequence[int],
    lossless: bool,
    scratch: Path,
    scratch_bytes: int,
    rate: Fraction,
    progress: Progress,
) -> tuple[Generator[bytes, None, None], FrameLayout, _Losses]:
    layout, times = video_layout(source, lossless), array("d")
    decode = partial(_decoded, source.path, layout, times)
    frames = in_play_order(decode, order, layout.frame_bytes, scratch, scratch_bytes, progress)
    return frames, layout, lambda: [*layout.losses, *measured_rate(times, [rate]).losses(float(rate))]


def _pictures(
    folder: PictureFolder, order: Sequence[int], lossless: bool
) -> tuple[Generator[bytes, None, None], FrameLayout, _Losses]:
    """Read the pictures in play order straight from their files."""
    if max(order) >= len(folder.files):
        raise missing_frame(folder.path, max(order), len(folder.files))
    layout = pictures_layout(folder.info(), lossless)
    pictures = (folder.picture(folder.files[index], layout.width, layout.height) for index in order)
    return (layout.padded(picture.tobytes()) for picture in pictures), layout, lambda: folder.notes


def _decoded(source: Path, layout: FrameLayout, times: "array[float]", last: int) -> Generator[bytes, None, None]:
    """Yield frames 0 to `last` in decode order and collect their times; stop the decoder there."""
    filters = f"{SHOW_TIMES},{layout.conversion}"
    output = ["-vf", filters, "-pix_fmt", layout.piped, "-f", "rawvideo", "-"]
    del times[:]
    with ffmpeg.Reader([*ffmpeg.decode_arguments(source), *output], TIMES, b"frame:") as reader:
        for index in range(last + 1):
            if len(raw := reader.read(layout.decoded_bytes)) < layout.decoded_bytes:
                reader.finish()
                raise missing_frame(source, last, index, reader.problems)
            times.append(next_time(reader, DecoderReport()))
            yield layout.padded(raw)
