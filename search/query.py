"""Parse queries: a weighted sum of texts and pictures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UsageError
from ..media.ranges import shortened
from ..media.types import Floats

_SIGN = re.compile(r"(?:^|\s)([+-])(?=\s|$)")
_WEIGHT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*\*\s*(.*)", re.DOTALL)
_MOST_WEIGHT = 1e6
"""Keeps the sum of vectors within the precision of 32-bit floats."""
_MOST_TERMS = 1000
"""Bounds the time that a query takes."""
_QUOTED = re.compile(r'"[^"]*"')
_LEAST_LENGTH = 1e-6
"""Length of a sum of vectors below which its direction is rounding noise."""


@dataclass(frozen=True)
class Term:
    """A text or a picture, and its weight."""

    weight: float
    text: str = ""
    picture: Path | None = None


def parse(query: str) -> list[Term]:
    """Parse a query such as `beach - people + 0.5*sunset + @door.jpg`.

    A sign needs spaces around it, so that `close-up` is one word. Text in double quotes is kept as it is.

    Raises:
        UsageError: A term is empty or its weight is too large, or there are too many terms.
    """
    # Quoted parts are masked, letter for letter, so that their signs do not count.
    masked = _QUOTED.sub(lambda quoted: "\0" * len(quoted[0]), query)
    terms, sign, start = [], 1.0, 0
    for found in _SIGN.finditer(masked):
        before = query[start : found.start()]
        if before.strip() or start:
            terms.append(_term(before, sign, query))
        if len(terms) >= _MOST_TERMS:
            raise UsageError(f"The query has more than {_MOST_TERMS} terms.", "Use fewer terms.")
        sign, start = (-1.0 if found[1] == "-" else 1.0), found.end()
    return [*terms, _term(query[start:], sign, query)]


def _term(text: str, sign: float, query: str) -> Term:
    text = text.strip()
    weighted = _WEIGHT.fullmatch(text)
    weight, text = (sign * float(weighted[1]), weighted[2].strip()) if weighted else (sign, text)
    if abs(weight) > _MOST_WEIGHT:
        raise UsageError(f"The query has a weight above {_MOST_WEIGHT:,.0f}.", "Use weights such as 0.5 or 2.")
    is_picture = text.startswith("@")
    text = text.removeprefix("@").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    if not text:
        raise UsageError(
            f"The query {shortened(query)!r} lacks a word or picture next to a sign.",
            "Write it as in 'beach - people + 0.5*sunset + @door.jpg'.",
        )
    return Term(weight, picture=Path(text)) if is_picture else Term(weight, text=text)


def combined(weights: Sequence[float], vectors: Floats) -> Floats:
    """Return the weighted sum of unit vectors, normalised.

    Raises:
        UsageError: The terms cancel one another.
    """
    total = np.asarray(weights, np.float32) @ vectors
    length = float(np.linalg.norm(total))
    if not length > _LEAST_LENGTH:
        raise UsageError("The terms of the query cancel one another.", "Change the terms or their weights.")
    return np.asarray(total / length, np.float32)
