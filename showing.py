"""What a search found, made visible: pictures of full size, a film, a contact sheet."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Literal

import numpy as np

from .asking import Question
from .errors import UsageError
from .frames import Picture, VideoRecord
from .index.library import Library, open_library
from .index.matrix import Segment
from .index.search import Hit, Moment
from .ingest.proxy import ProxySize, proxy_picture, read_proxies
from .outputs import Outputs, Overwrite, origin_of
from .progress import Progress
from .render.encode import Encoding, check_output
from .render.excerpt import excerpt
from .render.export import EXPORTED, check_folder, export
from .render.gather import Place, usable
from .render.reel import Held, rate_of, render_reel
from .render.sheet import canvas, check_picture, contact_sheet, save_picture
from .searching import Found
from .settings import Settings, library_folder

_TOP, _OVER = "top", "above_threshold"
_EXPORTED = (f"{_TOP}/{EXPORTED}", f"{_OVER}/{EXPORTED}")
_EARLIEST = 1e-6
_EMPTY = 160
_AROUND, _LONGEST = 2.0, 60.0
"""Seconds that are played around an answer, and of one."""


@dataclass(frozen=True)
class Wanted:
    """What is to be made of an answer, and where."""

    export: Path | None = None
    clip: Path | None = None
    sheet: Path | None = None
    by: Literal["time", "score"] = "time"

    def claim(self, outputs: Outputs) -> None:
        """Refuse, before anything is searched, places that cannot take what is to be made."""
        if self.export:
            check_folder(self.export, (_TOP, _OVER))
        if self.clip:
            check_output(self.clip)
        if self.sheet:
            check_picture(self.sheet, "a contact sheet")
        outputs.claim(self.clip, self.sheet, folder=self.export, names=_EXPORTED)


def outputs_of_question(question: Question, settings: Settings, overwrite: Overwrite) -> Outputs:
    """What is made of the answer to a question. The same question to the same library may replace it."""
    folder = library_folder(settings)
    inputs = [question.image, question.vector, *(term.picture for term in question.terms)]
    return Outputs(origin_of(folder.resolve(), question), overwrite, inputs=inputs, library=folder)


def show(
    found: Found, wanted: Wanted, library: Library, settings: Settings, progress: Progress, outputs: Outputs
) -> list[Path]:
    """Make what is wanted; the files that were written. The sheet comes first: sources that are gone end the rest."""
    there = bool(found.hits or found.moments)
    made = []
    if wanted.sheet and there:
        with outputs.writing(wanted.sheet):
            made.append(_sheet(found, wanted.sheet, library, progress))
    if wanted.export:
        with outputs.writing_folder(wanted.export, _EXPORTED):
            made += _export(found, wanted.export, progress)
    if wanted.clip and there:
        with outputs.writing(wanted.clip):
            made.append(_clip(found, wanted.clip, wanted.by, settings, progress))
    if (wanted.clip or wanted.sheet) and not there:
        progress.note("Nothing was found, so there is nothing to show.")
    return made


def show_found(found: Found, wanted: Wanted, settings: Settings, progress: Progress) -> list[Path]:
    """The same for an answer that was given before; nothing but what was made of the same answer is replaced."""
    outputs = _outputs_of_answers(found, settings)
    wanted.claim(outputs)
    with open_library(library_folder(settings)) as library:
        return show(found, wanted, library, settings, progress, outputs)


def _outputs_of_answers(found: Found, settings: Settings) -> Outputs:
    folder = library_folder(settings)
    return Outputs(origin_of(folder.resolve(), found.space, found.hits, found.moments, found.top), library=folder)


def play(found: Found, answer: Hit | Moment, output: Path, settings: Settings, progress: Progress) -> Path:
    """An answer with what comes before and after it, quickly, as any browser plays it; of a long moment its start."""
    with _outputs_of_answers(found, settings).writing(output):
        return _played(found, answer, output, settings, progress)


def _played(found: Found, answer: Hit | Moment, output: Path, settings: Settings, progress: Progress) -> Path:
    begin, end = (answer.start, answer.end) if isinstance(answer, Moment) else (answer.time, answer.time)
    video = next(iter(usable(_videos(found, {answer.video}), progress).values()))
    begin, end = _shown_at(found, answer.video, begin - _AROUND), min(end, begin + _LONGEST) + _AROUND
    if video.kind == "video":
        return excerpt(Path(video.source), begin, end - begin, output, progress)
    place, score = _place(answer).frame, answer.score
    span = Moment(1, video.id, video.name, begin, end, place, begin, 1, score, found.space)
    return _clip(replace(found, hits=[], moments=[span]), output, "time", settings, progress)


def _shown_at(found: Found, video: str, time: float) -> float:
    """When the frame that is shown at that time began."""
    times = next(segment.rows.times for segment in found.matrix.segments if segment.video.id == video)
    return float(times[max(0, int(np.searchsorted(times, time + _EARLIEST, side="right")) - 1)])


def small_pictures(found: Found, library: Library) -> list[Picture]:
    """The small picture of each hit or moment; an empty one where a video came without."""
    segments = {segment.video.id: segment for segment in found.matrix.segments}
    return [_thumbnail(_place(one), segments[one.video], library) for one in found.moments or found.hits]


def _export(found: Found, folder: Path, progress: Progress) -> list[Path]:
    """The best whatever the threshold, and what reached it; of moments their best frames."""
    parts = {_TOP: [Place(hit.video, hit.frame) for hit in found.top]}
    if found.threshold is not None:
        parts[_OVER] = [_place(one) for one in found.moments or found.hits]
    named = {place.video for places in parts.values() for place in places}
    return export(folder, parts, usable(_videos(found, named), progress), progress)


def _clip(found: Found, output: Path, by: str, settings: Settings, progress: Progress) -> Path:
    """Moments play, single hits stand for a while."""
    answers = _in_order(found, by)
    videos = usable(_videos(found, {one.video for one in answers}), progress)
    if any(output.exists() and output.samefile(video.source) for video in videos.values()):
        raise UsageError(f"{output} is the source of a video that was found.", "Write the film under another name.")
    rate = rate_of(list(videos.values())) if videos else Fraction(25)
    segments = {segment.video.id: segment for segment in found.matrix.segments}
    shown = [held for one in answers if one.video in videos for held in _held(one, segments[one.video], rate, settings)]
    encoding = Encoding(settings.render.crf, settings.render.preset)
    return render_reel(shown, videos, output, encoding, rate, int(settings.render.scratch_gb * 1e9), progress)


def _in_order(found: Found, by: str) -> Sequence[Hit | Moment]:
    """By score as they are ranked, by time video after video, the one with the best answer first."""
    answers: Sequence[Hit | Moment] = found.moments or found.hits
    if by == "score":
        return answers
    number = {video: place for place, video in enumerate(dict.fromkeys(one.video for one in answers))}
    return sorted(answers, key=lambda one: (number[one.video], one.start if isinstance(one, Moment) else one.time))


def _held(answer: Hit | Moment, segment: Segment, rate: Fraction, settings: Settings) -> list[Held]:
    if isinstance(answer, Hit):
        return [Held(Place(answer.video, answer.frame), max(1, round(settings.search.still * rate)))]
    margin, times = settings.search.margin, segment.rows.times
    begin = max(float(times[0]), answer.start - margin)
    count = max(1, ceil((answer.end + margin - begin) * rate))
    ticks = begin + np.arange(count) / float(rate)
    # What is shown at a time is the last frame that began before it.
    rows = np.searchsorted(times, ticks[ticks <= times[-1] + float(1 / rate)] + _EARLIEST, side="right") - 1
    unique, shown = np.unique(np.maximum(rows, 0), return_counts=True)
    frames = segment.rows.indices[unique].tolist()
    return [Held(Place(answer.video, frame), ticks) for frame, ticks in zip(frames, shown.tolist(), strict=True)]


def _sheet(found: Found, output: Path, library: Library, progress: Progress) -> Path:
    """From the small pictures of the library, so that no source is needed."""
    answers: Sequence[Hit | Moment] = found.moments or found.hits
    with progress.stage("contact sheet") as stage:
        pictures = small_pictures(found, library)
        stage.advance()
    captions = [f"{one.rank}   {one.score:.3f}\n{_caption(one)}" for one in answers]
    return save_picture(contact_sheet(pictures, captions), output)


def _caption(answer: Hit | Moment) -> str:
    time = answer.peak_time if isinstance(answer, Moment) else answer.time
    return f"{int(time // 60)}:{time % 60:05.2f} {answer.name}"


def _thumbnail(place: Place, segment: Segment, library: Library) -> Picture:
    video = segment.video
    if not (video.proxy_width and library.has_proxies(video)):
        return canvas(max(1, round(_EMPTY * min(8, max(1 / 8, video.height / max(1, video.width))))), _EMPTY)
    size = ProxySize(video.proxy_width, video.proxy_height)
    proxies = read_proxies(library.proxies_file(video.id), size, video.frames)
    return proxy_picture(proxies[np.searchsorted(segment.rows.indices, place.frame)])


def _place(answer: Hit | Moment) -> Place:
    return Place(answer.video, answer.peak_frame if isinstance(answer, Moment) else answer.frame)


def _videos(found: Found, named: set[str]) -> list[VideoRecord]:
    return [segment.video for segment in found.matrix.segments if segment.video.id in named]
