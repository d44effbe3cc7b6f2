"""What is shipped: the wheel, its version, and the dependencies it declares."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

import reelweave

ROOT = Path(reelweave.__file__).resolve().parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: list[str] = PROJECT["tool"]["setuptools"]["packages"]
OWN_MODEL = ROOT / "ingest" / "models" / "toy"
SCHEMAS = ROOT / "schemas"
TEMPLATES = ROOT / "render" / "report" / "templates"
ROOMS = [ROOT.joinpath(*name.split(".")[1:]) for name in PACKAGES if name != "reelweave"]
NOT_PACKAGED = {".venv", "build", "tests", "bench", "deploy", "docs"}
MAN_PAGE = "docs/man/reelweave.1"
BESIDES_CODE = {"settings.toml", "py.typed", "__init__.pyi"}


def shipped() -> Iterator[Path]:
    """The package's files in the checkout, which also holds tests, an environment and more."""
    yield from (file for file in ROOT.iterdir() if file.suffix == ".py" or file.name in BESIDES_CODE)
    for room in [*ROOMS, OWN_MODEL, TEMPLATES, SCHEMAS]:
        yield from (file for file in room.iterdir() if file.is_file() and file.suffix != ".pyc")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    """What the package needs, with every extra but the developers' own."""
    project = PROJECT["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "dev" for line in lines]
    return {normal(re.match(r"[\w.-]+", line)[0]) for line in [*project["dependencies"], *extras]}  # type: ignore[index]


def imported() -> dict[str, Path]:
    """The top-level names that the package imports from outside itself, each with one file that does."""
    names: dict[str, Path] = {}
    for file in shipped():
        for node in ast.walk(ast.parse(file.read_bytes())) if file.suffix == ".py" else ():
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0]: file for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names[node.module.split(".")[0]] = file
    return {name: file for name, file in names.items() if name not in sys.stdlib_module_names | {"reelweave"}}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    """Built from a copy, since setuptools leaves its scratch in the folder that it builds."""
    copy = tmp_path_factory.mktemp("checkout")
    (copy / "docs" / "man").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", MAN_PAGE):
        shutil.copy(ROOT / name, copy / name)
    for file in shipped():
        target = copy / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    for stranger in ("tests", "bench"):
        (copy / stranger).mkdir()
        (copy / stranger / "__init__.py").touch()
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "dist"), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with ZipFile(next((copy / "dist").glob("*.whl"))) as archive:
        yield archive


def test_the_wheel_holds_the_package_and_nothing_else(wheel: ZipFile) -> None:
    data = f"reelweave-{reelweave.__version__}.data/data"
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name and not name.startswith(data)}
    assert [name for name in wheel.namelist() if name.startswith(data)] == [f"{data}/share/man/man1/reelweave.1"]
    assert packed == {f"reelweave/{file.relative_to(ROOT).as_posix()}" for file in shipped()}
    assert {f"reelweave/{name}" for name in BESIDES_CODE} <= packed


def test_the_wheel_holds_the_small_model(wheel: ZipFile) -> None:
    for name in ("open_clip_config.json", "open_clip_model.safetensors", "README.md"):
        assert wheel.read(f"reelweave/ingest/models/toy/{name}") == (OWN_MODEL / name).read_bytes()


def test_the_small_model_is_small() -> None:
    assert sum(file.stat().st_size for file in OWN_MODEL.iterdir()) <= 8_000_000


def test_the_version_is_said_once(wheel: ZipFile) -> None:
    metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    assert Parser().parsestr(wheel.read(metadata).decode())["Version"] == reelweave.__version__
    assert "version" not in PROJECT["project"]


def test_the_changelog_knows_the_version() -> None:
    assert f"## [{reelweave.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_room_is_listed_as_a_package() -> None:
    inits = [init.parent.relative_to(ROOT).parts for init in ROOT.rglob("__init__.py")]
    rooms = {".".join(("reelweave", *parts)) for parts in inits if not parts or parts[0] not in NOT_PACKAGED}
    assert rooms == set(PACKAGES)


def test_every_third_party_import_is_declared() -> None:
    known = packages_distributions()
    strangers = {
        name: file.name
        for name, file in imported().items()
        if not declared() & {normal(distribution) for distribution in known.get(name, [name])}
    }
    assert strangers == {}


def test_every_declared_dependency_is_imported() -> None:
    # torch.onnx.export imports it, and torch does not ask for it.
    by_others = {"onnxscript"}
    known = packages_distributions()
    used = {normal(distribution) for name in imported() for distribution in known.get(name, [name])}
    assert declared() - used == by_others


def test_the_guide_to_installing_lists_every_extra() -> None:
    guide = (ROOT / "docs" / "guide" / "install.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE)) == set(
        PROJECT["project"]["optional-dependencies"]
    ) - {"dev"}


def test_constraints_pin_versions_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    odd = [line for line in lines if not re.fullmatch(r"(#.*|[\w.-]+==[\w.]+( ; .+)?)", line)]
    assert odd == []
    assert declared() <= {normal(line.split("==")[0]) for line in lines}


def test_the_public_gate_runs_every_supported_python() -> None:
    import yaml

    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    gate = workflow["jobs"]["gate"]
    supported = re.findall(r"Programming Language :: Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    assert gate["strategy"]["matrix"]["python"] == supported
    assert {".ci/run"} <= {step.get("run") for step in gate["steps"]}


def test_no_module_at_the_root_hides_one_of_the_standard_library() -> None:
    names = {path.stem for path in ROOT.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert names & sys.stdlib_module_names == set()
