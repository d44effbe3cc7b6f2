"""Pieces of the page that several tabs show, as HTML: pictures, films, buttons, links to what was made."""

import base64
from html import escape
from pathlib import Path

from ..frames import Picture
from .files import address, looked_at

CLICKS = """
element.addEventListener('click', event => {
    const chosen = event.target.closest('[data-act]');
    if (!chosen || !element.contains(chosen)) return;
    element.querySelectorAll('[aria-current]').forEach(other => other.removeAttribute('aria-current'));
    chosen.setAttribute('aria-current', 'true');
    trigger('click', {act: chosen.dataset.act, on: chosen.dataset.on});
});
"""
"""Makes the `click` of an HTML component tell which of its buttons it was, by their `data-act` and `data-on`."""
FOCUS = """
let last = '';
element.addEventListener('click', event => {
    const chosen = event.target.closest('[data-act]');
    if (chosen) last = `[data-act="${chosen.dataset.act}"][data-on="${chosen.dataset.on}"]`;
});
watch('value', () => {
    const again = last && document.activeElement === document.body && element.querySelector(last);
    if (again) again.focus({preventScroll: true});
});
"""
"""Keeps the keyboard where it was when the answer to a click comes."""

INTO_VIEW = "() => document.getElementById('%s').scrollIntoView({block: 'nearest', behavior: 'smooth'})"


def picture(shown: Picture) -> str:
    """A small picture as an address that holds it, so that no file has to be readable for it."""
    import cv2

    data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def film(file: Path, title: str, plays: bool = False) -> str:
    """A film that the page made, under its title."""
    wish = " autoplay muted" if plays else ""
    video = f'<video src="{escape(address(file))}" controls loop playsinline preload="metadata"{wish}></video>'
    return f'<figure class="rw-film">{video}<figcaption>{escape(title)}</figcaption></figure>'


def download(file: Path, name: str, text: str) -> str:
    """A link to something that the page made, by a name to save it under."""
    there = f'href="{escape(address(file))}" download="{escape(name)}"'
    state = looked_at(file)
    large = size(state.st_size if state else 0)
    return f'<a class="rw-button rw-download" {there}>{escape(text)} <small>{large}</small></a>'


def button(text: str, act: str, on: object, label: str = "", classes: str = "") -> str:
    """A button that an HTML component with `CLICKS` tells of; `label` is what it is called where it is only read."""
    spoken = f' aria-label="{escape(label)}" title="{escape(label)}"' if label else ""
    told = f'data-act="{act}" data-on="{escape(str(on))}"'
    return f'<button type="button" class="rw-button rw-small {classes}" {told}{spoken}>{escape(text)}</button>'


def size(count: int) -> str:
    """So many bytes in the unit that people read them in."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{max(1, round(count / 1e3))} kB"
