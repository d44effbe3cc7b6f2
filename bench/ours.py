"""One run of the product: python bench/ours.py --settings JSON VIDEO ANSWER

From the video to the plan, in a library of its own; rendering is no part of it, for peers neither.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from reelweave import pipeline
from reelweave.errors import ReelweaveError, SpaceError
from reelweave.settings import Settings, load
from reelweave.solve.plan.files import write_plan
from reelweave.solve.plan.model import Plan


def solved(video: Path, settings: Settings) -> Plan:
    """The plan, by way of a library that is thrown away."""
    with tempfile.TemporaryDirectory() as library:
        settings = settings.model_copy(update={"library": library})
        return pipeline.solve(pipeline.ingest(video, settings).id, settings)


def said(plan: Plan) -> list[float | None]:
    """Return the confidence of every join; None where the frames are indistinguishable and it is no probability."""
    cuts = {shot.start - 1 for shot in plan.shots}
    untold = set(plan.undetermined) - cuts
    return [None if at in untold else sure for at, sure in enumerate(plan.confidence)]


def answer_of(plan: Plan) -> dict[str, Any]:
    return {
        "order": plan.order,
        "dropped": [dropped.frame for dropped in plan.dropped],
        "said": said(plan),
        "undetermined": plan.undetermined,
        "band": plan.path.band,
        "price": plan.path.price,
        "solver": plan.path.solver,
        "gap": plan.path.gap,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("video", type=Path)
    parser.add_argument("answer", type=Path)
    chosen = parser.parse_args()
    try:
        plan = solved(chosen.video, load(chosen.settings))
    except SpaceError as missing:
        chosen.answer.write_text(json.dumps({"unavailable": missing.cause}))
        return
    except ReelweaveError as failed:
        sys.exit(failed.cause)
    write_plan(plan, chosen.answer.with_name("plan.json"))
    chosen.answer.write_text(json.dumps(answer_of(plan)))


if __name__ == "__main__":
    main()
