"""JSON Schemas of the files and of the answers to `--json`: generated from the models, and shipped beside them.

`docs/generate.py` writes them, and `reelweave schema` prints them without importing a model.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError, command
from ..media.ranges import shortened
from .complete import one_of
from .options import Json
from .output import print_rows

FOLDER = Path(__file__).resolve().parents[1] / "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Schema:
    """What a schema is generated from: a model or dataclass of this package, as `module:name`."""

    kind: str
    is_input: bool = False
    """Whether it is a file that is read, in which keys may be left out, rather than an answer."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of an answer, with their types."""
    version: int = 1

    def generate(self, name: str) -> dict[str, Any]:
        """Return the schema."""
        from pydantic import TypeAdapter, create_model

        from ..solve.plan.model import UndeterminedReason

        module, _, attribute = self.kind.partition(":")
        adapter = TypeAdapter(getattr(import_module(f"..{module}", __package__), attribute))
        # Some dataclasses name a type that they import for type checkers only.
        adapter.rebuild(force=True, _types_namespace={"UndeterminedReason": UndeterminedReason})
        made = adapter.json_schema(mode="validation" if self.is_input else "serialization")
        if self.more:
            fields: Any = {key: (kind, ...) for key, kind in self.more.items()}
            added = create_model("More", **fields).model_json_schema()
            made["properties"] |= added["properties"]
            made["required"] = [*made.get("required", []), *added["required"]]
        made = dict(_with_notes(made) if self.is_input else _open(made))
        title = f"reelweave.{name}/{self.version}"
        return {"$schema": _DIALECT, "$id": f"urn:reelweave:{name}:{self.version}"} | made | {"title": title}


def _with_notes(schema: Any) -> Any:
    """Allow the user's notes, keys that begin with `_`, where no other keys are."""
    if isinstance(schema, list):
        return [_with_notes(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    notes: dict[str, Any] = {"patternProperties": {"^_": {}}} if schema.get("additionalProperties") is False else {}
    return {key: _with_notes(inner) for key, inner in schema.items()} | notes


def _open(schema: Any) -> Any:
    """Allow keys that later versions add to answers."""
    if isinstance(schema, list):
        return [_open(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _open(inner) for key, inner in schema.items() if (key, inner) != ("additionalProperties", False)}


_NOTES = {"notes": list[str]}
_SOURCE = {"path": str, "date": str | None}

SCHEMAS = {
    "plan": Schema("solve.plan.model:PlanFields", is_input=True),
    "truth": Schema("evaluate.truth:Truth", is_input=True),
    "vectors": Schema("commands.answers:ExportedSpace", is_input=True),
    "vectors-frame": Schema("commands.answers:ExportedFrame", is_input=True),
    "detector": Schema("repair.trained_detector:DetectorModel", is_input=True),
    "breakup-label": Schema("repair.labelling:Labelled"),
    "breakup-test": Schema("evaluate.detectors:DetectorScores"),
    "breakup-train": Schema("commands.answers:TrainedDetector"),
    "demo": Schema("commands.answers:Demonstration"),
    "doctor": Schema("commands.doctor:Check"),
    "evaluate": Schema("evaluate.scores:Scores"),
    "evaluate-split": Schema("evaluate.split_scores:SplitScores"),
    "evaluate-robustness": Schema("commands.answers:RobustnessLine"),
    "ingest": Schema("commands.answers:IngestedSource"),
    "models-check": Schema("evaluate.model_check:ModelReport"),
    "models-fetch": Schema("ingest.models.registry:FetchedModel"),
    "models-list": Schema("commands.answers:ListedModel"),
    "reconstruct": Schema("render.results:Reconstruction", more=_NOTES),
    "render": Schema("commands.answers:RenderedFilms"),
    "repair": Schema("commands.answers:Repair"),
    "scramble": Schema("evaluate.truth:Truth", more={"output": str, "truth": str}),
    "search": Schema("search.results:Hit", more=_SOURCE),
    "search-moments": Schema("search.results:Moment", more=_SOURCE),
    "settings-show": Schema("settings:Origin"),
    "similar": Schema("search.question:Similarity"),
    "solve": Schema("solve.plan.model:PlanFields"),
    "videos-check": Schema("index.check:CheckResult"),
    "videos-export": Schema("index.transfer:Exported"),
    "videos-export-edits": Schema("commands.answers:ExportedEdits"),
    "videos-import": Schema("index.transfer:Imported"),
    "videos-list": Schema("commands.answers:ListedVideo"),
    "videos-move": Schema("index.move:MovedVectors"),
    "videos-relocate": Schema("ingest.relocate:RelocatedSource"),
    "videos-show": Schema("commands.answers:ShownVideo"),
}
"""The schemas by name: those of files, and those of the answers of commands, whose words are joined by dashes."""


def schema_file(name: str) -> Path:
    """Return the file of the latest version of a schema; those of earlier versions stay beside it."""
    return FOLDER / f"{name}.{SCHEMAS[name].version}.json"


def schema(
    name: Annotated[
        list[str] | None,
        typer.Argument(
            help="plan, truth, vectors, detector, or a command; all are listed by default.",
            autocompletion=one_of([*SCHEMAS]),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the JSON Schema of a file or of a JSON answer."""
    if not name:
        rows = [{"name": known, "id": f"reelweave.{known}/{made.version}"} for known, made in SCHEMAS.items()]
        print_rows(rows, as_json, dict, lambda row: (row["name"], row["id"]))
        return
    wanted = "-".join(name)
    if wanted not in SCHEMAS:
        near = difflib.get_close_matches(wanted, SCHEMAS, 1)
        hint = f"Did you mean {near[0]}?" if near else f"{command('schema')} lists them."
        raise UsageError(f"There is no schema {shortened(wanted)!r}.", hint)
    print(schema_file(wanted).read_text(encoding="utf-8"), end="")
