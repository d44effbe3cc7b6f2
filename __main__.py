"""Run the command line: python -m reelweave."""

from .cli import main

main()
