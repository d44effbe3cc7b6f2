"""Strategies: text that looks almost right, and valid documents and files with something wrong in them.

What is drawn is what was changed, not the result, so that a failing example is short to read and to shrink.
"""

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

LONG = "9" * 5000
"""More digits than Python reads as an integer by default."""

NUMBERS = [
    *("0", "1", "2", "3", "7", "11", "12", "13", "-1", "-0", "+3", "007", " 3 ", "", "3.5", ".5", "1e3", "1e999"),
    *("-1e999", "1e-400", "nan", "inf", "-inf", "1_000", "0x3", "٣", "²", "½", "999999999", "2147483648"),
    *("4294967296", "9223372036854775808", "-9223372036854775809", LONG, "1/3", "1/0", "30000/1001", "1e99999999"),
]

INTEGERS = [
    *("-1", "-0", "+3", "007", " 3 ", "", "3.5", "1e3", "1_0", "0x3", "٣", "²", "13", "999999999", "2147483648"),
    *("9223372036854775808", "100000000000", LONG, LONG),
]
"""What is written where a whole number is wanted."""

HOSTILE = [
    *(
        "",
        " ",
        ".",
        "..",
        "/",
        "//",
        "~",
        "-",
        "--",
        "-y",
        "-i",
        "a" * 300,
        "a/" * 3000,
        "\n",
        "\r\n",
        "\t",
        "%s",
        "%d",
    ),
    *("{}", "{0}", "$(id)", "`id`", "*", "?", "[", "[a-", "**", "!", "\\", "'", '"', "'\"", "\x1b[31m", "\u202e", "é"),
    *("e\u0301", "🎬", "\ufeff", "\udcff", "null", "None", "true", "/dev/zero", "/dev/null", "/dev/stdin", "pipe:0"),
    *("file:a", "concat:a|b", "http://127.0.0.1:9/a", "data:,a", "a.mp4", "b", "a-", "con", "a\\b", "a:b", "a;b", "@a"),
]

# Anything that a command line can hold: no NUL, and of the surrogates those alone that stand for odd bytes.
characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.characters(
    min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"]
)
texts = st.sampled_from(HOSTILE) | st.text(characters, max_size=20)
numbers = st.sampled_from(NUMBERS) | st.integers(-(2**70), 2**70).map(str) | st.floats().map(repr)


def mostly(usual: st.SearchStrategy[Any], *odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The usual four times in five, so that several parts together are often right but for one."""
    return st.integers(0, 4).flatmap(lambda drawn: usual if drawn else st.one_of(*odd))


def joined(mark: str, part: st.SearchStrategy[str], least: int = 1, most: int = 4) -> st.SearchStrategy[str]:
    return st.lists(part, min_size=least, max_size=most).map(mark.join)


def garbled(usual: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Now and then with something put in."""

    def put(text: str, at: int, other: str) -> str:
        return text[: at % (len(text) + 1)] + other + text[at % (len(text) + 1) :]

    odd = texts | st.sampled_from([",", "-", ":", ".", "/", "=", "e", " ", "+", "*", "@"])
    return mostly(usual, st.builds(put, usual, st.integers(0, 9), odd))


whole = mostly(st.integers(0, 12).map(str), st.sampled_from(INTEGERS))
"""The number of a frame or a shot of a film of 12 frames; or not."""

ranges = garbled(joined(",", whole | joined("-", whole, 2, 2)))
pairs = garbled(joined(":", whole, 2, 2))
_SEXAGESIMAL = st.integers(0, 59).map(str)
clock_times = garbled(joined(":", mostly(_SEXAGESIMAL, st.sampled_from(INTEGERS)), 1, 3) | joined(".", whole, 2, 2))
rates = garbled(numbers | joined("/", whole, 2, 2))


# Documents

JSON_VALUES = [
    *("null", "true", "false", "0", "1", "-1", "0.5", "-0.0", "2", "255", "1e999", "-1e999", "NaN", "Infinity"),
    *("-Infinity", "1e-400", "2147483648", "9223372036854775808", "1e308"),
    *('""', '"a"', '"\\u0000"', '"\\ud800"', '"\\n"', "[]", "{}", "[[]]", '{"": null}', "[null]", "[0]", "[-1]"),
    *("", "[", "{", '"', "]", "//", "0 0"),
]

HUGE = {
    "<deep>": "[" * 200 + "]" * 200,
    "<deeper>": "[" * 100_000 + "]" * 100_000,
    "<deep objects>": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "<long text>": '"' + "x" * 100_000 + '"',
    "<long list>": "[" + "0," * 100_000 + "0]",
    "<long number>": LONG,
    "<long fraction>": f"0.{LONG}",
}
"""Values by names that are short to read in a failing example."""

raw_json = st.sampled_from([*JSON_VALUES, *HUGE]) | texts.map(json.dumps) | st.integers(-5, 300).map(str) | numbers


SAME_KIND: dict[type, list[str]] = {
    bool: ["true", "false"],
    int: ["0", "1", "-1", "2", "7", "13", "100000", "2147483647", "2147483648", "9223372036854775808", "1" + "0" * 30],
    float: ["0.0", "-0.0", "-1.0", "1.0", "0.5", "1e-308", "1e-5", "1e9", "1e308", "1e999", "25", "100000.5"],
    str: [json.dumps(text) for text in HOSTILE],
}


@dataclass(frozen=True)
class Edit:
    """One change of a JSON document, at the value that a walk from the outside comes to."""

    how: str
    way: tuple[int, ...]
    pick: int = 0
    value: str = "null"
    key: str = ""


_HOW = ["same kind"] * 12 + ["replace"] * 4 + ["delete", "add", "wrap", "rename", "repeat", "swap"]
edits = st.builds(
    Edit,
    st.sampled_from(_HOW),
    st.lists(st.sampled_from(range(1, 41)), min_size=1, max_size=4).map(tuple),
    st.sampled_from(range(100)),
    raw_json,
    st.sampled_from(["a", "format", "video", "frames", "", "_note", "\ud800"]),
)


def edited(document: Any, changes: Sequence[Edit]) -> str:
    """The text of a document with the changes in it."""
    raw: list[str] = []
    root = [json.loads(json.dumps(document))]
    for change in changes:
        _change(*_walk(root, change.way), change, raw)
    text = json.dumps(root[0] if root else None)
    for number, value in enumerate(raw):
        text = text.replace(json.dumps(_mark(number)), HUGE.get(value, value))
    return text


def _walk(root: list[Any], way: Sequence[int]) -> tuple[Any, Any]:
    """The holder and the key of the value at the end of a way, which ends early where nothing is below."""
    holder, key = root, 0
    for step in way:
        below = holder[key]
        if not isinstance(below, dict | list) or not below:
            break
        holder, key = below, (list(below) if isinstance(below, dict) else range(len(below)))[step % len(below)]
    return holder, key


def _change(holder: Any, key: Any, change: Edit, raw: list[str]) -> None:
    value, at = holder[key], change.pick
    alike = SAME_KIND.get(type(value), [change.value])
    raw.append(alike[at % len(alike)] if change.how == "same kind" else change.value)
    fresh = _mark(len(raw) - 1)
    if change.how == "delete" and len(holder) > 1:
        del holder[key]
    elif change.how == "add" and isinstance(value, dict):
        value[change.key] = fresh
    elif change.how == "add" and isinstance(value, list):
        value.insert(at % (len(value) + 1), fresh)
    elif change.how == "wrap":
        holder[key] = [value] if at % 2 else {change.key: value}
    elif change.how == "rename" and isinstance(holder, dict):
        holder[change.key] = holder.pop(key)
    elif change.how == "repeat" and isinstance(value, list | str):
        holder[key] = value * (2 + at % 50)
    elif change.how == "swap" and isinstance(holder, list):
        other = at * 7 % len(holder)
        holder[key], holder[other] = holder[other], holder[key]
    else:
        holder[key] = fresh


def _mark(number: int) -> str:
    return f"<raw {number}>"


# Bytes

SPLICED = [
    *(b"\0", b"\xff", b"\n", b"{", b"PK\3\4", b"\x93NUMPY", b"SQLite format 3\0", b"RIFF", b"ftyp", b"moov", b"mdat"),
    *(b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\x9c\x40", b"\x40\x9c\0\0"),
    *(b"\0\0\xff\xff", b"\xff\xff\0\0", b"\xff" * 8, b"\x80" + b"\0" * 7, b"#EXTM3U\n", b"ffconcat version 1.0\n"),
]
"""Marks of file formats, and numbers that sizes and counts are easily mistaken for, either way round."""


@dataclass(frozen=True)
class Splice:
    """One change of a file, at a share of its length in millionths or, near its start, at a byte."""

    how: str
    at: int
    near_start: bool
    size: int
    data: bytes


splices = st.builds(
    Splice,
    st.sampled_from(["flip", "flip", "write", "write", "insert", "cut", "drop", "zero", "repeat", "move"]),
    st.integers(0, 999_999),
    st.booleans(),
    st.integers(1, 4096) | st.integers(1, 16),
    st.sampled_from(SPLICED) | st.binary(min_size=1, max_size=16),
)


def spliced(data: bytes, changes: Sequence[Splice]) -> bytes:
    """The bytes of a file with the changes in them."""
    found = bytearray(data)
    for change in changes:
        if not found:
            break
        at = change.at % min(256, len(found)) if change.near_start else change.at * len(found) // 1_000_000
        _splice(found, at, change)
    return bytes(found)


def _splice(found: bytearray, at: int, change: Splice) -> None:
    end = at + change.size
    if change.how == "flip":
        found[at] ^= 1 << change.size % 8
    elif change.how == "write":
        found[at : at + len(change.data)] = change.data
    elif change.how == "insert":
        found[at:at] = change.data * (1 + change.size % 64)
    elif change.how == "cut":
        del found[at:]
    elif change.how == "drop":
        del found[at:end]
    elif change.how == "zero":
        found[at:end] = bytes(len(found[at:end]))
    elif change.how == "repeat":
        found[at:at] = found[at:end] * (1 + change.size % 8)
    else:
        part = found[at:end]
        del found[at:end]
        found[len(found) // 2 : len(found) // 2] = part


SIZES = [
    *((0, 0), (1, 1), (2, 30_000), (30_000, 2), (16_000, 16_000), (32_768, 32_768), (49_151, 49_151)),
    *((65_535, 32_767), (65_535, 65_535), (2**31 - 1, 1), (2**32 - 1, 2**32 - 1)),
]
"""Widths and heights that a header may claim: few pixels, or more than any program should take in. A video of a size
between would rightly be decoded and encoded, which takes x264 gigabytes."""


def sized(data: bytes, size: tuple[int, int], claimed: tuple[int, int]) -> bytes:
    """The bytes of a file in whose headers a size is replaced, however the format writes it down."""
    for kind in ("<HH", ">HH", "<II", ">II"):
        fits = max(claimed) < (1 << 16 if "H" in kind else 1 << 32)
        for turn in (1, -1):
            if fits:
                data = data.replace(struct.pack(kind, *size[::turn]), struct.pack(kind, *claimed[::turn]))
    return _checksummed(data) if data.startswith(b"\x89PNG") else data


def _checksummed(png: bytes) -> bytes:
    """A PNG whose first chunk, the header, is consistent again."""
    return png[:29] + struct.pack(">I", zlib.crc32(png[12:29])) + png[33:]
