"""A page that shows a film of 20,000 frames: their small pictures are drawn and stored, and nothing is solved."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reelweave.media.proxy import ProxySize, ProxyWriter, make_proxy, proxy_picture, read_proxies
from reelweave.media.types import FrameRows, Picture, VideoRecord
from reelweave.render.report import build
from reelweave.solve.plan.model import PathReport, Plan, PlanVideo, Shot
from reelweave.ui.reconstruct import reconstruct_job
from reelweave.ui.reconstruct.state import ReconstructState

FRAMES = 20_000
SHOTS = 4
SIZE = ProxySize(160, 90)
_BATCH = 1000
_RECORD = VideoRecord("long", "long.mp4", "long.mp4", "", "", "video", 25.0, 160, 90, 0.0, 90, 160, 90, FRAMES)


def plan() -> Plan:
    """The film plays in the reverse order of the file, in shots of equal length."""
    length = FRAMES // SHOTS
    facts: dict[str, Any] = {"id": "long", "name": "long.mp4", "source": "long.mp4", "sha256": "", "fps": 25.0}
    return Plan(
        video=PlanVideo(**facts, width=160, height=90, frames=FRAMES),
        order=list(range(FRAMES - 1, -1, -1)),
        dropped=[],
        shots=[Shot(start=number * length, length=length, number=number + 1) for number in range(SHOTS)],
        confidence=[1.0] * (FRAMES - 1),
        prices=[1.0] * (FRAMES - 1),
        path=PathReport(cost=1.0, lower_bound=None, gap=None, solver="none", seconds=0.0),
    )


def store_proxies(file: Path) -> None:
    """Each picture is grey, a little lighter than the one before, with a white square that moves."""
    writer = ProxyWriter(file, SIZE, 0)
    for start in range(0, FRAMES, _BATCH):
        writer.append([make_proxy(_drawn(frame), SIZE) for frame in range(start, start + _BATCH)])
    writer.close()


def _drawn(frame: int) -> Picture:
    picture = np.full((SIZE.height, SIZE.width, 3), 40 + frame * 160 // FRAMES, np.uint8)
    left = frame % 140
    picture[35:55, left : left + 20] = 255
    return picture


def state(folder: Path, proxies: Path, run: str) -> ReconstructState:
    """What the page shows once the film is solved."""
    stored = read_proxies(proxies, SIZE, FRAMES)
    times = np.arange(FRAMES) / 25.0
    vectors = np.stack([np.cos(times / 100), np.sin(times / 100)], axis=1).astype(np.float32)
    rows = FrameRows(np.arange(FRAMES), times, times, times, np.full(FRAMES, -1), vectors)
    solved = plan()
    view = build.PlanView(
        build._report(rows, _RECORD, solved, 16, picture := lambda frame: proxy_picture(stored[frame])), picture
    )
    return ReconstructState(folder, solved, solved, view, folder / "original.mp4", run)


def install() -> None:
    """Let the page in this process show the film, whatever it is asked for; it is not solved again."""
    proxies = Path(os.environ["PROXIES"])

    def begin(context: Any, upload: Any, video: Any, progress: Any, run: str = "", *_: Any) -> ReconstructState:
        with context.new_folder("state") as folder:
            return state(folder, proxies, run)

    def solve_again(context: Any, now: ReconstructState, progress: Any) -> ReconstructState:
        return replace(now, solved=now.constraints)

    jobs: Any = reconstruct_job
    jobs.begin, jobs.solve_again = begin, solve_again
    jobs.render = jobs.write_preview = lambda *arguments: None
