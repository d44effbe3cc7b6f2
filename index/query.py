"""What a query says: words and pictures, added and taken away, each with a weight."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UsageError
from ..frames import Floats
from ..ranges import shortened

_SIGN = re.compile(r"(?:^|\s)([+-])(?=\s|$)")
_WEIGHT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*\*\s*(.*)", re.DOTALL)
_MOST_WEIGHT = 1e6
_MOST_TERMS = 1000
_QUOTED = re.compile(r'"[^"]*"')
_NOTHING = 1e-6


@dataclass(frozen=True)
class Term:
    """A text or a picture, and how much of it."""

    weight: float
    text: str = ""
    picture: Path | None = None


def parse(query: str) -> list[Term]:
    """`beach - people + 0.5*sunset + @door.jpg`: a sign stands between spaces, so that `close-up` is one word.

    What is in double quotes is taken as it is.
    """
    # Quoted parts are put out of sight of the signs, letter for letter.
    hidden = _QUOTED.sub(lambda quoted: "\0" * len(quoted[0]), query)
    terms, sign, start = [], 1.0, 0
    for found in _SIGN.finditer(hidden):
        before = query[start : found.start()]
        if before.strip() or start:
            terms.append(_term(before, sign, query))
        if len(terms) >= _MOST_TERMS:
            raise UsageError(f"The query has more than {_MOST_TERMS} terms.", "Ask for less at once.")
        sign, start = (-1.0 if found[1] == "-" else 1.0), found.end()
    return [*terms, _term(query[start:], sign, query)]


def _term(said: str, sign: float, query: str) -> Term:
    said = said.strip()
    weighed = _WEIGHT.fullmatch(said)
    weight, said = (sign * float(weighed[1]), weighed[2].strip()) if weighed else (sign, said)
    if abs(weight) > _MOST_WEIGHT:
        raise UsageError(f"The query weighs a term with over {_MOST_WEIGHT:,.0f}.", "Weights such as 0.5 or 2 do.")
    is_picture = said.startswith("@")
    said = said.removeprefix("@").strip()
    if len(said) > 1 and said[0] == said[-1] == '"':
        said = said[1:-1].strip()
    if not said:
        raise UsageError(
            f"The query {shortened(query)!r} lacks a word or picture beside a sign.",
            "Say it like this: 'beach - people + 0.5*sunset + @door.jpg'.",
        )
    return Term(weight, picture=Path(said)) if is_picture else Term(weight, text=said)


def combined(weights: Sequence[float], vectors: Floats) -> Floats:
    """The weighted sum of unit vectors, brought to length one."""
    total = np.asarray(weights, np.float32) @ vectors
    length = float(np.linalg.norm(total))
    if not length > _NOTHING:
        raise UsageError("The query takes away all that it asks for.", "Change its terms or their weights.")
    return np.asarray(total / length, np.float32)
