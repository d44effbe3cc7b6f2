"""CLIP is the requested model or an error with a remedy; under `auto`, ingest works without it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import pictures, write_clip
from tiny_clip import ARCHITECTURE, CONFIG, PREPROCESSING, WEIGHTS, clip_settings, make_tiny_clip, write_weights

from reelweave import cli, pipeline
from reelweave.errors import SpaceError
from reelweave.index.library import open_library
from reelweave.ingest.models import weights
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.ingest.models.network import usable_device
from reelweave.ingest.models.weights import CLIP
from reelweave.media.types import Space, VideoRecord
from reelweave.progress import Stage
from reelweave.settings import Settings, library_folder, load
from reelweave.solve.plan.files import read_plan

if TYPE_CHECKING:
    from helpers import Scrambled

HUB = "hf-hub:somebody/tiny"

fetched, located, weights_fetchable, weights_here = (
    partial(function, family=CLIP)
    for function in (weights.fetch_from_hub, weights.local_weights, weights.weights_fetchable, weights.weights_here)
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A model that the test may damage."""
    return make_tiny_clip(tmp_path / "model")


@pytest.fixture(autouse=True)
def hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache."""
    folder = tmp_path_factory.mktemp("hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder


def cached(hub: Path, repository: str) -> Path:
    """Make the folder in which the hub's client stores a repository's files."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0123456", encoding="utf-8")
    snapshot = folder / "snapshots" / "0123456"
    snapshot.mkdir(parents=True)
    return snapshot


def space_of(model: Path | str) -> Space:
    return ClipEmbedder(clip_settings(model)).space


def refusal(model: Path | str) -> SpaceError:
    with pytest.raises(SpaceError) as refused:
        _ = space_of(model)
    assert refused.value.remedy
    assert "\n" not in refused.value.cause
    return refused.value


# What a folder must hold


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        pytest.param([WEIGHTS], "safetensors", id="weights"),
        pytest.param([CONFIG], CONFIG, id="config"),
        pytest.param([WEIGHTS, CONFIG], CONFIG, id="both"),
    ],
)
def test_a_folder_without_a_required_file_is_refused_naming_the_file(own: Path, lost: list[str], named: str) -> None:
    for name in lost:
        (own / name).unlink()
    assert named in refusal(own).cause


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert "nowhere" in refusal(tmp_path / "nowhere").cause


@pytest.mark.parametrize(
    ("file", "content"),
    [
        pytest.param(WEIGHTS, b"", id="empty weights"),
        pytest.param(WEIGHTS, b"\xff" * 4000, id="garbage weights"),
        pytest.param(CONFIG, b"{", id="truncated config"),
        pytest.param(CONFIG, b"{}", id="config without a model"),
        pytest.param(CONFIG, b'{"model_cfg": {"embed_dim": 8}}', id="config without towers"),
        pytest.param(CONFIG, json.dumps({"model_cfg": ARCHITECTURE | {"embed_dim": 8}}).encode(), id="other shapes"),
    ],
)
def test_a_folder_with_invalid_files_is_refused(own: Path, file: str, content: bytes) -> None:
    (own / file).write_bytes(content)
    refusal(own)


def test_weights_that_lack_a_tensor_are_refused(own: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(own / WEIGHTS)
    tensors.pop("visual.proj")
    save_file(tensors, own / WEIGHTS)
    assert "visual.proj" in refusal(own).cause


def test_weights_with_nan_are_refused(own: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(own / WEIGHTS)
    tensors["visual.proj"].fill_(float("nan"))
    save_file(tensors, own / WEIGHTS)
    refusal(own)


def test_preprocessing_keys_unknown_to_open_clip_are_refused(own: Path) -> None:
    make_tiny_clip(own, preprocessing=PREPROCESSING | {"interpolaton": "bilinear"})
    assert "interpolaton" in refusal(own).cause


@pytest.mark.parametrize(
    ("part", "changes", "named"),
    [
        pytest.param("preprocess_cfg", {"mean": None}, "mean", id="preprocessing without mean"),
        pytest.param("preprocess_cfg", {"std": None}, "std", id="preprocessing without std"),
        pytest.param("preprocess_cfg", None, "mean and std", id="no preprocessing"),
        pytest.param("model_cfg", {"text_cfg": {"context_length": 24}}, "positional_embedding", id="other text length"),
        pytest.param("model_cfg", {"vision_cfg": {"image_size": 64}}, "positional_embedding", id="other picture size"),
    ],
)
def test_configs_that_open_clip_would_complete_or_stretch_are_refused(
    own: Path, part: str, changes: Any, named: str
) -> None:
    config = json.loads((own / CONFIG).read_text(encoding="utf-8"))
    for key, change in (changes or {}).items():
        config[part][key] = config[part][key] | change if isinstance(change, dict) else change
    if changes is None:
        del config[part]
    (own / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    assert named in refusal(own).cause


# What a name must contain


@pytest.mark.parametrize(
    ("model", "named"),
    [
        pytest.param("ViT-B-32", "laion2b_s34b_b79k", id="no weights"),
        pytest.param("ViT-B-32/laion9b", "laion2b_s34b_b79k", id="unknown weights"),
        pytest.param("ViT-B-32/", "laion2b_s34b_b79k", id="empty weights"),
        pytest.param("ViT-Q-32/openai", "", id="unknown model"),
        pytest.param("nonsense", "", id="nonsense"),
        pytest.param("hf-hub:", "", id="no repository"),
        pytest.param("hf-hub:a/b/c", "", id="impossible repository"),
        pytest.param("local-dir:", "", id="no folder"),
    ],
)
def test_a_name_without_weights_is_refused_with_the_available_ones(model: str, named: str) -> None:
    refused = refusal(model)
    assert named in refused.remedy
    assert not weights_here(model)
    assert not weights_fetchable(model)


@pytest.fixture
def listed(hub: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """List `tiny/right` and `tiny/wrong` in open_clip's own table, with their weights in the hub cache."""
    import open_clip.factory
    import open_clip.pretrained

    trained = {"hf_hub": "somebody/tiny/", "mean": (0.5,) * 3, "std": (0.3,) * 3, "interpolation": "bilinear"}
    tags = {"right": trained | {"resize_mode": "squash"}, "wrong": trained | {"quick_gelu": True}}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny", tags)
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", ARCHITECTURE)
    return write_weights(cached(hub, "somebody/tiny") / WEIGHTS)


def test_a_listed_model_uses_the_listed_weights_and_preprocessing(listed: Path) -> None:
    space = space_of("tiny/right")
    assert located("tiny/right") == listed
    assert all(fact in space.preprocessing for fact in ("mean=(0.5, 0.5, 0.5)", "bilinear", "squash"))


def test_weights_trained_with_another_activation_are_refused(listed: Path) -> None:
    assert "tiny-quickgelu/wrong" in refusal("tiny/wrong").remedy


def test_openai_weights_are_refused_without_their_activation(hub: Path) -> None:
    write_weights(cached(hub, "timm/vit_base_patch32_clip_224.openai") / WEIGHTS)
    assert "ViT-B-32-quickgelu/openai" in refusal("ViT-B-32/openai").remedy


# Identity


def test_the_identity_depends_on_the_model_not_on_its_path(tiny: Path, own: Path) -> None:
    there, here = space_of(tiny), space_of(own)
    assert (there.weights, there.preprocessing, there.dimension) == (here.weights, here.preprocessing, here.dimension)


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        pytest.param({"seed": 1}, "weights", id="weights"),
        pytest.param({"quick_gelu": True}, "weights", id="activation"),
        pytest.param({"preprocessing": PREPROCESSING | {"mean": [0.1, 0.1, 0.1]}}, "preprocessing", id="mean"),
        pytest.param({"preprocessing": PREPROCESSING | {"resize_mode": "longest"}}, "preprocessing", id="padding"),
    ],
)
def test_whatever_changes_a_vector_changes_the_identity(own: Path, changes: dict[str, Any], fact: str) -> None:
    before, vectors = space_of(own), ClipEmbedder(clip_settings(own)).embed(pictures(2))
    make_tiny_clip(own, **changes)
    assert not np.allclose(ClipEmbedder(clip_settings(own)).embed(pictures(2)), vectors, atol=1e-5)
    assert getattr(space_of(own), fact) != getattr(before, fact)


def test_the_batch_size_does_not_change_the_identity(tiny: Path) -> None:
    assert ClipEmbedder(clip_settings(tiny, batch=1)).space == ClipEmbedder(clip_settings(tiny, batch=7)).space


def test_a_picture_gets_the_vector_that_open_clip_gives_it(tiny: Path) -> None:
    """With open_clip's own preprocessing, as in a search by picture."""
    import open_clip
    import torch
    from PIL import Image

    picture = pictures(1)[0]
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{tiny}")
    with torch.no_grad():
        wanted = model.eval().encode_image(preprocess(Image.fromarray(picture[..., ::-1]))[None], normalize=True)
    assert ClipEmbedder(clip_settings(tiny)).embed([picture])[0] == pytest.approx(wanted[0].numpy(), abs=1e-6)


# Devices


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_does_not_work_is_refused_naming_it(tiny: Path, device: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("reelweave.ingest.models.network._works", lambda name: False)
    with pytest.raises(SpaceError) as refused:
        _ = ClipEmbedder(clip_settings(tiny, device)).space
    assert device in refused.value.cause
    assert "clip.device" in refused.value.remedy


@pytest.mark.parametrize(
    ("working", "chosen"),
    [
        pytest.param({"cuda", "mps"}, "cuda", id="both"),
        pytest.param({"mps"}, "mps", id="mps"),
        pytest.param(set(), "cpu", id="neither"),
    ],
)
def test_auto_chooses_the_fastest_device_that_works(working: set[str], chosen: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("reelweave.ingest.models.network._works", lambda name: name in working)
    assert usable_device("auto") == chosen


def test_auto_works_on_this_machine(tiny: Path) -> None:
    assert np.isfinite(ClipEmbedder(clip_settings(tiny, "auto")).embed(pictures(2))).all()


def test_running_out_of_memory_says_which_setting_to_lower(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    clip = ClipEmbedder(clip_settings(tiny))
    monkeypatch.setattr(clip._loaded[0], "encode_image", full)
    with pytest.raises(SpaceError) as refused:
        clip.embed(pictures(1))
    assert "clip.batch" in refused.value.remedy


# Which weights are on this machine, and which can be fetched


@pytest.mark.parametrize(
    ("files", "here"),
    [
        pytest.param({CONFIG, WEIGHTS}, True, id="complete"),
        pytest.param({CONFIG, "open_clip_pytorch_model.bin"}, True, id="complete in the older format"),
        pytest.param({CONFIG}, False, id="config alone"),
        pytest.param({WEIGHTS}, False, id="weights alone"),
        pytest.param({CONFIG, "model.safetensors"}, False, id="another library's weights"),
        pytest.param(set(), False, id="nothing"),
    ],
)
def test_a_hub_model_is_here_if_all_files_that_loading_needs_are(hub: Path, files: set[str], here: bool) -> None:
    snapshot = cached(hub, "somebody/tiny")
    for name in files:
        (snapshot / name).touch()
    assert weights_here(HUB) is here
    assert (located(HUB) == snapshot) is here


@pytest.mark.parametrize(
    ("files", "here"),
    [
        pytest.param({CONFIG, WEIGHTS}, True, id="complete"),
        pytest.param({CONFIG, "anything.bin"}, True, id="weights of any name"),
        pytest.param({CONFIG, "notes.txt"}, False, id="no weights"),
        pytest.param({WEIGHTS}, False, id="no config"),
        pytest.param(set(), False, id="empty"),
        pytest.param(None, False, id="no folder"),
    ],
)
def test_a_local_model_is_here_if_config_and_weights_are(tmp_path: Path, files: set[str] | None, here: bool) -> None:
    folder = tmp_path / "a model"
    if files is not None:
        folder.mkdir()
    for name in files or ():
        (folder / name).touch()
    assert weights_here(f"local-dir:{folder}") is here
    assert weights_fetchable(f"local-dir:{folder}") is False


def test_a_folder_may_be_given_relative_to_home(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tiny.parent))
    monkeypatch.setenv("USERPROFILE", str(tiny.parent))
    assert space_of(f"local-dir:~/{tiny.name}").weights == space_of(tiny).weights


def test_a_model_in_the_hub_cache_needs_no_network(hub: Path, tiny: Path) -> None:
    snapshot = cached(hub, "somebody/tiny")
    for name in (CONFIG, WEIGHTS):
        (snapshot / name).write_bytes((tiny / name).read_bytes())
    assert space_of(HUB).weights == space_of(tiny).weights


@pytest.mark.parametrize(
    ("variables", "answers", "fetchable"),
    [
        pytest.param({}, True, True, id="the hub answers"),
        pytest.param({}, False, False, id="the hub does not answer"),
        pytest.param({"HF_HUB_OFFLINE": "0"}, True, True, id="offline mode is 0"),
        pytest.param({"HF_HUB_OFFLINE": ""}, True, True, id="offline mode is empty"),
        pytest.param({"HF_HUB_OFFLINE": "1"}, True, False, id="offline mode is 1"),
        pytest.param({"HF_HUB_OFFLINE": "true"}, True, False, id="offline mode is true"),
        pytest.param({"TRANSFORMERS_OFFLINE": "1"}, True, False, id="offline mode by its older name"),
    ],
)
def test_a_model_can_be_fetched_if_the_hub_answers_and_offline_mode_is_off(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], answers: bool, fetchable: bool
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    answer_with(monkeypatch, answers)
    assert weights_fetchable(HUB) is fetchable


def answer_with(monkeypatch: pytest.MonkeyPatch, answers: bool) -> None:
    def model_info(*_: object, **__: object) -> None:
        if not answers:
            raise OSError("no route")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", model_info)


@pytest.mark.parametrize(
    ("available", "complete"),
    [
        pytest.param({CONFIG, WEIGHTS}, True, id="complete"),
        pytest.param({CONFIG, "open_clip_pytorch_model.bin"}, True, id="the older format alone"),
        pytest.param({CONFIG}, False, id="without weights"),
        pytest.param({WEIGHTS}, False, id="without config"),
    ],
)
def test_fetching_downloads_what_a_model_needs_or_fails(
    monkeypatch: pytest.MonkeyPatch, hub: Path, available: set[str], complete: bool
) -> None:
    from huggingface_hub.errors import EntryNotFoundError

    snapshot = cached(hub, "somebody/tiny")

    def download(repository: str, name: str) -> None:
        if name not in available:
            raise EntryNotFoundError(name)
        (snapshot / name).touch()

    monkeypatch.delenv("HF_HUB_OFFLINE")
    answer_with(monkeypatch, True)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    if complete:
        assert fetched(HUB) == snapshot
    else:
        with pytest.raises(SpaceError):
            fetched(HUB)


@pytest.mark.parametrize("offline", [True, False], ids=["offline mode", "no answer"])
@pytest.mark.parametrize("model", [HUB, "ViT-B-32/laion2b_s34b_b79k"], ids=["hub name", "table name"])
def test_a_model_out_of_reach_is_refused_immediately(
    monkeypatch: pytest.MonkeyPatch, model: str, offline: bool
) -> None:
    def download(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked for a file")

    if not offline:
        monkeypatch.delenv("HF_HUB_OFFLINE")
    answer_with(monkeypatch, False)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    started = perf_counter()
    assert model in refusal(model).cause
    assert perf_counter() - started < 60


def test_asking_about_weights_does_not_load_torch(hub: Path, tiny: Path) -> None:
    """Every `ingest` asks, and loading torch takes seconds."""
    (cached(hub, "somebody/tiny") / CONFIG).touch()
    code = (
        "import sys\n"
        "from reelweave.ingest.models.weights import CLIP, weights_fetchable as fetchable, weights_here as here\n"
        f"print([here({f'local-dir:{tiny}'!r}, CLIP), here({HUB!r}, CLIP), fetchable({HUB!r}, CLIP)])\n"
        "print({'torch', 'open_clip'} & set(sys.modules) or 'none')\n"
    )
    environment = os.environ | {"HF_HUB_CACHE": str(hub), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment, cwd=tiny
    )
    assert done.stdout.split("\n")[:2] == ["[True, False, False]", "none"], done.stderr


# End to end


class Notes:
    """Progress that remembers the notes, and interrupts the work after a number of steps."""

    def __init__(self, stop_after: int = 1 << 30) -> None:
        self.notes: list[str] = []
        self._left = stop_after

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        yield self

    def advance(self, steps: int = 1) -> None:
        self._left -= steps
        if self._left < 0:
            raise KeyboardInterrupt

    def note(self, text: str) -> None:
        self.notes.append(text)


def settings_with(model: Path | str, space: str = "auto", **more: Any) -> Settings:
    named = f"local-dir:{model}" if isinstance(model, Path) else model
    return load({"clip.model": named, "clip.device": "cpu", "ingest.space": space, "ingest.batch": 16} | more)


def spaces_of(video: VideoRecord, settings: Settings) -> dict[str, tuple[int, bool]]:
    with open_library(library_folder(settings)) as library:
        states = library.catalog.spaces(video.id)
        return {name: (library.store.count(video.id, state.space), state.complete) for name, state in states.items()}


def test_auto_embeds_in_both_spaces_if_the_weights_are_here(scrambled: "Scrambled", tiny: Path) -> None:
    progress, settings = Notes(), settings_with(tiny)
    video = pipeline.ingest(scrambled.video, settings, progress)
    assert spaces_of(video, settings) == {"appearance": (52, True), "clip": (52, True)}
    assert progress.notes == []


@pytest.mark.parametrize("model", [HUB, "local-dir:/nowhere/at/all"], ids=["hub", "folder"])
def test_auto_skips_missing_weights_with_a_note_of_one_line(scrambled: "Scrambled", model: str) -> None:
    progress, settings = Notes(), settings_with(model)
    video = pipeline.ingest(scrambled.video, settings, progress)
    assert spaces_of(video, settings) == {"appearance": (52, True)}
    assert [note.count("\n") for note in progress.notes] == [0]
    assert model in progress.notes[0]


def test_auto_skips_a_broken_model_with_a_note_of_one_line(scrambled: "Scrambled", own: Path) -> None:
    (own / WEIGHTS).write_bytes(b"\xff" * 100)
    progress, settings = Notes(), settings_with(own)
    video = pipeline.ingest(scrambled.video, settings, progress)
    assert spaces_of(video, settings) == {"appearance": (52, True)}
    assert [note.count("\n") for note in progress.notes] == [0]
    assert str(own) in progress.notes[0]


def test_auto_adds_the_skipped_space_once_the_weights_are_here(scrambled: "Scrambled", tiny: Path) -> None:
    settings = settings_with(tiny)
    pipeline.ingest(scrambled.video, settings_with("local-dir:/nowhere/at/all"))
    video = pipeline.ingest(scrambled.video, settings)
    assert spaces_of(video, settings) == {"appearance": (52, True), "clip": (52, True)}


@pytest.mark.parametrize(
    ("space", "made"),
    [
        pytest.param("appearance", ["appearance"], id="appearance"),
        pytest.param("clip", ["clip"], id="clip"),
        pytest.param("all", ["appearance", "clip"], id="all"),
    ],
)
def test_only_the_requested_spaces_are_embedded(
    scrambled: "Scrambled", tiny: Path, space: str, made: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("REELWEAVE_CLIP__MODEL", f"local-dir:{tiny}")
    assert cli.run(["ingest", str(scrambled.video), "--space", space, "--quiet"]) == 0
    capsys.readouterr()
    assert cli.run(["videos", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["vectors"]) for one in listed["spaces"]] == [(name, 52) for name in made]
    assert listed["state"] == "complete"


def test_a_missing_model_destroys_no_vectors(scrambled: "Scrambled") -> None:
    """Another size means that all frames are embedded again, but not before the models are loaded."""
    settings = settings_with("local-dir:/nowhere/at/all", "appearance")
    video = pipeline.ingest(scrambled.video, settings)
    with pytest.raises(SpaceError):
        pipeline.ingest(scrambled.video, settings_with("local-dir:/nowhere/at/all", "all", **{"ingest.size": 90}))
    assert spaces_of(video, settings) == {"appearance": (52, True)}


@pytest.mark.parametrize("space", ["clip", "all"])
def test_a_space_requested_by_name_is_never_skipped(
    scrambled: "Scrambled", tmp_path: Path, space: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("REELWEAVE_CLIP__MODEL", f"local-dir:{tmp_path}")
    assert cli.run(["ingest", str(scrambled.video), "--space", space, "--quiet"]) == 1
    assert CONFIG in capsys.readouterr().err


def test_a_film_is_reconstructed_in_the_clip_space(
    scrambled: "Scrambled", tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("REELWEAVE_CLIP__MODEL", f"local-dir:{tiny}")
    film, report = tmp_path / "film.mp4", tmp_path / "report"
    command = ["reconstruct", str(scrambled.video), "-o", str(film), "--report", str(report), "--space", "clip"]
    assert cli.run([*command, "--json", "--quiet"]) == 0
    done = json.loads(capsys.readouterr().out)
    plan = read_plan(Path(done["plan"]))
    assert (done["space"], plan.settings["solve"]["space"]) == ("clip", "clip")
    assert sorted([*plan.order, *(dropped.frame for dropped in plan.dropped)]) == list(range(52))
    assert film.stat().st_size > 0
    assert (report / "index.html").exists()


def test_a_model_that_changes_midway_is_refused_and_nothing_is_lost(tmp_path: Path, own: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(48))
    settings = settings_with(own, "clip")
    with pytest.raises(KeyboardInterrupt):
        pipeline.ingest(clip, settings, Notes(stop_after=20))
    make_tiny_clip(own, seed=1)
    with pytest.raises(SpaceError) as refused:
        pipeline.ingest(clip, settings)
    assert refused.value.remedy
    with open_library(library_folder(settings)) as library:
        (video,) = library.catalog.videos()
    stored = spaces_of(video, settings)["clip"]
    assert (0 < stored[0] < 48, stored[1]) == (True, False)
    make_tiny_clip(own, seed=0)
    assert spaces_of(pipeline.ingest(clip, settings), settings) == {"clip": (48, True)}


def test_another_model_is_refused_for_a_video_that_has_vectors(
    scrambled: "Scrambled", tiny: Path, tmp_path: Path
) -> None:
    settings = settings_with(tiny, "all")
    video = pipeline.ingest(scrambled.video, settings)
    with pytest.raises(SpaceError) as refused:
        pipeline.ingest(scrambled.video, settings_with(make_tiny_clip(tmp_path / "other", seed=1), "all"))
    assert refused.value.remedy
    assert spaces_of(video, settings) == {"appearance": (52, True), "clip": (52, True)}
    assert pipeline.ingest(scrambled.video, settings) == video


def test_an_interruption_does_not_change_the_vectors(tmp_path: Path, tiny: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(48))
    with pytest.raises(KeyboardInterrupt):
        pipeline.ingest(clip, settings_with(tiny, "all"), Notes(stop_after=20))
    interrupted, undisturbed = settings_with(tiny, "all"), settings_with(tiny, "all", library=str(tmp_path / "second"))
    rows = []
    for settings in (interrupted, undisturbed):
        video = pipeline.ingest(clip, settings)
        with open_library(library_folder(settings)) as library:
            rows.append(library.rows(video, "clip"))
    assert np.array_equal(rows[0].indices, rows[1].indices)
    assert rows[0].vectors == pytest.approx(rows[1].vectors, abs=1e-5)
