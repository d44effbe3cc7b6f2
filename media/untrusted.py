"""Read untrusted JSON and numpy files within limits on size, depth and shape.

Nothing in a file is executed, and devices and pipes are rejected. An invalid file raises UntrustedError, which is a
ValueError; an unreadable one raises OSError.
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

_MAX_TEXT = 16 * MEGABYTE
"""Default size limit of a text file in bytes; tables and configurations are far smaller."""

MOST_DEPTH = 50
"""Nesting depth of JSON. Python fails near 1,000, and again when such a value is printed or compared."""

_MAX_VALUES = 10_000_000
"""Values in a JSON text: a plan of a million frames has about eight million; an empty list takes 64 bytes."""

_MAX_DIGITS = 18
"""Digits of a whole number, so that it fits into 64 bits; Python itself raises an error above 4,300."""

_MAX_HEADER = 10_000
"""Bytes of the header of an array; the limit of numpy itself."""

_MAX_DIMENSIONS = 4
"""Dimensions of an array; stacks of pictures have four."""

_MAX_NUMBERS = 1 << 40
"""Numbers in an array, so that products of its sides do not overflow."""

_MAX_ITEM = MEGABYTE
"""Bytes of one item of an array, such as a text."""

_MAX_DIRECTORY = 1 << 16
"""Bytes of the directory of an .npz file: about a thousand arrays."""

_END_RECORD = struct.Struct("<4s4H2LH")
"""The end-of-directory record of a zip file."""

_NOT_TEXT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""JSON escapes of NUL, which no file name contains, and of half a surrogate pair, which cannot be encoded."""

_ADAPTERS: dict[type[Any], Any] = {}
"""Cache of pydantic's validators by dataclass, since making one is slow."""


class UntrustedError(ValueError):
    """A fault of a file, as a predicate: "has more than 16 MB"."""


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file for reading; reject pipes, devices and folders without blocking."""
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise UntrustedError("is not a regular file")
    return os.fdopen(opened, "rb")


def read_bytes(path: Path, most: int = _MAX_TEXT) -> bytes:
    """Read a file of at most `most` bytes."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        # `read` allocates what it is asked for, so it is asked for no more than the file holds.
        data = file.read(size) if size <= most else None
        while data is not None and len(data) <= most and (more := file.read(MEGABYTE)):
            # A file may grow while it is read, and files of /proc report a size of 0.
            data += more
    if data is None or len(data) > most:
        raise UntrustedError(f"has more than {most // MEGABYTE or 1} MB")
    return data


def read_text(path: Path, most: int = _MAX_TEXT) -> str:
    """Read a text file in UTF-8, with or without a byte order mark."""
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        raise UntrustedError("is not UTF-8 text") from bad


def read_json(path: Path, most: int = _MAX_TEXT) -> Any:
    """Read a JSON file; see `parse_json`."""
    return parse_json(read_text(path, most))


def read_object(path: Path, most: int = _MAX_TEXT) -> dict[str, Any]:
    """Read a JSON file that must hold an object."""
    value = read_json(path, most)
    if not isinstance(value, dict):
        raise UntrustedError("is not a JSON object")
    return value


def parse_json(text: str, pairs: "Pairs | None" = None) -> Any:
    """Parse JSON of limited depth, with finite numbers, unique keys and valid Unicode.

    Args:
        text: The JSON text.
        pairs: Makes an object from its keys and values; the default checks that keys are unique.

    Raises:
        UntrustedError: The text is not such JSON.
    """
    if not isinstance(text, str):
        # A column of a damaged database can have any type.
        raise UntrustedError("is not text")
    if text.count(",") + text.count("[") + text.count("{") > _MAX_VALUES:
        raise UntrustedError(f"has more than {_MAX_VALUES:,} values")
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
    if _NOT_TEXT.search(text) and not all(map(is_text, _texts(value))):
        raise UntrustedError("contains an escape that is not valid text")
    return value


def is_newer(given: object, known: str) -> bool:
    """Tell whether a format, such as `reelweave.plan/2`, is a later version of the one that is known."""
    kind, _, version = known.partition("/")
    start = f"{kind}/"
    number = given.removeprefix(start) if isinstance(given, str) and given.startswith(start) else ""
    return number.isascii() and number.isdigit() and len(number) < _MAX_DIGITS and int(number) > int(version)


def is_text(text: str) -> bool:
    """Tell whether a text can be encoded and be part of a file name."""
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def within_depth(value: Any) -> bool:
    """Tell whether lists and objects are nested at most MOST_DEPTH deep."""
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
    """Parse a whole number of JSON; UntrustedError where it does not fit into 64 bits."""
    if len(text.lstrip("-")) > _MAX_DIGITS:
        raise UntrustedError(f"contains a number of {len(text)} digits")
    return int(text)


def finite_number(text: str) -> float:
    """Parse a number of JSON; UntrustedError where it is too large for a float."""
    number = float(text)
    if not math.isfinite(number):
        raise UntrustedError(f"contains {text[:20]}, which is too large a number")
    return number


def validate(kind: type[T], value: Any) -> T:
    """Validate a JSON value as a dataclass.

    Raises:
        UntrustedError: A field does not fit; the message names the first one.
    """
    from pydantic import TypeAdapter, ValidationError

    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    try:
        return cast(T, _ADAPTERS[kind].validate_python(value))
    except ValidationError as bad:
        first = bad.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UntrustedError(f"{place}: {first['msg']}" if place else first["msg"]) from bad


def quote(value: object, most: int = 60) -> str:
    """Format any value for a message, in at most `most` characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # raised for too many digits or brackets
        text = f"a {type(value).__name__} too large to print"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def read_array(path: Path, most: int | None = None, mapped: bool = True) -> "npt.NDArray[Any]":
    """Read the array of an .npy file of at most `most` bytes, mapped into memory or loaded."""
    import numpy as np

    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise UntrustedError(f"has more than {most // MEGABYTE or 1} MB")
        kind, shape, fortran = _read_header(file, size)
        if not mapped or not math.prod(shape):
            return _loaded(file, kind, shape, fortran)
        order: Any = "F" if fortran else "C"
        return np.memmap(path, kind, "r", offset=file.tell(), shape=shape, order=order)


def read_arrays(path: Path, most: int) -> "dict[str, npt.NDArray[Any]]":
    """Read the arrays of an .npz file of at most `most` bytes.

    It must be uncompressed, as numpy.savez writes it, so that no array is larger than the file.
    """
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
            raise UntrustedError(f"is not an .npz file ({bad})") from bad


def _member(archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> "npt.NDArray[Any]":
    with archive.open(one) as stream:
        kind, shape, fortran = _read_header(stream, one.file_size)
        return _loaded(stream, kind, shape, fortran)


def _check_directory(file: IO[bytes], size: int) -> None:
    """Reject a directory that is too large, since zipfile reads all of it at once."""
    file.seek(max(0, size - _END_RECORD.size - 20))
    locator, last = file.read(20), file.read(_END_RECORD.size)
    if len(last) < _END_RECORD.size or not last.startswith(b"PK\5\6") or locator.startswith(b"PK\6\7"):
        raise UntrustedError("is not an .npz file written by numpy.savez")
    if _END_RECORD.unpack(last)[5] > _MAX_DIRECTORY:
        raise UntrustedError("contains too many arrays")
    file.seek(0)


def _check_members(members: Iterable[zipfile.ZipInfo], size: int) -> None:
    total = 0
    for one in members:
        total += one.file_size
        if one.compress_type != zipfile.ZIP_STORED or one.compress_size != one.file_size or total > size:
            raise UntrustedError("is compressed, or claims to contain more than it does")


def _read_header(file: IO[bytes], size: int) -> "tuple[np.dtype[Any], tuple[int, ...], bool]":
    """Read the type, the shape and the order of an array, and check that the rest of the file holds it."""
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, kind = read(file, max_header_size=_MAX_HEADER)
    except Exception as bad:  # numpy's parser raises a dozen classes
        raise UntrustedError("is not an array written by numpy.save") from bad
    if kind.kind not in "biufU" or kind.hasobject or not 0 < kind.itemsize <= _MAX_ITEM:
        raise UntrustedError(f"contains {quote(str(kind))}, not numbers")
    valid = len(shape) <= _MAX_DIMENSIONS and all(type(side) is int and side >= 0 for side in shape)
    # The other sides of an empty array count as well: numpy rejects those that are too large.
    if not valid or math.prod(max(1, side) for side in shape) > _MAX_NUMBERS:
        raise UntrustedError(f"has the shape {quote(shape)}, which is not supported")
    if math.prod(shape) * kind.itemsize > size - file.tell():
        raise UntrustedError(f"is truncated: it should contain {' x '.join(map(str, shape))} numbers")
    return kind, shape, bool(fortran)


def _loaded(file: IO[bytes], kind: "np.dtype[Any]", shape: tuple[int, ...], fortran: bool) -> "npt.NDArray[Any]":
    import numpy as np

    wanted = math.prod(shape) * kind.itemsize
    data = file.read(wanted)
    if len(data) < wanted:
        raise UntrustedError("is truncated")
    if not wanted:
        return np.zeros(shape, kind)
    # A copy, since an array over bytes is read-only.
    return np.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C").copy()


def _no_constant(text: str) -> NoReturn:
    raise UntrustedError(f"contains {text}, which is not a number in JSON")


def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object from its keys and values; UntrustedError where a key repeats."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise UntrustedError(f"contains the key {quote(twice)} twice")
    return found


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value, including keys."""
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
    return UntrustedError(f"is nested more than {MOST_DEPTH} deep")
