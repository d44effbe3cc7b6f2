"""The library as one object: add videos, order them, search them, repair them."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import pipeline
from ..errors import UsageError
from ..evaluate.scores import Scores
from ..evaluate.scramble import ScrambleOptions, scramble_video
from ..evaluate.truth import Truth
from ..index.library import open_library
from ..index.manage import remove_video
from ..media.timecode import read_dates
from ..progress import Progress
from ..render.report.contact_sheet import save_picture
from ..render.results import Reconstruction
from ..repair.repair import repair_video
from ..search.finder import Finder, SearchResult, open_finder
from ..search.question import Question, Similarity, compare_images, read_near, read_threshold
from ..solve.constraints import parse_constraints
from ..solve.plan.files import parse_plan, read_plan
from ..solve.plan.model import Plan
from .matches import Matches
from .plan import VideoPlan
from .progress import default_progress
from .repaired import RepairedVideo
from .session import File, Picture, Session, optional_path, path_of
from .video import Video, Videos

Pairs: TypeAlias = Iterable[tuple[int, int]]
Numbers: TypeAlias = int | str | Iterable[int | str]
"""Frames or shots: 3, [3, 7] or "3,7-9"."""

_COLOURS = 3
"""Channels of a picture in RGB."""


class Library(Session):
    """A library of videos: the folder that holds the vectors and small pictures of their frames.

    Args:
        folder: The folder; by default the one of the settings. It is created by the first video.
        settings: Settings by their dotted names, such as `{"ingest.space": "appearance"}`. Environment variables and
            `./reelweave.toml` apply below them.
        progress: Receives progress. By default a notebook shows bars, and elsewhere notes are logged to `reelweave`.

    Example:
        >>> import reelweave as rw
        >>> lib = rw.Library()
        >>> video = lib.add("shuffled.mp4")
        >>> plan = lib.order(video)
        >>> plan.render("film.mp4").name
        'film.mp4'
        >>> [hit.video == video.id for hit in lib.search(image="picture.png", k=3)]
        [True, True, True]
        >>> lib.close()
    """

    def __init__(
        self,
        folder: File | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(folder, settings, (lambda: progress) if progress else default_progress)
        self._open = ExitStack()
        self._finder: Finder | None = None
        # A setting that does not exist is refused at once.
        self.settings()

    # Videos

    @property
    def videos(self) -> Videos:
        """The videos of the library, in the order of their ids."""
        with open_library(self.settings()) as library:
            return Videos(Video(self, record) for record in library.catalog.videos())

    def __getitem__(self, video: "Video | File") -> Video:
        """Find a video by its id, name or path, or read the record of one anew.

        Raises:
            UsageError: There is no such video, or several.
        """
        with open_library(self.settings()) as library:
            return Video(self, library.catalog.find(_name(video)))

    def __contains__(self, video: "Video | File") -> bool:
        try:
            return bool(self[video])
        except UsageError:
            return False

    def __iter__(self) -> Iterator[Video]:
        return iter(self.videos)

    def __len__(self) -> int:
        return len(self.videos)

    def __bool__(self) -> bool:
        """A library is true even if it is empty."""
        return True

    def add(
        self, source: File, *, space: str | None = None, fps: float | str | None = None, size: int | None = None
    ) -> Video:
        """Add a video, a GIF or a folder of pictures. What the library holds already is not made again.

        Args:
            source: The file or folder.
            space: The space of the vectors: appearance, clip, timm:MODEL, fused, all or auto.
            fps: Frames per second to look at, or "all".
            size: Short side of the pictures that are embedded.

        Returns:
            The video.

        Raises:
            SourceError: The source cannot be read.
            SpaceError: The model of the space is missing.
        """
        settings = self.settings(ingest__space=space, ingest__fps=0.0 if fps == "all" else fps, ingest__size=size)
        record = pipeline.ingest(path_of(source), settings, self.progress())
        return Video(self, record)

    def add_all(self, *sources: File, space: str | None = None, fps: float | str | None = None) -> Videos:
        """Add many videos: files, folders at any depth, and patterns such as `films/*.mp4`.

        A source that fails does not stop the others; it is listed in `failed` of the result.

        Returns:
            The videos that are in the library now.
        """
        settings = self.settings(ingest__space=space, ingest__fps=0.0 if fps == "all" else fps)
        results = list(pipeline.ingest_all(map(path_of, sources), settings, self.progress()))
        failed = {result.path: result.error for result in results if result.error}
        return Videos((Video(self, result.video) for result in results if result.video), failed)

    def remove(self, video: "Video | File") -> None:
        """Remove a video from the library. Its source stays.

        Raises:
            UsageError: There is no such video.
        """
        self.close()
        remove_video(_name(video), self.settings())

    # Order

    def order(
        self,
        video: "Video | File",
        *,
        first: int | None = None,
        last: int | None = None,
        before: Pairs = (),
        adjacent: Pairs = (),
        keep: Numbers = (),
        drop: Numbers = (),
        keep_shot: Numbers = (),
        drop_shot: Numbers = (),
        flip_shot: Numbers = (),
        shot_order: Numbers = (),
        cut_after: Numbers = (),
        join_after: Numbers = (),
        space: str | None = None,
        price: str | None = None,
        outliers: str | None = None,
        thorough: bool | None = None,
        repair: bool = False,
        detector: File | None = None,
        store: bool = True,
    ) -> VideoPlan:
        """Find the order of the frames of a video.

        Args:
            video: A video, or its id, name or path. A path that is not in the library yet is added.
            first: This frame begins the film.
            last: This frame ends the film.
            before: Pairs of frames; the first of each plays before the second.
            adjacent: Pairs of frames that are neighbours.
            keep: Frames that are not dropped.
            drop: Frames that are dropped.
            keep_shot: Dropped groups that are kept, by their numbers in the plan.
            drop_shot: Shots that are dropped.
            flip_shot: Shots that are reversed.
            shot_order: The order of the shots.
            cut_after: Frames after which a shot ends.
            join_after: Frames after which no shot ends.
            space: The space to solve in.
            price: The price of a join.
            outliers: The rule for outliers.
            thorough: Search longer where the order is in doubt.
            repair: Replace broken frames.
            detector: A trained detector of broken frames; implies `repair`.
            store: Keep the plan in the library, for `last_plan`.

        Returns:
            The plan.

        Raises:
            UsageError: The constraints contradict each other, or name frames that do not exist.
        """
        constraints = parse_constraints(
            first,
            last,
            _pair_texts(before),
            _pair_texts(adjacent),
            _texts(keep),
            _texts(drop),
            _texts(keep_shot),
            _texts(drop_shot),
            _texts(flip_shot),
            ",".join(_texts(shot_order)) or None,
            _texts(cut_after),
            _texts(join_after),
        )
        request = pipeline.SolveRequest(
            self._known(video).id,
            constraints=constraints or None,
            repair=repair,
            detector=optional_path(detector),
            store=store,
        )
        settings = self.settings(
            solve__space=space, solve__price=price, outliers__rule=outliers, solve__thorough=thorough
        )
        return VideoPlan(self, pipeline.solve(request, settings, self.progress()))

    def split(self, video: "Video | File", films: int | None = None) -> list[VideoPlan]:
        """Separate the films that were mixed into one file.

        Args:
            video: A video, or its id, name or path.
            films: The number of films, if it is known.

        Returns:
            A plan for each film, the longest first.
        """
        request = pipeline.SolveRequest(self._known(video).id, films=films)
        return [VideoPlan(self, plan) for plan in pipeline.solve_split(request, self.settings(), self.progress())]

    def last_plan(self, video: "Video | File") -> VideoPlan | None:
        """Return the plan that was last made of a video, or None if it was never solved.

        Raises:
            PlanError: The library's copy is damaged.
        """
        with open_library(self.settings()) as library:
            record = library.catalog.find(_name(video))
            text = library.catalog.plan(record.id)
        return VideoPlan(self, parse_plan(text, Path(f"the stored plan of {record.name}"))) if text else None

    def read_plan(self, file: File) -> VideoPlan:
        """Read a plan from a file.

        Raises:
            PlanError: The file is not a plan.
        """
        return VideoPlan(self, read_plan(path_of(file), self.progress().note))

    def reconstruct(
        self,
        source: File,
        output: File | None = None,
        *,
        report: File | None = None,
        reverse: bool = False,
        repair: bool = False,
        split: bool = False,
        films: int | None = None,
        lossless: bool = False,
        overwrite: bool = False,
    ) -> Reconstruction:
        """Add a shuffled video, find its order and write the film and its plan.

        Args:
            source: The video, GIF or folder of pictures.
            output: The film; next to the source by default.
            report: A folder for a page that shows what was done.
            reverse: Play the film backwards.
            repair: Replace broken frames.
            split: Separate films that were mixed into one file.
            films: The number of these films; implies `split`.
            lossless: Keep the samples of the source.
            overwrite: Replace existing files.
        """
        request = pipeline.ReconstructRequest(
            path_of(source),
            output=optional_path(output),
            report=optional_path(report),
            reverse=reverse,
            repair=repair,
            split=split,
            films=films,
            lossless=lossless,
            overwrite=overwrite,
        )
        return pipeline.reconstruct(request, self.settings(), self.progress())

    # Search

    def search(
        self,
        query: "str | PathLike[str] | npt.NDArray[Any]" = "",
        k: int | None = None,
        *,
        image: "File | Picture | None" = None,
        videos: "Video | File | Iterable[Video | File]" = (),
        after: float | None = None,
        before: float | None = None,
        threshold: float | Literal["auto", "calibrated"] | None = None,
        moments: bool = False,
        repeats: bool = False,
        space: str | None = None,
        near: str | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
        min_length: float | None = None,
        max_length: float | None = None,
    ) -> Matches:
        """Find frames by text, by a picture, by a vector, or by another frame.

        Args:
            query: A text such as "a red car" or "beach - people"; the `Path` of a picture; a picture as an array in
                RGB; or a vector.
            k: The number of results.
            image: A picture to search for, together with a text or instead of one.
            videos: Search only these videos: objects, names, parts of names, or patterns such as "cam*.mp4".
            after: Only frames from this time on, in seconds.
            before: Only frames up to this time.
            threshold: The least score: a cosine, "auto" or "calibrated".
            moments: Join neighbouring hits into moments.
            repeats: Also list frames that look the same as another.
            space: The space to compare in.
            near: A frame of the library to search for, such as "holiday.mp4@1:05".
            since: Only videos made since this day; a text may also be a month or a year, as "2026-05".
            until: Only videos made until then.
            min_length: Only videos that last so many seconds or more.
            max_length: Only videos that last so many seconds or less.

        Returns:
            The hits or moments, best first.

        Raises:
            UsageError: The query cannot be asked.
            SpaceError: The videos have no vectors that fit it.
        """
        only = [videos] if isinstance(videos, (Video, str, PathLike)) else videos
        with _query_files(query, image) as (text, picture, vector):
            question = Question(
                text=text,
                image=picture,
                vector=vector,
                space=space,
                videos=tuple(_name(video) for video in only),
                after=after,
                before=before,
                count=_count(k),
                threshold=read_threshold(None if threshold is None else str(threshold)),
                moments=moments,
                repeats=repeats,
                near=None if near is None else read_near(near),
                since=read_dates(since)[0] if isinstance(since, str) else since,
                until=read_dates(until)[1] if isinstance(until, str) else until,
                min_length=min_length,
                max_length=max_length,
            )
            return Matches(self, self._ask(question))

    def similar(self, a: File, b: File, *, space: str | None = None) -> Similarity:
        """Compare two pictures.

        Returns:
            The cosine as `score`, where 1 means the same, and the space.
        """
        return compare_images(path_of(a), path_of(b), self.settings(), self.progress(), space=space)

    # Repair and evaluation

    def repair(
        self,
        source: "Video | File",
        output: File | None = None,
        *,
        frames: Numbers | None = None,
        detector: File | None = None,
        detect_only: bool = False,
        report: File | None = None,
        method: str | None = None,
        lossless: bool = False,
        overwrite: bool = False,
    ) -> RepairedVideo:
        """Find broken frames of a video and replace them.

        Args:
            source: The video.
            output: The repaired film; next to the source by default.
            frames: The broken frames, instead of looking for them.
            detector: A trained detector, instead of the rules.
            detect_only: Write no film.
            report: A folder for a page that shows what was done.
            method: How frames are made: auto, motion, blend or hold.
            lossless: Keep the samples of the source.
            overwrite: Replace existing files.

        Returns:
            The broken frames. Unlike the command, it replaces them without asking, however many they are.

        Raises:
            SourceError: The video cannot be read.
        """
        path = source.source if isinstance(source, Video) else path_of(source)
        result = repair_video(
            path,
            self.settings(repair__method=method),
            self.progress(),
            output=optional_path(output),
            frames=None if frames is None else ",".join(_texts(frames)),
            detector=optional_path(detector),
            detect_only=detect_only,
            report=optional_path(report),
            lossless=lossless,
            overwrite=overwrite,
        )
        return RepairedVideo(result)

    def scramble(self, source: File, output: File, truth: File, *, overwrite: bool = False, **options: Any) -> Truth:
        """Write a shuffled copy of a clip, and the truth about it.

        Args:
            source: The clip.
            output: The shuffled video.
            truth: The file of the truth.
            overwrite: Replace existing files.
            options: The fields of `evaluate.scramble.ScrambleOptions`: `seed`, `frames`, `foreign` and others.
        """
        return scramble_video(
            path_of(source),
            path_of(output),
            path_of(truth),
            ScrambleOptions(**options),
            self.progress(),
            settings=self.settings(),
            overwrite=overwrite,
        )

    def evaluate(self, plan: "VideoPlan | Plan | File", truth: Truth | File, *, rendered: File | None = None) -> Scores:
        """Score a plan.

        Args:
            plan: A plan, or its file.
            truth: The truth of the shuffled video, or its file.
            rendered: The film made from the plan, to compare its pictures as well.

        Raises:
            PlanError: The plan and the truth do not belong together.
        """
        if isinstance(plan, Plan):
            plan = VideoPlan(self, plan)
        elif not isinstance(plan, VideoPlan):
            plan = self.read_plan(plan)
        return plan.evaluate(truth, rendered=rendered)

    # Opening and closing

    def close(self) -> None:
        """Release the vectors and models that searches keep; the next search loads them again."""
        self._finder = None
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Library({fspath(self.folder)!r})"

    def _repr_html_(self) -> str:
        return self.videos._repr_html_()

    def _ask(self, question: Question) -> SearchResult:
        """Answer by a finder that is kept for the next question; one that failed is not."""
        try:
            if self._finder is None:
                settings = self.settings()
                self._finder = self._open.enter_context(open_finder(settings, self.progress()))
            self._finder.progress = self.progress()
            found = self._finder.ask(question)
            self._finder.library.release()
            return found
        except BaseException:
            self.close()
            raise

    def _known(self, video: "Video | File") -> Video:
        """Return a video of the library; the file of a new one is added."""
        if isinstance(video, Video):
            return video
        try:
            return self[video]
        except UsageError:
            if not path_of(video).exists():
                raise
            return self.add(video)


def _name(video: "Video | File") -> str:
    return video.id if isinstance(video, Video) else fspath(video)


def _count(k: int | None) -> int | None:
    if k is not None and k < 1:
        raise UsageError(f"There is no list of {k} results.", "Give a number of 1 or more.")
    return k


def _texts(numbers: Numbers) -> list[str]:
    """Return lists of frames or shots as the command line takes them."""
    return [str(one) for one in ([numbers] if isinstance(numbers, (int, str)) else numbers)]


def _pair_texts(pairs: Pairs) -> list[str]:
    return [f"{a}:{b}" for a, b in pairs]


@contextmanager
def _query_files(
    query: "str | PathLike[str] | npt.NDArray[Any]", image: "File | Picture | None"
) -> Iterator[tuple[str, Path | None, Path | None]]:
    """Return a query as a text, the file of a picture and the file of a vector; arrays are written to temporary files.

    Raises:
        UsageError: An array is neither a picture nor a vector, or there are two pictures.
    """
    if image is not None and not isinstance(query, str):
        raise UsageError("The query and `image` are both pictures or vectors.", "Give a text and a picture, or one.")
    with tempfile.TemporaryDirectory(prefix="reelweave-") as folder:
        if isinstance(query, np.ndarray) and query.ndim == 1:
            np.save(vector := Path(folder) / "vector.npy", query)
            yield "", None, vector
            return
        shown = image if isinstance(query, str) else query
        text = query if isinstance(query, str) else ""
        yield text, None if shown is None else _picture_file(shown, Path(folder)), None


def _picture_file(picture: "File | Picture", folder: Path) -> Path:
    if not isinstance(picture, np.ndarray):
        return path_of(picture)
    if picture.dtype != np.uint8 or picture.ndim != _COLOURS or picture.shape[2] != _COLOURS:
        raise UsageError(
            f"An array of the shape {picture.shape} and the type {picture.dtype} is no picture.",
            "Give height x width x 3 numbers from 0 to 255 in RGB, as uint8; or a vector.",
        )
    return save_picture(np.ascontiguousarray(picture[..., ::-1]), folder / "picture.png")
