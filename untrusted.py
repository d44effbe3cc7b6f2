"""Read JSON and numpy files that came from elsewhere, with bounds on size, depth and shape.

Nothing in a file is ever executed, what is no regular file is never opened for long, and whatever is wrong with one
raises UntrustedError, a ValueError, or the OSError of the system.
"""

import json
import math
import os
import re
import stat
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

T = TypeVar("T")
Pairs: TypeAlias = Callable[[list[tuple[str, Any]]], dict[str, Any]]

MEGABYTE = 1 << 20

MOST_TEXT = 16 * MEGABYTE
"""Bytes of a text file, unless its reader knows better: the tables and configurations read here have far less."""
MOST_DEPTH = 50
"""Levels of brackets. Python's own limit is near 1,000, and printing or comparing the value then fails again."""
_MOST_VALUES = 10_000_000
"""Values in one text: a plan of a million frames has about eight million; an empty list takes 64 bytes."""
MOST_DIGITS = 18
"""Of a whole number, so that it fits 64 bits; Python refuses more than 4,300 with an error of its own."""
_MOST_HEADER = 10_000
"""Bytes of the header of an array, as numpy itself allows."""
_MOST_SIDES = 4
_MOST_NUMBERS = 1 << 40
_MOST_TEXT_ITEM = MEGABYTE
"""Bytes of one text in an array."""
_MOST_DIRECTORY = 1 << 16
"""Bytes of the table of contents of an .npz file: about a thousand arrays."""

_CLOSE = struct.Struct("<4s4H2LH")
"""The last record of a zip file."""
_NO_TEXT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""How JSON spells NUL, which is in no file's name, and half of a surrogate pair, which cannot be written."""


_ADAPTERS: dict[type[Any], Any] = {}
"""What checks a dataclass; it takes a while to make."""


class UntrustedError(ValueError):
    """What is wrong with a file, as half a sentence: "has more than 16 MB"."""


def open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading; a pipe, a device or a folder is refused without waiting for it."""
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise UntrustedError("is no regular file")
    return os.fdopen(opened, "rb")


def read_bytes(path: Path, most: int = MOST_TEXT) -> bytes:
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        # To read takes the memory asked for, so that no more is asked for than the file says that it holds.
        data = file.read(size) if size <= most else None
        while data is not None and len(data) <= most and (more := file.read(MEGABYTE)):
            # A file may grow while it is read, and those of /proc call themselves empty.
            data += more
    if data is None or len(data) > most:
        raise UntrustedError(f"has more than {most // MEGABYTE or 1} MB")
    return data


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """A file of UTF-8, with or without a byte order mark."""
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        raise UntrustedError("is not text in UTF-8") from bad


def read_json(path: Path, most: int = MOST_TEXT) -> Any:
    return parse_json(read_text(path, most))


def read_object(path: Path, most: int = MOST_TEXT) -> dict[str, Any]:
    """The JSON object that a file holds."""
    value = read_json(path, most)
    if not isinstance(value, dict):
        raise UntrustedError("is no JSON object")
    return value


def parse_json(text: str, pairs: "Pairs | None" = None) -> Any:
    """A JSON value of bounded depth, whose numbers are finite, whose keys are there once and whose text is Unicode.

    `pairs` makes an object of its keys and values.
    """
    if not isinstance(text, str):
        # As a column of a damaged database.
        raise UntrustedError("is no text")
    check_count(text)
    try:
        value = json.loads(
            text,
            parse_int=whole_number,
            parse_float=finite_number,
            parse_constant=_no_constant,
            object_pairs_hook=pairs or each_key_once,
        )
    except json.JSONDecodeError as bad:
        raise UntrustedError(f"line {bad.lineno}, column {bad.colno}: {bad.msg}") from bad
    except RecursionError as deep:
        raise _too_deep() from deep
    if not within_depth(value):
        raise _too_deep()
    check_text(text, value)
    return value


def check_count(text: str) -> None:
    """Refuse a text of so many values that they would fill the memory."""
    if text.count(",") + text.count("[") + text.count("{") > _MOST_VALUES:
        raise UntrustedError(f"has more than {_MOST_VALUES:,} values")


def check_text(text: str, value: Any) -> None:
    """Refuse escapes that stand for no text."""
    if _NO_TEXT.search(text) and not all(map(is_text, _texts(value))):
        raise UntrustedError("holds an escape that stands for no text")


def is_text(text: str) -> bool:
    """Whether a text can be written and may be part of a file's name."""
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def within_depth(value: Any) -> bool:
    """Whether lists and objects lie no more than MOST_DEPTH deep in one another."""
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (list, dict))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (list, dict))
        ]
        if not level:
            return True
    return False


def whole_number(text: str) -> int:
    if len(text.lstrip("-")) > MOST_DIGITS:
        raise UntrustedError(f"holds a number of {len(text)} digits")
    return int(text)


def finite_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise UntrustedError(f"holds {text[:20]}, which is too large a number")
    return number


def checked(kind: type[T], value: Any) -> T:
    """A dataclass out of what JSON holds of it; UntrustedError names the first field that does not fit."""
    from pydantic import TypeAdapter, ValidationError

    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    try:
        return cast(T, _ADAPTERS[kind].validate_python(value))
    except ValidationError as bad:
        first = bad.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UntrustedError(f"{place}: {first['msg']}" if place else first["msg"]) from bad


def shown(value: object, most: int = 60) -> str:
    """A value in a message, whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # too many digits, too many brackets
        text = f"a {type(value).__name__} too large to print"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def read_array(path: Path, most: int | None = None, mapped: bool = True) -> "npt.NDArray[Any]":
    """The array of numbers in an .npy file: mapped, or loaded where it has at most `most` bytes."""
    import numpy as np

    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise UntrustedError(f"has more than {most // MEGABYTE or 1} MB")
        kind, shape, turned = _read_header(file, size)
        if not mapped or not math.prod(shape):
            return _loaded(file, kind, shape, turned)
        order: Any = "F" if turned else "C"
        return np.memmap(path, kind, "r", offset=file.tell(), shape=shape, order=order)


def read_arrays(path: Path, most: int) -> "dict[str, npt.NDArray[Any]]":
    """The arrays of an .npz file as numpy.savez writes it, uncompressed, so that none is larger than the file."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise UntrustedError(f"has more than {most // MEGABYTE or 1} MB")
        _check_directory(file, size)
        try:
            with zipfile.ZipFile(file) as archive:
                _check_members(archive.infolist(), size)
                return {one.filename.removesuffix(".npy"): _member(archive, one) for one in archive.infolist()}
        except UntrustedError:
            raise
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, struct.error, ValueError) as bad:
            raise UntrustedError(f"is no .npz file ({bad})") from bad


def _member(archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> "npt.NDArray[Any]":
    with archive.open(one) as stream:
        kind, shape, turned = _read_header(stream, one.file_size)
        return _loaded(stream, kind, shape, turned)


def _check_directory(file: IO[bytes], size: int) -> None:
    """Refuse a table of contents that is larger than any of ours: zipfile reads it whole, whatever it claims."""
    file.seek(max(0, size - _CLOSE.size - 20))
    locator, last = file.read(20), file.read(_CLOSE.size)
    if len(last) < _CLOSE.size or not last.startswith(b"PK\5\6") or locator.startswith(b"PK\6\7"):
        raise UntrustedError("is no .npz file as numpy.savez writes it")
    if _CLOSE.unpack(last)[5] > _MOST_DIRECTORY:
        raise UntrustedError("holds too many arrays")
    file.seek(0)


def _check_members(members: Iterable[zipfile.ZipInfo], size: int) -> None:
    total = 0
    for one in members:
        total += one.file_size
        if one.compress_type != zipfile.ZIP_STORED or one.compress_size != one.file_size or total > size:
            raise UntrustedError("is compressed, or claims to hold more than it does")


def _read_header(file: IO[bytes], size: int) -> "tuple[np.dtype[Any], tuple[int, ...], bool]":
    """The kind of numbers, the shape and whether columns come first; all of it fits into what follows."""
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, turned, kind = read(file, max_header_size=_MOST_HEADER)
    except Exception as bad:  # the parser of the header raises a dozen classes
        raise UntrustedError("is not an array as numpy.save writes it") from bad
    if kind.kind not in "biufU" or kind.hasobject or not 0 < kind.itemsize <= _MOST_TEXT_ITEM:
        raise UntrustedError(f"holds {shown(str(kind))}, not numbers")
    whole = len(shape) <= _MOST_SIDES and all(type(side) is int and side >= 0 for side in shape)
    # Sides of an empty array count, too: numpy refuses what would be too large without the empty one.
    if not whole or math.prod(max(1, side) for side in shape) > _MOST_NUMBERS:
        raise UntrustedError(f"has the shape {shown(shape)}, which no array here has")
    if math.prod(shape) * kind.itemsize > size - file.tell():
        raise UntrustedError(f"is cut short: it should hold {' x '.join(map(str, shape))} numbers")
    return kind, shape, bool(turned)


def _loaded(file: IO[bytes], kind: "np.dtype[Any]", shape: tuple[int, ...], turned: bool) -> "npt.NDArray[Any]":
    import numpy as np

    wanted = math.prod(shape) * kind.itemsize
    data = file.read(wanted)
    if len(data) < wanted:
        raise UntrustedError("is cut short")
    if not wanted:
        return np.zeros(shape, kind)
    # A copy, since what lies in bytes cannot be written to.
    return np.frombuffer(data, kind).reshape(shape, order="F" if turned else "C").copy()


def _no_constant(text: str) -> NoReturn:
    raise UntrustedError(f"holds {text}, which is no number in JSON")


def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise UntrustedError(f"holds the key {shown(twice)} twice")
    return found


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, keys included."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            yield from one
            left += one.values()
        elif isinstance(one, list):
            left += one


def _too_deep() -> UntrustedError:
    return UntrustedError(f"holds brackets more than {MOST_DEPTH} deep")
