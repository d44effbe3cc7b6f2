"""video-descrambler as its command runs it: python run-video-descrambler.py VIDEO ANSWER [FILM]

Without FILM it stops at the order, like every method of bench/order.py.
"""

import json
import sys
from pathlib import Path

from video_descrambler import VideoDescrambler

video, answer, *film = [Path(argument) for argument in sys.argv[1:]]


class Ordering(VideoDescrambler):
    """Writes the film only if one was asked for."""

    def write_video(self, sequence: list[int], output_path: Path) -> None:
        if film:
            super().write_video(sequence, output_path)


descrambler = Ordering.pixel_based()
order = [int(frame) for frame in descrambler.descramble(video, film[0] if film else Path("unused.mp4"))]
# It says which frames of the file it plays; those it read and does not play are those it dropped.
dropped = sorted(set(range(len(descrambler.frame_paths))) - set(order))
answer.write_text(json.dumps({"order": order, "dropped": dropped}))
