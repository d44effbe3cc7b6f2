"""Runs of the Reconstruct tab are saved with their corrections."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reelweave.solve.constraints import Constraints
from reelweave.ui.runs import Run, Runs
from reelweave.ui.saved_files import new_id

CORRECTIONS = Constraints(first=3, before=((1, 2), (4, 5)), drop=(7,), shot_order=(2, 1))


def test_a_run_is_read_as_it_was_saved(tmp_path: Path) -> None:
    run = Run(new_id(), "film-1", "ﬁlm ünïcode.mp4", CORRECTIONS)
    Runs(tmp_path).save(run)
    found = Runs(tmp_path).get(run.id)
    assert found is not None
    assert replace(found, changed=0.0) == run
    assert found.corrections == 6


@pytest.mark.parametrize(
    "damage", [{"first": "x"}, {"unknown": 1}, {"before": [[1]]}, {"ranges": [["keep", [[0, 1000000000]]]]}]
)
def test_a_damaged_file_is_no_run(tmp_path: Path, damage: dict[str, object]) -> None:
    run = Run(new_id(), "film-1", "film.mp4", CORRECTIONS)
    Runs(tmp_path).save(run)
    (file,) = tmp_path.glob("*.json")
    data = json.loads(file.read_text(encoding="utf-8"))
    data["constraints"] |= damage
    file.write_text(json.dumps(data), encoding="utf-8")
    assert Runs(tmp_path).get(run.id) is None
