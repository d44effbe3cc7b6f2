"""The notebooks of the documentation run from top to bottom, and hold no output of the machine they were written on."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import reelweave

NOTEBOOKS = sorted((Path(reelweave.__file__).parent / "docs" / "notebooks").glob("*.ipynb"))


def test_there_are_two() -> None:
    assert [notebook.name for notebook in NOTEBOOKS] == ["order.ipynb", "search.ipynb"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_holds_no_output(file: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    assert [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")] == []


# The client's messages arrive through event loops of its own, which warn about one another's ends.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(file, as_version=4)
    NotebookClient(notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [output for output in shown if output["output_type"] in ("error", "stream")] == []
    assert any("<progress" in text for text in _html(shown))
    assert any("data:image/jpeg" in text for text in _html(shown))


def _html(outputs: list[Any]) -> list[str]:
    return [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
