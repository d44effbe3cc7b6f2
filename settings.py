"""Typed settings, and the origin of each value.

Precedence: flags, environment, ./reelweave.toml, the packaged settings.toml. Only the last holds defaults; the classes
below state types and ranges.
"""

import difflib
import os
import re
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from .errors import UsageError, command, option_variables
from .media.untrusted import UntrustedError, is_text, quote, read_text, within_depth

PACKAGED = Path(__file__).with_name("settings.toml")
LOCAL = "reelweave.toml"
PREFIX = "REELWEAVE_"

_NESTED = "__"
"""Separates section and key in the name of an environment variable."""

_ONE_LETTER = 0.95
"""Similarity of two names of 20 letters of which one letter differs."""

_MAX_TOML_BYTES = 1 << 20
"""Size limit of a settings file; the packaged one has under 20 kB."""

_RESERVED = frozenset({"REELWEAVE_DEBUG", "REELWEAVE_STORE_TOKEN", "REELWEAVE_UI_PASSWORD"})
"""Environment variables with the prefix that are not settings, since they are read before the settings."""

FrameLimit = Annotated[int, Field(ge=0, le=10_000_000)]
"""Number of frames up to which a method is used; at most four days at 25 frames a second."""
Batch = Annotated[int, Field(ge=1, le=1024)]
SmallCount = Annotated[int, Field(ge=1, le=1000)]
"""Number of things that each frame, or a page, has several of."""
ResultLimit = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(ge=0, le=1e7)]
"""At most a third of a year."""
Factor = Annotated[float, Field(ge=1e-6, le=1e6)]
Gigabytes = Annotated[float, Field(gt=0, le=1e6)]
Rate = Annotated[float, Field(ge=0.001, le=1000)]
"""Frames a second."""
Share = Annotated[float, Field(ge=0, le=1)]
Chord = Annotated[float, Field(ge=0, le=2)]
"""Euclidean distance of two unit vectors."""

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"
]

TIMM_SPACE = "timm:"
"""Prefix of the names of spaces whose model is one of timm's."""

OWN_SPACE = "own:"
"""Prefix of the names of spaces whose vectors were made outside Reelweave."""


def _is_rate(fps: float) -> float:
    if fps == 0 or 0.001 <= fps <= 1000:
        return fps
    raise ValueError("should be 0 or from 0.001 to 1000 frames a second")


def _is_path(path: str) -> str:
    if is_text(path):
        return path
    raise ValueError("should be the name of a folder")


def is_server_url(url: str) -> bool:
    """Tell whether a text is the URL of a server without a user, a password, a query or a fragment."""
    return re.fullmatch(r"https?://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[\w./-]*)?", url) is not None


def _is_server(url: str) -> str:
    if not url or is_server_url(url):
        return url.rstrip("/")
    raise ValueError("should be http://HOST:PORT or https://HOST:PORT, without a user or a password")


def _is_engine(name: str) -> str:
    if name in ("local", "ray") or (name.startswith("ray://") and name != "ray://"):
        return name
    raise ValueError("should be local, ray or ray://HOST:PORT")


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
"""Clustering method that finds outliers."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoreSettings(_Section):
    url: Annotated[str, AfterValidator(_is_server)]
    tenant: Annotated[str, Field(min_length=1)]
    database: str
    token_file: Annotated[str, AfterValidator(_is_path)]
    token_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
    ca_file: Annotated[str, AfterValidator(_is_path)]
    connect_timeout: Annotated[float, Field(ge=0.1, le=3600)]
    read_timeout: Annotated[float, Field(ge=0.1, le=86_400)]
    retry_seconds: Seconds
    copy_gb: Gigabytes


class EngineSettings(_Section):
    name: Annotated[str, AfterValidator(_is_engine)]
    cpus: Annotated[int, Field(ge=1, le=1024)]
    gpus: Annotated[float, Field(ge=0, le=64)]
    retries: Annotated[int, Field(ge=0, le=100)]
    segment_minutes: Annotated[float, Field(ge=0, le=1e6)]


class IngestSettings(_Section):
    fps: Annotated[float, AfterValidator(_is_rate)]
    size: Annotated[int, Field(ge=0, le=16_384)]
    space: SpacesName
    batch: Batch
    # Larger proxies would need 1.5 GB when a film of 1,500 frames is solved.
    proxy_pixels: Annotated[int, Field(ge=256, le=1_000_000)]
    duplicate_level: Annotated[float, Field(ge=0, le=255)]
    share_level: Annotated[float, Field(ge=0, le=255)]
    pictures_fps: Rate


class NetworkSettings(_Section):
    model: Annotated[str, Field(min_length=1)]
    device: Literal["auto", "cpu", "cuda", "mps"]
    speed: Literal["auto", "exact", "half", "int8"]
    batch: Batch
    view: Literal["auto", "whole", "crop", "tiles"]
    research: bool


class NeighbourSettings(_Section):
    # The outlier rule asks for the second-nearest frame.
    k: Annotated[int, Field(ge=2, le=1000)]
    exact_limit: FrameLimit


class OutlierSettings(_Section):
    rule: RuleName
    cut_factor: Factor
    cut_floor: Chord
    cut_ceiling: Chord
    min_group: Annotated[int, Field(ge=1, le=1_000_000)]
    max_share: Share

    @model_validator(mode="after")
    def _floor_under_ceiling(self) -> Self:
        if self.cut_floor > self.cut_ceiling:
            raise ValueError(f"cut_floor ({self.cut_floor}) is above cut_ceiling ({self.cut_ceiling})")
        return self


class SolveSettings(_Section):
    space: SpaceName
    fused_with: NetworkName
    fused_share: Share
    price: Literal[
        "auto",
        "changes",
        "small-changes",
        "difference",
        "coarse-difference",
        "scroll",
        "tangent",
        "states",
        "huber",
        "cosine",
        "histogram",
        "flow",
        "sift",
        "match",
    ]
    match_model: Annotated[str, Field(min_length=1)]
    doubt: Factor
    flow_limit: FrameLimit
    thorough: bool
    sound: bool
    candidates: SmallCount
    time_limit: Seconds
    # Both methods need n x n costs as Python numbers: 1 GB for 5,000 frames.
    ortools_limit: Annotated[int, Field(ge=0, le=5000)]
    dense_limit: Annotated[int, Field(ge=0, le=5000)]
    seed: Annotated[int, Field(ge=0, lt=2**31)]


class SplitSettings(_Section):
    same_look: Share


class ShotSettings(_Section):
    cut_chord: Chord
    cut_ratio: Annotated[float, Field(ge=1, le=1e6)]


class RenderSettings(_Section):
    crf: Annotated[int, Field(ge=0, le=51)]
    preset: Preset
    audio: Literal["auto", "drop", "keep", "reslice"]
    scratch_gb: Annotated[float, Field(ge=0.001, le=1e6)]


class SearchSettings(_Section):
    k: ResultLimit
    most: ResultLimit
    auto: Share
    stand_out: Factor
    same: Share
    gap: Seconds
    memory_gb: Gigabytes
    probe: Annotated[float, Field(gt=0, le=1)]
    still: Annotated[float, Field(gt=0, le=3600)]
    margin: Annotated[float, Field(ge=0, le=3600)]


class BreakupSettings(_Section):
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


class RepairSettings(_Section):
    method: Literal["auto", "motion", "blend", "hold"]
    longest: Annotated[int, Field(ge=1, le=100_000)]
    long: Literal["leave", "hold"]
    region: Literal["auto", "on", "off"]
    segment: Annotated[int, Field(ge=1, le=1_000_000)]
    ask_above: Share
    throughout: Share


class ReportSettings(_Section):
    sheet_frames: SmallCount
    weak_joins: Annotated[int, Field(ge=0, le=10_000)]


class Settings(BaseSettings):
    """Every value that a user may change; made by `load`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=_NESTED, frozen=True, extra="forbid")

    library: Annotated[str, AfterValidator(_is_path)]
    store: StoreSettings
    engine: EngineSettings
    ingest: IngestSettings
    clip: NetworkSettings
    neighbours: NeighbourSettings
    outliers: OutlierSettings
    solve: SolveSettings
    split: SplitSettings
    shots: ShotSettings
    render: RenderSettings
    search: SearchSettings
    breakup: BreakupSettings
    repair: RepairSettings
    report: ReportSettings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = (InitSettingsSource(settings_cls, _content(path)) for path in _files())
        return init_settings, env_settings, *files


@dataclass(frozen=True)
class Origin:
    """A setting, its value and where the value comes from, as `reelweave settings show` prints them."""

    key: str
    value: Any
    origin: str


@dataclass(frozen=True)
class _Found:
    value: Any
    origin: str


_Layer = dict[str, _Found]
"""The values of one origin, by dotted key."""

_OLD_SECTIONS: dict[str, type[BaseModel]] = {
    "Store": StoreSettings,
    "Ingest": IngestSettings,
    "Clip": NetworkSettings,
    "Neighbours": NeighbourSettings,
    "Outliers": OutlierSettings,
    "Solve": SolveSettings,
    "Split": SplitSettings,
    "Shots": ShotSettings,
    "Render": RenderSettings,
    "Search": SearchSettings,
    "Breakup": BreakupSettings,
    "Repair": RepairSettings,
    "Report": ReportSettings,
}
"""Sections by the names that their classes had in version 0.1."""


def __getattr__(name: str) -> type[BaseModel]:
    """Return a section by the name that its class had in version 0.1."""
    if name not in _OLD_SECTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    section = _OLD_SECTIONS[name]
    warnings.warn(f"{__name__}.{name} is deprecated: use {section.__name__}.", DeprecationWarning, stacklevel=2)
    return section


def load(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Load the settings in force.

    Args:
        overrides: Flags by dotted key; a value of None counts as not given.

    Raises:
        UsageError: A key is unknown, a value is out of its range, or a settings file cannot be read.
    """
    flags = _given(overrides)
    return _validated(flags, _layers(flags))


def changed(settings: Settings, section: str, values: Mapping[str, Any]) -> Settings:
    """Return the settings with some values of a section replaced.

    Raises:
        UsageError: A value is out of its range.
    """
    known = getattr(settings, section)
    try:
        new = type(known).model_validate(known.model_dump() | dict(values))
    except ValidationError as bad:
        problem = bad.errors()[0]
        key = ".".join(str(part) for part in (section, *problem["loc"]))
        raise UsageError(f"{key} = {quote(problem['input'])} cannot be used: {_reason(problem['msg'])}.") from bad
    return settings.model_copy(update={section: new})


def every_frame(settings: Settings) -> Settings:
    """Return the settings with every frame sampled. A film needs all of them; `ingest.fps` is meant for search."""
    return settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"fps": 0.0})})


_Request = TypeVar("_Request")


def request_of(kind: type[_Request], subject: Any, options: dict[str, Any]) -> _Request:
    """Return a request, or build it as version 0.1 did: from its first field and the other fields as keywords.

    Raises:
        TypeError: There are keywords besides a request, or they are no fields of it.
    """
    if not isinstance(subject, kind):
        build: Callable[..., _Request] = kind
        return build(subject, **options)
    if options:
        raise TypeError(f"{kind.__name__} takes no further keywords: {', '.join(options)}")
    return subject


def explain(overrides: Mapping[str, Any] | None = None) -> list[Origin]:
    """List each setting with its value and origin, in the order of settings.toml."""
    flags = _given(overrides)
    layers = _layers(flags)
    values = dict(_leaves(_validated(flags, layers).model_dump()))
    return [Origin(key, values[key], _winner(key, layers).origin) for key in layers[-1]]


def library_folder(settings: Settings) -> Path:
    """Return the folder of the library, which need not exist yet."""
    import platformdirs

    return Path(settings.library or platformdirs.user_data_dir("reelweave", appauthor=False)).expanduser()


def _given(overrides: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (overrides or {}).items() if value is not None}


def _files() -> Iterator[Path]:
    """Find the settings files that exist; pydantic-settings would ignore a missing one silently."""
    local = Path.cwd() / LOCAL
    if local.is_file():
        yield local
    yield PACKAGED


def _layers(flags: Mapping[str, Any]) -> list[_Layer]:
    """Return the values of all origins, highest precedence first, after checking their keys."""
    layers = [{key: _Found(value, "flag") for key, value in flags.items()}, _environment()]
    layers += [_file(path) for path in _files()]
    known = list(_keys())
    for layer in layers:
        for key, found in layer.items():
            if key not in known:
                raise _unknown_key(key, found.origin, known)
    return layers


def _environment() -> _Layer:
    """Read the variables with our prefix; pydantic-settings ignores those that it does not know."""
    layer: _Layer = {}
    others = _RESERVED | option_variables()
    for name, value in os.environ.items():
        if name.upper().startswith(PREFIX) and name.upper() not in others:
            key = ".".join(_quoted(part) for part in name[len(PREFIX) :].lower().split(_NESTED))
            layer[key] = _Found(value, f"environment {name}")
    return layer


def _file(path: Path) -> _Layer:
    return {key: _Found(value, path.name) for key, value in _leaves(_content(path))}


def _content(path: Path) -> dict[str, Any]:
    return _packaged() if path == PACKAGED else _toml(path)


# Parsing it takes 40 % of the time in which settings are loaded.
@cache
def _packaged() -> dict[str, Any]:
    return _toml(PACKAGED)


def _toml(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(read_text(path, _MAX_TOML_BYTES))
    except UntrustedError as unreadable:
        raise UsageError(f"{path} cannot be read: it {unreadable}.") from unreadable
    except (ValueError, RecursionError) as broken:  # also raised for too many digits or brackets
        raise UsageError(f"{path.name} is not valid TOML: {broken}.", f"Correct {path}.") from broken
    except OSError as unreadable:
        raise UsageError(f"{path} cannot be read: {unreadable}.") from unreadable
    if not within_depth(data):
        raise UsageError(f"{path.name} nests tables too deeply.", f"Correct {path}.")
    return data


def _leaves(data: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys with their values; an empty table that is not a section counts as a value."""
    for name, value in data.items():
        key = above + _quoted(name)
        if isinstance(value, dict) and (value or key in Settings.model_fields):
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _quoted(name: str) -> str:
    """Quote a name that contains a dot, so that it does not look like a section and a key."""
    return f'"{name}"' if "." in name else name


def _keys() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{name}.{leaf}" for leaf in field.annotation.model_fields)
        else:
            yield name


def _unknown_key(key: str, origin: str, known: Sequence[str]) -> UsageError:
    variable = origin.startswith("environment ")
    # A key without its section resembles the full one less than the default cutoff of .6 asks for.
    near = difflib.get_close_matches(key, known, n=1) or difflib.get_close_matches(key.split(".")[-1], known, 1, 0.4)
    if not near:
        return UsageError(f"{origin}: there is no setting {key}.", f"{command('settings', 'show')} lists them.")
    name = PREFIX + near[0].upper().replace(".", _NESTED) if variable else near[0]
    if variable:
        # The variable of an option may be meant rather than that of a setting.
        meant = difflib.get_close_matches(origin.split()[-1], [name, *option_variables()], 1, _ONE_LETTER)
        name = meant[0] if meant else name
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
        raise _invalid_value(bad, layers) from bad


def _invalid_value(bad: ValidationError, layers: Sequence[_Layer]) -> UsageError:
    """Report the first invalid value, with the name of its origin."""
    problem = bad.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    found = _winner(key, layers)
    value = "" if isinstance(problem["input"], dict) else f" = {quote(problem['input'])}"
    return UsageError(
        f"{found.origin}: {key}{value} cannot be used: {_reason(problem['msg'])}.", f"Correct {key}, or leave it out."
    )


def _reason(message: str) -> str:
    """Remove the prefixes that pydantic puts before a message."""
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _winner(key: str, layers: Sequence[_Layer]) -> _Found:
    """Return the value of highest precedence for a key, or for any key of the section of that name."""
    for layer in layers:
        for name, found in layer.items():
            if name == key or name.startswith(f"{key}."):
                return found
    return _Found(None, PACKAGED.name)
