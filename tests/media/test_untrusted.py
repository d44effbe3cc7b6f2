"""Untrusted files: read within limits or rejected with a message; nothing in them is executed."""

import io
import json
import math
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import Run

from reelweave.errors import PlanError, SourceError, UsageError
from reelweave.media.untrusted import (
    MOST_DEPTH,
    UntrustedError,
    parse_json,
    quote,
    read_array,
    read_arrays,
    read_bytes,
    read_json,
    read_text,
    validate,
)

# JSON

BAD_JSON = {
    "brackets within brackets": "[" * 100_000,
    "objects within objects": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "one bracket too many": "[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1),
    "too many digits": "9" * 10_000,
    "more digits than 64 bits hold": "9" * 20,
    "an infinite number": "1e999",
    "another infinite number": '{"a": -1e999}',
    "NaN": "[NaN]",
    "Infinity": "-Infinity",
    "a key twice": '{"a": 1, "b": 2, "a": 3}',
    "half a surrogate pair": r'"\ud800"',
    "half a surrogate pair as a key": r'[{"\udc80": 1}]',
    "a NUL": r'["a\u0000b"]',
    "nothing": "",
    "two values": "1 2",
    "too many values": "[" + "0," * 10_000_001 + "0]",
}


@pytest.mark.parametrize("text", BAD_JSON.values(), ids=BAD_JSON)
def test_json_beyond_the_limits_is_rejected(text: str) -> None:
    with pytest.raises(UntrustedError):
        parse_json(text)


@pytest.mark.parametrize(
    "value",
    [None, True, -5, 10**18 - 1, 0.1, 1e308, "é\U0001f3ac", r"a\u0000b", [], {}, {"a": [{"b": [1, 2.5, None]}]}],
    ids=str,
)
def test_json_within_the_limits_is_read_back_unchanged(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, ensure_ascii=False)) == value


def test_a_list_may_be_nested_to_the_limit() -> None:
    deep: Any = 0
    for _ in range(MOST_DEPTH):
        deep = [deep]
    assert parse_json(json.dumps(deep)) == deep


@dataclass(frozen=True)
class Inner:
    size: int


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    rest: tuple[str, ...] = ()


def test_a_valid_value_becomes_a_dataclass() -> None:
    assert validate(Outer, {"name": "a", "inner": {"size": 3}, "rest": ["x"]}) == Outer("a", Inner(3), ("x",))


@pytest.mark.parametrize(
    "value",
    [None, [], "x", {}, {"name": "a"}, {"name": 5, "inner": {"size": 3}}, {"name": "a", "inner": {"size": "x"}}],
    ids=str,
)
def test_an_invalid_value_does_not_become_a_dataclass(value: Any) -> None:
    with pytest.raises(UntrustedError):
        validate(Outer, value)


@pytest.mark.parametrize("value", [10**5000, "x" * 1000, [[]], math.nan], ids=lambda value: type(value).__name__)
def test_any_value_can_be_shown_in_a_message(value: Any) -> None:
    assert 0 < len(quote(value)) <= 60


# Files


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


SPECIAL: dict[str, Callable[[Path], Path]] = {
    "a pipe": pipe,
    "a device without end": lambda folder: Path("/dev/zero"),
    "a device without anything": lambda folder: Path("/dev/null"),
    "a folder": lambda folder: folder,
    "nothing": lambda folder: folder / "nothing",
}


@pytest.mark.parametrize("read", [read_bytes, read_json, read_array, lambda path: read_arrays(path, 1 << 20)])
@pytest.mark.parametrize("make", SPECIAL.values(), ids=SPECIAL)
def test_devices_and_pipes_are_rejected_without_blocking(
    tmp_path: Path, make: Callable[[Path], Path], read: Callable[[Path], Any]
) -> None:
    with pytest.raises((UntrustedError, OSError)):
        read(make(tmp_path))


def test_a_file_of_many_gigabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UntrustedError, match="more than"):
        read_bytes(tmp_path / "large")


def test_a_file_at_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_bytes(tmp_path / "file", 5) == b"12345"
    with pytest.raises(UntrustedError):
        read_bytes(tmp_path / "file", 4)


def test_text_must_be_utf_8_and_may_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(file) == [1]
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UntrustedError):
        read_text(file)


# Arrays


def written(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    text = header.encode() + b"\n"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + data


def of(shape: str, kind: str = "'<f4'", turned: str = "False", data: bytes = bytes(64)) -> bytes:
    return written(f"{{'descr': {kind}, 'fortran_order': {turned}, 'shape': {shape}, }}", data)


BAD_ARRAYS = {
    "a negative side": of("(-1, 8)"),
    "a side of too many digits": of(f"({'9' * 5000},)"),
    "more numbers than the file holds": of("(1000, 1000)"),
    "sides that overflow": of(f"({2**62}, {2**62})"),
    "an empty side beside one that overflows": of(f"(0, {2**62}, {2**62})"),
    "too many sides": of("(1, 1, 1, 1, 1, 1)"),
    "a side that is no number": of("('a',)"),
    "a side that is yes": of("(True, 2)"),
    "half a side": of("(1.5,)"),
    "objects": of("(1,)", "'|O'"),
    "a structure": of("(1,)", "[('a', '<f4')]"),
    "objects in a structure": of("(1,)", "[('a', '|O')]"),
    "raw bytes": of("(1,)", "'|V8'"),
    "complex numbers": of("(1,)", "'<c16'"),
    "dates": of("(1,)", "'<M8[s]'"),
    "texts of no length": of("(1,)", "'<U0'"),
    "texts without end": of("(0,)", "'<U999999999'"),
    "an order that is none": of("(1,)", turned="5"),
    "a call": written("__import__('pathlib').Path('called').touch()"),
    "a header of brackets": written("(" * 5000),
    "a header that is too long": written(" " * 60_000),
    "a header that is cut short": b"\x93NUMPY\x01\x00\xff\xff{",
    "a version that is none": written("{}", version=(9, 9)),
    "a pickle": b"\x80\x04N.",
    "nothing": b"",
}


@pytest.mark.parametrize("data", BAD_ARRAYS.values(), ids=BAD_ARRAYS)
@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "loaded"])
def test_an_invalid_array_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, mapped: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "array.npy").write_bytes(data)
    with pytest.raises(UntrustedError):
        read_array(tmp_path / "array.npy", mapped=mapped)
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.asfortranarray(np.arange(12).reshape(3, 4)),
        np.zeros((0, 7), np.float32),
        np.array(5.5),
        np.array(["ab", "c"]),
        np.arange(3, dtype=">i2"),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "loaded"])
def test_an_array_is_read_as_numpy_wrote_it(tmp_path: Path, array: Any, mapped: bool) -> None:
    np.save(tmp_path / "array.npy", array)
    found = read_array(tmp_path / "array.npy", mapped=mapped)
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert np.array_equal(found, array)


def test_arrays_are_read_as_numpy_wrote_them(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.array("text"), "c": np.zeros((0, 2), np.float32)}
    np.savez(tmp_path / "file.npz", **arrays)  # type: ignore[arg-type]
    found = read_arrays(tmp_path / "file.npz", 1 << 20)
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


def archive(compression: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as into:
        for name, data in members.items():
            into.writestr(f"{name}.npy", data)
    return file.getvalue()


def claiming(size: int) -> bytes:
    """An archive whose table of contents says that its one array, of 64 bytes, has that many."""
    whole = bytearray(archive(a=of("(16,)")))
    table = whole.rindex(b"PK\x01\x02")
    whole[table + 20 : table + 28] = struct.pack("<2L", size, size)
    return bytes(whole)


BAD_ARCHIVES = {
    "a bomb": archive(zipfile.ZIP_DEFLATED, a=bytes(10_000_000)),
    "a size that is not there": claiming(4_000_000_000),
    "an array of objects": archive(a=of("(1,)", "'|O'")),
    "an array larger than its member": archive(a=of("(1000,)")),
    "no array": archive(a=b"text"),
    "too many members": archive(**{f"a{number}": b"" for number in range(3000)}),
    "something behind the end": archive(a=of("(16,)")) + b"xx",
    "something cut off": archive(a=of("(16,)"))[:-5],
    "no archive": b"text",
    "nothing": b"",
}


@pytest.mark.parametrize("data", BAD_ARCHIVES.values(), ids=BAD_ARCHIVES)
def test_an_invalid_archive_is_rejected(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file.npz").write_bytes(data)
    with pytest.raises((UntrustedError, OSError)):
        read_arrays(tmp_path / "file.npz", 1 << 30)


# Through the product

_BOUNDED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from reelweave.errors import ReelweaveError
from reelweave.solve.constraints import parse_constraints
from reelweave.media.ranges import read_ranges
from reelweave.media.untrusted import UntrustedError, parse_json
for attempt in (
    lambda: parse_constraints(drop=["0-999999999"]).of_frames(range(240)),
    lambda: parse_constraints(keep=["0-999999999999", "5"]).of_frames(range(240)),
    lambda: parse_constraints(shot_order="1-999999999").of_shots([1, 2]),
    lambda: read_ranges("0-999999999", 240),
    lambda: read_ranges("0," * 10**7 + "0", 240),
    lambda: read_ranges("9" * 10**6, 240),
    lambda: parse_json("[" + "[]," * 11_000_000 + "[]]"),
):
    try:
        attempt()
    except (ReelweaveError, UntrustedError):
        continue
    sys.exit("accepted")
assert len(read_ranges("0-199," * 40_000 + "0-199", 200)) == 200
"""


def test_rejected_input_takes_no_memory() -> None:
    done = subprocess.run([sys.executable, "-c", _BOUNDED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_plan_of_a_million_frames_is_read(tmp_path: Path) -> None:
    from reelweave.solve.plan.files import read_plan

    count = 1_000_000
    plan = {
        "video": VIDEO | {"frames": count},
        "order": list(range(count)),
        "dropped": [],
        "shots": [{"start": 0, "length": count}],
        "confidence": [0.5] * (count - 1),
        "path": PATH,
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert len(read_plan(tmp_path / "plan.json").order) == count


VIDEO = {"id": "a-1", "name": "a", "source": "a.mp4", "sha256": "", "fps": 25.0, "width": 64, "height": 36}
PATH = {"cost": 0.0, "lower_bound": None, "gap": None, "solver": "by hand", "seconds": 0.0}


def by_hand(file: Path, frames: int, video: dict[str, Any] | None = None) -> Path:
    """A plan of the keys that one must have and no other."""
    plan = {
        "video": VIDEO | {"frames": frames} | (video or {}),
        "order": list(range(frames)),
        "dropped": [],
        "shots": [],
        "path": PATH,
    }
    file.write_text(json.dumps(plan))
    return file


@pytest.mark.parametrize(
    "source", [lambda folder: Path("/dev/zero"), pipe, lambda folder: Path("/dev/null")], ids=["zero", "pipe", "null"]
)
@pytest.mark.parametrize("sha256", ["", "0" * 64], ids=["without a hash", "with a hash"])
def test_a_plan_whose_source_never_ends_is_rejected(
    tmp_path: Path, source: Callable[[Path], Path], sha256: str
) -> None:
    from reelweave.render.outputs import check_source
    from reelweave.solve.plan.files import read_plan

    plan = read_plan(by_hand(tmp_path / "plan.json", 3, {"source": str(source(tmp_path)), "sha256": sha256}))
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        check_source(plan)


@pytest.mark.parametrize(
    "video",
    [{"fps": 1e308}, {"fps": 1e-300}, {"width": 10**9}, {"frames": 10**12}, {"source": "a\0b"}, {"name": "\ud800"}],
    ids=str,
)
def test_a_plan_of_an_impossible_video_is_rejected(tmp_path: Path, video: dict[str, Any]) -> None:
    from reelweave.solve.plan.files import read_plan

    with pytest.raises(PlanError, match="line 1"):
        read_plan(by_hand(tmp_path / "plan.json", 3, video))


@pytest.mark.parametrize("name", ["plan.json", "truth.json"])
@pytest.mark.parametrize("make", SPECIAL.values(), ids=SPECIAL)
def test_a_plan_or_truth_that_is_not_a_file_is_rejected(
    tmp_path: Path, make: Callable[[Path], Path], name: str
) -> None:
    from reelweave.evaluate.truth import read_truth
    from reelweave.solve.plan.files import read_plan

    with pytest.raises(PlanError):
        (read_plan if name == "plan.json" else read_truth)(make(tmp_path))


BAD_TRUTHS: dict[str, dict[str, Any]] = {
    "no rate that can be": {"fps": 1e308},
    "a frame that cannot be": {"frames": [10**17, 1, 2]},
    "damage where no frame is": {"damage": {"tears": [3]}},
    "damage before the first": {"damage": {"tears": [-1]}},
    "a first frame that cannot be": {"first": 10**12},
}


@pytest.mark.parametrize("changes", BAD_TRUTHS.values(), ids=BAD_TRUTHS)
def test_an_impossible_truth_is_rejected(tmp_path: Path, changes: dict[str, Any]) -> None:
    from reelweave.evaluate.truth import read_truth

    (tmp_path / "truth.json").write_text(json.dumps({"source": "a", "fps": 25, "frames": [0, 1, 2]} | changes))
    with pytest.raises(PlanError):
        read_truth(tmp_path / "truth.json")


@pytest.mark.parametrize(
    "vector",
    [np.full(8, 1e308), np.full(8, 1e-300), np.full(8, 2**62), np.ones((1, 8, 1))],
    ids=["large", "small", "whole numbers", "sides of one"],
)
def test_a_query_vector_of_any_length_is_normalised(tmp_path: Path, vector: Any) -> None:
    from reelweave.search.question import read_vector

    np.save(tmp_path / "q.npy", vector)
    assert np.linalg.norm(read_vector(tmp_path / "q.npy")) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("data", BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_a_query_that_is_not_a_vector_is_rejected(tmp_path: Path, data: bytes) -> None:
    from reelweave.search.question import read_vector

    (tmp_path / "q.npy").write_bytes(data)
    with pytest.raises(UsageError):
        read_vector(tmp_path / "q.npy")


BAD_SETTINGS = {
    "brackets within brackets": "ingest = " + "[" * 100_000,
    "tables within tables": "[a" + ".a" * 5000 + "]\nb = 1",
    "too many digits": "[ingest]\nfps = " + "9" * 10_000,
    "too many digits of another base": "[ingest]\nsize = 0x" + "f" * 100_000,
    "no number": "[ingest]\nfps = nan",
    "an infinite number": "[solve]\ntime_limit = 1e999",
    "a NUL in a name": 'library = "a\\u0000b"',
    "more than anybody sets": "#" * (2 << 20),
}


@pytest.mark.parametrize("text", BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_settings_out_of_range_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    from reelweave.settings import load

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REELWEAVE_LIBRARY", raising=False)
    (tmp_path / "reelweave.toml").write_text(text)
    with pytest.raises(UsageError):
        load()


def test_every_numeric_setting_has_a_range() -> None:
    from reelweave.settings import explain, load

    numbers = [one for one in explain() if type(one.value) in (int, float)]
    assert len(numbers) > 40
    for one in numbers:
        for value in ("nan", "inf", "1e308", "-1", "9" * 5000):
            with pytest.raises(UsageError, match=one.key):
                load({one.key: value})


@pytest.mark.parametrize("fps", ["1e999999999", "nan", "inf", "0", "-5", "1/0", "9" * 5000, "1e-9", "2000", "٣"])
def test_an_impossible_frame_rate_is_rejected(fps: str) -> None:
    from reelweave.media.ranges import frame_rate

    with pytest.raises(UsageError):
        frame_rate(fps)


@pytest.mark.parametrize(
    "options",
    [
        {"foreign": 10**9},
        {"foreign_share": math.inf},
        {"foreign_share": math.nan},
        {"gaussian": math.inf},
        {"salt_pepper": math.nan},
        {"frames": 10**30},
        {"seed": 10**30},
        {"burst": 10**9},
    ],
    ids=str,
)
def test_scramble_options_that_would_never_end_are_rejected(tmp_path: Path, options: dict[str, Any]) -> None:
    from reelweave.evaluate.scramble import ScrambleOptions, scramble

    with pytest.raises(UsageError, match=next(iter(options))):
        scramble(tmp_path / "a.mp4", tmp_path / "b.mp4", ScrambleOptions(**options))


def test_a_handwritten_plan_is_rendered_scored_and_reported(clip: Path, full: Path, tmp_path: Path) -> None:
    from reelweave import pipeline
    from reelweave.evaluate.scores import evaluate_plan
    from reelweave.evaluate.truth import Truth
    from reelweave.settings import load
    from reelweave.solve.plan.files import read_plan

    solved = pipeline.solve("clip", load())
    video = solved.video.model_dump(exclude={"gaps", "frames"})
    plan = read_plan(by_hand(tmp_path / "plan.json", solved.video.frames, video))
    assert pipeline.render(plan, tmp_path / "film.mp4", load())[0].exists()
    assert evaluate_plan(plan, Truth(source=str(clip), fps=25, frames=plan.order)).adjacency == 1
    assert (tmp_path / "report" / "index.html") in pipeline.write_report(plan, tmp_path / "report", load())


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"solve": {"space": 5}}},
        {"settings": {"solve": {"space": "fused", "fused_share": 1e300}}},
        {"weak": [{"at": 0, "left": 0, "right": 1, "confidence": 0.5, "price": 1.0, "alternatives": [
            {"side": "after", "frame": 10**9, "price": 1.0}]}]},
    ],
    ids=["a space that is none", "a share that is none", "a frame that is not there"],
)  # fmt: skip
def test_a_report_of_a_plan_that_does_not_fit_is_rejected(full: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    from reelweave import pipeline
    from reelweave.settings import load
    from reelweave.solve.plan.files import read_plan

    solved = pipeline.solve("clip", load())
    file = by_hand(tmp_path / "plan.json", solved.video.frames, solved.video.model_dump(exclude={"gaps", "frames"}))
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(PlanError):
        pipeline.write_report(read_plan(file), tmp_path / "report", load())


@pytest.mark.parametrize(
    "text", ["", "[" * 100_000, "null", "{}", '{"frames": 1e999}', b"{}"], ids=lambda text: str(text)[:20]
)
@pytest.mark.parametrize("column", [("videos", "record"), ("spaces", "state")], ids=" ".join)
def test_a_catalog_with_invalid_records_is_reported(full: Path, text: str | bytes, column: tuple[str, str]) -> None:
    import sqlite3
    from contextlib import closing

    from reelweave import pipeline
    from reelweave.errors import LibraryError
    from reelweave.settings import load

    with closing(sqlite3.connect(full / "catalog.db")) as db, db:
        db.execute(f"UPDATE {column[0]} SET {column[1]} = ?", (text,))
    with pytest.raises(LibraryError, match="catalog is damaged"):
        pipeline.solve("clip", load())


@pytest.mark.parametrize(
    ("key", "value"), [("proxy_width", 7), ("proxy_height", 999_998), ("frames", -1), ("fps", 0.0)], ids=str
)
def test_a_record_with_a_number_out_of_its_range_is_told_of(full: Path, run: Run, key: str, value: float) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(full / "catalog.db")) as db, db:
        db.execute(f"UPDATE videos SET record = json_set(record, '$.{key}', ?)", (value,))
    answer = run("videos", "show", "clip")
    assert answer.code == 1, answer.out
    assert "catalog is damaged" in answer.err


def test_a_small_file_is_read_with_little_memory_whatever_its_limit(tmp_path: Path) -> None:
    import tracemalloc

    (tmp_path / "small").write_bytes(b"small")
    tracemalloc.start()
    try:
        assert read_bytes(tmp_path / "small", 1 << 30) == b"small"
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()
