"""Shuffle a clip, add foreign frames, noise and damage, and record the truth.

Frames stay in the 4:2:0 samples of the source from the decoder to the encoder, so that a scrambled video without noise
at crf 0 holds exactly the frames of the source.
"""

import hashlib
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import SourceError, UsageError
from ..index.overwrite import Outputs, Overwrite, content_origin, library_of
from ..media import ffmpeg
from ..media.source import PictureFolder, checked_name, open_source
from ..media.untrusted import quote
from ..progress import SILENT, Progress
from ..render.audio.soundtrack import has_sound, resliced
from ..render.encode import Encoding, Soundtrack, check_output, encode
from ..render.frame_layout import FrameLayout, pictures_layout, video_layout
from ..render.reorder import in_play_order
from ..settings import Settings
from .annotations import CutDetector, IdenticalFrames, small_luma
from .damage import NONE, Damage, damage_frames, plan_stretches
from .degradations import grain, salt_and_pepper
from .foreign import Foreign, count_frames, covering, foreign_groups, foreign_pictures, raw_picture
from .truth import FOREIGN, Mixed, Noise, Truth, write_truth

_MOST = 100_000_000
"""Bounds the frames of a clip."""
_MOST_FOREIGN = 100_000
"""Bounds the foreign frames, in all or per true one."""
MOST_SEED = 2**32 - 1
"""Bounds the seed."""


@dataclass(frozen=True)
class ScrambleOptions:
    """`frames` is the length of a random stretch of the clip (0 or None: all of it).

    `foreign` is a folder or files to borrow frames from, or a number of pictures to draw; of borrowed frames there are
    `foreign_share` per true one, or that many if it is 1 or more. `mix` names more clips whose frames go into the same
    file, filling the picture of the first. `damage` hits the clips in their own order, as on a recording, before the
    frames are shuffled.
    """

    frames: int | None = None
    seed: int = 0
    foreign: Foreign = 0
    foreign_share: float = 0.05
    foreign_mode: Literal["scattered", "bursts"] = "scattered"
    burst: int = 5
    salt_pepper: float = 0.0
    gaussian: float = 0.0
    crf: int = 18
    shuffle: bool = True
    audio: str = "drop"
    mix: Sequence[Path] = ()
    damage: Damage = NONE
    scratch_bytes: int = field(default=8 << 30, repr=False)


@dataclass(frozen=True)
class _Clip:
    """The stretch of a source that is scrambled, and what is recorded about it."""

    path: Path
    layout: FrameLayout
    rate: Fraction
    first: int
    length: int
    ties: IdenticalFrames = field(default_factory=IdenticalFrames)
    cuts: CutDetector = field(default_factory=CutDetector)
    hit: dict[str, set[int]] = field(default_factory=dict)
    """For each kind of damage, the slots that show it."""

    def facts(self) -> dict[str, Any]:
        """Return the keys of the truth that describe the clip."""
        return {
            "source": str(self.path.resolve()),
            "source_sha256": _sha256(self.path),
            "first": self.first,
            "ties": [self.first + slot for slot in self.ties.pictures],
            "shots": [self.first + slot for slot in self.cuts.shots()],
        }


def scramble(source: Path, output: Path, options: ScrambleOptions, progress: Progress = SILENT) -> Truth:
    """Write the scrambled video and return its truth, without writing that.

    Args:
        source: The clip, a video or a folder of pictures.
        output: The scrambled video.
        options: What to do to the clip.
        progress: Receives stages and notes.

    Raises:
        UsageError: An option is out of range.
        SourceError: A clip cannot be decoded.
    """
    _check(options)
    paths = _distinct([source, *options.mix])
    target = check_output(output, source)
    for path in options.mix:
        check_output(output, path)
    clips = [_stretch(path, options, number, progress) for number, path in enumerate(paths)]
    owners = [(film, clip.first + slot) for film, clip in enumerate(clips) for slot in range(clip.length)]
    burst = options.burst if options.foreign_mode == "bursts" else 1
    groups = foreign_groups(options.foreign, _foreign_count(options, len(owners)), burst)
    order = _order(len(owners), groups, options)
    clip, decode = clips[0], partial(_source_frames, clips, options, groups)
    frame_bytes = clip.layout.frame_bytes
    ordered = in_play_order(decode, order, frame_bytes, target.parent, options.scratch_bytes, progress)
    origins = [owners[slot] if slot < len(owners) else (FOREIGN, FOREIGN) for slot in order]
    audible = [frame if film == 0 else FOREIGN for film, frame in origins]
    encoding = Encoding(options.crf, lossless=options.crf == 0)
    with (
        closing(ordered),
        closing(_noisy(ordered, clip.layout, options)) as frames,
        _sound(clip, audible, target, encoding, options, progress) as sound,
    ):
        encode(frames, len(order), clip.layout, target, encoding, clip.rate, progress, "encode", sound)
    return Truth(
        **clip.facts(),
        seed=options.seed,
        fps=float(clip.rate),
        frames=[frame for _, frame in origins],
        noise=Noise(salt_pepper=options.salt_pepper, gaussian=options.gaussian),
        damage=_damaged_places(clips, origins),
        crf=options.crf,
        mixed=[Mixed(**other.facts()) for other in clips[1:]],
        films=[film for film, _ in origins] if options.mix else [],
    )


def _distinct(paths: Sequence[Path]) -> Sequence[Path]:
    """Refuse a clip that is mixed with itself: nothing could tell its frames apart."""
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise UsageError(f"{path} cannot be mixed with itself.", "Name each clip once.")
        seen.add(path.resolve())
    return paths


def _check(options: ScrambleOptions) -> None:
    drawn = options.foreign if isinstance(options.foreign, int) else 0
    bad = [
        ("frames", 0 <= (options.frames or 0) <= _MOST, f"from 0 to {_MOST:,}"),
        ("foreign", 0 <= drawn <= _MOST_FOREIGN, f"from 0 to {_MOST_FOREIGN:,} pictures, or a folder"),
        ("foreign_share", 0 <= options.foreign_share <= _MOST_FOREIGN, f"from 0 to {_MOST_FOREIGN:,}"),
        ("burst", 1 <= options.burst <= _MOST_FOREIGN, f"from 1 to {_MOST_FOREIGN:,}"),
        ("salt_pepper", 0 <= options.salt_pepper <= 1, "a share from 0 to 1"),
        ("gaussian", 0 <= options.gaussian <= 255, "from 0 to 255 grey levels"),
        ("audio", options.audio in ("drop", "shuffle"), "drop or shuffle"),
        ("crf", 0 <= options.crf <= 51, "from 0 (lossless) to 51"),
        ("seed", 0 <= options.seed <= MOST_SEED, f"from 0 to {MOST_SEED:,}"),
    ]
    for name, good, wanted in bad:
        if not good:
            raise UsageError(f"{name} cannot be {quote(getattr(options, name))}.", f"It must be {wanted}.")


def _stretch(source: Path, options: ScrambleOptions, number: int, progress: Progress) -> _Clip:
    info = open_source(source).info()
    layout = pictures_layout(info, lossless=False) if source.is_dir() else video_layout(source, lossless=False)
    first, length = stretch(source, options.frames, options.seed, progress, number)
    return _Clip(source, layout, info.fps, first, length)


def stretch(source: Path, frames: int | None, seed: int, progress: Progress, number: int = 0) -> tuple[int, int]:
    """Return the start and the length of a random stretch of that many frames; 0 or None is the whole clip."""
    total = count_frames(source)
    if not total:
        raise SourceError(f"No frame could be decoded from {source}.")
    length = frames or total
    if length > total:
        progress.note(f"{source.name} has only {total} frames, not {length}; all are used.")
        length = total
    first = int(np.random.default_rng([seed, 0, *[number] * (number > 0)]).integers(total - length + 1))
    return first, length


def _sound(
    clip: _Clip, frames: Sequence[int], target: Path, encoding: Encoding, options: ScrambleOptions, progress: Progress
) -> AbstractContextManager[Soundtrack | None]:
    """Move the sound of each frame along with it; foreign frames are silent."""
    if not has_sound(clip.path, options.audio, ("shuffle",), progress) or options.audio == "drop":
        return nullcontext(None)
    return resliced(clip.path, frames, target, encoding, (clip.rate, clip.rate), progress, bare=True)


def _foreign_count(options: ScrambleOptions, true: int) -> int:
    if isinstance(options.foreign, int):
        return options.foreign
    share = options.foreign_share
    return round(share) if share >= 1 else round(share * true)


def _order(true: int, groups: Sequence[range], options: ScrambleOptions) -> list[int]:
    """Return the slots in the order of the scrambled file: slots of the clip precede the foreign ones."""
    rng = np.random.default_rng([options.seed, 1])
    foreign = sum(map(len, groups))
    if options.shuffle:
        return [int(slot) for slot in rng.permutation(true + foreign)]
    order = list(range(true))
    gaps = rng.integers(0, true + 1, len(groups))
    for place, group in sorted(zip(gaps.tolist(), groups, strict=True), key=lambda pair: -pair[0]):
        order[place:place] = [true + slot for slot in group]
    return order


def _source_frames(
    clips: Sequence[_Clip], options: ScrambleOptions, groups: Sequence[range], last: int
) -> Generator[bytes, None, None]:
    """Yield the frames of the clips, then the foreign ones, up to slot `last`."""
    layout = clips[0].layout
    for number, clip in enumerate(clips):
        runs = plan_stretches(clip.length, options.damage, options.seed + number)
        with closing(_annotated(clip, _fitted(clip, layout) if number else _decoded(clip), layout)) as frames:
            for raw in damage_frames(frames, runs, layout, options.seed + number, clip.hit):
                yield raw
                if last == 0:
                    return
                last -= 1
    sources = [clip.path for clip in clips]
    for picture in foreign_pictures(options.foreign, groups, layout.size, options.seed, sources):
        yield raw_picture(picture, layout)


def _annotated(clip: _Clip, frames: Generator[bytes, None, None], layout: FrameLayout) -> Generator[bytes, None, None]:
    """Pass the frames on, recording ties and cuts."""
    with closing(frames):
        for slot, raw in enumerate(frames):
            small = small_luma(raw, layout)
            clip.ties.see(slot, raw, small)
            clip.cuts.see(slot, small)
            yield raw


def _damaged_places(clips: Sequence[_Clip], origins: Sequence[tuple[int, int]]) -> dict[str, list[int]]:
    """Return for each kind of damage the places of the scrambled video that show it."""
    place_of = {owner: place for place, owner in enumerate(origins)}
    found: dict[str, list[int]] = {}
    for film, clip in enumerate(clips):
        for kind, slots in clip.hit.items():
            found.setdefault(kind, []).extend(place_of[film, clip.first + slot] for slot in slots)
    return {kind: sorted(found[kind]) for kind in sorted(found)}


def _fitted(clip: _Clip, layout: FrameLayout) -> Generator[bytes, None, None]:
    """Decode the stretch of a mixed clip, filling the picture of the first."""
    with closing(open_source(clip.path).frames(clip.first)) as frames:
        for seen, frame in enumerate(frames, 1):
            yield raw_picture(covering(frame.picture, layout.size), layout)
            if seen == clip.length:
                return
    raise _too_few_frames(clip)


def _decoded(clip: _Clip) -> Generator[bytes, None, None]:
    layout, end = clip.layout, clip.first + clip.length
    if clip.path.is_dir():
        folder = PictureFolder(clip.path, 25)
        for file in folder.files[clip.first : end]:
            yield layout.evened(folder.picture(file, layout.width, layout.height).tobytes())
        return
    chosen = rf"select=between(n\,{clip.first}\,{end - 1}),{layout.conversion}"
    output = ["-vf", chosen, "-frames:v", str(clip.length), "-pix_fmt", layout.piped, "-f", "rawvideo", "-"]
    with ffmpeg.Reader([*ffmpeg.decode_arguments(clip.path), *output]) as reader:
        for _ in range(clip.length):
            raw = reader.read(layout.decoded_bytes)
            if len(raw) < layout.decoded_bytes:
                raise _too_few_frames(clip)
            yield layout.evened(raw)


def _too_few_frames(clip: _Clip) -> SourceError:
    return SourceError(f"{clip.path} decoded to fewer frames than before.", "Check whether it is still being written.")


def _noisy(
    frames: Generator[bytes, None, None], layout: FrameLayout, options: ScrambleOptions
) -> Generator[bytes, None, None]:
    """Add noise to the luma alone, or to blue, green and red alike where frames have no luma."""
    if not options.salt_pepper and not options.gaussian:
        yield from frames
        return
    rgb = layout.piped == "bgr24"
    low, high = (0, 255) if rgb or "range=pc" in layout.tags else (16, 235)
    pixels = layout.size[0] * layout.size[1]
    for place, raw in enumerate(frames):
        rng = np.random.default_rng([options.seed, 2, place])
        samples = np.frombuffer(raw, np.uint8).copy()
        luma = samples[: pixels * 3].reshape(-1, 3) if rgb else samples[:pixels].reshape(-1, 1)
        if options.gaussian:
            grain(luma, options.gaussian * (high - low) / 255, rng)
        if options.salt_pepper:
            salt_and_pepper(luma, options.salt_pepper, rng, low, high)
        yield samples.tobytes()


def _sha256(source: Path) -> str:
    """Hash the content of a file, or of the pictures of a folder in order."""
    digests = []
    for file in PictureFolder(source, 25).files if source.is_dir() else [source]:
        with file.open("rb") as content:
            digests.append(hashlib.file_digest(content, "sha256"))
    together = hashlib.sha256(b"".join(digest.digest() for digest in digests))
    return (together if source.is_dir() else digests[0]).hexdigest()


def scramble_video(
    source: Path,
    output: Path,
    truth_file: Path,
    options: ScrambleOptions,
    progress: Progress = SILENT,
    *,
    settings: Settings | None = None,
    overwrite: Overwrite = False,
) -> Truth:
    """Write a shuffled copy of a clean video, and its truth.

    Args:
        source: The clip, a video or a folder of pictures.
        output: The scrambled video.
        truth_file: The file of the truth.
        options: What to do to the clip.
        progress: Receives stages and notes.
        settings: Name the library whose sources are protected.
        overwrite: Whether files of other origin may be replaced.

    Raises:
        UsageError: An option is out of range.
        SourceError: A clip cannot be decoded.
    """
    checked_name(source)
    clips = [source, *options.mix]
    check_output(output, source)
    outputs = Outputs(content_origin(*clips), overwrite, inputs=clips, library=library_of(settings))
    outputs.claim(output, truth_file)
    with outputs.writing(output):
        truth = scramble(source, output, options, progress)
    with outputs.writing(truth_file):
        write_truth(truth, truth_file)
    return truth
