"""What the benches on public data sets share: finding the user's copy, ingesting it through the product, options.

The library stays in the work folder, so that a bench that was stopped continues with the videos that are missing.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reelweave import pipeline
from reelweave.errors import UsageError
from reelweave.index.library import open_library
from reelweave.index.matrix import Matrix, Segment, open_matrix
from reelweave.ingest.discover import discover_sources
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.media.types import Floats, VideoRecord
from reelweave.progress import SILENT
from reelweave.settings import Settings, load

_MOST_NAMED = 3
"""Missing videos that a message names."""


def parser(description: str | None, folder_needed: bool = True) -> argparse.ArgumentParser:
    """Return a parser of the options that these benches share."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "folder",
        type=Path,
        nargs=None if folder_needed else "?",
        help="your copy: annotations and videos, at any depth",
    )
    made.add_argument("--work", type=Path, required=True, help="keeps the library, to continue later")
    made.add_argument("--model", help="of open_clip, or toy; the setting clip.model by default")
    made.add_argument("--fps", type=float, default=1.0, help="frames a second that are looked at")
    made.add_argument("--size", type=int, default=0, help="short side of the frames in pixels; 0 as they are")
    made.add_argument("--engine", default="local", help="local, ray or ray://HOST:PORT")
    made.add_argument("--limit", type=int, help="only so many of the annotated videos")
    made.add_argument("--json", type=Path, help="add the figures to this file, a line for each run")
    return made


def settings_of(given: argparse.Namespace) -> Settings:
    """Return the settings of a run, with a library in its work folder."""
    flags = {"ingest.space": "clip", "ingest.fps": given.fps, "ingest.size": given.size, "engine.name": given.engine}
    model = {"clip.model": given.model} if given.model else {}
    return load({**flags, **model, "library": str(given.work / "library")})


def add_lines(file: Path | None, rows: Iterable[Mapping[str, object]]) -> None:
    """Add a line of JSON for each row."""
    if file:
        with file.open("a", encoding="utf-8") as opened:
            opened.writelines(json.dumps(row) + "\n" for row in rows)


def annotation_file(folder: Path, *patterns: str) -> Path:
    """Return the annotation file of a set.

    Raises:
        UsageError: There is none.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Give the folder of your copy of the data.")
    found = [path for pattern in patterns for path in sorted(folder.rglob(pattern))]
    if not found:
        raise UsageError(f"{folder} has no {' or '.join(patterns)}.", "docs/guide/public-sets.md says where to get it.")
    return found[0]


def files_by_stem(folder: Path) -> dict[str, Path]:
    """Return the videos below a folder by their names without suffix."""
    return {path.stem: path for path in discover_sources([folder]).sources}


def available(wanted: Iterable[str], files: Mapping[str, Path], limit: int | None) -> dict[str, Path]:
    """Return the files of the wanted videos, and report those that are missing."""
    names = list(dict.fromkeys(wanted))[:limit]
    missing = [name for name in names if name not in files]
    if missing:
        print(f"{len(missing)} of {len(names)} videos are missing: {', '.join(missing[:_MOST_NAMED])} ...")
    if len(missing) == len(names):
        raise UsageError("None of the annotated videos is in the folder.", "Check the names of the videos.")
    return {name: files[name] for name in names if name in files}


@dataclass(frozen=True)
class Frames:
    """The ingested frames of each video by its name."""

    clip: ClipEmbedder
    matrix: Matrix
    segments: Mapping[str, Segment]

    def alone(self, name: str) -> Matrix:
        """Return the frames of one video."""
        return Matrix(self.matrix.space, [self.segments[name]], "")


@contextmanager
def ingested(files: Mapping[str, Path], settings: Settings) -> Iterator[Frames]:
    """Ingest the videos that the library does not have yet, and open their vectors."""
    results = list(pipeline.ingest_all(files.values(), settings))
    for failed in (result for result in results if result.error):
        print(f"left out: {failed.error}")
    records: dict[Path, VideoRecord] = {
        Path(result.path).resolve(): result.video for result in results if result.video is not None
    }
    named = {name: records[path.resolve()] for name, path in files.items() if path.resolve() in records}
    if not named:
        raise UsageError("No video could be ingested.")
    with open_library(settings) as library:
        videos = list({video.id: video for video in named.values()}.values())
        matrix = open_matrix(library, videos, library.catalog.spaces(videos[0].id)["clip"].space, SILENT)
        by_id = {segment.video.id: segment for segment in matrix.segments}
        yield Frames(ClipEmbedder(settings.clip), matrix, {name: by_id[video.id] for name, video in named.items()})


def mean_vector(segment: Segment) -> Floats:
    """Return the mean of a video's vectors, of length one."""
    total = np.asarray(segment.rows.vectors).mean(axis=0)
    return np.asarray(total / np.linalg.norm(total), np.float32)
