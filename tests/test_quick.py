"""Ingest in a hurry: quicker ways through a network, frames that share vectors, and work done ahead."""

import json
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from helpers import pictures, write_clip
from runs import Run, opened, settings
from test_resume import Killed, fail_at
from tiny_clip import clip_settings, make_tiny_clip

from reelweave import pipeline
from reelweave.frames import Floats, FrameRows, SpaceState
from reelweave.ingest import trial, verdict, ways
from reelweave.ingest.ahead import ahead
from reelweave.ingest.clip import Clip
from reelweave.ingest.embedder import CLOSE, EXACT, Made, Staged
from reelweave.ingest.processor import Processor, abilities
from reelweave.ingest.proxy import ProxySize, make_proxy
from reelweave.ingest.quick import Quick
from reelweave.ingest.sharing import embed_shared, find_repeats
from reelweave.ingest.trial import drawn_pictures
from reelweave.ingest.verdict import remembered
from reelweave.ingest.ways import Int8, Weights, export_int8, int8_weights, saturates

FILM = pictures(12)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what is made of the model is kept from one test to the next."""
    return tmp_path_factory.mktemp("kept")


def quick(model: Path, folder: Path, speed: str, notes: list[str] | None = None) -> Quick:
    said = notes if notes is not None else []
    return Quick(Clip(clip_settings(model)), speed, folder, said.append)


def prepared(embedder: Staged) -> list[Any]:
    return [embedder.prepare(picture) for picture in FILM]


class Astray:
    """A way whose vectors are others'."""

    name = "half"

    def __init__(self, *_: object) -> None:
        pass

    def run(self, prepared: Sequence[Any]) -> Floats:
        return np.tile(np.eye(16, dtype=np.float32)[0], (len(prepared), 1))


def broken(*_: object) -> None:
    raise RuntimeError("no such operator")


@pytest.mark.parametrize("speed", ["half", "int8"])
def test_a_quicker_way_stays_close_to_the_exact_one(model: Path, kept: Path, speed: str) -> None:
    embedder = quick(model, kept, speed)
    made = embedder.finish(prepared(embedder))
    exact = embedder.embed(FILM)
    assert made.way == speed
    assert (made.vectors * exact).sum(axis=1).min() >= CLOSE
    assert made.cosine == pytest.approx(float(made.vectors[0] @ exact[0]), abs=1e-6)
    assert not np.array_equal(made.vectors, exact)
    assert f"runs as {speed}" in f"runs as {remembered(kept, embedder.space.model, speed)}"


def test_in_8_bits_it_does_not_matter_who_else_is_in_the_batch(model: Path, kept: Path) -> None:
    embedder = quick(model, kept, "int8")
    together = embedder.finish(prepared(embedder)).vectors
    alone = [embedder.finish([one]).vectors[0] for one in prepared(embedder)]
    assert np.array_equal(together, alone)


def test_what_was_exported_is_used_again(model: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = quick(model, kept, "int8").finish(prepared(quick(model, kept, "int8"))).vectors
    monkeypatch.setattr(trial, "export_int8", broken)
    notes: list[str] = []
    again = quick(model, kept, "int8", notes)
    made = again.finish(prepared(again))
    assert (made.way, notes) == ("int8", [])
    assert np.array_equal(made.vectors, first)


def test_other_weights_are_exported_anew(model: Path, kept: Path, tmp_path: Path) -> None:
    other = quick(make_tiny_clip(tmp_path / "other", seed=1), kept, "int8")
    made = other.finish(prepared(other))
    assert (made.vectors * other.embed(FILM)).sum(axis=1).min() >= CLOSE


@pytest.mark.parametrize("speed", ["half", "int8"])
def test_a_way_that_strays_is_refused_and_said_so(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speed: str
) -> None:
    monkeypatch.setattr(trial, "Half", Astray)
    monkeypatch.setattr(trial, "export_int8", lambda *_: None)
    monkeypatch.setattr(trial, "Int8", Astray)
    notes: list[str] = []
    embedder = quick(model, tmp_path, speed, notes)
    made = embedder.finish(prepared(embedder))
    assert (made.way, made.cosine) == (EXACT, 1.0)
    assert np.array_equal(made.vectors, embedder.embed(FILM))
    assert any(f"{speed}: cosine to exact only" in note for note in notes)


def test_where_export_fails_ingest_goes_on_exactly(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "_exported", broken)
    notes: list[str] = []
    embedder = quick(model, tmp_path, "int8", notes)
    assert embedder.finish(prepared(embedder)).way == EXACT
    assert any("no such operator" in note for note in notes)
    assert [file.suffix for file in tmp_path.iterdir()] == [".json"]


def test_a_damaged_export_does_no_harm(model: Path, tmp_path: Path) -> None:
    first = quick(model, tmp_path, "int8")
    first.finish(prepared(first))
    (export,) = tmp_path.glob("*.onnx")
    export.write_bytes(export.read_bytes()[:1000])
    again = quick(model, tmp_path, "int8")
    assert again.finish(prepared(again)).way == EXACT
    anew = quick(model, tmp_path, "int8")
    assert anew.finish(prepared(anew)).way == "int8"


def test_a_batch_that_strays_later_is_made_exactly(model: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    embedder = quick(model, kept, "half", notes)
    assert embedder.finish(prepared(embedder)).way == "half"
    monkeypatch.setattr(ways.Half, "run", Astray().run)
    for _ in range(2):
        made = embedder.finish(prepared(embedder))
        assert (made.way, made.cosine) == (EXACT, 1.0)
        assert np.array_equal(made.vectors, embedder.embed(FILM))
    assert sum("strays" in note for note in notes) == 1


def test_a_network_that_is_quick_anyway_is_left_exact(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "least_seconds", lambda runs, *_: dict.fromkeys(runs, 0.001))
    embedder = quick(model, tmp_path, "auto")
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
def test_auto_takes_the_quickest(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speeds: dict[str, float], chosen: str
) -> None:
    monkeypatch.setattr(trial, "least_seconds", lambda runs, *_: {name: speeds[name] for name in runs})
    embedder = quick(model, tmp_path, "auto")
    assert embedder.finish(prepared(embedder)).way == chosen
    (kept_verdict,) = tmp_path.glob("*.json")
    assert [one["way"] for one in json.loads(kept_verdict.read_text("utf-8"))["tried"]] == [EXACT, "half", "int8"]


# The processor: what it can do is given to these tests, which say the same on every one.


def on(monkeypatch: pytest.MonkeyPatch, saturating: bool) -> None:
    """Let the processor be one whose products of signed 8-bit numbers overflow, or one where none do."""
    monkeypatch.setattr(ways, "saturates", lambda weights: saturating and weights is Weights.SIGNED)


def faked_export(network: object, sample: object, file: Path, weights: Weights) -> Path:
    file.write_text(weights, "utf-8")
    return file


class Faked:
    """An int8 way as close as its weights were said to be, which remembers what it was opened from."""

    name = "int8"
    opened: ClassVar[list[str]] = []
    strays: ClassVar[set[str]] = set()

    def __init__(self, file: Path, threads: int) -> None:
        self.weights = file.read_text("utf-8")
        Faked.opened.append(self.weights)

    def run(self, prepared: Sequence[Any]) -> Floats:
        exact = Faked.network.exact(prepared)
        return Astray().run(prepared) if self.weights in Faked.strays else exact

    network: ClassVar[Any] = None


@pytest.fixture
def faked(model: Path, monkeypatch: pytest.MonkeyPatch) -> type[Faked]:
    monkeypatch.setattr(trial, "export_int8", faked_export)
    monkeypatch.setattr(trial, "Int8", Faked)
    Faked.network, Faked.opened, Faked.strays = Clip(clip_settings(model)), [], set()
    return Faked


@pytest.mark.parametrize(
    ("saturating", "strays", "chosen"),
    [
        pytest.param(False, set(), ["s8"], id="sums that cannot overflow"),
        pytest.param(True, set(), ["s7"], id="sums that can"),
        pytest.param(True, {"s7"}, ["s7", "u8"], id="7 bits are not enough"),
    ],
)
def test_weights_are_stored_so_that_sums_fit_the_processor(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    faked: type[Faked],
    saturating: bool,
    strays: set[str],
    chosen: list[str],
) -> None:
    on(monkeypatch, saturating)
    faked.strays = strays
    embedder = quick(model, tmp_path, "int8")
    assert embedder.finish(prepared(embedder)).way == "int8"
    assert faked.opened == [*chosen, chosen[-1]]
    assert [file.read_text("utf-8") for file in tmp_path.glob("*.onnx")] == chosen[-1:]


def test_where_no_weights_are_close_enough_ingest_is_exact(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faked: type[Faked]
) -> None:
    on(monkeypatch, True)
    faked.strays = {"s7", "u8"}
    embedder = quick(model, tmp_path, "int8")
    assert embedder.finish(prepared(embedder)).way == EXACT
    assert list(tmp_path.glob("*.onnx")) == []


def test_a_library_that_moves_to_another_processor_and_back_keeps_an_export_for_each(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faked: type[Faked]
) -> None:
    for saturating in (False, True, False):
        on(monkeypatch, saturating)
        embedder = quick(model, tmp_path, "int8")
        embedder.finish(prepared(embedder))
    # The third time nothing is tried and nothing exported: what the first machine made is opened.
    assert faked.opened == ["s8", "s8", "s7", "s7", "s8"]
    assert sorted(file.read_text("utf-8") for file in tmp_path.glob("*.onnx")) == ["s7", "s8"]


def test_a_trial_on_another_processor_is_not_told_as_if_it_were_of_this(
    model: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = quick(model, kept, "half")
    embedder.finish(prepared(embedder))
    assert remembered(kept, embedder.space.model, "half")
    monkeypatch.setattr(verdict, "this_processor", lambda: Processor("another"))
    assert not remembered(kept, embedder.space.model, "half")


@pytest.mark.parametrize("weights", [Weights.NARROW, Weights.UNSIGNED])
def test_weights_for_processors_whose_sums_overflow_are_exact_on_every_processor(
    model: Path, tmp_path: Path, weights: Weights
) -> None:
    assert not saturates(weights)
    network = Clip(clip_settings(model))
    sample = [network.prepare(picture) for picture in FILM]
    way = Int8(export_int8(network, sample[0], tmp_path / "model.onnx", weights), threads=1)
    assert (way.run(sample) * network.exact(sample)).sum(axis=1).min() >= CLOSE


def test_the_weights_that_are_chosen_here_do_not_overflow_here() -> None:
    assert not any(saturates(weights) for weights in int8_weights())


@pytest.mark.parametrize(
    ("cpuinfo", "found"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse4_2 avx2 bmi2\n\nflags\t\t: fpu\n", ("AVX2",)),
        ("flags\t\t: avx2 avx512f avx512_vnni\n", ("AVX2", "AVX-512", "VNNI")),
        ("flags\t\t: avx2 avx_vnni\n", ("AVX2", "VNNI")),
        ("Features\t: fp asimd asimddp i8mm bf16\n", ("bfloat16", "dot products", "I8MM")),
        ("", ()),
    ],
    ids=["AVX2 only", "AVX-512 and VNNI", "VNNI without AVX-512", "ARM", "another system"],
)
def test_the_abilities_of_a_processor_are_read_from_linux(cpuinfo: str, found: tuple[str, ...]) -> None:
    assert abilities(cpuinfo) == found


@pytest.mark.parametrize(("device", "tried"), [("cpu", ["half", "int8"]), ("cuda", ["half"]), ("mps", ["half"])])
def test_8_bits_are_tried_on_a_cpu_only(model: Path, tmp_path: Path, device: str, tried: list[str]) -> None:
    network = Clip(clip_settings(model))
    network.__dict__["device"] = device
    assert trial.Trial(network, "auto", tmp_path, print)._candidates() == tried


def test_drawn_pictures_are_the_same_every_time() -> None:
    assert all(np.array_equal(one, other) for one, other in zip(drawn_pictures(), drawn_pictures(), strict=True))


# Sharing


class Counting:
    """A space of four numbers whose pictures are their own vectors, and which counts what it is asked."""

    space: Any = None

    def __init__(self) -> None:
        self.finished = 0

    def embed(self, pictures: Sequence[Any]) -> Floats:
        return self.exact(pictures)

    def prepare(self, picture: Any) -> Any:
        return picture

    def exact(self, prepared: Sequence[Any]) -> Floats:
        return np.array(prepared, np.float32).reshape(-1, 4)

    def finish(self, prepared: Sequence[Any]) -> Made:
        self.finished += len(prepared)
        return Made(self.exact(prepared))


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
    # The one that differs most is looked at; here all differ equally, and the first of them is.
    assert made.cosine == pytest.approx(np.cos(0.02))


def test_a_frame_may_repeat_one_of_an_earlier_batch() -> None:
    last = find_repeats([1], greys(10), 0.5, None).last
    repeats = find_repeats([2, 3], greys(10, 10), 0.5, last)
    made = embed_shared([ONE, ONE], repeats, Counting(), np.array(ONE, np.float32))
    assert made is not None
    assert (repeats.frames, repeats.offset) == ((1, 1), -1)
    assert np.array_equal(made.vectors, np.array([ONE, ONE], np.float32))


def test_frames_that_look_the_same_and_are_not_share_nothing() -> None:
    repeats = find_repeats([0, 1, 2], greys(10, 10, 10), 0.5, None)
    assert embed_shared([ONE, ONE, TWO], repeats, Counting(), None) is not None
    assert embed_shared([ONE, TWO, TWO], repeats, Counting(), None) is None


def test_a_slow_change_adds_up_until_it_is_one() -> None:
    repeats = find_repeats(range(6), greys(100, 102, 104, 106, 108, 110), 4.5, None)
    assert repeats.frames == (-1, 0, 0, -1, 3, 3)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every picture is there five times."""
    return write_clip(tmp_path_factory.mktemp("still") / "still.mkv", [FILM[place // 5] for place in range(60)])


def with_clip(model: Path, **more: object) -> Any:
    return settings(ingest__space="all", clip__model=f"local-dir:{model}", clip__device="cpu", **more)


def test_only_spaces_of_networks_share_vectors(still: Path, model: Path, library: Path) -> None:
    video = pipeline.ingest(still, with_clip(model))
    with opened(library) as shelf:
        clip, looks = shelf.rows(video, "clip"), shelf.rows(video, "appearance")
        state = shelf.catalog.spaces(video.id)["clip"]
    assert clip.duplicate_of.tolist() == [-1 if place % 5 == 0 else place - place % 5 for place in range(60)]
    assert len(np.unique(clip.vectors, axis=0)) == 12
    assert looks.duplicate_of.tolist() == clip.duplicate_of.tolist()
    assert CLOSE <= state.cosine <= 1.0001


def test_sharing_can_be_switched_off(still: Path, model: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, exact = [], Clip.exact

    def counting(clip: Clip, given: Sequence[Any]) -> Floats:
        asked.append(len(given))
        return exact(clip, given)

    monkeypatch.setattr(Clip, "exact", counting)
    monkeypatch.setenv("REELWEAVE_CLIP__MODEL", f"local-dir:{model}")
    assert run("ingest", still, "--space", "clip", "--no-share").code == 0
    # One more tells how long its vectors are.
    assert sum(asked) == 60 + 1


@pytest.mark.parametrize("speed", ["exact", "half"])
@pytest.mark.parametrize("call", [2, 5], ids=lambda call: f"batch {call}")
def test_a_killed_run_that_shares_goes_on_to_the_same_vectors(
    still: Path, model: Path, tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch, call: int, speed: str
) -> None:
    chosen = {"ingest__batch": 7, "clip__speed": speed}
    with monkeypatch.context() as dying:
        fail_at(dying, "as the catalog is written", call)
        with pytest.raises(Killed):
            pipeline.ingest(still, with_clip(model, **chosen))
    pipeline.ingest(still, with_clip(model, **chosen))
    pipeline.ingest(still, with_clip(model, library=str(tmp_path / "whole"), **chosen))
    (killed, whole) = (clip_rows(folder) for folder in (library, tmp_path / "whole"))
    assert killed[0] == whole[0]
    assert np.array_equal(killed[1].duplicate_of, whole[1].duplicate_of)
    # The last distinct frame's vector comes back from the store, which rounds it.
    assert killed[1].vectors == pytest.approx(whole[1].vectors, abs=1e-7)


def clip_rows(folder: Path) -> tuple[SpaceState, FrameRows]:
    with opened(folder) as shelf:
        (video,) = shelf.catalog.videos()
        return shelf.catalog.spaces(video.id)["clip"], shelf.rows(video, "clip")


# Ahead


def counted(upto: int, made: list[int], closed: list[bool]) -> Generator[int, None, None]:
    try:
        for number in range(upto):
            made.append(number)
            yield number
    finally:
        closed.append(True)


def test_work_done_ahead_comes_out_in_order() -> None:
    closed: list[bool] = []
    assert list(ahead(counted(50, [], closed))) == list(range(50))
    assert closed == [True]


def test_no_more_is_done_ahead_than_was_agreed() -> None:
    made: list[int] = []
    items = ahead(counted(50, made, []), depth=2)
    for number in items:
        # One that is waited for, two that wait, and one that finds no room.
        assert len(made) <= number + 4
    items.close()


def test_an_error_comes_after_what_was_made_before_it() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        yield 2
        raise Killed

    seen: list[int] = []
    with pytest.raises(Killed):
        seen.extend(ahead(failing()))
    items = ahead(failing())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(Killed):
        next(items)


def test_whoever_stops_early_leaves_no_thread_and_no_decoder_behind() -> None:
    closed: list[bool] = []
    before = threading.active_count()
    items = ahead(counted(50, [], closed))
    next(items)
    items.close()
    assert closed == [True]
    assert threading.active_count() == before
