"""Videos of a library: their frames as pictures, vectors and tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ..errors import ReelweaveError, UsageError
from ..index.check import unchanged_videos
from ..index.library import open_library, proxies_of
from ..index.manage import show_video, video_strips
from ..media.proxy import proxy_picture
from ..media.types import FRAME_COLUMNS, Floats, FrameRows, Ints, VideoRecord
from ..render.reel import FrameReference, fetch_frames
from .html import render, rgb
from .session import Picture, Session
from .tables import Table

_STRIPS = 50
"""Most videos that are shown with pictures; the rest are counted."""


class Video(Table):
    """A video of a library.

    Its length is the number of its frames; as a table it has one row per frame.
    """

    def __init__(self, session: Session, record: VideoRecord) -> None:
        self._session = session
        self.record = record
        """Everything that the catalog holds about the video."""

    @property
    def id(self) -> str:
        """The id, under which every command finds the video."""
        return self.record.id

    @property
    def name(self) -> str:
        """The file name."""
        return self.record.name

    @property
    def source(self) -> Path:
        """The file or folder of the video."""
        return Path(self.record.source)

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.record.fps

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.record.seconds

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.record.width, self.record.height

    @property
    def spaces(self) -> list[str]:
        """The spaces in which the video has all its vectors."""
        with open_library(self._session.settings()) as library:
            return [name for name, state in library.catalog.spaces(self.id).items() if state.complete]

    def describe(self) -> dict[str, Any]:
        """Return what `videos show --json` prints."""
        return show_video(self.id, self._session.settings())

    def frame(self, number: int) -> Picture:
        """Decode one frame at full size.

        Args:
            number: The index of the frame in the file.

        Returns:
            The picture in RGB.

        Raises:
            SourceError: The source is missing or has changed.
            UsageError: The library has no such frame.
        """
        return self.read_frames([number])[0]

    def read_frames(self, numbers: Iterable[int]) -> list[Picture]:
        """Decode several frames at full size in one pass, which is quicker than one by one.

        Args:
            numbers: The indices of the frames in the file.

        Returns:
            The pictures in RGB, in the order asked for.

        Raises:
            SourceError: The source is missing or has changed.
            UsageError: The library has no such frame.
        """
        wanted = list(numbers)
        for number in wanted:
            self._row(number)
        progress = self._session.progress()
        videos = unchanged_videos([self.record], progress)
        references = [FrameReference(self.id, number) for number in wanted]
        found = {reference.frame: rgb(picture) for reference, picture in fetch_frames(references, videos, progress)}
        return [found[number] for number in wanted]

    def proxy(self, number: int) -> Picture:
        """Return the proxy of a frame, a small picture in RGB, from the library and without the source."""
        with open_library(self._session.settings()) as library:
            return rgb(proxy_picture(proxies_of(library, self.record)[self._row(number)]))

    def proxies(self, count: int | None = None) -> Picture:
        """Return proxies in RGB: frames x height x width x 3.

        Args:
            count: The number of pictures, evenly spread over the video; all by default.
        """
        with open_library(self._session.settings()) as library:
            stored = proxies_of(library, self.record)
            rows = np.arange(len(stored))
            if count is not None and count < len(rows):
                rows = np.linspace(0, len(rows) - 1, count).round().astype(int)
            return np.stack([rgb(proxy_picture(stored[row])) for row in rows])

    def vectors(self, space: str | None = None) -> Floats:
        """Return the vectors of all frames, one row per frame.

        Args:
            space: The space; the first one that is complete by default.

        Raises:
            LibraryError: The video has no vectors in the space.
        """
        return self._rows(space).vectors

    def columns(self) -> Mapping[str, npt.NDArray[Any]]:
        """Return the columns of the table of frames."""
        rows = self._rows()
        return {name: getattr(rows, column) for name, (column, _) in FRAME_COLUMNS.items()}

    def to_numpy(self) -> Floats:
        """Return the vectors of all frames."""
        return self.vectors()

    def __len__(self) -> int:
        return self.record.frames

    def __bool__(self) -> bool:
        """A video is true even if it has no frame."""
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Video) and other.record == self.record

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"Video({self.id!r}, frames={len(self)}, seconds={self.seconds:.1f})"

    def _repr_html_(self) -> str:
        return Videos([self])._repr_html_()

    def _rows(self, space: str | None = None) -> FrameRows:
        with open_library(self._session.settings()) as library:
            return library.rows(self.record, space or next(iter(self.spaces), ""))

    @cached_property
    def _indices(self) -> Ints:
        """The index of each frame, which is read together with the vectors, and therefore once."""
        return self._rows().indices

    def _row(self, number: int) -> int:
        """Return the row of a frame."""
        indices = self._indices
        row = int(np.searchsorted(indices, number))
        if row >= len(indices) or indices[row] != number:
            raise UsageError(
                f"The library has no frame {number} of {self.name}.",
                f"It has {len(indices)} frames, from {indices[0]} to {indices[-1]}." if len(indices) else "",
            )
        return row


class Videos(Sequence[Video], Table):
    """Videos of a library, as a list; as a table it has one row per video."""

    def __init__(self, videos: Iterable[Video], failed: Mapping[str, ReelweaveError] | None = None) -> None:
        self._videos = list(videos)
        self.failed = dict(failed or {})
        """The sources that could not be added, each with its error."""

    @overload
    def __getitem__(self, place: int) -> Video: ...

    @overload
    def __getitem__(self, place: slice) -> "Videos": ...

    def __getitem__(self, place: int | slice) -> "Video | Videos":
        return Videos(self._videos[place]) if isinstance(place, slice) else self._videos[place]

    def __len__(self) -> int:
        return len(self._videos)

    def __iter__(self) -> Iterator[Video]:
        return iter(self._videos)

    def __repr__(self) -> str:
        return f"Videos({[video.id for video in self]})"

    def columns(self) -> Mapping[str, list[Any]]:
        """Return the columns of the table of videos."""
        names = ("id", "name", "source", "frames", "fps", "width", "height", "seconds", "complete")
        return {name: [getattr(video.record, name) for video in self] for name in names}

    def _repr_html_(self) -> str:
        shown, strips = self[:_STRIPS], {}
        if shown:
            strips = video_strips([video.id for video in shown], shown[0]._session.settings())
        return render("videos", shown, strips, len(self) - len(shown), self.failed)
