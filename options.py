"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print data as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
LibraryFolder = Annotated[Path | None, typer.Option("--library", help="The library's folder.")]
SpaceName = Annotated[str | None, typer.Option("--space", help="appearance, clip, all or auto.")]
SampleRate = Annotated[str | None, typer.Option("--fps", help="Frames a second to look at, or all.")]
Size = Annotated[int | None, typer.Option("--size", help="Short side of the embedded picture; 0 is as decoded.")]
TimeLimit = Annotated[float | None, typer.Option("--time-limit", help="Seconds that each search for a path may take.")]
Thorough = Annotated[bool, typer.Option("--thorough", help="Look longer at films that leave doubt.")]
Crf = Annotated[int | None, typer.Option("--crf", help="x264 quality, 0 to 51; smaller is better.")]
Lossless = Annotated[bool, typer.Option("--lossless", help="The source's own samples, in a larger file.")]
Reverse = Annotated[bool, typer.Option("--reverse", help="Play it backwards.")]
Both = Annotated[bool, typer.Option("--both", help="Write it forwards and backwards.")]
