"""The verdict of a detector on one frame."""

from dataclasses import dataclass

CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one frame.

    `kind` is `CLEAN` or the kind of damage, `evidence` the name of the strongest evidence. `score` runs from 0 to
    1; one half and more is broken.
    """

    frame: int
    kind: str
    score: float
    evidence: str
