"""Write the evidence of a reconstruction, from which the report draws its pictures."""

import json
from pathlib import Path

from ..media.files import atomic
from .arrangement import Arrangement


def write_evidence(arrangement: Arrangement, path: Path) -> Path:
    """Write the kNN graph as JSON Lines: each frame with its group, score and neighbours."""
    seen = arrangement.evidence
    frames = seen.frames.tolist()
    with atomic(path) as part, part.open("w", encoding="utf-8") as file:
        for row, frame in enumerate(frames):
            near = zip(seen.graph.indices[row].tolist(), seen.graph.distances[row].tolist(), strict=True)
            facts = {
                "frame": frame,
                "dropped": bool(seen.verdict.dropped[row]),
                "score": round(float(seen.verdict.score[row]), 4),
                "cut": round(seen.verdict.cut, 4),
                "component": int(seen.verdict.component[row]),
                "component_frames": int(seen.verdict.size[row]),
                "repeats": seen.repeats.get(frame, []),
                "neighbours": [{"frame": frames[other], "distance": round(d, 5)} for other, d in near],
            }
            file.write(json.dumps(facts) + "\n")
    return path
