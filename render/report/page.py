"""Render report pages with Jinja2.

A page embeds its pictures, so that it can be sent by itself; the templates escape every name.
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial

from jinja2 import Environment

from ...media.types import Picture
from ..html import html_environment, picture_url
from .model import DroppedFrame, JoinAlternative, Report, WeakJoinRow

MOST_SHOWN = 200
"""Dropped frames in the picture, which more would make unreadably large; the table lists all of them."""

_JPEG_QUALITY = 85
"""Of embedded pictures: a compromise, since the page holds all of them and links to the lossless files."""


def report_page(report: Report, pictures: Mapping[str, Picture]) -> str:
    """Render the page of a reconstruction; `pictures` are those beside it, by file name."""
    example = next((_adjacent(choice, row) for row in report.joins.weak for choice in row.choices), "")
    return render_page(
        "report.html",
        title=report.video,
        summary=report.summary,
        report=report,
        pictures=pictures,
        example=example,
        shots_left_out=len(report.shots) < report.shot_count,
        dropped_title=dropped_title(report.dropped),
    )


def render_page(template: str, **context: object) -> str:
    """Render a template of this package; each needs at least a `title` and a `summary`."""
    return _environment().get_template(template).render(context)


def dropped_title(dropped: Sequence[DroppedFrame]) -> str:
    """Say how many frames were dropped and how many of them are shown."""
    if len(dropped) > MOST_SHOWN:
        return f"Dropped: the first {MOST_SHOWN} of {len(dropped)}"
    return f"Dropped: {len(dropped)}"


@cache
def _environment() -> Environment:
    jpeg_uri = partial(picture_url, quality=_JPEG_QUALITY)
    return html_environment("reelweave.render.report", adjacent=_adjacent, jpeg_uri=jpeg_uri, price=_price)


def _adjacent(choice: JoinAlternative, row: WeakJoinRow) -> str:
    """Return the `solve` option that chooses an alternative."""
    frame = choice.shown.frame
    return f"--adjacent {row.left.frame}:{frame}" if choice.side == "after" else f"--adjacent {frame}:{row.right.frame}"


def _price(price: float) -> str:
    return f"{price:.2g}" if price < 10 else f"{price:.0f}"
