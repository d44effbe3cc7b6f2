"""A timm model is the requested one or an error with a remedy; a fused space combines both of its parts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import Scrambled, pictures
from runs import Run, opened, settings
from tiny_clip import clip_settings
from tiny_timm import CONFIG, NAME, WEIGHTS, make_tiny_timm, space_name

from reelweave import pipeline
from reelweave.errors import SpaceError
from reelweave.index.fusion import fused_vectors, space_rows
from reelweave.index.vectors import collection_name
from reelweave.ingest.models.timm import TimmEmbedder
from reelweave.ingest.models.weights import TIMM, local_weights, weights_here
from reelweave.media.types import Space
from reelweave.settings import Settings

NOWHERE = "hf-hub:nobody/nothing"
"""CLIP settings that no test here uses."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_timm(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A model that the test may damage."""
    return make_tiny_timm(tmp_path / "model")


@pytest.fixture(autouse=True)
def hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache."""
    folder = tmp_path_factory.mktemp("hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder


def backbone(space: str) -> TimmEmbedder:
    return TimmEmbedder(space, clip_settings(NOWHERE))


def space_of(folder: Path) -> Space:
    return backbone(space_name(folder)).space


def refusal(space: str) -> SpaceError:
    with pytest.raises(SpaceError) as refused:
        _ = backbone(space).space
    assert refused.value.remedy
    assert "\n" not in refused.value.cause
    return refused.value


def restate(folder: Path, **changes: Any) -> None:
    """Change the preprocessing in the config; None removes a key."""
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    stated = config["pretrained_cfg"] | changes
    config["pretrained_cfg"] = {key: value for key, value in stated.items() if value is not None}
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")


@pytest.mark.parametrize("lost", [WEIGHTS, CONFIG])
def test_a_folder_without_a_required_file_is_refused(own: Path, lost: str) -> None:
    (own / lost).unlink()
    assert Path(lost).suffix in refusal(space_name(own)).cause


def test_weights_that_lack_a_tensor_are_refused(own: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(own / WEIGHTS)
    tensors.pop("conv1.0.weight")
    save_file(tensors, own / WEIGHTS)
    assert "conv1.0.weight" in refusal(space_name(own)).cause


def test_weights_for_other_classes_are_refused(own: Path) -> None:
    config = json.loads((own / CONFIG).read_text(encoding="utf-8"))
    config["model_args"]["num_classes"] = 9
    (own / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    assert "fc.weight" in refusal(space_name(own)).cause


def test_missing_tensors_that_timm_ignores_are_refused_too(own: Path) -> None:
    from safetensors.torch import load_file, save_file

    config = json.loads((own / CONFIG).read_text(encoding="utf-8"))
    config["model_args"]["num_classes"] = 9
    (own / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    tensors = load_file(own / WEIGHTS)
    tensors.pop("conv1.0.weight")
    save_file(tensors, own / WEIGHTS)
    assert "conv1.0.weight" in refusal(space_name(own)).cause


@pytest.mark.parametrize("lost", ["", "blocks.0.norm1.bias"])
def test_weights_with_tensor_names_of_another_project_are_accepted(tmp_path: Path, lost: str) -> None:
    """open_clip prefixes the tensor names of a vision transformer, and timm removes the prefix."""
    from safetensors.torch import load_file, save_file

    own = make_tiny_timm(tmp_path / "vit", architecture="test_vit", input_size=[3, 160, 160])
    before = space_of(own)
    tensors = load_file(own / WEIGHTS)
    save_file({f"visual.trunk.{name}": tensor for name, tensor in tensors.items() if name != lost}, own / WEIGHTS)
    if lost:
        assert lost in refusal(space_name(own)).cause
    else:
        assert space_of(own) == before


@pytest.mark.parametrize(
    ("file", "content"),
    [
        pytest.param(WEIGHTS, b"\xff" * 4000, id="garbage weights"),
        pytest.param(CONFIG, b"{", id="truncated config"),
        pytest.param(CONFIG, b"{}", id="config without a model"),
    ],
)
def test_a_folder_with_invalid_files_is_refused(own: Path, file: str, content: bytes) -> None:
    (own / file).write_bytes(content)
    refusal(space_name(own))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mean": None}, "mean"),
        ({"interpolation": None}, "interpolation"),
        ({"input_size": None}, "input_size"),
        ({"interpolaton": "bilinear"}, "interpolaton"),
    ],
    ids=["no mean", "no interpolation", "no size", "misspelt"],
)
def test_preprocessing_that_timm_would_fill_in_is_refused(own: Path, changes: dict[str, Any], named: str) -> None:
    restate(own, **changes)
    assert named in refusal(space_name(own)).cause


@pytest.mark.parametrize(
    ("name", "named"),
    [("resnet51", "resnet50"), ("resnet50.nonsense", ""), ("local-dir:/nowhere/at/all", ""), (NOWHERE, "")],
    ids=["misspelt", "unknown weights", "no folder", "offline"],
)
def test_a_name_without_weights_is_refused_with_a_remedy(name: str, named: str) -> None:
    assert named in refusal(f"timm:{name}").remedy
    assert not weights_here(name, TIMM)


@pytest.mark.parametrize("by", ["listed", "repository"])
def test_a_model_in_the_hub_cache_needs_no_network(hub: Path, tiny: Path, by: str) -> None:
    import timm
    from safetensors.torch import save_file

    repository = timm.get_pretrained_cfg(NAME).hf_hub_id if by == "listed" else "somebody/tiny"
    folder = hub / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / "0123456"
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0123456", encoding="utf-8")
    name = NAME if by == "listed" else f"hf-hub:{repository}"
    assert not weights_here(name, TIMM)
    if by == "listed":
        save_file(timm.create_model(NAME).state_dict(), snapshot / WEIGHTS)
        assert local_weights(name, TIMM) == snapshot / WEIGHTS
    else:
        for file in (CONFIG, WEIGHTS):
            (snapshot / file).write_bytes((tiny / file).read_bytes())
        assert backbone(f"timm:{name}").space.weights == space_of(tiny).weights
    assert np.isfinite(backbone(f"timm:{name}").embed(pictures(2))).all()


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        pytest.param({"seed": 1}, "weights", id="weights"),
        pytest.param({"mean": [0.1, 0.1, 0.1]}, "preprocessing", id="mean"),
        pytest.param({"crop_pct": 0.5}, "preprocessing", id="crop"),
        pytest.param({"input_size": [3, 96, 96]}, "preprocessing", id="size"),
    ],
)
def test_whatever_changes_a_vector_changes_the_identity(own: Path, changes: dict[str, Any], fact: str) -> None:
    before, vectors = space_of(own), backbone(space_name(own)).embed(pictures(2))
    make_tiny_timm(own, **changes)
    assert not np.allclose(backbone(space_name(own)).embed(pictures(2)), vectors, atol=1e-5)
    assert getattr(space_of(own), fact) != getattr(before, fact)


def test_vectors_are_the_features_before_the_classifier(tiny: Path) -> None:
    """The same as timm returns with its classifier removed and its own preprocessing."""
    import timm
    import torch
    from PIL import Image

    model = timm.create_model(f"local-dir:{tiny}", pretrained=True).eval()
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    model.reset_classifier(0)
    picture = pictures(1)[0]
    with torch.no_grad():
        wanted = model(prepare(Image.fromarray(picture[..., ::-1]))[None])[0].numpy()
    assert backbone(space_name(tiny)).embed([picture])[0] == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-6)


@pytest.mark.parametrize(
    "space",
    ["clip", "timm:resnet50.a1_in1k", "timm:local-dir:/a folder/é", f"timm:{'x' * 500}", "timm:a/b", "timm:a-b"],
)
def test_every_space_has_a_valid_collection_name(space: str) -> None:
    import re

    name = collection_name("a-video-12345678", space)
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]", name)
    assert name.startswith("a-video-12345678.")


def test_different_spaces_have_different_collection_names() -> None:
    assert len({collection_name("v", space) for space in ("timm:a/b", "timm:a-b", "timm-a-b", "timm:a.b")}) == 4


# End to end


def with_tiny(tiny: Path, space: str, **more: Any) -> Settings:
    return settings(**{"ingest.space": space, "solve.space": space, "solve.fused_with": space_name(tiny)} | more)


def test_a_film_is_reconstructed_in_a_timm_space(scrambled: Scrambled, tiny: Path, run: Run, tmp_path: Path) -> None:
    done = run(
        *("reconstruct", scrambled.video, "-o", tmp_path / "film.mp4", "--report", tmp_path / "report"),
        *("--space", space_name(tiny), "--json"),
    ).data
    plan = json.loads(Path(done["plan"]).read_text(encoding="utf-8"))
    assert done["space"] == plan["settings"]["solve"]["space"] == space_name(tiny)
    assert plan["settings"]["models"]["space"]["weights"] == space_of(tiny).weights
    assert sorted([*plan["order"], *(dropped["frame"] for dropped in plan["dropped"])]) == list(range(52))
    assert run("videos", "check").code == 0
    assert run("videos", "remove", done["video"], "--yes").code == 0


def test_a_film_is_reconstructed_in_the_fused_space(
    scrambled: Scrambled, tiny: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWEAVE_SOLVE__FUSED_WITH", space_name(tiny))
    film, report = tmp_path / "film.mp4", tmp_path / "report"
    done = run("reconstruct", scrambled.video, "-o", film, "--report", report, "--space", "fused", "--json").data
    plan = json.loads(Path(done["plan"]).read_text(encoding="utf-8"))
    (video,) = run("videos", "list", "--json").rows
    assert {space["name"] for space in video["spaces"]} == {"appearance", space_name(tiny)}
    assert space_of(tiny).weights in plan["settings"]["models"]["space"]["weights"]
    assert plan["path"]["price"] == "cosine"
    assert run("evaluate", done["plan"], "--truth", scrambled.truth_file, "--json").data["adjacency"] > 0.9


def test_a_missing_space_is_refused_with_the_command_that_adds_it(run: Run, scrambled: Scrambled, tiny: Path) -> None:
    known = run("ingest", scrambled.video, "--json").data["id"]
    answer = run("solve", known, "--space", space_name(tiny))
    assert answer.code == 1
    assert f"--space {space_name(tiny)}" in answer.err


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_fused_distances_are_the_weighted_mean_of_both_spaces(scrambled: Scrambled, tiny: Path, share: float) -> None:
    chosen = with_tiny(tiny, "fused", **{"solve.fused_share": share})
    video = pipeline.ingest(scrambled.video, chosen)
    with opened(Path(chosen.library)) as library:
        looks, meaning = library.rows(video, "appearance"), library.rows(video, space_name(tiny))
        both = space_rows(library, video, chosen.solve.model_dump())
    squared = [((rows.vectors[0] - rows.vectors[7]) ** 2).sum() for rows in (looks, meaning, both)]
    assert squared[2] == pytest.approx((1 - share) * squared[0] + share * squared[1], abs=1e-5)
    assert np.linalg.norm(both.vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(fused_vectors(looks, meaning, share).vectors, both.vectors)


def test_another_model_is_refused_for_a_video_with_vectors(scrambled: Scrambled, own: Path) -> None:
    chosen = with_tiny(own, space_name(own))
    pipeline.ingest(scrambled.video, chosen)
    with opened(Path(chosen.library)) as library:
        (video,) = library.catalog.videos()
        stored = library.catalog.spaces(video.id)[space_name(own)]
    make_tiny_timm(own, seed=1)
    assert stored.space != space_of(own)
    with pytest.raises(SpaceError) as refused:
        pipeline.ingest(scrambled.video, with_tiny(own, "fused"))
    assert "weights" in refused.value.cause


def test_models_and_doctor_list_the_models_in_the_settings(
    run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWEAVE_SOLVE__SPACE", space_name(tiny))
    rows = {row["space"]: row for row in run("models", "list", "--json").rows}
    assert rows[space_name(tiny)]["ready"] is True
    assert f"{space_name(tiny)} weights" in {row["name"] for row in run("doctor", "--json").rows}
