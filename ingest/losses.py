"""Say what of a source does not reach its pictures, or the film made of them."""

import re

_DEPTH = re.compile(r"(\d{1,3})(?:le|be)$")
_DEPTHS = (9, 10, 12, 14, 16, 32)
_PACKED = {48: 16, 64: 16, 20: 10, 36: 12, 30: 10}
"""Pixel formats named by the bits of a whole pixel, by their last two digits, and the bits of each colour."""

_ALPHA = re.compile(r"^(yuva|gbrap|rgba|bgra|argb|abgr|ya\d|ayuv|vuya|pal8)")
_HDR = {"smpte2084": "PQ", "arib-std-b67": "HLG"}


def bit_depth(pixel_format: str) -> int:
    """The bits of each colour, by ffmpeg's names for formats."""
    match = _DEPTH.search(pixel_format)
    bits = int(match[1]) % 100 if match else 8
    return bits if bits in _DEPTHS else _PACKED.get(bits, 8)


def may_be_transparent(pixel_format: str) -> bool:
    return bool(_ALPHA.match(pixel_format))


def stream_losses(log: str) -> list[str]:
    """Streams beside the first video stream that are left out, from ffmpeg's description of a file."""
    given = log.split("Stream mapping:")[0]
    streams = [line for line in given.splitlines() if "Stream #0:" in line]
    videos = sum(": Video: " in line and "(attached pic)" not in line for line in streams)
    found = [f"it has {videos} video streams; the first is taken."] if videos > 1 else []
    if any(": Subtitle: " in line for line in streams):
        found.append("its subtitles are left out.")
    return found


def format_losses(given: str, coded: str, transfer: str, interlaced: bool, transparent: bool) -> list[str]:
    """What a film in the format `coded` loses of frames in the format `given`."""
    found = []
    if (bits := bit_depth(given)) > (kept := bit_depth(coded)):
        found.append(f"its colours of {bits} bits are stored in {kept}.")
    if transfer in _HDR:
        found.append(f"it is HDR ({_HDR[transfer]}); its mastering data is left out.")
    if interlaced:
        found.append("it is interlaced; its fields stay woven together, and the film is marked as progressive.")
    if transparent:
        found.append("its transparency is left out.")
    return found
