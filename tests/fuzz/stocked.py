"""Prepare what the fuzz tests start from, once for each process of tests."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from fuzz.harness import Stock
from helpers import pictures, write_clip, write_pictures
from runs import settings

from reelweave import pipeline
from reelweave.evaluate.scramble import ScrambleOptions, scramble_video
from reelweave.index import manage
from reelweave.index.overwrite import Outputs
from reelweave.render.edit_lists.make import edits_of_plan
from reelweave.render.edit_lists.write import write_edit_lists
from reelweave.repair.evidence import EVIDENCE
from reelweave.repair.features import MEASURED_AS, column_names
from reelweave.repair.forest import Forest
from reelweave.repair.trained_detector import CrossValidation, DetectorModel, TrainingVideo, write_model
from reelweave.search.question import Question
from reelweave.search.search import search_library
from reelweave.settings import Settings
from reelweave.solve.plan.files import read_plan

_SIZE = (64, 48)
_FRAMES = 12
_WRITTEN_AT = 4
"""Vectors after which Chroma moves them out of its log into the files of its graph; its default is 1,000."""


def prepare(stock: Stock) -> Stock:
    stock.folder.mkdir()
    for seed, file in enumerate((stock.a, stock.b)):
        write_clip(file, pictures(_FRAMES, _SIZE, seed))
    write_pictures(stock.folder / "drawn", pictures(1, _SIZE)).joinpath("frame 1.png").rename(stock.picture)
    (stock.folder / "drawn").rmdir()
    used = settings(library=str(stock.library))
    with _small_steps():
        for file in (stock.a, stock.b):
            pipeline.ingest(file, used)
    _documents(stock, used)
    _caches(stock, used)
    return stock


def _caches(stock: Stock, used: Settings) -> None:
    """What solving and searching keep to save time."""
    for video in ("a.mp4", "b.mp4"):
        pipeline.solve(video, used)
    search_library(Question(image=stock.picture), used)


def _small_steps() -> Any:
    """So that the files of the graph hold vectors, as those of a real library do."""
    from chromadb.api.client import Client

    create = Client.create_collection

    def created(client: Client, name: str, **options: Any) -> Any:
        hnsw = {"space": "cosine", "batch_size": _WRITTEN_AT // 2, "sync_threshold": _WRITTEN_AT}
        return create(client, name, **{**options, "configuration": {"hnsw": hnsw}})

    return patch.object(Client, "create_collection", created)


def _documents(stock: Stock, used: Settings) -> None:
    for name in ("a", "b"):
        manage.export_video(f"{name}.mp4", stock.export(name), None, used)
    scramble_video(stock.a, stock.scrambled, stock.truth, ScrambleOptions(seed=1, foreign=2))
    pipeline.reconstruct(stock.scrambled, used, output=stock.folder / "film.mp4", plan_file=stock.plan)
    write_edit_lists(edits_of_plan(read_plan(stock.plan)), [stock.timeline], Outputs("stock"))
    manage.remove_video("scrambled.mp4", used)
    _detector(stock.detector, used)


def _detector(file: Path, used: Settings) -> None:
    """Two trees of three nodes: what is asked of a forest, without the hour that it takes to sort pictures."""
    features = list(column_names())
    forest = Forest(
        roots=[0, 3],
        feature=[0, -1, -1, len(features) - 1, -1, -1],
        threshold=[0.5, 0.0, 0.0, 0.5, 0.0, 0.0],
        left=[1, 0, 0, 4, 0, 0],
        right=[2, 0, 0, 5, 0, 0],
        share=[0.5, 0.1, 0.9, 0.5, 0.2, 0.8],
    )
    write_model(
        DetectorModel(
            program="0",
            made="2026-01-01",
            measured_as=MEASURED_AS,
            evidence=list(EVIDENCE),
            features=features,
            rules=used.breakup,
            trust=0.4,
            videos=[TrainingVideo(id="a-00000000", name="a.mp4", sha256="0" * 64, broken=3, clean=9)],
            checked=CrossValidation(by="time", groups=2, precision=1, recall=1),
            chosen="balance",
            threshold=float(np.float32(0.5)),
            forest=forest,
        ),
        file,
    )
