"""What agents can call. The signatures and docstrings are what they are told; every answer is bounded."""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ..api.library import Library
from ..api.plan import VideoPlan
from ..api.video import Video
from ..errors import ReelweaveError, UsageError
from ..media.source import shrunk
from ..search.query import parse
from .access import Access

_JPEG_QUALITY = 85
_LARGEST_SIDE = 1024
"""Pixels of the longer side of a frame that is sent; models see no more of a picture."""
_MOST_PLANS = 16
"""Plans that are kept in memory, for `plan`."""

Name = Annotated[str, Field(max_length=1000, description="Id or file name of a video of the library.")]
Names = Annotated[list[Name], Field(max_length=100, description="Search only these videos.")]
File = Annotated[str, Field(max_length=4000, description="A file inside the folders that the server may open.")]
Text = Annotated[
    str, Field(max_length=1000, description="What the frame shows, such as 'a red car' or 'beach - people'.")
]
Count = Annotated[int, Field(ge=1, le=100, description="Number of results.")]
Offset = Annotated[int, Field(ge=0, le=100_000_000, description="Leave out so many.")]
Limit = Annotated[int, Field(ge=1, le=1000, description="Most entries to return.")]
Seconds = Annotated[float | None, Field(ge=0, le=1e7, description="A time in the video, in seconds.")]
Frame = Annotated[int, Field(ge=0, le=100_000_000, description="Index of the frame in the file, from 0.")]
Pairs = Annotated[list[tuple[int, int]], Field(max_length=1000, description="Pairs of frames.")]
Numbers = Annotated[str, Field(max_length=10_000, description="Numbers and ranges, as in '3,7-9'.")]
Threshold = Annotated[
    float | Literal["auto", "calibrated"] | None,
    Field(description="Least score: a cosine from -1 to 1, 'auto', or 'calibrated' for what stands out from chance."),
]


class Tools:
    """The tools on one library, for one thread."""

    def __init__(self, library: Library, access: Access) -> None:
        self._library, self._access = library, access
        self._plans: dict[str, VideoPlan] = {}
        self._videos: dict[str, Video] = {}

    # Reading

    def list_videos(self, offset: Offset = 0, limit: Limit = 100) -> dict[str, Any]:
        """List the videos of the library."""
        videos = self._library.videos
        return {"total": len(videos), "videos": [self._row(video) for video in videos[offset : offset + limit]]}

    def describe_video(self, video: Name) -> dict[str, Any]:
        """Tell everything known about a video: its frames, rate, size, spaces and state."""
        found = self._video(video)
        return found.describe() | self._row(found)

    def search(
        self,
        text: Text = "",
        image: File = "",
        k: Count = 10,
        videos: Names = [],  # noqa: B006  never changed, and a schema needs the value
        after: Seconds = None,
        before: Seconds = None,
        threshold: Threshold = None,
    ) -> dict[str, Any]:
        """Find frames by a text, a picture file, or both."""
        return self._search(text, image, videos, k=k, after=after, before=before, threshold=threshold)

    def moments(
        self,
        text: Text = "",
        image: File = "",
        k: Count = 10,
        videos: Names = [],  # noqa: B006
        after: Seconds = None,
        before: Seconds = None,
        threshold: Threshold = None,
    ) -> dict[str, Any]:
        """Find stretches of video, with start and end in seconds, by a text, a picture file, or both."""
        return self._search(text, image, videos, k=k, after=after, before=before, threshold=threshold, moments=True)

    def similar(self, video: Name, frame: Frame, k: Count = 10) -> dict[str, Any]:
        """Find frames of any video that look like one frame of a video."""
        found = self._video(video)
        space = next(iter(found.spaces), None)
        rows = found.columns()["frame"].tolist()
        if frame not in rows:
            raise UsageError(f"The library has no frame {frame} of {found.name}.")
        return _answer(self._library.search(found.vectors(space)[rows.index(frame)], k, space=space))

    def frame(self, video: Name, frame: Frame, full: bool = False) -> bytes:
        """Show a frame as a picture: the small one of the library, or decoded from the source if `full` is true."""
        found = self._video(video)
        picture = found.frame(frame) if full else found.proxy(frame)
        return _jpeg(picture)

    def solve(
        self,
        video: Name,
        first: Frame | None = None,
        last: Frame | None = None,
        before: Pairs = [],  # noqa: B006
        adjacent: Pairs = [],  # noqa: B006
        keep: Numbers = "",
        drop: Numbers = "",
        keep_shot: Numbers = "",
        drop_shot: Numbers = "",
        flip_shot: Numbers = "",
        shot_order: Numbers = "",
        cut_after: Numbers = "",
        join_after: Numbers = "",
        limit: Limit = 200,
    ) -> dict[str, Any]:
        """Find the order of the frames of a shuffled video. `before` holds pairs of which the first plays earlier."""
        found = self._video(video)
        solved = self._library.order(
            found,
            first=first,
            last=last,
            before=before,
            adjacent=adjacent,
            shot_order=shot_order or (),
            store=self._access.write,
            keep=keep or (),
            drop=drop or (),
            keep_shot=keep_shot or (),
            drop_shot=drop_shot or (),
            flip_shot=flip_shot or (),
            cut_after=cut_after or (),
            join_after=join_after or (),
        )
        others = {video: plan for video, plan in self._plans.items() if video != found.id}
        self._plans = dict(islice({found.id: solved, **others}.items(), _MOST_PLANS))
        return _described(solved, 0, limit)

    def plan(self, video: Name, offset: Offset = 0, limit: Limit = 200) -> dict[str, Any]:
        """Show part of the plan of a video that was solved: its order, dropped frames, shots and weak joins."""
        return _described(self._plan(video), offset, limit)

    # Writing

    def ingest(self, file: File) -> dict[str, Any]:
        """Add a video file to the library."""
        path = self._access.file(file)
        if not path.is_file():
            raise UsageError(f"{path.name} is not a file.", "Name the file of a video.")
        return self._row(self._library.add(path))

    def save_plan(self, video: Name, file: File) -> dict[str, Any]:
        """Write the plan of a video that was solved to a file whose name ends in .json."""
        path = self._access.file(file)
        if path.suffix != ".json":
            raise UsageError(f"{path.name} is not the name of a plan.", "Let it end in .json.")
        return {"file": str(self._plan(video).save(path))}

    def render(self, video: Name, file: File, reverse: bool = False) -> dict[str, Any]:
        """Write the film of a video that was solved. Files that Reelweave did not write are never replaced."""
        return {"file": str(self._plan(video).render(self._access.file(file), reverse=reverse))}

    @property
    def reading(self) -> Sequence[Any]:
        """The tools that change nothing besides caches."""
        return self.list_videos, self.describe_video, self.search, self.moments, self.similar, self.solve, self.plan

    @property
    def writing(self) -> Sequence[Any]:
        """The tools that add to the library or write files."""
        return (self.ingest, self.save_plan, self.render) if self._access.write else ()

    def explain(self, failed: ReelweaveError) -> str:
        """Explain a failure without the commands of a terminal, and without paths that are not the agent's business."""
        text = failed.cause if "`" in failed.remedy else f"{failed.cause} {failed.remedy}"
        hidden = {str(self._library.folder): "the library"}
        with contextlib.suppress(ReelweaveError):
            sources = {str(video.source): video.name for video in self._library.videos if video.record.source}
            hidden |= {path: name for path, name in sources.items() if not self._access.contains(path)}
        for path in sorted(hidden, key=len, reverse=True):
            text = text.replace(path, hidden[path])
        return text.strip()

    def close(self) -> None:
        self._library.close()

    def _search(self, text: str, image: str, videos: Sequence[str], **options: Any) -> dict[str, Any]:
        # A query can name pictures as well: beach - @door.jpg.
        for term in parse(text) if text.strip() else ():
            if term.picture and not self._access.contains(str(term.picture)):
                self._access.file(str(term.picture))
        picture: Path | None = self._access.file(image) if image else None
        only = [self._video(video) for video in videos]
        return _answer(self._library.search(text, image=picture, videos=only, **options))

    def _video(self, name: str) -> Video:
        """Find a video; one that has not changed keeps what was read of it."""
        found = self._library[name]
        known = self._videos.get(found.id)
        if known != found:
            self._videos[found.id] = known = found
        return known

    def _plan(self, video: str) -> VideoPlan:
        found = self._video(video)
        plan = self._plans.get(found.id) or self._library.last_plan(found)
        if plan is None:
            raise UsageError(f"{found.name} has not been solved.", "Solve it first.")
        return plan

    def _row(self, video: Video) -> dict[str, Any]:
        """Describe a video; the paths of sources outside the roots are not told."""
        source = str(video.source) if self._access.contains(str(video.source)) else ""
        return {
            "id": video.id,
            "name": video.name,
            "source": source,
            "frames": len(video),
            "fps": video.fps,
            "width": video.size[0],
            "height": video.size[1],
            "seconds": video.seconds,
        }


def _answer(found: Any) -> dict[str, Any]:
    kind = "moments" if found.found.moments else "hits"
    nothing = {} if found else {"note": found.found.why_nothing}
    return {"space": found.space, "threshold": found.threshold, kind: [asdict(row) for row in found], **nothing}


def _described(solved: VideoPlan, offset: int, limit: int) -> dict[str, Any]:
    """Return a part of a plan; the lists are cut at `limit`, and their full lengths are told."""
    plan, end = solved.plan, offset + limit
    return {
        "video": plan.video.id,
        "frames": len(plan.order),
        "offset": offset,
        "order": plan.order[offset:end],
        "confidence": plan.confidence[offset:end],
        "mean_confidence": plan.mean_confidence,
        "gap": plan.path.gap,
        "shots": [shot.model_dump() for shot in plan.shots[:limit]],
        "shot_count": len(plan.shots),
        "dropped": {str(frame): reason for frame, reason in islice(solved.dropped.items(), limit)},
        "dropped_count": len(plan.dropped),
        "weak": [join.model_dump() for join in plan.weak[:limit]],
    }


def _jpeg(picture: Any) -> bytes:
    """Encode a picture in RGB, no larger than a model looks at."""
    import cv2

    longer, shorter = max(picture.shape[:2]), min(picture.shape[:2])
    side = round(shorter * min(1.0, _LARGEST_SIDE / longer))
    small = shrunk(picture[..., ::-1], max(1, side))
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1])
