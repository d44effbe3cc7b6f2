"""Settings: the order of precedence, the reported origins, and the rejection of bad keys and values."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from reelweave import settings
from reelweave.errors import UsageError
from reelweave.settings import PACKAGED, Origin, Settings, explain, library_folder, load

LINES = PACKAGED.read_text(encoding="utf-8").splitlines()


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, without the developer's own variables."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("REELWEAVE_")]:
        monkeypatch.delenv(name)


def configure(
    monkeypatch: pytest.MonkeyPatch, file: str | None = None, variables: dict[str, str] | None = None
) -> None:
    if file is not None:
        Path("reelweave.toml").write_text(file, encoding="utf-8")
    for name, value in (variables or {}).items():
        monkeypatch.setenv(name, value)


def origin_of(key: str, overrides: dict[str, Any] | None = None) -> Origin:
    return next(origin for origin in explain(overrides) if origin.key == key)


FILE = "[render]\ncrf = 21\n"
VARIABLE = {"REELWEAVE_RENDER__CRF": "22"}


@pytest.mark.parametrize(
    ("file", "variables", "flags", "value", "origin"),
    [
        pytest.param(None, {}, {}, 18, "settings.toml", id="packaged"),
        pytest.param(FILE, {}, {}, 21, "reelweave.toml", id="file over packaged"),
        pytest.param(None, VARIABLE, {}, 22, "environment REELWEAVE_RENDER__CRF", id="variable over packaged"),
        pytest.param(FILE, VARIABLE, {}, 22, "environment REELWEAVE_RENDER__CRF", id="variable over file"),
        pytest.param(FILE, VARIABLE, {"render.crf": 23}, 23, "flag", id="flag over all"),
        pytest.param(FILE, VARIABLE, {"render.crf": 0}, 0, "flag", id="a flag of 0 is given"),
        pytest.param(FILE, {}, {"render.crf": None}, 21, "reelweave.toml", id="a flag of None is not given"),
        pytest.param("[render]\n", {}, {}, 18, "settings.toml", id="an empty section says nothing"),
    ],
)
def test_the_origin_of_highest_precedence_wins_and_is_named(
    monkeypatch: pytest.MonkeyPatch,
    file: str | None,
    variables: dict[str, str],
    flags: dict[str, Any],
    value: int,
    origin: str,
) -> None:
    configure(monkeypatch, file, variables)
    assert load(flags).render.crf == value
    assert origin_of("render.crf", flags) == Origin("render.crf", value, origin)


def test_precedence_is_resolved_for_each_key_separately(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, "[render]\ncrf = 21\npreset = 'fast'\n", {"REELWEAVE_RENDER__CRF": "22"})
    render = load({"render.scratch_gb": 2}).render
    assert (render.crf, render.preset, render.scratch_gb) == (22, "fast", 2.0)


def test_explain_lists_every_leaf_in_the_order_of_the_file() -> None:
    table = tomllib.loads(PACKAGED.read_text(encoding="utf-8"))
    leaves = [
        f"{name}.{leaf}" if isinstance(value, dict) else name
        for name, value in table.items()
        for leaf in (value if isinstance(value, dict) else [name])
    ]
    assert [origin.key for origin in explain()] == leaves
    assert {origin.origin for origin in explain()} == {"settings.toml"}


def test_the_model_and_the_packaged_file_name_the_same_settings() -> None:
    assert load().model_dump() == tomllib.loads(PACKAGED.read_text(encoding="utf-8"))


def test_defaults_exist_only_in_the_packaged_file() -> None:
    fields = dict(Settings.model_fields)
    for section in Settings.model_fields.values():
        fields |= getattr(section.annotation, "model_fields", {})
    assert [name for name, field in fields.items() if not field.is_required()] == []


KEYS = [number for number, line in enumerate(LINES) if re.match(r"\w+ *=", line)]


@pytest.mark.parametrize("number", KEYS, ids=[LINES[number].split("=")[0].strip() for number in KEYS])
def test_every_default_has_a_comment_above_it(number: int) -> None:
    assert LINES[number - 1].startswith("# ")


@pytest.mark.parametrize(
    ("file", "variables", "flags", "named", "nearest"),
    [
        pytest.param("[render]\ncfr = 1", {}, {}, "reelweave.toml: .* render.cfr", "render.crf", id="key in file"),
        pytest.param("[redner]\ncrf = 1", {}, {}, "reelweave.toml: .* redner.crf", "render.crf", id="section"),
        pytest.param("[redner]", {}, {}, "reelweave.toml: .* redner", "render.", id="empty section"),
        pytest.param("[Render]\ncrf = 1", {}, {}, "reelweave.toml: .* Render.crf", "render.crf", id="capitals"),
        pytest.param("render = 1", {}, {}, "reelweave.toml: .* render", "render.", id="section as a value"),
        pytest.param("crf = 1", {}, {}, "reelweave.toml: .* crf", "render.crf", id="key outside its section"),
        pytest.param("[render]\ncrf = {a = 1}", {}, {}, "render.crf.a", "render.crf", id="value as a section"),
        pytest.param('"render.crf" = 1', {}, {}, '"render.crf"', "render.crf", id="quoted dotted key"),
        pytest.param(
            None, {"REELWEAVE_SOLVE__SED": "1"}, {}, "REELWEAVE_SOLVE__SED", "REELWEAVE_SOLVE__SEED", id="variable"
        ),
        pytest.param(
            None, {"REELWEAVE_SOLVE_SEED": "1"}, {}, "REELWEAVE_SOLVE_SEED", "REELWEAVE_SOLVE__SEED", id="delimiter"
        ),
        pytest.param(
            None, {"REELWEAVE_LIBARY": "x"}, {}, "REELWEAVE_LIBARY", "REELWEAVE_LIBRARY", id="top-level variable"
        ),
        pytest.param(None, {"REELWEAVE_RENDER": "{}"}, {}, "REELWEAVE_RENDER", "REELWEAVE_RENDER__", id="JSON section"),
        pytest.param(None, {}, {"render.cfr": 1}, "flag: .* render.cfr", "render.crf", id="flag"),
    ],
)
def test_an_unknown_key_is_rejected_with_its_origin_and_the_nearest_known_key(
    monkeypatch: pytest.MonkeyPatch,
    file: str | None,
    variables: dict[str, str],
    flags: dict[str, Any],
    named: str,
    nearest: str,
) -> None:
    configure(monkeypatch, file, variables)
    with pytest.raises(UsageError, match=named) as refused:
        load(flags)
    assert nearest in refused.value.remedy


@pytest.mark.parametrize(
    ("file", "variables", "flags", "named"),
    [
        pytest.param("[render]\ncrf = 99", {}, {}, "reelweave.toml: render.crf = 99", id="range"),
        pytest.param("[solve]\nprice = 'hubber'", {}, {}, "reelweave.toml: solve.price = 'hubber'", id="choice"),
        pytest.param("[solve]\ntime_limit = nan", {}, {}, "reelweave.toml: solve.time_limit = nan", id="not a number"),
        pytest.param("[render]\ncrf = [1]", {}, {}, "reelweave.toml: render.crf", id="type"),
        pytest.param("[outliers]\ncut_floor = 1.9", {}, {}, "reelweave.toml: outliers.*cut_ceiling", id="floor over"),
        pytest.param(
            None, {"REELWEAVE_RENDER__CRF": "x"}, {}, "REELWEAVE_RENDER__CRF: render.crf = 'x'", id="variable"
        ),
        pytest.param(None, {}, {"render.crf": 99}, "flag: render.crf = 99", id="flag"),
    ],
)
def test_an_invalid_value_is_rejected_with_its_origin(
    monkeypatch: pytest.MonkeyPatch, file: str | None, variables: dict[str, str], flags: dict[str, Any], named: str
) -> None:
    configure(monkeypatch, file, variables)
    with pytest.raises(UsageError, match=named):
        load(flags)


def test_invalid_toml_is_rejected_with_line_and_column(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, "[render]\ncrf = = 1\n")
    with pytest.raises(UsageError, match=r"reelweave\.toml .*line 2, column 7"):
        load()


def test_a_settings_file_that_is_not_text_is_rejected() -> None:
    Path("reelweave.toml").write_bytes(b"\xff\xfe[")
    with pytest.raises(UsageError, match=r"reelweave\.toml"):
        load()


def test_the_debug_variable_is_not_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, variables={"REELWEAVE_DEBUG": "1"})
    assert load() == load({})


@pytest.mark.parametrize(("place", "name"), [("render", "crf"), (None, "library")], ids=["section", "top level"])
def test_settings_cannot_be_changed_once_loaded(place: str | None, name: str) -> None:
    loaded = load()
    with pytest.raises(ValidationError):
        setattr(getattr(loaded, place) if place else loaded, name, 1)


def test_the_library_lies_in_the_platform_folder_unless_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert library_folder(load()).is_absolute()
    assert library_folder(load()).name == "reelweave"
    configure(monkeypatch, variables={"REELWEAVE_LIBRARY": str(tmp_path)})
    assert library_folder(load()) == tmp_path


@pytest.mark.parametrize(
    ("old", "section"), [("Ingest", "ingest"), ("Clip", "clip"), ("Shots", "shots"), ("Render", "render")]
)
def test_section_classes_keep_their_old_names_with_a_warning(old: str, section: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{old} is deprecated"):
        assert getattr(settings, old) is Settings.model_fields[section].annotation


def test_an_unknown_name_in_the_settings_module_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        _ = settings.Nothing


def test_reading_settings_loads_nothing_heavy() -> None:
    heavy = "{'cv2', 'torch', 'chromadb', 'scipy', 'ortools', 'faiss', 'numpy'}"
    code = f"import sys; from reelweave.settings import load; load(); print({heavy} & set(sys.modules) or 'none')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "none"
