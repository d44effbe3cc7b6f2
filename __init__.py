"""Reconstruct, search and repair videos frame by frame.

The names in `__all__` are the public API. They are imported on first access (PEP 562), so that `import reelweave` and
`reelweave --help` stay fast. No function has the name of a subpackage: `reelweave.solve` is the package, and the
function is `solve_video`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"
