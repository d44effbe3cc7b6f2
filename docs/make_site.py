"""Build the documentation site into build/site and fail on a broken link: python docs/make_site.py

A repository host renders docs/ as it is. The site also has README.md, as its first page, CONTRIBUTING.md,
CHANGELOG.md and SECURITY.md, which live outside docs/. So the pages are copied to build/pages first and links between
them adjusted. Zensical's strict mode then checks links between pages and their anchors.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "build" / "pages"
FROM_ROOT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
LINK = re.compile(r"(?P<text>!?\[[^\]]*\])\((?P<target>[^)\s]+)\)")


def copied() -> dict[Path, Path]:
    """Map each file that the site has to its path there."""
    docs = ROOT / "docs"
    files = {file: file.relative_to(docs) for file in docs.rglob("*") if file.is_file() and file.suffix != ".py"}
    return files | {ROOT / name: Path(page) for name, page in FROM_ROOT.items()}


def relinked(text: str, source: Path, files: dict[Path, Path]) -> str:
    """Point relative links at the copies. A link to a file that the site does not have becomes its text alone."""

    def moved(link: re.Match[str]) -> str:
        path, hash_, anchor = link["target"].partition("#")
        if not path or "://" in path:
            return link[0]
        target = (source.parent / path).resolve()
        if not target.exists():
            sys.exit(f"{source.relative_to(ROOT)} links to {path}, which does not exist.")
        page = files.get(target)
        if not page:
            return link["text"].strip("![]")
        return f"{link['text']}({os.path.relpath(page, files[source].parent)}{hash_}{anchor})".replace(os.sep, "/")

    return LINK.sub(moved, text)


def stage() -> None:
    shutil.rmtree(PAGES, ignore_errors=True)
    files = copied()
    for source, page in files.items():
        target = PAGES / page
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            target.write_text(relinked(source.read_text(encoding="utf-8"), source, files), encoding="utf-8")
        else:
            shutil.copyfile(source, target)


def main() -> None:
    stage()
    built = subprocess.run([sys.executable, "-m", "zensical", "build", "--strict", "--clean"], cwd=ROOT, check=False)
    sys.exit(built.returncode)


if __name__ == "__main__":
    main()
