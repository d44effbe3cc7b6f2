"""The memory layout of raw frames, and the conversion and colour tags with which a film looks like its source."""

import re
from dataclasses import dataclass

import numpy as np

from ..errors import SourceError
from ..media import ffmpeg
from ..media.losses import format_losses, may_be_transparent
from ..media.source import VideoFile
from ..media.types import SourceInfo

DEFAULT_FORMAT = "yuv420p"
"""What every player shows."""
RICHEST_FORMAT = "yuv444p"
"""For lossless films of sources in formats that H.264 does not have."""

_KEPT_FORMATS = frozenset(f"yuv{chroma}p{depth}" for chroma in ("420", "422", "444") for depth in ("", "10le"))
_RGB = re.compile(r"rgb|bgr|gbr|pal8")
_FRAME_LOG = re.compile(r"\bn: *0 .*? fmt:(\w+)(?: cl:(\w+))? sar:(\d+)/(\d+) s:(\d+)x(\d+) ")
_INTERLACED = re.compile(r"\bn: *0 .*? i:[TB] ")
_ALPHA_MODE = re.compile(r"\balpha_mode *: *1\b")
"""WebM keeps transparency in a second stream, which ffmpeg's own decoders ignore."""
_COLOUR_LOG = re.compile(r"color_range:(\w+) color_space:([\w-]+) color_primaries:([\w-]+) color_trc:([\w-]+)")
_UNTAGGED = frozenset({"unknown", "unspecified", "reserved", "", None})
_BT709 = {"range": "tv", "colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}
_TO_BT709 = "out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int"
"""RGB has no matrix; without one players guess, and guess differently for small and large films."""


@dataclass(frozen=True)
class FrameLayout:
    """Frames are piped in the format `piped` and stored as `coded`: RGB is converted, other formats are kept."""

    piped: str
    coded: str
    width: int
    height: int
    conversion: str
    tags: str
    losses: tuple[str, ...] = ()
    """What a film in this layout lacks of its source."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in the film: H.264 needs even numbers where chroma is subsampled."""
        across = "444" not in self.coded
        down = "420" in self.coded
        return self.width + (self.width % 2 if across else 0), self.height + (self.height % 2 if down else 0)

    @property
    def chroma_size(self) -> tuple[int, int]:
        """Width and height of the chroma planes of a frame in the film."""
        return self._chroma(*self.size)

    @property
    def decoded_bytes(self) -> int:
        return self._bytes(self.width, self.height)

    @property
    def frame_bytes(self) -> int:
        return self._bytes(*self.size)

    def padded(self, raw: bytes) -> bytes:
        """Pad a frame to its size in the film by repeating the last row and column.

        Cropping would lose pixels; padding loses none. The chroma of an odd size is already rounded up, so that only
        luma grows and a lossless film holds every sample of its source.
        """
        width, height = self.size
        if (width, height) == (self.width, self.height):
            return raw
        padding = ((0, height - self.height), (0, width - self.width))
        samples = np.frombuffer(raw, np.uint16 if self.piped.endswith("10le") else np.uint8)
        if self.piped == "bgr24":
            return bytes(np.pad(samples.reshape(self.height, self.width, 3), (*padding, (0, 0)), "edge").tobytes())
        luma, chroma = np.split(samples, [self.width * self.height])
        return bytes(np.pad(luma.reshape(self.height, self.width), padding, "edge").tobytes() + chroma.tobytes())

    def _bytes(self, width: int, height: int) -> int:
        if self.piped == "bgr24":
            return width * height * 3
        across, down = self._chroma(width, height)
        return (width * height + 2 * across * down) * (2 if self.piped.endswith("10le") else 1)

    def _chroma(self, width: int, height: int) -> tuple[int, int]:
        across = width if "444" in self.piped else (width + 1) // 2
        return across, (height + 1) // 2 if "420" in self.piped else height


def video_layout(source: VideoFile, lossless: bool) -> FrameLayout:
    """Derive the layout, conversion and tags of a film from the first frame of its source.

    Raises:
        SourceError: No frame can be decoded.
    """
    source.info()
    shown, colours = _FRAME_LOG.search(source.log), _COLOUR_LOG.search(source.log)
    if not shown or not colours:
        raise SourceError(f"No frame could be decoded from {source.path}.")
    width, height = int(shown[5]), int(shown[6])
    pixel_format = shown[1].replace("yuvj", "yuv")
    tags = dict(zip(_BT709, colours.groups(), strict=True))
    coded = DEFAULT_FORMAT if not lossless else pixel_format if pixel_format in _KEPT_FORMATS else RICHEST_FORMAT
    # Without RGB no matrix is applied, and the scaler refuses frames that name a matrix it does not know.
    steps = ["setparams=colorspace=unknown", f"scale={width}:{height}"]
    if _RGB.search(pixel_format):
        steps, tags = [f"{steps[1]}:{_TO_BT709}"], _BT709
    elif pixel_format not in _KEPT_FORMATS and tags["range"] not in _UNTAGGED:
        steps[1] += f":out_range={tags['range']}"
    elif shown[2] not in _UNTAGGED:
        tags["chroma_location"] = shown[2]
    losses = [*source.notes, *_losses(source, shown[1], coded, colours[4])]
    conversion = ",".join([*steps, f"format={coded}"])
    return FrameLayout(coded, coded, width, height, conversion, _tagged(tags, shown), tuple(losses))


def _losses(source: VideoFile, pixel_format: str, coded: str, transfer: str) -> list[str]:
    transparent = bool(_ALPHA_MODE.search(source.log)) or (may_be_transparent(pixel_format) and _is_transparent(source))
    return format_losses(pixel_format, coded, transfer, bool(_INTERLACED.search(source.log)), transparent)


def _is_transparent(source: VideoFile) -> bool:
    """Check the first frame for transparent pixels: GIFs are decoded with an alpha channel, used or not."""
    first = ["-frames:v", "1", "-vf", "alphaextract,format=gray", "-f", "rawvideo", "-"]
    alpha = ffmpeg.run([*ffmpeg.decode_arguments(source.path), *first]).stdout
    return bool(alpha) and min(alpha) < 255


def pictures_layout(info: SourceInfo, lossless: bool) -> FrameLayout:
    """Return the layout of a film made of RGB pictures."""
    coded = RICHEST_FORMAT if lossless else DEFAULT_FORMAT
    conversion = f"scale={_TO_BT709},format={coded}"
    return FrameLayout("bgr24", coded, info.width, info.height, conversion, _tagged(_BT709, None))


def _tagged(tags: dict[str, str], shown: re.Match[str] | None) -> str:
    known = ":".join(f"{name}={value}" for name, value in tags.items() if value not in _UNTAGGED)
    aspect = f"setsar={shown[3]}/{shown[4]}" if shown and shown[3] != "0" else "setsar=1"
    return ",".join([f"setparams={known}"] * bool(known) + [aspect])
