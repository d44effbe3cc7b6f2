"""What was found of one frame."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """A frame by its index in decode order, and how sure it is (0 to 1) that it is what `kind` says.

    `kind` is "clean" or what is wrong; `evidence` names, in words, what speaks for it.
    """

    frame: int
    kind: str
    score: float
    evidence: str
