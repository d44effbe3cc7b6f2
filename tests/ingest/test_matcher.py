"""A matching network is the requested one or an error with a remedy, and its price orders a film."""

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import Scrambled, pictures
from runs import Run
from tiny_matcher import CONFIG, KINDS, WEIGHTS, make_tiny_matcher

from reelweave.errors import SpaceError
from reelweave.ingest.models.matcher import KeypointMatcher

PAIRS = np.array([[0, 1], [0, 5], [2, 3]])
LUMA = np.stack([cv2.resize(cv2.cvtColor(p, cv2.COLOR_BGR2GRAY), (160, 90)) for p in pictures(6)])


@pytest.fixture(params=KINDS)
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model of each kind that the test may damage."""
    pytest.importorskip("transformers", reason="the extra match is not installed")
    return make_tiny_matcher(tmp_path / "model", request.param)


def matcher(folder: Path | str) -> KeypointMatcher:
    return KeypointMatcher(f"local-dir:{folder}" if isinstance(folder, Path) else folder, "cpu")


def refusal(folder: Path | str) -> SpaceError:
    with pytest.raises(SpaceError) as refused:
        list(matcher(folder)(LUMA, PAIRS))
    assert refused.value.remedy
    assert "\n" not in refused.value.cause
    return refused.value


def test_every_pair_gets_a_score_from_0_to_1(own: Path) -> None:
    scores = list(matcher(own)(LUMA, PAIRS))
    assert len(scores) == len(PAIRS)
    assert all(0 <= score <= 1 for score in scores)
    assert len(set(scores)) > 1


def test_the_score_of_a_pair_does_not_depend_on_other_pairs(own: Path) -> None:
    scores = list(matcher(own)(LUMA, PAIRS))
    assert scores == [next(matcher(own)(LUMA, pair[None])) for pair in PAIRS]


def test_the_identity_changes_with_the_weights_only(own: Path, tmp_path: Path) -> None:
    first = matcher(own).identity
    assert first == matcher(own).identity
    kind = json.loads((own / CONFIG).read_text(encoding="utf-8"))["model_type"]
    assert matcher(make_tiny_matcher(tmp_path / "other", kind, seed=1)).identity["weights"] != first["weights"]


def test_weights_that_lack_a_tensor_are_refused(own: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(own / WEIGHTS)
    lost = next(name for name in tensors if "keypoint_detector" in name and name.endswith("weight"))
    tensors.pop(lost)
    save_file(tensors, own / WEIGHTS, {"format": "pt"})
    assert lost in refusal(own).cause


@pytest.mark.parametrize(
    ("file", "content"),
    [(WEIGHTS, b"\xff" * 4000), (CONFIG, b"{"), (CONFIG, b'{"model_type": "bert"}'), (CONFIG, b"{}")],
    ids=["garbage weights", "truncated config", "another kind", "no kind"],
)
def test_a_folder_with_invalid_files_is_refused(own: Path, file: str, content: bytes) -> None:
    (own / file).write_bytes(content)
    refusal(own)


@pytest.mark.parametrize(
    "name", ["local-dir:/nowhere/at/all", "hf-hub:nobody/nothing", "nonsense"], ids=["no folder", "offline", "nonsense"]
)
def test_a_name_without_weights_is_refused(name: str) -> None:
    pytest.importorskip("transformers", reason="the extra match is not installed")
    refusal(name)


def test_a_missing_transformers_is_reported_with_the_command_that_installs_it(
    run: Run, scrambled: Scrambled, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = run("ingest", scrambled.video, "--json").data["id"]
    monkeypatch.setattr("reelweave.ingest.models.matcher.find_spec", lambda name: None)
    answer = run("solve", known, "--price", "match")
    assert answer.code == 1
    assert ".[match]" in answer.err


def test_matches_order_a_film(run: Run, scrambled: Scrambled, own: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("REELWEAVE_SOLVE__MATCH_MODEL", f"local-dir:{own}")
    monkeypatch.setenv("REELWEAVE_SOLVE__CANDIDATES", "4")
    monkeypatch.setenv("REELWEAVE_CLIP__DEVICE", "cpu")
    known = run("ingest", scrambled.video, "--json").data["id"]
    plan = run("solve", known, "--price", "match", "--json").data
    assert plan["path"]["price"] == plan["settings"]["solve"]["price"] == "match"
    assert plan["settings"]["models"]["matcher"] == matcher(own).identity
    assert sorted([*plan["order"], *(dropped["frame"] for dropped in plan["dropped"])]) == list(range(52))


def test_other_prices_do_not_load_transformers(run: Run, scrambled: Scrambled) -> None:
    known = run("ingest", scrambled.video, "--json").data["id"]
    before = "transformers" in sys.modules
    assert run("solve", known, "--price", "huber", "--json").code == 0
    assert ("transformers" in sys.modules) == before
