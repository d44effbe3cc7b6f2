"""Measuring videos so that frames of theirs can be sorted, and learnt from without decoding them again."""

from dataclasses import replace
from pathlib import Path

from ..ingest.identity import content_hash, video_id
from ..ingest.source import open_source
from ..progress import Progress, Silent
from . import features
from .evidence import read_evidence

_SILENT = Silent()


def measure(video: Path, folder: Path, progress: Progress = _SILENT) -> features.Measured:
    """The evidence of a video, from the folder where it lies there as this program measures it."""
    source = open_source(video, steady=True)
    digest = content_hash(video)
    name = video_id(video, digest)
    kept = features.file_of(name, folder)
    if kept.exists() and (found := features.read(kept)).usable and found.sha256 == digest:
        # It may lie elsewhere by now.
        return replace(found, source=str(video.resolve()))
    evidence = read_evidence(source, progress)
    measured = features.Measured(name, video.name, str(video.resolve()), digest, evidence)
    features.keep(measured, folder)
    return measured
