"""Export search results: pictures at full size, a film, a contact sheet, or an excerpt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import RenderError, UsageError
from ..index.check import unchanged_videos
from ..index.library import Library, open_library
from ..index.matrix import Segment
from ..index.overwrite import Outputs, Overwrite, origin_of
from ..media.proxy import ProxySize, proxy_picture, read_proxies
from ..media.timecode import clock
from ..media.types import Picture, VideoRecord
from ..progress import Progress
from ..render.edit_lists.make import media_of, times_of
from ..render.edit_lists.model import Edit, EditList, Media
from ..render.edit_lists.timecode import timeline_rate
from ..render.edit_lists.write import check_edit_lists, pack_edit_lists, write_edit_lists
from ..render.encode import Encoding, check_film_name
from ..render.preview import excerpt
from ..render.reel import FrameReference, TimedFrame, fetch_frames, highest_rate, render_reel
from ..render.report.contact_sheet import canvas, check_picture, contact_sheet, save_picture
from ..settings import Settings, library_folder
from .finder import SearchResult
from .listing import check_list, write_csv, write_page
from .question import Question
from .results import Hit, Moment

_DIGITS = 3
"""Least digits of a rank in a file name, so that names sort by rank."""
EXPORTED = "[0-9]*_*_[0-9]*.jpg"
"""The names of exported pictures, as a pattern."""
_TOP = "top"
"""Folder of the best frames, regardless of the threshold."""
_ABOVE_THRESHOLD = "above_threshold"
_EXPORTED_FILES = (f"{_TOP}/{EXPORTED}", f"{_ABOVE_THRESHOLD}/{EXPORTED}")
_TIME_TOLERANCE = 1e-6
"""Seconds by which times are rounded in files."""
_EMPTY_WIDTH = 160
"""Pixels of the placeholder of a video without thumbnails."""
_EXCERPT_MARGIN = 2.0
"""Seconds that an excerpt plays before and after an answer."""
_LONGEST_EXCERPT = 60.0
"""Seconds of a long moment that an excerpt plays."""


def check_export_folder(folder: Path, parts: Sequence[str]) -> None:
    """Raise `UsageError` if exported pictures would mix with other files in the folder."""
    for part in (folder / part for part in parts):
        if part.exists() and not part.is_dir():
            raise UsageError(f"{part} is a file.", "Name another folder.")
        if part.exists() and not all(file.is_file() and file.match(EXPORTED) for file in part.iterdir()):
            raise UsageError(f"{part} contains other files.", "Name another folder, or empty this one.")


def write_result_pictures(
    folder: Path, parts: Mapping[str, Sequence[FrameReference]], videos: dict[str, VideoRecord], progress: Progress
) -> list[Path]:
    """Write each part to its own folder; a frame in several parts is decoded once.

    Pictures of an earlier search are deleted after the new ones are written.

    Raises:
        RenderError: The folder cannot be written, or a source lacks a frame.
    """
    earlier = {file for part in parts for file in (folder / part).glob(EXPORTED)}
    names: dict[FrameReference, list[Path]] = {}
    try:
        for part, frames in parts.items():
            (folder / part).mkdir(parents=True, exist_ok=True)
            digits = max(_DIGITS, len(str(len(frames))))
            for rank, reference in enumerate(frames, 1):
                if reference.video in videos:
                    name = f"{rank:0{digits}}_{reference.video}_{reference.frame}.jpg"
                    names.setdefault(reference, []).append(folder / part / name)
    except OSError as failed:
        raise RenderError(f"{folder} cannot be written: {failed.strerror}.", "Name another folder.") from failed
    written = [
        save_picture(picture, file)
        for reference, picture in fetch_frames(list(names), videos, progress)
        for file in names[reference]
    ]
    for file in earlier - set(written):
        file.unlink(missing_ok=True)
    return written


@dataclass(frozen=True)
class ExportOptions:
    """The exports of a search and their paths; `by` orders the film and the edit lists."""

    export: Path | None = None
    clip: Path | None = None
    sheet: Path | None = None
    by: Literal["time", "score"] = "time"
    edit_lists: tuple[Path, ...] = ()
    csv: Path | None = None
    page: Path | None = None

    def claim(self, outputs: Outputs) -> None:
        """Check the paths and claim them as outputs before anything is searched.

        Raises:
            UsageError: A path cannot be used.
        """
        if self.export:
            check_export_folder(self.export, (_TOP, _ABOVE_THRESHOLD))
        if self.clip:
            check_film_name(self.clip)
        if self.sheet:
            check_picture(self.sheet, "a contact sheet")
        check_edit_lists(self.edit_lists)
        check_list(self.csv, ".csv", "a table of results")
        check_list(self.page, ".html", "a page of results")
        outputs.claim(
            self.clip, self.sheet, self.csv, self.page, *self.edit_lists, folder=self.export, names=_EXPORTED_FILES
        )


def outputs_of_question(question: Question, settings: Settings, overwrite: Overwrite) -> Outputs:
    """Return the outputs of a question; only the same question to the same library replaces them."""
    folder = library_folder(settings)
    inputs = [question.image, question.vector, *(term.picture for term in question.terms)]
    return Outputs(origin_of(folder.resolve(), question), overwrite, inputs=inputs, library=folder)


def export_results(
    found: SearchResult,
    wanted: ExportOptions,
    library: Library,
    settings: Settings,
    progress: Progress,
    outputs: Outputs,
) -> list[Path]:
    """Write the exports and return their paths; lists and the sheet come first, since they need no sources."""
    answered = bool(found.hits or found.moments)
    made = []
    if wanted.csv:
        with outputs.writing(wanted.csv):
            made.append(write_csv(found, wanted.csv))
    if wanted.page:
        with outputs.writing(wanted.page):
            made.append(write_page(found, small_pictures(found, library), wanted.page))
    if wanted.sheet and answered:
        with outputs.writing(wanted.sheet):
            made.append(_sheet(found, wanted.sheet, library, progress))
    if wanted.edit_lists and answered:
        write_edit_lists(edits_of_search(found, wanted.by), wanted.edit_lists, outputs, progress)
        made += wanted.edit_lists
    if wanted.export:
        with outputs.writing_folder(wanted.export, _EXPORTED_FILES):
            made += _export(found, wanted.export, progress)
    if wanted.clip and answered:
        with outputs.writing(wanted.clip):
            made.append(_clip(found, wanted.clip, wanted.by, settings, progress))
    if (wanted.clip or wanted.sheet or wanted.edit_lists) and not answered:
        progress.note("Nothing was found, so there is nothing to export.")
    return made


def export_found(found: SearchResult, wanted: ExportOptions, settings: Settings, progress: Progress) -> list[Path]:
    """Export an earlier result; only exports of the same result are replaced."""
    outputs = _outputs_of_result(found, settings)
    wanted.claim(outputs)
    with open_library(settings) as library:
        return export_results(found, wanted, library, settings, progress, outputs)


def pack_found(found: SearchResult, archive: Path, settings: Settings, progress: Progress) -> Path:
    """Write an earlier result as edit lists of all formats, in one file."""
    return pack_edit_lists(edits_of_search(found), archive, _outputs_of_result(found, settings), progress)


def _outputs_of_result(found: SearchResult, settings: Settings) -> Outputs:
    folder = library_folder(settings)
    return Outputs(origin_of(folder.resolve(), found.space, found.hits, found.moments, found.top), library=folder)


def write_excerpt(
    found: SearchResult, answer: Hit | Moment, output: Path, settings: Settings, progress: Progress
) -> Path:
    """Write an answer with the seconds around it to a film for browsers; of a long moment the start."""
    start, end = (answer.start, answer.end) if isinstance(answer, Moment) else (answer.time, answer.time)
    begin = _frame_start(found, answer.video, start - _EXCERPT_MARGIN)
    end = min(end, start + _LONGEST_EXCERPT) + _EXCERPT_MARGIN
    with _outputs_of_result(found, settings).writing(output):
        video = next(iter(unchanged_videos(_videos(found, {answer.video}), progress).values()))
        if video.kind == "video":
            return excerpt(Path(video.source), begin, end - begin, output, progress)
        frame, score = _reference(answer).frame, answer.score
        span = Moment(1, video.id, video.name, begin, end, frame, begin, 1, score, found.space)
        return _clip(replace(found, hits=[], moments=[span]), output, "time", settings, progress)


def _frame_start(found: SearchResult, video: str, time: float) -> float:
    """Return the time at which the frame shown at `time` begins."""
    times = next(segment.rows.times for segment in found.matrix.segments if segment.video.id == video)
    return float(times[max(0, int(np.searchsorted(times, time + _TIME_TOLERANCE, side="right")) - 1)])


def small_pictures(found: SearchResult, library: Library) -> list[Picture]:
    """Return the thumbnail of each hit or moment; a placeholder if the video has none."""
    segments = {segment.video.id: segment for segment in found.matrix.segments}
    return [_thumbnail(_reference(one), segments[one.video], library) for one in found.moments or found.hits]


def _export(found: SearchResult, folder: Path, progress: Progress) -> list[Path]:
    """Write the top frames, and those above the threshold; a moment is represented by its best frame."""
    parts = {_TOP: [FrameReference(hit.video, hit.frame) for hit in found.top]}
    if found.threshold is not None:
        parts[_ABOVE_THRESHOLD] = [_reference(one) for one in found.moments or found.hits]
    named = {reference.video for frames in parts.values() for reference in frames}
    return write_result_pictures(folder, parts, unchanged_videos(_videos(found, named), progress), progress)


def _clip(found: SearchResult, output: Path, by: str, settings: Settings, progress: Progress) -> Path:
    """Write a film that plays moments and holds single hits."""
    answers = _in_order(found, by)
    videos = unchanged_videos(_videos(found, {one.video for one in answers}), progress)
    if any(output.exists() and output.samefile(video.source) for video in videos.values()):
        raise UsageError(f"{output} is the source of a video that was found.", "Write the film under another name.")
    rate = highest_rate(list(videos.values())) if videos else Fraction(25)
    segments = {segment.video.id: segment for segment in found.matrix.segments}
    shown = [
        timed
        for one in answers
        if one.video in videos
        for timed in _timed_frames(one, segments[one.video], rate, settings)
    ]
    encoding = Encoding(settings.render.crf, settings.render.preset)
    return render_reel(shown, videos, output, encoding, rate, int(settings.render.scratch_gb * 1e9), progress)


def edits_of_search(found: SearchResult, by: Literal["time", "score"] = "time") -> EditList:
    """Return the hits or moments as edits, each from its first frame to its last."""
    segments = {segment.video.id: segment for segment in found.matrix.segments}
    sources = {
        one.video: media_of(segments[one.video].video, times_of(segments[one.video].rows))
        for one in found.moments or found.hits
    }
    edits = [_edit(one, sources[one.video], segments[one.video]) for one in _in_order(found, by)]
    return EditList("search", timeline_rate([media.rate for media in sources.values()]), edits)


def _edit(answer: Hit | Moment, media: Media, segment: Segment) -> Edit:
    facts = {"rank": answer.rank, "score": round(answer.score, 4)}
    frames = segment.rows.indices
    if isinstance(answer, Moment):
        ends = np.searchsorted(segment.rows.times, [answer.start - _TIME_TOLERANCE, answer.end + _TIME_TOLERANCE])
        first, last = int(frames[ends[0]]), int(frames[max(ends[0], ends[1] - 1)])
    else:
        first = last = answer.frame
    return Edit(media, first, last, False, f"{answer.rank} {answer.name}", f"score {answer.score:.3f}", facts)


def _in_order(found: SearchResult, by: str) -> Sequence[Hit | Moment]:
    """Order answers by score, or by time within videos, the video with the best answer first."""
    answers: Sequence[Hit | Moment] = found.moments or found.hits
    if by == "score":
        return answers
    number = {video: index for index, video in enumerate(dict.fromkeys(one.video for one in answers))}
    return sorted(answers, key=lambda one: (number[one.video], one.start if isinstance(one, Moment) else one.time))


def _timed_frames(answer: Hit | Moment, segment: Segment, rate: Fraction, settings: Settings) -> list[TimedFrame]:
    if isinstance(answer, Hit):
        return [TimedFrame(FrameReference(answer.video, answer.frame), max(1, round(settings.search.still * rate)))]
    margin, times = settings.search.margin, segment.rows.times
    begin = max(float(times[0]), answer.start - margin)
    count = max(1, ceil((answer.end + margin - begin) * rate))
    ticks = begin + np.arange(count) / float(rate)
    # At any time the last frame that began before it is shown.
    rows = np.searchsorted(times, ticks[ticks <= times[-1] + float(1 / rate)] + _TIME_TOLERANCE, side="right") - 1
    unique, shown = np.unique(np.maximum(rows, 0), return_counts=True)
    frames = segment.rows.indices[unique].tolist()
    return [
        TimedFrame(FrameReference(answer.video, frame), ticks)
        for frame, ticks in zip(frames, shown.tolist(), strict=True)
    ]


def _sheet(found: SearchResult, output: Path, library: Library, progress: Progress) -> Path:
    """Write a contact sheet from the library's thumbnails, which needs no sources."""
    answers: Sequence[Hit | Moment] = found.moments or found.hits
    with progress.stage("contact sheet") as stage:
        pictures = small_pictures(found, library)
        stage.advance()
    times = [one.peak_time if isinstance(one, Moment) else one.time for one in answers]
    captions = [f"{a.rank}   {a.score:.3f}\n{clock(time)} {a.name}" for a, time in zip(answers, times, strict=True)]
    return save_picture(contact_sheet(pictures, captions), output)


def _thumbnail(reference: FrameReference, segment: Segment, library: Library) -> Picture:
    video = segment.video
    if not (video.proxy_width and library.has_proxies(video)):
        return canvas(
            max(1, round(_EMPTY_WIDTH * min(8, max(1 / 8, video.height / max(1, video.width))))), _EMPTY_WIDTH
        )
    size = ProxySize(video.proxy_width, video.proxy_height)
    proxies = read_proxies(library.proxies_file(video.id), size, video.frames)
    return proxy_picture(proxies[np.searchsorted(segment.rows.indices, reference.frame)])


def _reference(answer: Hit | Moment) -> FrameReference:
    return FrameReference(answer.video, answer.peak_frame if isinstance(answer, Moment) else answer.frame)


def _videos(found: SearchResult, named: set[str]) -> list[VideoRecord]:
    return [segment.video for segment in found.matrix.segments if segment.video.id in named]
