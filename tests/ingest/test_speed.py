"""Faster ingest: backends other than the exact one, frames that share vectors, and prefetching."""

import json
import threading
from collections.abc import Generator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from helpers import pictures, write_clip
from interruptions import Killed, fail_at
from runs import Run, opened, settings
from tiny_clip import clip_settings, make_tiny_clip

from reelweave import pipeline
from reelweave.ingest.models import backends, speed
from reelweave.ingest.models.backends import Int8, WeightFormat, export_int8, int8_weights, saturates
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.ingest.models.embedder import CLOSE, EXACT, EmbeddedBatch, TwoStageEmbedder
from reelweave.ingest.models.network import NetworkEmbedder
from reelweave.ingest.models.speed import FastEmbedder, drawn_pictures, speed_summary
from reelweave.ingest.prefetch import prefetch
from reelweave.ingest.repeats import embed_shared, find_repeats
from reelweave.media.proxy import ProxySize, make_proxy
from reelweave.media.types import Floats, FrameRows, Space, SpaceState

FILM = pictures(12)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of verdicts and exports that tests share."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def exported() -> dict[Space, Any]:
    """The models that were exported to ONNX, by their spaces."""
    return {}


@pytest.fixture(autouse=True)
def _each_model_is_exported_once(exported: dict[Space, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Exporting takes two seconds, quantising and writing the file next to nothing."""
    export = backends._export

    def export_once(network: NetworkEmbedder, sample: Any) -> Any:
        if network.space not in exported:
            exported[network.space] = export(network, sample)
        return deepcopy(exported[network.space])

    monkeypatch.setattr(backends, "_export", export_once)


def fast(model: Path, folder: Path, speed: str, notes: list[str] | None = None) -> FastEmbedder:
    texts = notes if notes is not None else []
    return FastEmbedder(ClipEmbedder(clip_settings(model)), speed, folder, texts.append)


def prepared(embedder: TwoStageEmbedder) -> list[Any]:
    return [embedder.prepare(picture) for picture in FILM]


class InaccurateBackend:
    """A backend whose vectors are wrong."""

    name = "half"

    def __init__(self, *_: object) -> None:
        pass

    def run(self, prepared: Sequence[Any]) -> Floats:
        return np.tile(np.eye(16, dtype=np.float32)[0], (len(prepared), 1))


def broken(*_: object) -> None:
    raise RuntimeError("no such operator")


@pytest.mark.parametrize("speed", ["half", "int8"])
def test_a_faster_backend_stays_close_to_the_exact_one(model: Path, kept: Path, speed: str) -> None:
    embedder = fast(model, kept, speed)
    made = embedder.finish(prepared(embedder))
    exact = embedder.embed(FILM)
    assert made.way == speed
    assert (made.vectors * exact).sum(axis=1).min() >= CLOSE
    assert made.cosine == pytest.approx(float(made.vectors[0] @ exact[0]), abs=1e-6)
    assert not np.array_equal(made.vectors, exact)
    assert f"runs as {speed}" in f"runs as {speed_summary(kept, embedder.space.model, speed)}"


def test_an_int8_vector_does_not_depend_on_the_rest_of_the_batch(model: Path, kept: Path) -> None:
    embedder = fast(model, kept, "int8")
    together = embedder.finish(prepared(embedder)).vectors
    alone = [embedder.finish([one]).vectors[0] for one in prepared(embedder)]
    assert np.array_equal(together, alone)


def test_an_export_is_used_again(model: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fast(model, kept, "int8").finish(prepared(fast(model, kept, "int8"))).vectors
    monkeypatch.setattr(speed, "export_int8", broken)
    notes: list[str] = []
    again = fast(model, kept, "int8", notes)
    made = again.finish(prepared(again))
    assert (made.way, notes) == ("int8", [])
    assert np.array_equal(made.vectors, first)


def test_other_weights_get_an_export_of_their_own(model: Path, kept: Path, tmp_path: Path) -> None:
    other = fast(make_tiny_clip(tmp_path / "other", seed=1), kept, "int8")
    made = other.finish(prepared(other))
    assert (made.vectors * other.embed(FILM)).sum(axis=1).min() >= CLOSE


@pytest.mark.parametrize("backend", ["half", "int8"])
def test_an_inaccurate_backend_is_refused_with_a_note(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setattr(speed, "HalfPrecision", InaccurateBackend)
    monkeypatch.setattr(speed, "export_int8", lambda *_: None)
    monkeypatch.setattr(speed, "Int8", InaccurateBackend)
    notes: list[str] = []
    embedder = fast(model, tmp_path, backend, notes)
    made = embedder.finish(prepared(embedder))
    assert (made.way, made.cosine) == (EXACT, 1.0)
    assert np.array_equal(made.vectors, embedder.embed(FILM))
    assert any(f"{backend}: cosine to exact only" in note for note in notes)


def test_if_the_export_fails_ingest_is_exact(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_export", broken)
    notes: list[str] = []
    embedder = fast(model, tmp_path, "int8", notes)
    assert embedder.finish(prepared(embedder)).way == EXACT
    assert any("no such operator" in note for note in notes)
    assert [file.suffix for file in tmp_path.iterdir()] == [".json"]


def test_a_damaged_export_is_replaced(model: Path, tmp_path: Path) -> None:
    first = fast(model, tmp_path, "int8")
    first.finish(prepared(first))
    (export,) = tmp_path.glob("*.onnx")
    export.write_bytes(export.read_bytes()[:1000])
    again = fast(model, tmp_path, "int8")
    assert again.finish(prepared(again)).way == EXACT
    anew = fast(model, tmp_path, "int8")
    assert anew.finish(prepared(anew)).way == "int8"


def test_a_later_inaccurate_batch_is_embedded_exactly(model: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    embedder = fast(model, kept, "half", notes)
    assert embedder.finish(prepared(embedder)).way == "half"
    monkeypatch.setattr(backends.HalfPrecision, "run", InaccurateBackend().run)
    for _ in range(2):
        made = embedder.finish(prepared(embedder))
        assert (made.way, made.cosine) == (EXACT, 1.0)
        assert np.array_equal(made.vectors, embedder.embed(FILM))
    assert sum("inaccurate" in note for note in notes) == 1


def test_a_fast_network_stays_exact(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "least_seconds", lambda runs, *_: dict.fromkeys(runs, 0.001))
    embedder = fast(model, tmp_path, "auto")
    assert embedder.finish(prepared(embedder)).way == EXACT
    assert list(tmp_path.glob("*.onnx")) == []


@pytest.mark.parametrize(
    ("speeds", "chosen"),
    [
        ({EXACT: 10.0, "half": 2.0, "int8": 5.0}, "half"),
        ({EXACT: 10.0, "half": 5.0, "int8": 2.0}, "int8"),
        ({EXACT: 2.0, "half": 5.0, "int8": 10.0}, EXACT),
    ],
)
def test_auto_chooses_the_fastest_backend(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speeds: dict[str, float], chosen: str
) -> None:
    monkeypatch.setattr(speed, "least_seconds", lambda runs, *_: {name: speeds[name] for name in runs})
    embedder = fast(model, tmp_path, "auto")
    assert embedder.finish(prepared(embedder)).way == chosen
    (kept_verdict,) = tmp_path.glob("*.json")
    assert [one["way"] for one in json.loads(kept_verdict.read_text("utf-8"))["tried"]] == [EXACT, "half", "int8"]


# The processor is faked, so that these tests give the same result on every machine.


def set_saturation(monkeypatch: pytest.MonkeyPatch, saturating: bool) -> None:
    """Choose whether the products of signed 8-bit numbers saturate on the processor."""
    monkeypatch.setattr(backends, "saturates", lambda weights: saturating and weights is WeightFormat.SIGNED)


def fake_export(network: object, sample: object, file: Path, weights: WeightFormat) -> Path:
    file.write_text(weights, "utf-8")
    return file


class FakeInt8:
    """An int8 backend that remembers the formats it was opened with, and is inaccurate for chosen ones."""

    name = "int8"
    opened: ClassVar[list[str]] = []
    inaccurate: ClassVar[set[str]] = set()

    def __init__(self, file: Path, threads: int) -> None:
        self.weights = file.read_text("utf-8")
        FakeInt8.opened.append(self.weights)

    def run(self, prepared: Sequence[Any]) -> Floats:
        exact = FakeInt8.network.exact(prepared)
        return InaccurateBackend().run(prepared) if self.weights in FakeInt8.inaccurate else exact

    network: ClassVar[Any] = None


@pytest.fixture
def fake_int8(model: Path, monkeypatch: pytest.MonkeyPatch) -> type[FakeInt8]:
    monkeypatch.setattr(speed, "export_int8", fake_export)
    monkeypatch.setattr(speed, "Int8", FakeInt8)
    FakeInt8.network, FakeInt8.opened, FakeInt8.inaccurate = ClipEmbedder(clip_settings(model)), [], set()
    return FakeInt8


@pytest.mark.parametrize(
    ("saturating", "inaccurate", "chosen"),
    [
        pytest.param(False, set(), ["s8"], id="sums do not saturate"),
        pytest.param(True, set(), ["s7"], id="sums saturate"),
        pytest.param(True, {"s7"}, ["s7", "u8"], id="7 bits are not enough"),
    ],
)
def test_the_weight_format_suits_the_processor(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fake_int8: type[FakeInt8],
    saturating: bool,
    inaccurate: set[str],
    chosen: list[str],
) -> None:
    set_saturation(monkeypatch, saturating)
    fake_int8.inaccurate = inaccurate
    embedder = fast(model, tmp_path, "int8")
    assert embedder.finish(prepared(embedder)).way == "int8"
    assert fake_int8.opened == [*chosen, chosen[-1]]
    assert [file.read_text("utf-8") for file in tmp_path.glob("*.onnx")] == chosen[-1:]


def test_if_no_weight_format_is_close_enough_ingest_is_exact(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_int8: type[FakeInt8]
) -> None:
    set_saturation(monkeypatch, True)
    fake_int8.inaccurate = {"s7", "u8"}
    embedder = fast(model, tmp_path, "int8")
    assert embedder.finish(prepared(embedder)).way == EXACT
    assert list(tmp_path.glob("*.onnx")) == []


def test_a_library_that_moves_to_another_processor_and_back_keeps_an_export_for_each(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_int8: type[FakeInt8]
) -> None:
    for saturating in (False, True, False):
        set_saturation(monkeypatch, saturating)
        embedder = fast(model, tmp_path, "int8")
        embedder.finish(prepared(embedder))
    # The third time there is no trial and no export: the export of the first machine is opened.
    assert fake_int8.opened == ["s8", "s8", "s7", "s7", "s8"]
    assert sorted(file.read_text("utf-8") for file in tmp_path.glob("*.onnx")) == ["s7", "s8"]


def test_the_summary_ignores_trials_on_another_processor(
    model: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = fast(model, kept, "half")
    embedder.finish(prepared(embedder))
    assert speed_summary(kept, embedder.space.model, "half")
    monkeypatch.setattr(speed, "this_processor", lambda: backends.Processor("another"))
    assert not speed_summary(kept, embedder.space.model, "half")


@pytest.mark.parametrize("weights", [WeightFormat.NARROW, WeightFormat.UNSIGNED])
def test_weight_formats_for_saturating_processors_are_close_on_every_processor(
    model: Path, tmp_path: Path, weights: WeightFormat
) -> None:
    assert not saturates(weights)
    network = ClipEmbedder(clip_settings(model))
    sample = [network.prepare(picture) for picture in FILM]
    way = Int8(export_int8(network, sample[0], tmp_path / "model.onnx", weights), threads=1)
    assert (way.run(sample) * network.exact(sample)).sum(axis=1).min() >= CLOSE


def test_the_formats_chosen_for_this_processor_do_not_saturate_on_it() -> None:
    assert not any(saturates(weights) for weights in int8_weights())


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse4_2 avx2 bmi2\n\nflags\t\t: fpu\n", ("AVX2",)),
        ("flags\t\t: avx2 avx512f avx512_vnni\n", ("AVX2", "AVX-512", "VNNI")),
        ("flags\t\t: avx2 avx_vnni\n", ("AVX2", "VNNI")),
        ("Features\t: fp asimd asimddp i8mm bf16\n", ("bfloat16", "dot products", "I8MM")),
        ("", ()),
    ],
    ids=["AVX2 only", "AVX-512 and VNNI", "VNNI without AVX-512", "ARM", "another system"],
)
def test_instruction_sets_are_read_from_cpuinfo(cpuinfo: str, expected: tuple[str, ...]) -> None:
    assert backends.abilities(cpuinfo) == expected


@pytest.mark.parametrize(("device", "tried"), [("cpu", ["half", "int8"]), ("cuda", ["half"]), ("mps", ["half"])])
def test_int8_is_tried_on_a_cpu_only(model: Path, tmp_path: Path, device: str, tried: list[str]) -> None:
    network = ClipEmbedder(clip_settings(model))
    network.__dict__["device"] = device
    assert speed.SpeedTrial(network, "auto", tmp_path, print)._backend_names() == tried


def test_drawn_pictures_are_the_same_every_time() -> None:
    assert all(np.array_equal(one, other) for one, other in zip(drawn_pictures(), drawn_pictures(), strict=True))


# Sharing vectors


class Counting:
    """A space of four dimensions whose pictures are their own vectors; it counts what it embeds."""

    space: Any = None

    def __init__(self) -> None:
        self.finished = 0

    def embed(self, pictures: Sequence[Any]) -> Floats:
        return self.exact(pictures)

    def prepare(self, picture: Any) -> Any:
        return picture

    def exact(self, prepared: Sequence[Any]) -> Floats:
        return np.array(prepared, np.float32).reshape(-1, 4)

    def finish(self, prepared: Sequence[Any]) -> EmbeddedBatch:
        self.finished += len(prepared)
        return EmbeddedBatch(self.exact(prepared))


ONE, TWO = [1.0, 0, 0, 0], [0, 1.0, 0, 0]
NEAR = [np.cos(0.02), np.sin(0.02), 0, 0]


def greys(*levels: int) -> list[Any]:
    return [make_proxy(np.full((36, 64, 3), level, np.uint8), ProxySize(64, 36)) for level in levels]


def test_frames_that_repeat_another_are_not_embedded() -> None:
    embedder, proxies = Counting(), greys(10, 10, 90, 90, 90)
    repeats = find_repeats([3, 4, 5, 6, 7], proxies, 0.5, None)
    made = embed_shared([ONE, NEAR, TWO, TWO, TWO], repeats, embedder, None)
    assert made is not None
    assert repeats.frames == (-1, 3, -1, 5, 5)
    assert np.array_equal(made.vectors, np.array([ONE, ONE, TWO, TWO, TWO], np.float32))
    assert embedder.finished == 2
    # The repeat that differs most is checked; all differ equally here, so it is the first.
    assert made.cosine == pytest.approx(np.cos(0.02))


def test_a_frame_may_repeat_one_from_an_earlier_batch() -> None:
    last = find_repeats([1], greys(10), 0.5, None).last
    repeats = find_repeats([2, 3], greys(10, 10), 0.5, last)
    made = embed_shared([ONE, ONE], repeats, Counting(), np.array(ONE, np.float32))
    assert made is not None
    assert (repeats.frames, repeats.offset) == ((1, 1), -1)
    assert np.array_equal(made.vectors, np.array([ONE, ONE], np.float32))


def test_frames_with_equal_proxies_but_different_vectors_do_not_share() -> None:
    repeats = find_repeats([0, 1, 2], greys(10, 10, 10), 0.5, None)
    assert embed_shared([ONE, ONE, TWO], repeats, Counting(), None) is not None
    assert embed_shared([ONE, TWO, TWO], repeats, Counting(), None) is None


def test_slow_changes_add_up_to_a_distinct_frame() -> None:
    repeats = find_repeats(range(6), greys(100, 102, 104, 106, 108, 110), 4.5, None)
    assert repeats.frames == (-1, 0, 0, -1, 3, 3)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that shows every picture five times."""
    return write_clip(tmp_path_factory.mktemp("still") / "still.mkv", [FILM[place // 5] for place in range(60)])


def with_clip(model: Path, **more: object) -> Any:
    return settings(ingest__space="all", clip__model=f"local-dir:{model}", clip__device="cpu", **more)


def test_only_network_spaces_share_vectors(still: Path, model: Path, library: Path) -> None:
    video = pipeline.ingest(still, with_clip(model))
    with opened(library) as opened_library:
        clip, looks = opened_library.rows(video, "clip"), opened_library.rows(video, "appearance")
        state = opened_library.catalog.spaces(video.id)["clip"]
    assert clip.duplicate_of.tolist() == [-1 if place % 5 == 0 else place - place % 5 for place in range(60)]
    assert len(np.unique(clip.vectors, axis=0)) == 12
    assert looks.duplicate_of.tolist() == clip.duplicate_of.tolist()
    assert CLOSE <= state.cosine <= 1.0001


def test_sharing_can_be_switched_off(still: Path, model: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    counts, exact = [], ClipEmbedder.exact

    def counting(clip: ClipEmbedder, given: Sequence[Any]) -> Floats:
        counts.append(len(given))
        return exact(clip, given)

    monkeypatch.setattr(ClipEmbedder, "exact", counting)
    monkeypatch.setenv("REELWEAVE_CLIP__MODEL", f"local-dir:{model}")
    assert run("ingest", still, "--space", "clip", "--no-share").code == 0
    # One more picture is embedded to find out the dimension.
    assert sum(counts) == 60 + 1


@pytest.mark.parametrize("speed", ["exact", "half"])
@pytest.mark.parametrize("call", [2, 5], ids=lambda call: f"batch {call}")
def test_a_killed_run_that_shares_vectors_resumes_to_the_same_vectors(
    still: Path, model: Path, tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch, call: int, speed: str
) -> None:
    chosen = {"ingest__batch": 7, "clip__speed": speed}
    with monkeypatch.context() as patch:
        fail_at(patch, "as the catalog is written", call)
        with pytest.raises(Killed):
            pipeline.ingest(still, with_clip(model, **chosen))
    pipeline.ingest(still, with_clip(model, **chosen))
    pipeline.ingest(still, with_clip(model, library=str(tmp_path / "whole"), **chosen))
    (killed, whole) = (clip_rows(folder) for folder in (library, tmp_path / "whole"))
    assert killed[0] == whole[0]
    assert np.array_equal(killed[1].duplicate_of, whole[1].duplicate_of)
    # The last distinct frame's vector is read back from the store, which rounds it.
    assert killed[1].vectors == pytest.approx(whole[1].vectors, abs=1e-7)


def clip_rows(folder: Path) -> tuple[SpaceState, FrameRows]:
    with opened(folder) as opened_library:
        (video,) = opened_library.catalog.videos()
        return opened_library.catalog.spaces(video.id)["clip"], opened_library.rows(video, "clip")


# Prefetching


def counted(upto: int, made: list[int], closed: list[bool]) -> Generator[int, None, None]:
    try:
        for number in range(upto):
            made.append(number)
            yield number
    finally:
        closed.append(True)


def test_prefetched_items_keep_their_order() -> None:
    closed: list[bool] = []
    assert list(prefetch(counted(50, [], closed))) == list(range(50))
    assert closed == [True]


def test_no_more_items_are_prefetched_than_asked_for() -> None:
    made: list[int] = []
    items = prefetch(counted(50, made, []), depth=2)
    for number in items:
        # The one just returned, two in the queue, and one that waits for room.
        assert len(made) <= number + 4
    items.close()


def test_an_error_is_raised_after_the_items_before_it() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        yield 2
        raise Killed

    seen: list[int] = []
    with pytest.raises(Killed):
        seen.extend(prefetch(failing()))
    items = prefetch(failing())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(Killed):
        next(items)


def test_stopping_early_leaves_no_thread_and_closes_the_generator() -> None:
    closed: list[bool] = []
    before = threading.active_count()
    items = prefetch(counted(50, [], closed))
    next(items)
    items.close()
    assert closed == [True]
    assert threading.active_count() == before
