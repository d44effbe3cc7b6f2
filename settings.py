"""The typed model of settings.toml, and where each value came from.

A flag wins over the environment, the environment over ./reelweave.toml, and that over the packaged
settings.toml, which is the only place of defaults: the classes below state types and ranges alone.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from .errors import UsageError, command
from .untrusted import UntrustedError, is_text, read_text, shown, within_depth

PACKAGED = Path(__file__).with_name("settings.toml")
LOCAL = "reelweave.toml"
PREFIX = "REELWEAVE_"

_NESTED = "__"
_MOST_TOML = 1 << 20
"""Bytes of a settings file."""
_RESERVED = frozenset({"REELWEAVE_DEBUG", "REELWEAVE_UI_PASSWORD"})
"""Variables that are read before any setting is, and therefore are none."""

Frames = Annotated[int, Field(ge=0, le=10_000_000)]
"""Up to which a film is looked at in one way rather than another: four days at 25 frames a second."""
Batch = Annotated[int, Field(ge=1, le=1024)]
Some = Annotated[int, Field(ge=1, le=1000)]
"""Of what each frame has several."""
Answers = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(ge=0, le=1e7)]
"""Up to a third of a year."""
Factor = Annotated[float, Field(ge=1e-6, le=1e6)]
Gigabytes = Annotated[float, Field(gt=0, le=1e6)]
Rate = Annotated[float, Field(ge=0.001, le=1000)]
"""Frames a second."""
Share = Annotated[float, Field(ge=0, le=1)]
Chord = Annotated[float, Field(ge=0, le=2)]
"""The distance of two unit vectors."""

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"
]

TIMM_SPACE = "timm:"
"""What the name of a space begins with whose model is one of timm's."""

OWN_SPACE = "own:"
"""What the name of a space begins with whose vectors were made by nothing that Reelweave knows."""


def _is_rate(fps: float) -> float:
    if fps == 0 or 0.001 <= fps <= 1000:
        return fps
    raise ValueError("should be 0 or from 0.001 to 1000 frames a second")


def _is_path(path: str) -> str:
    if is_text(path):
        return path
    raise ValueError("should be the name of a folder")


def _is_space(name: str, *others: str) -> str:
    if name in ("appearance", "clip", "fused", *others) or (name.startswith(TIMM_SPACE) and name != TIMM_SPACE):
        return name
    raise ValueError(f"should be {', '.join(['appearance', 'clip', 'fused', *others])} or {TIMM_SPACE}MODEL")


def _is_stored_space(name: str) -> str:
    return name if name.startswith(OWN_SPACE) and name != OWN_SPACE else _is_space(name)


SpaceName = Annotated[str, AfterValidator(_is_stored_space)]
SpacesName = Annotated[str, AfterValidator(lambda name: _is_space(name, "all", "auto"))]
NetworkName = Annotated[str, Field(pattern=r"^(clip|timm:.+)$")]

RuleName = Literal["density", "dbscan", "hdbscan"]
"""How frames that belong together are found."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Store(_Section):
    copy_gb: Gigabytes


class Ingest(_Section):
    fps: Annotated[float, AfterValidator(_is_rate)]
    size: Annotated[int, Field(ge=0, le=16_384)]
    space: SpacesName
    batch: Batch
    # Beyond this a film of 1,500 frames would fill 1.5 GB when it is solved.
    proxy_pixels: Annotated[int, Field(ge=256, le=1_000_000)]
    duplicate_level: Annotated[float, Field(ge=0, le=255)]
    share_level: Annotated[float, Field(ge=0, le=255)]
    pictures_fps: Rate


class Clip(_Section):
    model: Annotated[str, Field(min_length=1)]
    device: Literal["auto", "cpu", "cuda", "mps"]
    speed: Literal["auto", "exact", "half", "int8"]
    batch: Batch


class Neighbours(_Section):
    # The outlier rule asks for the second-nearest frame.
    k: Annotated[int, Field(ge=2, le=1000)]
    exact_limit: Frames


class Outliers(_Section):
    rule: RuleName
    cut_factor: Factor
    cut_floor: Chord
    cut_ceiling: Chord
    min_group: Annotated[int, Field(ge=1, le=1_000_000)]
    max_share: Share

    @model_validator(mode="after")
    def _floor_under_ceiling(self) -> Self:
        if self.cut_floor > self.cut_ceiling:
            raise ValueError(f"cut_floor ({self.cut_floor}) is over cut_ceiling ({self.cut_ceiling})")
        return self


class Solve(_Section):
    space: SpaceName
    fused_with: NetworkName
    fused_share: Share
    price: Literal["auto", "huber", "cosine", "histogram", "flow", "sift", "match"]
    match_model: Annotated[str, Field(min_length=1)]
    doubt: Factor
    flow_limit: Frames
    thorough: bool
    candidates: Some
    time_limit: Seconds
    # Both ask for n x n prices as Python's numbers: 5,000 frames take 1 GB of them.
    ortools_limit: Annotated[int, Field(ge=0, le=5000)]
    dense_limit: Annotated[int, Field(ge=0, le=5000)]
    seed: Annotated[int, Field(ge=0, lt=2**31)]


class Split(_Section):
    same_look: Share


class Shots(_Section):
    cut_chord: Chord
    cut_ratio: Annotated[float, Field(ge=1, le=1e6)]


class Render(_Section):
    crf: Annotated[int, Field(ge=0, le=51)]
    preset: Preset
    audio: Literal["drop", "keep", "reslice"]
    scratch_gb: Annotated[float, Field(ge=0.001, le=1e6)]


class Search(_Section):
    k: Answers
    most: Answers
    auto: Share
    stand_out: Factor
    same: Share
    gap: Seconds
    memory_gb: Gigabytes
    probe: Annotated[float, Field(gt=0, le=1)]
    still: Annotated[float, Field(gt=0, le=3600)]
    margin: Annotated[float, Field(ge=0, le=3600)]


class Breakup(_Section):
    misfit: Factor
    run_seconds: Seconds
    torn: Factor
    grain: Factor
    stripes: Factor
    blocks: Factor
    blank: Factor
    freeze_frames: Annotated[int, Field(ge=1, le=1_000_000)]
    healed: Factor
    guessed: Annotated[float, Field(ge=0, le=1e6)]


class Repair(_Section):
    method: Literal["auto", "motion", "blend", "hold"]
    longest: Annotated[int, Field(ge=1, le=100_000)]
    long: Literal["leave", "hold"]


class Report(_Section):
    sheet_frames: Some
    weak_joins: Annotated[int, Field(ge=0, le=10_000)]


class Settings(BaseSettings):
    """Every value a user may change; made by `load`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=_NESTED, frozen=True, extra="forbid")

    library: Annotated[str, AfterValidator(_is_path)]
    store: Store
    ingest: Ingest
    clip: Clip
    neighbours: Neighbours
    outliers: Outliers
    solve: Solve
    split: Split
    shots: Shots
    render: Render
    search: Search
    breakup: Breakup
    repair: Repair
    report: Report

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = (InitSettingsSource(settings_cls, _toml(path)) for path in _files())
        return init_settings, env_settings, *files


@dataclass(frozen=True)
class Origin:
    """One setting as `reelweave settings show` prints it."""

    key: str
    value: Any
    origin: str


@dataclass(frozen=True)
class _Found:
    value: Any
    origin: str


_Layer = dict[str, _Found]
"""What one place says, by dotted key."""


def load(overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force; `overrides` are flags by dotted key, those that are None were not given."""
    flags = _given(overrides)
    return _validated(flags, _layers(flags))


def changed(settings: Settings, section: str, values: Mapping[str, Any]) -> Settings:
    """The settings with some values of a section replaced; UsageError where one is out of its range."""
    known = getattr(settings, section)
    try:
        new = type(known).model_validate(known.model_dump() | dict(values))
    except ValidationError as bad:
        problem = bad.errors()[0]
        key = ".".join(str(part) for part in (section, *problem["loc"]))
        raise UsageError(f"{key} = {shown(problem['input'])} cannot be used: {_said(problem['msg'])}.") from bad
    return settings.model_copy(update={section: new})


def explain(overrides: Mapping[str, Any] | None = None) -> list[Origin]:
    """Each value and where it came from, in the order of settings.toml."""
    flags = _given(overrides)
    layers = _layers(flags)
    values = dict(_leaves(_validated(flags, layers).model_dump()))
    return [Origin(key, values[key], _winner(key, layers).origin) for key in layers[-1]]


def library_folder(settings: Settings) -> Path:
    """Where the library lies; the folder need not exist yet."""
    import platformdirs

    return Path(settings.library or platformdirs.user_data_dir("reelweave", appauthor=False)).expanduser()


def _given(overrides: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (overrides or {}).items() if value is not None}


def _files() -> Iterator[Path]:
    """The files that exist, found here because pydantic-settings passes over a missing one in silence."""
    local = Path.cwd() / LOCAL
    if local.is_file():
        yield local
    yield PACKAGED


def _layers(flags: Mapping[str, Any]) -> list[_Layer]:
    """Every place, the strongest first, each holding known keys only."""
    layers = [{key: _Found(value, "flag") for key, value in flags.items()}, _environment()]
    layers += [_file(path) for path in _files()]
    known = list(_keys())
    for layer in layers:
        for key, found in layer.items():
            if key not in known:
                raise _unknown(key, found.origin, known)
    return layers


def _environment() -> _Layer:
    """The variables that are ours by their prefix: pydantic-settings ignores those it cannot place."""
    layer: _Layer = {}
    for name, value in os.environ.items():
        if name.upper().startswith(PREFIX) and name.upper() not in _RESERVED:
            key = ".".join(_quoted(part) for part in name[len(PREFIX) :].lower().split(_NESTED))
            layer[key] = _Found(value, f"environment {name}")
    return layer


def _file(path: Path) -> _Layer:
    return {key: _Found(value, path.name) for key, value in _leaves(_toml(path))}


def _toml(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(read_text(path, _MOST_TOML))
    except UntrustedError as unreadable:
        raise UsageError(f"{path} cannot be read: it {unreadable}.") from unreadable
    except (ValueError, RecursionError) as broken:  # too many digits, too many brackets
        raise UsageError(f"{path.name} is not valid TOML: {broken}.", f"Correct {path}.") from broken
    except OSError as unreadable:
        raise UsageError(f"{path} cannot be read: {unreadable}.") from unreadable
    if not within_depth(data):
        raise UsageError(f"{path.name} holds tables too deep in one another.", f"Correct {path}.")
    return data


def _leaves(data: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys with their values; an empty table that is no section counts as a value."""
    for name, value in data.items():
        key = above + _quoted(name)
        if isinstance(value, dict) and (value or key in Settings.model_fields):
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _quoted(name: str) -> str:
    """A name that itself holds a dot must not pass for a section and a key."""
    return f'"{name}"' if "." in name else name


def _keys() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{name}.{leaf}" for leaf in field.annotation.model_fields)
        else:
            yield name


def _unknown(key: str, origin: str, known: Sequence[str]) -> UsageError:
    variable = origin.startswith("environment ")
    near = difflib.get_close_matches(key, known, n=1) or difflib.get_close_matches(key.split(".")[-1], known, 1, 0.4)
    if not near:
        return UsageError(f"{origin}: there is no setting {key}.", f"{command('settings', 'show')} lists them.")
    name = PREFIX + near[0].upper().replace(".", _NESTED) if variable else near[0]
    return UsageError(f"{origin}: there is no setting {key}.", f"Did you mean {name}?")


def _validated(flags: Mapping[str, Any], layers: Sequence[_Layer]) -> Settings:
    nested: dict[str, Any] = {}
    for key, value in flags.items():
        *above, name = key.split(".")
        table = nested
        for part in above:
            table = table.setdefault(part, {})
        table[name] = value
    try:
        return Settings(**nested)
    except ValidationError as bad:
        raise _refused(bad, layers) from bad


def _refused(bad: ValidationError, layers: Sequence[_Layer]) -> UsageError:
    """The first value that cannot be used, in the words of the place that holds it."""
    problem = bad.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    found = _winner(key, layers)
    value = "" if isinstance(problem["input"], dict) else f" = {shown(problem['input'])}"
    return UsageError(
        f"{found.origin}: {key}{value} cannot be used: {_said(problem['msg'])}.", f"Correct {key}, or leave it out."
    )


def _said(message: str) -> str:
    """What pydantic says of a value, without its headings."""
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _winner(key: str, layers: Sequence[_Layer]) -> _Found:
    """The strongest place that speaks of a key, or of anything in the section so named."""
    for layer in layers:
        for name, found in layer.items():
            if name == key or name.startswith(f"{key}."):
                return found
    return _Found(None, PACKAGED.name)
