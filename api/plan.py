"""A plan that renders, reports, shows and converts itself."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import pipeline
from ..errors import LibraryError, UsageError
from ..evaluate.scores import Scores, evaluate_plan
from ..evaluate.truth import Truth, read_truth
from ..index.library import open_library, proxies_of
from ..media.proxy import proxy_picture
from ..media.ranges import frame_rate
from ..media.types import Picture as Bgr
from ..render.edit_lists.make import times_in
from ..render.outputs import default_output_of, save_plan
from ..render.report.charts import price_curve
from ..render.results import order_text
from ..solve.plan.model import Plan
from ..solve.undetermined import reasons
from .html import render, rgb
from .session import File, Picture, Session, optional_path, path_of
from .tables import Table

_SHOWN = 24
"""Frames that a plan shows, evenly spread over the film."""


class VideoPlan(Table):
    """The order of the frames of a video, as `Library.order` finds it.

    It iterates over the frames in play order; as a table it has one row per frame.
    """

    def __init__(self, session: Session, plan: Plan) -> None:
        self._session = session
        self.plan = plan
        """The plan as its file holds it."""

    @property
    def order(self) -> list[int]:
        """The frames in play order, by their index in the file."""
        return self.plan.order

    @property
    def dropped(self) -> dict[int, str]:
        """The frames that were left out, each with the reason."""
        return {one.frame: one.reason for one in self.plan.dropped}

    @property
    def confidence(self) -> list[float]:
        """The probability that each join is right."""
        return self.plan.confidence

    @property
    def mean_confidence(self) -> float | None:
        """The mean of the joins that the pictures decide; None if there are none."""
        return self.plan.mean_confidence

    def save(self, file: File, *, overwrite: bool = False) -> Path:
        """Write the plan to a file that can be edited, and that `render` reads.

        Raises:
            UsageError: The file exists and was not written by Reelweave.
        """
        return save_plan(self.plan, path_of(file), overwrite=overwrite)

    def render(
        self,
        output: File | None = None,
        *,
        reverse: bool = False,
        fps: float | str | Fraction | None = None,
        lossless: bool = False,
        crf: int | None = None,
        audio: str | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write the film.

        Args:
            output: The film, by default next to the source; the suffix chooses the container.
            reverse: Play it backwards.
            fps: Frames per second, such as 25 or "30000/1001"; those of the source by default.
            lossless: Keep the samples of the source.
            crf: x264 quality, 0 to 51; smaller is better.
            audio: The sound: auto, drop, keep or reslice.
            overwrite: Replace an existing file.

        Returns:
            The path of the film.

        Raises:
            SourceError: The source is missing or has changed since the plan was made.
            RenderError: ffmpeg could not write the film.
        """
        film = pipeline.render(
            self.plan.reversed() if reverse else self.plan,
            default_output_of(self.plan) if output is None else path_of(output),
            self._session.settings(render__crf=crf, render__audio=audio),
            self._session.progress(),
            lossless=lossless,
            fps=None if fps is None else frame_rate(str(fps)),
            overwrite=overwrite,
        )
        return film[0]

    def report(self, folder: File, *, overwrite: bool = False) -> Path:
        """Write a page with pictures of the film before and after.

        Returns:
            The path of the page.
        """
        return pipeline.write_report(self.plan, path_of(folder), self._session.settings(), overwrite=overwrite)[-1]

    def reversed(self) -> "VideoPlan":
        """Return the plan of the film backwards."""
        return VideoPlan(self._session, self.plan.reversed())

    def evaluate(self, truth: Truth | File, *, rendered: File | None = None) -> Scores:
        """Score the plan; see `Library.evaluate`."""
        known = truth if isinstance(truth, Truth) else read_truth(path_of(truth))
        return evaluate_plan(self.plan, known, self._session.progress(), optional_path(rendered))

    def proxies(self, count: int | None = None) -> list[Picture]:
        """Return the proxies of the film, its small pictures, in RGB and in play order.

        Args:
            count: The number of pictures, evenly spread over the film; all by default.

        Raises:
            LibraryError: The library lacks the video or its small pictures.
        """
        return [rgb(picture) for _, picture in self._pictures(count)]

    def price_chart(self) -> Picture:
        """Draw the price of every join; weak joins stand out, and cuts are marked."""
        return rgb(self._chart())

    def columns(self) -> Mapping[str, npt.NDArray[Any]]:
        """Return the columns of the table of frames: `confidence` and `price` are those of the join after the frame."""
        count = len(self.order)
        return {
            "position": np.arange(count),
            "frame": np.array(self.order, np.int64),
            "shot": self._shots(),
            "confidence": _padded(self.plan.confidence, count),
            "price": _padded(self.plan.prices, count),
        }

    def to_numpy(self) -> npt.NDArray[np.int64]:
        """Return the frames in play order."""
        return np.array(self.order, np.int64)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)

    def __bool__(self) -> bool:
        """A plan is true even if it drops every frame."""
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VideoPlan) and other.plan == self.plan

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"VideoPlan({self.plan.video.name!r}, {self._summary()})"

    def _repr_html_(self) -> str:
        try:
            pictures = self._pictures(_SHOWN)
        except (LibraryError, UsageError):
            # A plan may outlive its library.
            pictures = []
        chart = self._chart() if self.plan.prices else None
        return render("plan", self.plan.video.name, self._summary(), pictures, chart)

    def _summary(self) -> str:
        order = order_text(len(self.order), self.mean_confidence, reasons(self.plan))
        return f"{len(self.order)} frames, {len(self.dropped)} dropped, order {order}"

    def _shots(self) -> npt.NDArray[np.int64]:
        """Return the number of the shot of each frame, as `solve` lists it and constraints take it."""
        numbers = np.zeros(len(self.order), np.int64)
        for position, shot in enumerate(self.plan.shots, 1):
            numbers[shot.start : shot.start + shot.length] = shot.number or position
        return numbers

    def _chart(self) -> Bgr:
        cuts = [shot.start - 1 for shot in self.plan.shots[1:]]
        return price_curve(self.plan.prices, {join.at for join in self.plan.weak}, cuts)

    def _pictures(self, count: int | None) -> list[tuple[int, Bgr]]:
        """Return frames of the film with their small pictures."""
        positions = np.arange(len(self.order))
        if count is not None and count < len(positions):
            positions = np.linspace(0, len(positions) - 1, count).round().astype(int)
        frames = [self.order[position] for position in positions]
        with open_library(self._session.settings()) as library:
            record = library.catalog.find(self.plan.video.id)
            stored = proxies_of(library, record)
            # Rows and frames differ where frames were skipped or are unreadable.
            gaps = self.plan.video.gaps
            rows = np.searchsorted(times_in(library, record).indices, frames) if gaps else frames
            return [(frame, proxy_picture(stored[row])) for frame, row in zip(frames, rows, strict=True)]


def _padded(values: list[float], count: int) -> npt.NDArray[np.float64]:
    """Return a value per frame: the last one has no join after it."""
    padded = np.full(count, np.nan)
    padded[: len(values)] = values
    return padded
