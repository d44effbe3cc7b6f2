"""Describe what of a source is lost in its pictures, or in the film made of them."""

import re

_DEPTH = re.compile(r"(\d{1,3})(?:le|be)$")
_DEPTHS = (9, 10, 12, 14, 16, 32)
_PACKED = {48: 16, 64: 16, 20: 10, 36: 12, 30: 10}
"""Bits of each colour for pixel formats that are named by the bits of a whole pixel (last two digits)."""

_ALPHA = re.compile(r"^(yuva|gbrap|rgba|bgra|argb|abgr|ya\d|ayuv|vuya|pal8)")
_HDR = {"smpte2084": "PQ", "arib-std-b67": "HLG"}


def bit_depth(pixel_format: str) -> int:
    """Return the bits of each colour of a pixel format of ffmpeg."""
    match = _DEPTH.search(pixel_format)
    bits = int(match[1]) % 100 if match else 8
    return bits if bits in _DEPTHS else _PACKED.get(bits, 8)


def may_be_transparent(pixel_format: str) -> bool:
    """Tell whether a pixel format has an alpha channel."""
    return bool(_ALPHA.match(pixel_format))


def stream_losses(log: str) -> list[str]:
    """List the streams besides the first video stream that are ignored, from ffmpeg's log on a file."""
    inputs = log.split("Stream mapping:")[0]
    streams = [line for line in inputs.splitlines() if "Stream #0:" in line]
    videos = sum(": Video: " in line and "(attached pic)" not in line for line in streams)
    found = [f"it has {videos} video streams; the first is used."] if videos > 1 else []
    if any(": Subtitle: " in line for line in streams):
        found.append("its subtitles are left out.")
    return found


def format_losses(given: str, coded: str, transfer: str, interlaced: bool, transparent: bool) -> list[str]:
    """List what frames of one pixel format lose in a film of another; `transfer` is as ffmpeg names it."""
    found = []
    if (bits := bit_depth(given)) > (kept := bit_depth(coded)):
        found.append(f"its {bits}-bit colours are stored in {kept} bits.")
    if transfer in _HDR:
        found.append(f"it is HDR ({_HDR[transfer]}); its mastering metadata is left out.")
    if interlaced:
        found.append("it is interlaced; its fields stay interleaved, and the film is marked as progressive.")
    if transparent:
        found.append("its transparency is left out.")
    return found
