"""How a raw frame lies in a pipe, and what must be said of it so that it looks the same again."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import ffmpeg
from ..errors import SourceError
from ..frames import SourceInfo
from ..ingest.losses import format_losses, may_be_transparent, stream_losses
from ..ingest.source import VideoFile

DEFAULT_FORMAT = "yuv420p"
RICHEST_FORMAT = "yuv444p"

_KEPT = frozenset(f"yuv{chroma}p{depth}" for chroma in ("420", "422", "444") for depth in ("", "10le"))
_RGB = re.compile(r"rgb|bgr|gbr|pal8")
_SHOWN = re.compile(r"\bn: *0 .*? fmt:(\w+)(?: cl:(\w+))? sar:(\d+)/(\d+) s:(\d+)x(\d+) ")
_INTERLACED = re.compile(r"\bn: *0 .*? i:[TB] ")
_ALPHA_MODE = re.compile(r"\balpha_mode *: *1\b")
"""WebM keeps transparency in a second stream, which no decoder of ffmpeg's own reads."""
_TAGS = re.compile(r"color_range:(\w+) color_space:([\w-]+) color_primaries:([\w-]+) color_trc:([\w-]+)")
_UNTAGGED = frozenset({"unknown", "unspecified", "reserved", "", None})
_BT709 = {"range": "tv", "colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}


@dataclass(frozen=True)
class Layout:
    """Frames travel as `piped`; where that is RGB the encoder converts, else they are stored as they came."""

    piped: str
    coded: str
    width: int
    height: int
    conversion: str
    tags: str
    losses: tuple[str, ...] = ()
    """What of the source a film in this layout does not hold."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in the film: H.264 wants even numbers where chroma is shared by two pixels."""
        across = "444" not in self.coded
        down = "420" in self.coded
        return self.width + (self.width % 2 if across else 0), self.height + (self.height % 2 if down else 0)

    @property
    def chroma_size(self) -> tuple[int, int]:
        """Width and height of the two chroma planes of a frame in the film."""
        return self._chroma(*self.size)

    @property
    def decoded_bytes(self) -> int:
        return self._bytes(self.width, self.height)

    @property
    def frame_bytes(self) -> int:
        return self._bytes(*self.size)

    def evened(self, raw: bytes) -> bytes:
        """The frame at its size in the film, the last row and column repeated where one was missing.

        Cropping would lose picture; padding loses none: the chroma of an odd size is already rounded up, so
        that only luma grows and a lossless film still holds every sample of its source.
        """
        width, height = self.size
        if (width, height) == (self.width, self.height):
            return raw
        grow = ((0, height - self.height), (0, width - self.width))
        samples = np.frombuffer(raw, np.uint16 if self.piped.endswith("10le") else np.uint8)
        if self.piped == "bgr24":
            return bytes(np.pad(samples.reshape(self.height, self.width, 3), (*grow, (0, 0)), "edge").tobytes())
        luma, chroma = np.split(samples, [self.width * self.height])
        return bytes(np.pad(luma.reshape(self.height, self.width), grow, "edge").tobytes() + chroma.tobytes())

    def _bytes(self, width: int, height: int) -> int:
        if self.piped == "bgr24":
            return width * height * 3
        across, down = self._chroma(width, height)
        return (width * height + 2 * across * down) * (2 if self.piped.endswith("10le") else 1)

    def _chroma(self, width: int, height: int) -> tuple[int, int]:
        across = width if "444" in self.piped else (width + 1) // 2
        return across, (height + 1) // 2 if "420" in self.piped else height


def video_layout(source: Path, lossless: bool) -> Layout:
    """Ask the decoder for one frame: what it says of itself is what must be carried over."""
    log = ffmpeg.run(
        [*ffmpeg.decode_arguments(source), "-frames:v", "1", "-vf", "showinfo=checksum=0", "-f", "null", "-"]
    )
    said = log.stderr.decode("utf-8", "replace")
    shown, colours = _SHOWN.search(said), _TAGS.search(said)
    if not shown or not colours:
        VideoFile(source).info()  # knows why, and says so
        raise SourceError(f"No frame could be decoded from {source}.")
    width, height = int(shown[5]), int(shown[6])
    given = shown[1].replace("yuvj", "yuv")
    tags = dict(zip(_BT709, colours.groups(), strict=True))
    coded = DEFAULT_FORMAT if not lossless else given if given in _KEPT else RICHEST_FORMAT
    # Without RGB no matrix is applied, and the scaler refuses frames that name one it does not know.
    steps = ["setparams=colorspace=unknown", f"scale={width}:{height}"]
    if _RGB.search(given):
        steps, tags = [f"{steps[1]}:{_to_bt709()}"], _BT709
    elif given not in _KEPT and tags["range"] not in _UNTAGGED:
        steps[1] += f":out_range={tags['range']}"
    elif shown[2] not in _UNTAGGED:
        tags["chroma_location"] = shown[2]
    losses = [*stream_losses(said), *_losses(source, said, shown[1], coded, colours[4])]
    conversion = ",".join([*steps, f"format={coded}"])
    return Layout(coded, coded, width, height, conversion, _tagged(tags, shown), tuple(losses))


def _losses(source: Path, said: str, given: str, coded: str, transfer: str) -> list[str]:
    transparent = bool(_ALPHA_MODE.search(said)) or (may_be_transparent(given) and _is_transparent(source))
    return format_losses(given, coded, transfer, bool(_INTERLACED.search(said)), transparent)


def _is_transparent(source: Path) -> bool:
    """Whether the first frame lets any background through: GIFs are decoded with an alpha channel, used or not."""
    first = ["-frames:v", "1", "-vf", "alphaextract,format=gray", "-f", "rawvideo", "-"]
    alpha = ffmpeg.run([*ffmpeg.decode_arguments(source), *first]).stdout
    return bool(alpha) and min(alpha) < 255


def pictures_layout(info: SourceInfo, lossless: bool) -> Layout:
    coded = RICHEST_FORMAT if lossless else DEFAULT_FORMAT
    conversion = f"scale={_to_bt709()},format={coded}"
    return Layout("bgr24", coded, info.width, info.height, conversion, _tagged(_BT709, None))


def _to_bt709() -> str:
    """RGB says nothing of a matrix; without one players guess, and guess differently for small and large films."""
    return "out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int"


def _tagged(tags: dict[str, str], shown: re.Match[str] | None) -> str:
    known = ":".join(f"{name}={value}" for name, value in tags.items() if value not in _UNTAGGED)
    aspect = f"setsar={shown[3]}/{shown[4]}" if shown and shown[3] != "0" else "setsar=1"
    return ",".join([f"setparams={known}"] * bool(known) + [aspect])
