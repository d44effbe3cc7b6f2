"""Check, build and tag a release: python .ci/release.py [--tag]

The version is `__version__` in __init__.py. Without --tag nothing is changed: it builds twice and compares, checks the
metadata, tries the wheel in a clean environment, and prints the notes of the release. With --tag it then makes the tag
vVERSION with these notes; push it with `git push origin vVERSION`.
"""

import argparse
import ast
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from distribution import build, epoch, git

ROOT = Path(__file__).resolve().parent.parent
DATED = r"^## \[{version}\] - \d{{4}}-\d{{2}}-\d{{2}}$"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tag", action="store_true", help="make the tag, after everything is checked")
    tag = parser.parse_args().tag
    version = version_of(ROOT)
    if problems := refusals(ROOT, version):
        sys.exit("\n".join([f"{version} cannot be released:", *(f"- {problem}" for problem in problems)]))
    files = build_twice(ROOT)
    check(files)
    notes = notes_of(ROOT, version)
    print(f"{version} is ready: {', '.join(file.name for file in files)}\n\n{notes}")
    if tag:
        git(ROOT, "tag", "--annotate", "--cleanup=verbatim", f"v{version}", "--message", f"{version}\n\n{notes}")
        print(f"\ntagged v{version}; publish it with: git push origin v{version}")
    else:
        print("\nnothing was changed; --tag makes the tag")


def version_of(root: Path) -> str:
    """Read the version without importing the package."""
    for node in ast.parse((root / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__":
            return str(ast.literal_eval(node.value))
    sys.exit("__init__.py has no __version__.")


def refusals(root: Path, version: str) -> list[str]:
    """Say why a version cannot be released; an empty list means that it can."""
    problems = []
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        problems.append(f"{version} is not a version such as 1.2.3 or 1.2.3rc1.")
    if changed := git(root, "status", "--porcelain").splitlines():
        problems.append(f"The checkout has changes that are not committed: {changed[0].strip()}")
    if git(root, "tag", "--list", f"v{version}").strip():
        problems.append(f"The tag v{version} exists. Raise __version__ in __init__.py.")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(DATED.format(version=re.escape(version)), changelog, re.MULTILINE):
        problems.append(f"CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD`.")
    elif not notes_of(root, version):
        problems.append(f"The section of {version} in CHANGELOG.md is empty.")
    return problems


def notes_of(root: Path, version: str) -> str:
    """Return the section of a version of the changelog, without its title."""
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.split(r"^## \[(.+?)\].*$", changelog, flags=re.MULTILINE)
    found = dict(zip(sections[1::2], sections[2::2], strict=True))
    return found.get(version, "").strip()


def build_twice(root: Path) -> list[Path]:
    """Build into dist/, and once more elsewhere, and compare."""
    files = build(root, root / "dist", epoch(root))
    with tempfile.TemporaryDirectory() as other:
        for first, second in zip(files, build(root, Path(other), epoch(root)), strict=True):
            if first.read_bytes() != second.read_bytes():
                sys.exit(f"{first.name} is not reproducible: a second build differs.")
    return files


def check(files: list[Path]) -> None:
    """Check the metadata, and try the wheel in a clean environment."""
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *map(str, files)], check=True)
    subprocess.run([str(ROOT / ".ci" / "wheel"), sys.executable, "--built"], check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
