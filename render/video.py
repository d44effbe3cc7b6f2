"""A plan becomes a film: ffmpeg decodes once in sequence, the disk puts frames in order, ffmpeg encodes.

Frames stay in the YUV of the source all the way. Turning them into RGB and back would round every
sample twice, and would need a matrix and a range that many files do not state; untouched samples with
the source's own tags look the same in any player, and a lossless film holds the source's very frames.
"""

from array import array
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from fractions import Fraction
from functools import partial
from pathlib import Path

from .. import ffmpeg
from ..errors import RenderError, UsageError
from ..ingest.rates import measured_rate
from ..ingest.source import SHOW_TIMES, TIMES, Guesses, PictureFolder, next_time
from ..progress import Progress, Silent
from ..solve.plan import Plan
from .encode import Encoding, check_output, encode
from .gaps import gaps_of
from .layout import Layout, pictures_layout, video_layout
from .repair import Filling, Mender, Replaced, Timing
from .scratch import in_play_order
from .sound import Audio, own_rate, soundtrack

_SILENT = Silent()
_FILLING = Filling()
_MOST_RATE = 1_000_000


def render(
    plan: Plan,
    source: Path,
    output: Path,
    encoding: Encoding,
    *,
    fps: Fraction | None = None,
    audio: Audio = "drop",
    filling: Filling = _FILLING,
    scratch_bytes: int = 8 << 30,
    progress: Progress = _SILENT,
) -> Path:
    """Write the frames that the plan plays at a constant rate, its holes filled from the frames around them.

    `output` appears whole or stays as it was.
    """
    target = check_output(output, source)
    rate = fps if fps is not None else own_rate(plan)
    if not 0 < rate <= _MOST_RATE:
        raise UsageError(f"A film cannot play at {rate} frames a second.", "Give a rate above 0 and up to 1,000,000.")
    order = _checked_order(plan)
    try:
        if source.is_dir():
            frames, layout, lost = _pictures(source, order, encoding.lossless, rate)
        else:
            frames, layout, lost = _video(
                source, order, encoding.lossless, target.parent, scratch_bytes, rate, progress
            )
    except OSError as failed:
        raise RenderError(f"{output} cannot be written: {failed.strerror or failed}.") from failed
    mender = Mender(layout, filling, Timing(rate))
    gaps = gaps_of(plan.made, len(order), filling.longest)
    with closing(frames), soundtrack(audio, plan, source, target, encoding, rate, progress) as sound:
        film = mender.mended(frames, gaps)
        encode(film, len(order), layout, target, encoding, rate, progress, sound=sound)
    _tell(mender.replaced, filling.longest, progress)
    for text in lost():
        progress.note(f"{source.name}: {text}")
    return output


def _tell(replaced: Sequence[Replaced], longest: int, progress: Progress) -> None:
    """What was not made from both sides of a gap, and why."""
    long = sum(one.why == "long" for one in replaced)
    if long:
        kept = "stay as they were" if replaced and any(one.method == "left" for one in replaced) else "show the nearest"
        progress.note(f"{long} broken frames lie in gaps of over {longest} (repair.longest) and {kept}.")
    if held := sum(one.why in ("start", "end", "cut") for one in replaced):
        progress.note(f"{held} broken frames at a cut or at an end of the film show the clean frame next to them.")


def _checked_order(plan: Plan) -> list[int]:
    order = plan.played
    if not plan.order:
        raise RenderError("The plan keeps no frame, so there is no film to write.", "Keep frames with --keep.")
    if len(set(order)) != len(order) or min(order) < 0:
        raise RenderError("The plan's order names a frame twice or below 0.", "Correct `order` in the plan.")
    return order


_Lost = Callable[[], Sequence[str]]
"""What of the source did not reach the film, known once all of its frames were read."""


def _video(
    source: Path,
    order: Sequence[int],
    lossless: bool,
    scratch: Path,
    scratch_bytes: int,
    rate: Fraction,
    progress: Progress,
) -> tuple[Generator[bytes, None, None], Layout, _Lost]:
    layout, times = video_layout(source, lossless), array("d")
    decode = partial(_decoded, source, layout, times)
    frames = in_play_order(decode, order, layout.frame_bytes, scratch, scratch_bytes, progress)
    return frames, layout, lambda: [*layout.losses, *measured_rate(times, [rate]).losses(float(rate))]


def _pictures(
    source: Path, order: Sequence[int], lossless: bool, rate: Fraction
) -> tuple[Generator[bytes, None, None], Layout, _Lost]:
    """Every picture is a file of its own, so that any order is read straight from the folder."""
    folder = PictureFolder(source, float(rate))
    if max(order) >= len(folder.files):
        raise _lost(source, max(order), len(folder.files), [])
    layout = pictures_layout(folder.info(), lossless)
    pictures = (folder.picture(folder.files[index], layout.width, layout.height) for index in order)
    return (layout.evened(picture.tobytes()) for picture in pictures), layout, lambda: folder.notes


def _decoded(source: Path, layout: Layout, times: "array[float]", last: int) -> Generator[bytes, None, None]:
    """Frames 0 to `last` in decode order, and their times; the decoder is stopped there."""
    filters = f"{SHOW_TIMES},{layout.conversion}"
    output = ["-vf", filters, "-pix_fmt", layout.piped, "-f", "rawvideo", "-"]
    del times[:]
    with ffmpeg.Reader([*ffmpeg.decode_arguments(source), *output], TIMES, b"frame") as reader:
        for index in range(last + 1):
            if len(raw := reader.read(layout.decoded_bytes)) < layout.decoded_bytes:
                reader.finish()
                raise _lost(source, last, index, reader.problems)
            times.append(next_time(reader, Guesses()))
            yield layout.evened(raw)


def _lost(source: Path, wanted: int, there: int, problems: Sequence[str]) -> RenderError:
    why = f" ({problems[-1]})" if problems else ""
    return RenderError(
        f"Frame {wanted} of {source} could not be had: only {there} frames came out of it{why}.",
        "The source is not the one the plan was made from; solve it again.",
    )
