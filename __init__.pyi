from typing import Any

from .api.library import Library
from .errors import ReelweaveError
from .evaluate.robustness import evaluate_robustness
from .evaluate.scores import evaluate_plan
from .evaluate.scramble import scramble_video
from .evaluate.split_scores import evaluate_split
from .pipeline import ReconstructRequest, SolveRequest, ingest_all, reconstruct, solve_split, write_report
from .pipeline import ingest as ingest_video
from .pipeline import render as render_plan
from .pipeline import solve as solve_video
from .render.outputs import save_plan
from .repair.repair import RepairRequest, repair_video
from .search.question import compare_images
from .search.search import search_library
from .settings import Settings
from .settings import load as load_settings
from .solve.plan.files import read_plan

__all__ = [
    "Library",
    "ReconstructRequest",
    "ReelweaveError",
    "RepairRequest",
    "Settings",
    "SolveRequest",
    "__version__",
    "compare_images",
    "evaluate_plan",
    "evaluate_robustness",
    "evaluate_split",
    "ingest_all",
    "ingest_video",
    "load_settings",
    "read_plan",
    "reconstruct",
    "render_plan",
    "repair_video",
    "save_plan",
    "scramble_video",
    "search_library",
    "solve_split",
    "solve_video",
    "write_report",
]

__version__: str
MOVED_FROM_PIPELINE: dict[str, str]

def import_attribute(table: dict[str, str], module: str, name: str) -> Any: ...
