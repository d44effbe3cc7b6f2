"""video-descrambler as its command runs it, up to the order: python run-video-descrambler.py VIDEO ANSWER"""

import json
import sys
from pathlib import Path

from video_descrambler import VideoDescrambler


class Ordering(VideoDescrambler):
    """Everything but the film, which no method of the bench writes."""

    def write_video(self, sequence: list[int], output_path: Path) -> None:
        pass


descrambler = Ordering.pixel_based()
order = [int(frame) for frame in descrambler.descramble(Path(sys.argv[1]), Path("unused.mp4"))]
# It says which frames of the file it plays; those it read and does not play are those it dropped.
dropped = sorted(set(range(len(descrambler.frame_paths))) - set(order))
Path(sys.argv[2]).write_text(json.dumps({"order": order, "dropped": dropped}))
