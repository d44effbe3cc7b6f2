"""Keep the work on a long video until its film is complete, so that an interrupted repair continues."""

import hashlib
from dataclasses import astuple
from pathlib import Path
from typing import Any

from .. import __version__
from ..media import ffmpeg
from ..media.identity import content_hash, stamp
from ..media.source import VideoFile
from ..render.encode import Encoding
from ..render.segments import Segments, WorkFolder
from ..settings import Settings
from .survey import Survey
from .verdict import Verdict

_SURVEY = "survey"


def survey_key(video: VideoFile, named: str | None, detector: Path | None, settings: Settings) -> str:
    """Identify all that a survey depends on."""
    return _hashed(stamp(video.path), named, detector and content_hash(detector), settings.breakup.model_dump_json())


def stored_survey(output: Path, key: str, video: VideoFile) -> Survey | None:
    """Return the survey that an interrupted repair left beside its film."""
    if (stored := WorkFolder.beside(output).load(_SURVEY, key)) is None:
        return None
    verdicts = [Verdict(frame, *row) for frame, row in enumerate(stored["verdicts"])]
    return Survey(video.info(), verdicts, stored["times"], stored["repeats"], guessed=stored["guessed"])


def store_survey(output: Path, key: str, seen: Survey, settings: Settings) -> None:
    """Store a survey beside the film, if it is long."""
    if len(seen.verdicts) > settings.repair.segment:
        WorkFolder.beside(output).save(_SURVEY, key, _content(seen))


def segments_of(
    video: VideoFile, output: Path, seen: Survey, encoding: Encoding, settings: Settings
) -> Segments | None:
    """Return the segments in which the film is encoded, if it is long."""
    if len(seen.verdicts) <= settings.repair.segment:
        return None
    key = _hashed(stamp(video.path), _content(seen), astuple(encoding), settings.repair.model_dump_json())
    return Segments(WorkFolder.beside(output), key, settings.repair.segment)


def _content(seen: Survey) -> dict[str, Any]:
    verdicts = [(verdict.kind, verdict.score, verdict.evidence) for verdict in seen.verdicts]
    return {"verdicts": verdicts, "times": seen.times, "repeats": seen.repeats, "guessed": seen.guessed}


def _hashed(*parts: Any) -> str:
    return hashlib.sha256(repr((__version__, ffmpeg.executable(), *parts)).encode()).hexdigest()
