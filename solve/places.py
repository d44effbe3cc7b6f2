"""JSON that remembers where everything stood, so that whoever edits a file is told the line of a fault."""

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from ..untrusted import MOST_DEPTH, UntrustedError, finite_number, is_text, whole_number

Key: TypeAlias = tuple[str | int, ...]
"""The way to a value: ("order", 3) is the fourth frame of the order."""

_SPACE = re.compile(r"[ \t\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_MOST_PLACED = 3_000_000
"""Values of a text whose places are remembered, at 250 bytes each."""
_SCALAR = json.JSONDecoder(parse_int=whole_number, parse_float=finite_number)
_CUT_SHORT = "the file ends too early: it is cut short, or a bracket is not closed"


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong and how to mend it, and where in the text."""

    offset: int
    told: str


class MisreadError(ValueError):
    """A text that is no JSON; the fault says where it stops being so."""

    def __init__(self, offset: int, told: str) -> None:
        super().__init__(told)
        self.fault = Fault(offset, told)


@dataclass(frozen=True)
class Places:
    """The lines of a text, and where in it each value, or the key before it, begins: found out when first asked."""

    text: str
    known: dict[Key, int] | None = None

    @cached_property
    def offsets(self) -> dict[Key, int]:
        if self.known is not None:
            return self.known
        return read_json(self.text)[1] if may_be_placed(self.text) else {}

    def of(self, *key: str | int) -> int:
        """The offset of a value or, where there is none, of what should hold it."""
        while key and key not in self.offsets:
            key = key[:-1]
        return self.offsets.get(key, 0)

    def line(self, offset: int) -> str:
        """`line 14`, with the column where the line does not begin there."""
        line = bisect_right(self._starts, offset)
        before = self.text[self._starts[line - 1] : offset]
        return f"line {line}, column {len(before) + 1}" if before.strip() else f"line {line}"

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(end.end() for end in _LINE_END.finditer(self.text))]


def may_be_placed(text: str) -> bool:
    """Whether a text is short enough to remember where each of its values stands."""
    return text.count(",") + text.count("[") + text.count("{") <= _MOST_PLACED


def read_json(text: str) -> tuple[Any, dict[Key, int]]:
    """The value and the place of each of its parts; keys that begin with `_` are notes, and left out.

    A key that is there twice is a fault, of which `json` would keep the last and say nothing.
    """
    reader = _Reader(text)
    value, end = reader.value(reader.past_space(0), ())
    if reader.past_space(end) < len(text):
        raise MisreadError(reader.past_space(end), "this stands after the end; take it out")
    return value, reader.offsets


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.offsets: dict[Key, int] = {}

    def past_space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def value(self, at: int, key: Key) -> tuple[Any, int]:
        """The value that begins here, and where it ends."""
        self.offsets.setdefault(key, at)
        if len(key) > MOST_DEPTH:
            raise MisreadError(at, "too many brackets within brackets")
        first = self._text[at : at + 1]
        if first == "{":
            return self._object(at, key)
        return self._array(at, key) if first == "[" else self._scalar(at)

    def _scalar(self, at: int) -> tuple[Any, int]:
        if at >= len(self._text):
            raise MisreadError(at, _CUT_SHORT)
        if self._text.startswith(("NaN", "Infinity", "-Infinity"), at):
            raise MisreadError(at, "this is no number; write one, or null")
        try:
            value, end = _SCALAR.raw_decode(self._text, at)
        except ValueError as bad:
            raise MisreadError(at, _told(self._text, at, bad)) from bad
        if isinstance(value, str) and not is_text(value):
            raise MisreadError(at, "this text holds an escape that stands for no text; take it out")
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
        """The key that begins here, and where its value begins."""
        if at < len(self._text) and self._text[at] != '"':
            raise MisreadError(at, "a key in double quotes is wanted here")
        name, end = self._scalar(at)
        if (*key, name) in self.offsets:
            first = Places(self._text, self.offsets).line(self.offsets[(*key, name)])
            raise MisreadError(at, f'"{name}" is already at {first}; take one of them out')
        colon = self.past_space(end)
        if not self._text.startswith(":", colon):
            raise MisreadError(end, f'a colon is missing after "{name}"')
        return name, self.past_space(colon + 1)

    def _next(self, end: int, closing: str) -> int:
        """Where the next item begins after one that ends here, or the closing bracket."""
        at = self.past_space(end)
        if self._text.startswith(closing, at):
            return at
        if at >= len(self._text):
            raise MisreadError(at, _CUT_SHORT)
        if self._text[at] in "]}":
            raise MisreadError(at, f"{closing} is wanted here")
        if self._text[at] == ":" and closing == "]":
            raise MisreadError(at, "the list before this key is not closed; put ] before the key")
        if self._text[at] != ",":
            raise MisreadError(end, "a comma is missing here")
        after = self.past_space(at + 1)
        if self._text.startswith(closing, after):
            raise MisreadError(at, f"there is a comma too many before {closing}")
        return after


def _told(text: str, at: int, bad: ValueError) -> str:
    if isinstance(bad, UntrustedError):
        return "this number is too large, or has too many digits"
    word = re.split(r"[\s,\]}]", text[at : at + 40], maxsplit=1)[0]
    if word.startswith('"'):
        return "this text has no closing quote, or holds a sign that JSON does not allow in it"
    return f"{word} is no value; texts stand in double quotes" if word else "a value is missing here"
