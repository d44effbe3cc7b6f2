"""The thumbnails of all frames of a film as a few large pictures, from which the frame browser cuts them."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...media.types import Picture
from ...progress import Progress
from ...render.report.contact_sheet import save_picture
from ..uploads import url_of
from .state import ReconstructState

_COLUMNS = 10
"""Frames across and down a sheet: 1600 x 900 pixels with proxies of 160 x 90, which a browser decodes at once."""


def write_sheets(state: ReconstructState, progress: Progress) -> Sequence[Path]:
    """Write the sheets of a state's video, unless that has been done."""
    frames, folder = all_frames(state), state.folder / "frames"
    folder.mkdir(exist_ok=True)
    size = _COLUMNS * _COLUMNS
    files = []
    with progress.stage("draw frames", len(frames)) as stage:
        for start in range(0, len(frames), size):
            file = folder / f"{start // size}.jpg"
            shown = frames[start : start + size]
            if not file.exists():
                save_picture(_sheet([state.preview.picture(frame) for frame in shown]), file)
            files.append(file)
            stage.advance(len(shown))
    return files


def all_frames(state: ReconstructState) -> list[int]:
    """Return the frames of the video in file order: those of the film, and the dropped ones."""
    return sorted([*state.base.order, *(one.frame for one in state.base.dropped)])


def browser_data(state: ReconstructState, sheets: Sequence[Path]) -> str:
    """Return what the frame browser draws, as JSON."""
    picture = state.preview.picture(state.base.order[0])
    data = {
        "key": state.folder.name,
        "frames": all_frames(state),
        "order": list(state.plan.order),
        "shots": [[run.frames[0], run.shot] for run in state.runs],
        "dropped": sorted(one.frame for one in state.plan.dropped if one.reason != "elsewhere"),
        "sheets": [url_of(file) for file in sheets],
        "columns": _COLUMNS,
        "width": picture.shape[1],
        "height": picture.shape[0],
        "fps": state.plan.video.fps,
    }
    return json.dumps(data)


def _sheet(pictures: Sequence[Picture]) -> Picture:
    height, width = pictures[0].shape[:2]
    sheet = np.zeros((-(-len(pictures) // _COLUMNS) * height, _COLUMNS * width, 3), np.uint8)
    for place, picture in enumerate(pictures):
        top, left = place // _COLUMNS * height, place % _COLUMNS * width
        sheet[top : top + height, left : left + width] = picture
    return sheet
