"""Parse JSON and remember the position of every value, so that problems can be reported by line."""

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from ...media.untrusted import MOST_DEPTH, UntrustedError, finite_number, is_text, whole_number

Key: TypeAlias = tuple[str | int, ...]
"""The path to a value: ("order", 3) is the fourth frame of the order."""

_SPACE = re.compile(r"[ \t\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_MAX_POSITIONS = 3_000_000
"""Most values whose positions are recorded, at 250 bytes each."""
_SCALAR = json.JSONDecoder(parse_int=whole_number, parse_float=finite_number)
_CUT_SHORT = "the file ends too early: it is truncated, or a bracket is not closed"


@dataclass(frozen=True, order=True)
class PlanProblem:
    """What is wrong and how to fix it, and its offset in the text."""

    offset: int
    message: str


class JsonSyntaxError(ValueError):
    """Invalid JSON, with the problem and its offset."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.problem = PlanProblem(offset, message)


@dataclass(frozen=True)
class TextPositions:
    """The lines of a text and the offset of each value, or of the key before it; computed on first use."""

    text: str
    known: dict[Key, int] | None = None

    @cached_property
    def offsets(self) -> dict[Key, int]:
        if self.known is not None:
            return self.known
        return read_json(self.text)[1] if can_record_positions(self.text) else {}

    def of(self, *key: str | int) -> int:
        """Return the offset of a value or, if it is missing, of what should contain it."""
        while key and key not in self.offsets:
            key = key[:-1]
        return self.offsets.get(key, 0)

    def line(self, offset: int) -> str:
        """Return `line 14`, with the column if the offset is not at the start of the line."""
        line = bisect_right(self._starts, offset)
        before = self.text[self._starts[line - 1] : offset]
        return f"line {line}, column {len(before) + 1}" if before.strip() else f"line {line}"

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(end.end() for end in _LINE_END.finditer(self.text))]


def can_record_positions(text: str) -> bool:
    """Return whether a text is short enough to record the position of each value."""
    return text.count(",") + text.count("[") + text.count("{") <= _MAX_POSITIONS


def read_json(text: str) -> tuple[Any, dict[Key, int]]:
    """Return the value and the offset of each of its parts; keys that begin with `_` are notes and left out.

    Raises:
        JsonSyntaxError: The text is not JSON, or has a duplicate key, which `json` would silently accept.
    """
    reader = _Reader(text)
    value, end = reader.value(reader.past_space(0), ())
    if reader.past_space(end) < len(text):
        raise JsonSyntaxError(reader.past_space(end), "extra text after the end; remove it")
    return value, reader.offsets


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.offsets: dict[Key, int] = {}

    def past_space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def value(self, at: int, key: Key) -> tuple[Any, int]:
        """Return the value at an offset, and where it ends."""
        self.offsets.setdefault(key, at)
        if len(key) > MOST_DEPTH:
            raise JsonSyntaxError(at, "the brackets are nested too deeply")
        first = self._text[at : at + 1]
        if first == "{":
            return self._object(at, key)
        return self._array(at, key) if first == "[" else self._scalar(at)

    def _scalar(self, at: int) -> tuple[Any, int]:
        if at >= len(self._text):
            raise JsonSyntaxError(at, _CUT_SHORT)
        if self._text.startswith(("NaN", "Infinity", "-Infinity"), at):
            raise JsonSyntaxError(at, "not a valid number; write a number, or null")
        try:
            value, end = _SCALAR.raw_decode(self._text, at)
        except ValueError as bad:
            raise JsonSyntaxError(at, _message(self._text, at, bad)) from bad
        if isinstance(value, str) and not is_text(value):
            raise JsonSyntaxError(at, "this string contains an escape that is not a character; remove it")
        return value, end

    def _array(self, at: int, key: Key) -> tuple[list[Any], int]:
        items: list[Any] = []
        at = self.past_space(at + 1)
        while not self._text.startswith("]", at):
            item, end = self.value(at, (*key, len(items)))
            items.append(item)
            at = self._next(end, "]")
        return items, at + 1

    def _object(self, at: int, key: Key) -> tuple[dict[str, Any], int]:
        items: dict[str, Any] = {}
        at = self.past_space(at + 1)
        while not self._text.startswith("}", at):
            name, start = self._name(at, key)
            self.offsets[(*key, name)] = at
            item, end = self.value(start, (*key, name))
            if not name.startswith("_"):
                items[name] = item
            at = self._next(end, "}")
        return items, at + 1

    def _name(self, at: int, key: Key) -> tuple[str, int]:
        """Return the key at an offset, and where its value begins."""
        if at < len(self._text) and self._text[at] != '"':
            raise JsonSyntaxError(at, "expected a key in double quotes")
        name, end = self._scalar(at)
        if (*key, name) in self.offsets:
            first = TextPositions(self._text, self.offsets).line(self.offsets[(*key, name)])
            raise JsonSyntaxError(at, f'"{name}" is already at {first}; remove one of them')
        colon = self.past_space(end)
        if not self._text.startswith(":", colon):
            raise JsonSyntaxError(end, f'a colon is missing after "{name}"')
        return name, self.past_space(colon + 1)

    def _next(self, end: int, closing: str) -> int:
        """Return where the next item, or the closing bracket, begins after an item that ends here."""
        at = self.past_space(end)
        if self._text.startswith(closing, at):
            return at
        if at >= len(self._text):
            raise JsonSyntaxError(at, _CUT_SHORT)
        if self._text[at] in "]}":
            raise JsonSyntaxError(at, f"expected {closing}")
        if self._text[at] == ":" and closing == "]":
            raise JsonSyntaxError(at, "the list before this key is not closed; put ] before the key")
        if self._text[at] != ",":
            raise JsonSyntaxError(end, "a comma is missing here")
        after = self.past_space(at + 1)
        if self._text.startswith(closing, after):
            raise JsonSyntaxError(at, f"there is an extra comma before {closing}")
        return after


def _message(text: str, at: int, bad: ValueError) -> str:
    if isinstance(bad, UntrustedError):
        return "this number is too large or has too many digits"
    word = re.split(r"[\s,\]}]", text[at : at + 40], maxsplit=1)[0]
    if word.startswith('"'):
        return "this string has no closing quote, or contains a character that JSON does not allow"
    return f"{word} is not a value; put strings in double quotes" if word else "a value is missing here"
