"""Render objects as HTML for notebooks."""

from functools import cache

import numpy as np
from jinja2 import Environment

from ..media.types import Picture as Bgr
from ..render.html import html_environment, picture_url
from .session import Picture

_JPEG_QUALITY = 80
"""Keeps notebooks small: pictures are part of their cells."""


def render(macro: str, *arguments: object) -> str:
    """Call a macro of the template."""
    return str(getattr(_environment().get_template("objects.html").module, macro)(*arguments))


def rgb(picture: Bgr) -> Picture:
    """Return a picture in the order of colours that notebooks expect."""
    return np.ascontiguousarray(picture[..., ::-1])


@cache
def _environment() -> Environment:
    return html_environment("reelweave.api", data_url=lambda picture: picture_url(picture, _JPEG_QUALITY))
