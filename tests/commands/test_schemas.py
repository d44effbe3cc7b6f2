"""The JSON Schemas agree with the models, the files, the answers and the documentation.

Every test that runs a command with --json in this process holds the answer to its schema as well: see `in_process`.
"""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import pytest
from command_lines import COMMANDS, options
from helpers import drawn_plan, pictures, write_clip
from runs import Run, in_process

import reelweave
from reelweave.commands.schemas import SCHEMAS, schema_file
from reelweave.solve.plan.files import read_plan, write_plan
from reelweave.solve.plan.model import Dropped, Hole
from schemas import FOLDER, check, names_of, validator

ROOT = Path(reelweave.__file__).resolve().parent
FILES_PAGE = (ROOT / "docs" / "reference" / "files.md").read_text(encoding="utf-8")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return in_process(capsys)


def generated(name: str) -> str:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.schema_text(name))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_what_the_models_say(name: str) -> None:
    assert schema_file(name).read_text(encoding="utf-8") == generated(name), "out of date: run `make reference`"


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda file: str(file.name))
def test_every_shipped_schema_is_valid_and_known(file: Path) -> None:
    name, version, suffix = file.name.split(".")
    assert (suffix, validator(file).schema["title"]) == ("json", f"reelweave.{name}/{version}")
    assert 1 <= int(version) <= SCHEMAS[name].version


def test_no_version_of_a_schema_is_missing() -> None:
    for name, schema in SCHEMAS.items():
        assert [FOLDER / f"{name}.{version}.json" for version in range(1, schema.version)] == [
            file for file in sorted(FOLDER.glob(f"{name}.*.json")) if file != schema_file(name)
        ]


ANSWERING = [path for path, command in COMMANDS.items() if "--json" in options(command) and path != ("schema",)]


@pytest.mark.parametrize("path", ANSWERING, ids=" ".join)
def test_every_answer_has_a_schema(path: tuple[str, ...]) -> None:
    assert names_of(path)


def test_every_schema_is_that_of_a_file_or_an_answer() -> None:
    answers = {name for path in ANSWERING for name in names_of(path)}
    assert set(SCHEMAS) - answers == {"plan", "truth", "vectors", "vectors-frame", "detector"}


def test_the_command_lists_and_prints_the_schemas(run: Run) -> None:
    assert {row["name"] for row in run("schema", "--json").rows} == set(SCHEMAS)
    assert json.loads(run("schema", "plan").out)["title"] == "reelweave.plan/1"
    assert run("schema", "videos", "list").out == run("schema", "videos-list").out
    refused = run("schema", "plann")
    assert refused.code == 2
    assert "plan" in refused.err


# Files.


def full_plan() -> Any:
    broken = [Dropped(frame=2, reason="broken", score=1.0)]
    return drawn_plan([0, 1, 3], frames=4).model_copy(update={"dropped": broken, "fill": [Hole(after=1, frames=[2])]})


def test_a_plan_fits_its_schema_with_and_without_notes(tmp_path: Path) -> None:
    value = json.loads(write_plan(full_plan(), tmp_path / "plan.json").read_text(encoding="utf-8"))
    check("plan", value)
    check("solve", value)
    check("plan", value | {"_why": "mine"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"order": "0,1,2"},
        {"order": [0.5]},
        {"ordre": []},
        {"format": "reelweave.plan/2"},
        {"confidence": [1.5]},
        {"dropped": [{"frame": 1, "reason": "bored", "score": 0}]},
    ],
    ids=str,
)
def test_what_the_program_refuses_in_a_plan_the_schema_refuses(tmp_path: Path, wrong: dict[str, Any]) -> None:
    value = json.loads(write_plan(full_plan(), tmp_path / "plan.json").read_text(encoding="utf-8")) | wrong
    (tmp_path / "plan.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(reelweave.ReelweaveError):
        read_plan(tmp_path / "plan.json")
    with pytest.raises(jsonschema.ValidationError):
        check("plan", value)


def test_the_plans_of_earlier_releases_fit_and_are_read(tmp_path: Path) -> None:
    """A plan of 0.1.0 lacks what was added since: `undetermined`, `sound` and `direction.by`."""
    value = json.loads(write_plan(full_plan(), tmp_path / "plan.json").read_text(encoding="utf-8"))
    for key in ("undetermined", "sound"):
        del value[key]
    del value["direction"]["by"]
    check("plan", value)
    (tmp_path / "old.json").write_text(json.dumps(value), encoding="utf-8")
    assert read_plan(tmp_path / "old.json") == full_plan()


def test_a_plan_of_a_later_version_is_refused_by_its_number(tmp_path: Path) -> None:
    value = json.loads(write_plan(full_plan(), tmp_path / "plan.json").read_text(encoding="utf-8"))
    (tmp_path / "new.json").write_text(json.dumps(value | {"format": "reelweave.plan/9"}), encoding="utf-8")
    with pytest.raises(reelweave.ReelweaveError, match=r"newer version"):
        read_plan(tmp_path / "new.json")


def examples() -> list[Any]:
    return [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", FILES_PAGE, re.MULTILINE | re.DOTALL)]


def test_the_examples_of_the_documentation_fit_the_schemas_and_are_read(tmp_path: Path) -> None:
    kinds = set()
    for value in examples():
        kind = value["format"].partition("/")[0].removeprefix("reelweave.")
        check(kind, value)
        kinds.add(kind)
        if kind == "plan":
            (tmp_path / "plan.json").write_text(json.dumps(value), encoding="utf-8")
            assert read_plan(tmp_path / "plan.json").order == value["order"]
    assert kinds == {"plan", "truth", "vectors"}


# Answers: the commands one after another, each held to its schema by `run`.


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELWEAVE_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("REELWEAVE_INGEST__SPACE", "appearance")
    monkeypatch.setenv("REELWEAVE_SOLVE__SPACE", "appearance")
    monkeypatch.chdir(tmp_path)
    film = pictures(40)
    write_clip(tmp_path / "clip.mp4", film)
    write_clip(tmp_path / "b.mp4", pictures(30, seed=7))
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), film[number])
    return tmp_path


def answer(run: Run, *words: object) -> Any:
    done = run(*words, "--json")
    assert done.code == 0, done.err
    assert done.out
    return done


def test_the_answers_of_the_main_job_fit(folder: Path, run: Run) -> None:
    answer(run, "scramble", "clip.mp4", "-o", "s.mp4", "--truth", "t.json", "--foreign", "2", "-q")
    check("truth", json.loads((folder / "t.json").read_text(encoding="utf-8")))
    answer(run, "ingest", "s.mp4", "-q")
    answer(run, "ingest", "s.mp4", "--dry-run", "-q")
    check("plan", answer(run, "solve", "s.mp4", "--plan", "p.json", "-q").data)
    answer(run, "render", "p.json", "-o", "f.mp4", "-q")
    answer(run, "evaluate", "p.json", "--truth", "t.json", "-q")
    answer(run, "reconstruct", "s.mp4", "-o", "g.mp4", "-q")
    answer(run, "evaluate", "robustness", "clip.mp4", "--noise", "gaussian=5", "-q")
    answer(run, "scramble", "clip.mp4", "-o", "m.mp4", "--truth", "m.json", "--mix", "b.mp4", "-q")
    answer(run, "ingest", "m.mp4", "-q")
    answer(run, "solve", "m.mp4", "--plan", "m.plan.json", "-q")
    answer(run, "evaluate", "m.plan.json", "--truth", "m.json", "-q")


def test_the_answers_about_the_library_fit(folder: Path, run: Run) -> None:
    answer(run, "ingest", "clip.mp4", "-q")
    answer(run, "videos", "list")
    answer(run, "videos", "show", "clip.mp4")
    answer(run, "videos", "check", "-q")
    exported = answer(run, "videos", "export", "clip.mp4", "vectors").data
    assert exported["frames"] == 40
    check("vectors", json.loads((folder / "vectors" / "space.json").read_text(encoding="utf-8")))
    for line in (folder / "vectors" / "frames.jsonl").read_text(encoding="utf-8").splitlines():
        check("vectors-frame", json.loads(line))
    answer(run, "videos", "import", "vectors", "-q")
    (folder / "clip.mp4").rename(folder / "moved.mp4")
    answer(run, "videos", "relocate", "moved.mp4", "-q")
    answer(run, "solve", "moved.mp4", "-q")
    answer(run, "videos", "export-edits", "moved.mp4", "cut.csv")
    answer(run, "search", "--image", "1.png", "-q")
    answer(run, "search", "--image", "1.png", "--moments", "-q")
    answer(run, "similar", "1.png", "2.png", "-q")


def test_the_answers_about_models_and_settings_fit(folder: Path, run: Run) -> None:
    answer(run, "models", "list")
    answer(run, "models", "check", "toy", "-q")
    answer(run, "models", "fetch", "toy", "-q")
    answer(run, "settings", "show")
    assert run("doctor", "--json").rows


def test_the_answers_of_repair_and_training_fit(folder: Path, run: Run) -> None:
    answer(run, "repair", "clip.mp4", "--frames", "5-6", "-o", "r.mp4", "-q")
    answer(run, "scramble", "clip.mp4", "-o", "d.mp4", "--truth", "d.json", "--in-order", "--damage", "all:.3", "-q")
    answer(run, "breakup", "test", "d.mp4", "--truth", "d.json", "-q")
    answer(run, "breakup", "label", "d.mp4", "--out", "labels", "-n", "20", "-q")
    for place, picture in enumerate(sorted((folder / "labels" / "unsorted").iterdir())):
        kind = "breakup" if place % 2 else "clean"
        picture.rename(folder / "labels" / kind / picture.name)
    answer(run, "breakup", "train", "labels", "-o", "detector.json", "-q")
    check("detector", json.loads((folder / "detector.json").read_text(encoding="utf-8")))
