"""Reconstruct, search and repair videos frame by frame.

The names in `__all__` are the public API. They are imported on first access (PEP 562), so that `import reelweave` and
`reelweave --help` stay fast. No function has the name of a subpackage: `reelweave.solve` is the package, and the
function is `solve_video`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_PUBLIC = {
    "ReconstructRequest": "pipeline:ReconstructRequest",
    "ReelweaveError": "errors:ReelweaveError",
    "Settings": "settings:Settings",
    "SolveRequest": "pipeline:SolveRequest",
    "compare_images": "search.search:compare_images",
    "evaluate_plan": "evaluate.scores:evaluate_plan",
    "evaluate_robustness": "evaluate.robustness:evaluate_robustness",
    "evaluate_split": "evaluate.split_scores:evaluate_split",
    "ingest_all": "pipeline:ingest_all",
    "ingest_video": "pipeline:ingest",
    "load_settings": "settings:load",
    "read_plan": "solve.plan.files:read_plan",
    "reconstruct": "pipeline:reconstruct",
    "render_plan": "pipeline:render",
    "repair_video": "repair.repair:repair_video",
    "save_plan": "pipeline:save_plan",
    "scramble_video": "evaluate.scramble:scramble_video",
    "search_library": "search.search:search_library",
    "solve_split": "pipeline:solve_split",
    "solve_video": "pipeline:solve",
    "write_report": "pipeline:write_report",
}
"""Where each public name is defined: module and attribute. Type checkers read `__init__.pyi` instead."""

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PUBLIC[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
