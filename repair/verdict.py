"""What is said of one frame by whoever judges it."""

from dataclasses import dataclass

CLEAN = "clean"


@dataclass(frozen=True)
class Verdict:
    """`kind` is `CLEAN`, or what is wrong; `evidence` names what tells so, and `score` how sure it is (0 to 1)."""

    frame: int
    kind: str
    score: float
    evidence: str
