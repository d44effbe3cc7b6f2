"""Convert results to numpy, pandas and Arrow, which are imported only then."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError


class Table:
    """A result that has columns."""

    @abstractmethod
    def columns(self) -> Mapping[str, Any]:
        """Return the columns by name, each with one value per row."""

    def to_numpy(self) -> npt.NDArray[Any]:
        """Return the rows as a structured array with the columns as fields."""
        columns = {name: np.asarray(values) for name, values in self.columns().items()}
        kinds = [(name, values.dtype) for name, values in columns.items()]
        rows = np.empty(len(next(iter(columns.values()))), kinds)
        for name, values in columns.items():
            rows[name] = values
        return rows

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame`.

        Raises:
            UsageError: pandas is not installed.
        """
        with _needs("pandas"):
            import pandas
        return pandas.DataFrame(dict(self.columns()))

    def to_arrow(self) -> Any:
        """Return a `pyarrow.Table`.

        Raises:
            UsageError: pyarrow is not installed.
        """
        with _needs("pyarrow"):
            import pyarrow
        return pyarrow.table(dict(self.columns()))


@contextmanager
def _needs(name: str) -> Iterator[None]:
    """Explain how to install a package that cannot be imported."""
    try:
        yield
    except ImportError as missing:
        raise UsageError(f"This needs {name}, which is not installed.", "Run: pip install '.[notebook]'") from missing
