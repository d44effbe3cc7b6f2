"""Set up Jinja2 for the HTML that Reelweave writes: reports and the page."""

import base64
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..media.timecode import clock
from ..media.types import Picture


def html_environment(package: str, **filters: Callable[..., Any]) -> Environment:
    """Return an environment for the templates of a package, which escape every value and refuse an unknown one."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock": clock, "plural": plural, **filters}
    return environment


def plural(count: int, noun: str) -> str:
    """Return the count with its noun: `1 frame`, `2 frames`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def picture_url(picture: Picture, quality: int) -> str:
    """Encode a picture as a JPEG data URL, so that a page holds it."""
    import cv2

    return jpeg_url(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def jpeg_url(data: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
