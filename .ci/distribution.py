"""Build the source archive and the wheel, the same bytes for the same files: python .ci/distribution.py [FOLDER]

The files that git knows are copied, so that nothing else can get in; the wheel is built from the archive, so that the
archive is complete. Times are those of the last commit, or SOURCE_DATE_EPOCH.
"""

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").resolve()
    for old in folder.glob("reelweave-*"):
        old.unlink()
    for file in build(ROOT, folder, epoch(ROOT)):
        print(file)


def build(root: Path, folder: Path, seconds: int) -> list[Path]:
    """Build both files of the checkout at `root` into a folder, dated `seconds` after the epoch."""
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as scratch:
        copy = copied(root, Path(scratch) / "checkout")
        made = Path(scratch) / "made"
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(copy)]
        subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | {"SOURCE_DATE_EPOCH": str(seconds)})
        normalise(next(made.glob("*.tar.gz")), seconds)
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(file, folder)) for file in sorted(made.iterdir())]


def epoch(root: Path) -> int:
    """Return the time that files are dated: SOURCE_DATE_EPOCH, or that of the last commit."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or git(root, "log", "-1", "--format=%ct"))


def copied(root: Path, target: Path) -> Path:
    """Copy the files that git knows, with what is not committed yet."""
    for name in git(root, "ls-files", "-z").split("\0"):
        if name and (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, target / name)
    return target


def normalise(archive: Path, seconds: int) -> None:
    """Write an archive anew with its members in order, and without times, owners and modes of this machine."""
    buffer = io.BytesIO()
    with tarfile.open(archive) as old, tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = seconds, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    with archive.open("wb") as file, gzip.GzipFile("", "wb", 9, file, seconds) as packed:
        packed.write(buffer.getvalue())


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
