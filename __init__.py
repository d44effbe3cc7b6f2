"""Reconstruct, search and repair videos frame by frame.

The names in `__all__` are the public API. They are imported on first access (PEP 562), so that `import reelweave` and
`reelweave --help` stay fast. No function has the name of a subpackage: `reelweave.solve` is the package, and the
function is `solve_video`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_PUBLIC = {
    "Library": "api.library:Library",
    "ReconstructRequest": "pipeline:ReconstructRequest",
    "ReelweaveError": "errors:ReelweaveError",
    "RepairRequest": "repair.repair:RepairRequest",
    "Settings": "settings:Settings",
    "SolveRequest": "pipeline:SolveRequest",
    "compare_images": "search.question:compare_images",
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
    "save_plan": "render.outputs:save_plan",
    "scramble_video": "evaluate.scramble:scramble_video",
    "search_library": "search.search:search_library",
    "solve_split": "pipeline:solve_split",
    "solve_video": "pipeline:solve",
    "write_report": "pipeline:write_report",
}
"""Where each public name is defined: module and attribute. Type checkers read `__init__.pyi` instead."""

MOVED_FROM_PIPELINE = {
    "demo": "commands.demo:run_demo",
    "evaluate": "evaluate.scores:evaluate_plan",
    "evaluate_split": "evaluate.split_scores:evaluate_split",
    "every_frame": "settings:every_frame",
    "find_broken": "repair.repair:find_broken_frames",
    "glimpse": "ui.reconstruct.reconstruct_job:proxy_film",
    "look": "render.report.build:view_plan",
    "mend": "repair.repair:replace_broken_frames",
    "playable": "ui.reconstruct.reconstruct_job:playable_copy",
    "repair": "repair.repair:repair_video",
    "repair_video": "repair.repair:repair_video",
    "robustness": "evaluate.robustness:evaluate_robustness",
    "scramble": "evaluate.scramble:scramble_video",
    "search": "search.search:search_library",
    "similar": "search.question:compare_images",
    "viewable": "ui.reconstruct.reconstruct_job:viewable_source",
}
"""Deprecated names of functions that were in `pipeline` in version 0.1, and where they are now."""

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    return import_attribute(_PUBLIC, __name__, name)


def import_attribute(table: dict[str, str], module: str, name: str) -> Any:
    """Import what a table names as `module:attribute`; for the `__getattr__` of a module.

    Raises:
        AttributeError: The table does not have the name.
    """
    if name not in table:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    place, _, attribute = table[name].partition(":")
    return getattr(import_module(f"{__name__}.{place}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
