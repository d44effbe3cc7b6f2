from .errors import ReelweaveError
from .evaluate.robustness import evaluate_robustness
from .evaluate.scores import evaluate_plan
from .evaluate.scramble import scramble_video
from .evaluate.split_scores import evaluate_split
from .pipeline import ReconstructRequest, SolveRequest, ingest_all, reconstruct, save_plan, solve_split, write_report
from .pipeline import ingest as ingest_video
from .pipeline import render as render_plan
from .pipeline import solve as solve_video
from .repair.repair import repair_video
from .search.search import compare_images, search_library
from .settings import Settings
from .settings import load as load_settings
from .solve.plan.files import read_plan

__all__ = [
    "ReconstructRequest",
    "ReelweaveError",
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
