"""Makes the README's picture from what `reelweave demo` left: python docs/picture.py [reelweave-demo]"""

import sys
from pathlib import Path

import numpy as np

from reelweave.ingest.models.appearance import AppearanceEmbedder
from reelweave.media.source import open_source
from reelweave.media.types import Picture
from reelweave.render.report.contact_sheet import contact_sheet, heat_map, save_picture

COLUMNS, CELL, MAP = 5, 104, 296


def row(film: Path, title: str, chosen: slice) -> Picture:
    """Frames of a film beside the distances of all its frames from one another."""
    pictures = [frame.picture for frame in open_source(film).frames(short_side=180)]
    vectors = AppearanceEmbedder().embed(pictures)
    distances = np.sqrt(np.maximum(2 - 2 * vectors @ vectors.T, 0)).astype(np.float32)
    sheet = contact_sheet(pictures[chosen], columns=COLUMNS, cell_width=CELL, title=title)
    heat = heat_map(distances, MAP, "Distance of every frame to every other")
    height = max(sheet.shape[0], heat.shape[0])
    return np.hstack([_padded(sheet, height), _padded(heat, height)])


def _padded(picture: Picture, height: int) -> Picture:
    return np.pad(picture, ((0, height - picture.shape[0]), (0, 0), (0, 0)), "edge")


def main() -> None:
    demo = Path(sys.argv[1] if len(sys.argv) > 1 else "reelweave-demo")
    rows = [
        row(demo / "scrambled.mp4", "Scrambled: 25 frames, as they come", slice(60, 85)),
        row(demo / "reconstructed.mp4", "Reconstructed: every fifth frame", slice(0, None, 5)),
    ]
    width = max(r.shape[1] for r in rows)
    picture = np.vstack([np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), "edge") for r in rows])
    print(save_picture(picture, Path(__file__).with_name("images") / "before-after.jpg"), picture.shape)


if __name__ == "__main__":
    main()
