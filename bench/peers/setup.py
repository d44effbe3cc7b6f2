"""Installs the peers, each in an environment of its own: python bench/peers/setup.py [FOLDER] [--peers NAME...]

The versions are those in the .txt files beside this script. video-descrambler asks for Python 3.12 but uses
nothing of it: with an older Python it is installed all the same.
"""

import argparse
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = sorted(pins.stem for pins in HERE.glob("*.txt"))


def install(name: str, folder: Path) -> Path:
    """The peer's own Python; one made before is only brought to the versions asked for."""
    python = folder / name / "bin" / "python"
    if not python.exists():
        venv.create(folder / name, with_pip=True)
    # All that is needed is pinned, so that pip need not decide anything.
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--ignore-requires-python"]
    subprocess.run([python, "-m", "pip", "install", *options, "-r", HERE / f"{name}.txt"], check=True)
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(".bench/peers"))
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS)
    chosen = parser.parse_args()
    for name in chosen.peers:
        print(f"{name}: {install(name, chosen.folder)}", file=sys.stderr)


if __name__ == "__main__":
    main()
