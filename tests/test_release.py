"""What is released: complete and reproducible files, and no release of what is not ready."""

import hashlib
import importlib.util
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

import reelweave

ROOT = Path(reelweave.__file__).resolve().parent
# Two moments far apart, so that no time of the machine can be the same in both.
DATES = (1_600_000_000, 1_700_000_000)


def script(name: str) -> ModuleType:
    """A script of .ci/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


distribution = script("distribution")
release = script("release")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A checkout that can be released as 1.2.3."""
    (tmp_path / "__init__.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [1.2.3] - 2026-11-30\n\n- new\n\n## [1.2.2] - 2026-01-01\n"
    )
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "ready")
    return tmp_path


def test_what_is_ready_is_not_refused(ready: Path) -> None:
    assert release.version_of(ready) == "1.2.3"
    assert release.refusals(ready, "1.2.3") == []
    assert release.notes_of(ready, "1.2.3") == "- new"


def test_a_checkout_with_changes_is_refused(ready: Path) -> None:
    (ready / "new.py").touch()
    assert "not committed" in release.refusals(ready, "1.2.3")[0]


def test_a_version_that_is_tagged_is_refused(ready: Path) -> None:
    git(ready, "tag", "v1.2.3")
    assert "v1.2.3 exists" in release.refusals(ready, "1.2.3")[0]


@pytest.mark.parametrize(
    "title", ["## [1.2.3] - unreleased", "## [1.2.4] - 2026-11-30", "## 1.2.3", "## [1.2.3] - 2026-11-30\n\n## [1.2.2]"]
)
def test_a_version_without_a_dated_section_of_the_changelog_is_refused(ready: Path, title: str) -> None:
    (ready / "CHANGELOG.md").write_text(f"# Changelog\n\n{title}\n")
    git(ready, "commit", "--quiet", "-am", "changelog")
    assert "1.2.3" in release.refusals(ready, "1.2.3")[0]


@pytest.mark.parametrize("version", ["1.2", "1.2.3.dev0", "v1.2.3", "latest", "1.2.3+local"])
def test_what_is_not_a_version_is_refused(ready: Path, version: str) -> None:
    assert "not a version" in release.refusals(ready, version)[0]


def test_without_tag_nothing_is_changed_and_with_it_the_tag_has_the_notes(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "test")
        monkeypatch.setenv(f"{name}_EMAIL", "test@example.org")
    monkeypatch.setattr(release, "ROOT", ready)
    monkeypatch.setattr(release, "build_twice", lambda root: [])
    monkeypatch.setattr(release, "check", lambda files: None)
    monkeypatch.setattr(sys, "argv", ["release.py"])
    release.main()
    assert "- new" in capsys.readouterr().out
    assert git(ready, "tag", "--list") == ""
    monkeypatch.setattr(sys, "argv", ["release.py", "--tag"])
    release.main()
    assert "- new" in git(ready, "tag", "--list", "v1.2.3", "--format=%(contents)")
    with pytest.raises(SystemExit, match=r"v1\.2\.3 exists"):
        release.main()


class Built(NamedTuple):
    archive: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Built, Built]:
    """Built twice at one date, from checkouts of different age, and once at another."""
    if not (ROOT / ".git").exists():
        pytest.skip("only a checkout knows which files belong to the source archive")
    made = []
    for number, date in enumerate((DATES[0], DATES[0], DATES[1])):
        folder = tmp_path_factory.mktemp(f"built {number}")
        checkout = distribution.copied(ROOT, folder / "checkout")
        for file in checkout.rglob("*"):
            os.utime(file, (DATES[number % 2], DATES[number % 2]))
        for command in (["init", "--quiet"], ["add", "--all", "--force"]):
            git(checkout, *command)
        wheel, archive = sorted(distribution.build(checkout, folder / "dist", date))
        made.append(Built(archive, wheel))
    return made[0], made[1], made[2]


def test_a_second_build_gives_the_same_bytes(built: tuple[Built, Built, Built]) -> None:
    first, second, later = ([hashlib.sha256(file.read_bytes()).hexdigest() for file in one] for one in built)
    assert first == second
    assert set(first).isdisjoint(later)


def test_the_source_archive_holds_every_file_of_the_checkout(built: tuple[Built, Built, Built]) -> None:
    with tarfile.open(built[0].archive) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
        owners = {(member.uid, member.gid, member.uname, member.mtime) for member in archive}
    assert set(git(ROOT, "ls-files").splitlines()) <= packed | set(git(ROOT, "ls-files", "--deleted").splitlines())
    assert owners == {(0, 0, "", DATES[0])}


def test_the_metadata_is_valid(built: tuple[Built, Built, Built]) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built[0])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_names_this_machine(built: tuple[Built, Built, Built]) -> None:
    import zipfile

    with zipfile.ZipFile(built[0].wheel) as wheel:
        assert [name for name in wheel.namelist() if str(ROOT).encode() in wheel.read(name)] == []
