"""Draw films of screens: typing, scrolling, pointers, menus, a terminal, slides and a progress window.

There are two families of looks, which share neither fonts, colours, layouts nor speeds: choices are made on `tuning`,
and `check` tells how they hold on others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np

from reelweave.media.types import Picture

Colour: TypeAlias = tuple[int, int, int]
Family: TypeAlias = Literal["tuning", "check"]

SIZE = (640, 360)
FRAMES = 100
RATES = (30, 15, 8)
"""Frames per second of the recordings, one after another by seed: typing takes 4, 2 or 1 frames a letter."""
_TEXT = """
rows value length name table index first second count source target left right upper lower signal window buffer reader
writer number margin offset result limit parse merge split total average sample queue path file colour width height
frame moment summer garden letter answer market winter silver corner bridge station
"""
_WORDS = _TEXT.split()
_KEYWORDS = {"rows", "value", "table", "parse", "merge", "result", "limit", "frame", "letter", "answer"}
"""Words that an editor colours once they are complete."""

_SMALL = 0.85
"""Scale of an editor's letters, which are smaller than those of a page."""
_REST = 5.0
"""Events that would fit into a rest of an editor's hands."""
_REACHES_FOR_MOUSE = 0.06
"""Share of keys after which the pointer moves."""

_POINTER = np.array([(0, 0), (0, 16), (4, 12), (7, 18), (9, 17), (6, 11), (11, 11)])


@dataclass(frozen=True)
class Look:
    """How a screen looks, and how fast things happen."""

    font: int
    scale: float
    line: int
    colours: tuple[str, str, str, str]
    """Paper, ink, what stands out, and bars, in hexadecimal RGB."""
    left: int
    blink: float
    """Seconds of a caret's period; 0 for a caret that does not blink."""
    pace: float
    """Frames per event at 30 frames per second, on average."""

    @property
    def paper(self) -> Colour:
        return _colour(self.colours[0])

    @property
    def ink(self) -> Colour:
        return _colour(self.colours[1])

    @property
    def accent(self) -> Colour:
        return _colour(self.colours[2])

    @property
    def bar(self) -> Colour:
        return _colour(self.colours[3])


def _colour(name: str) -> Colour:
    red, green, blue = bytes.fromhex(name)
    return blue, green, red


_LOOKS: dict[Family, Sequence[Look]] = {
    "tuning": (
        Look(cv2.FONT_HERSHEY_SIMPLEX, 0.42, 18, ("ffffff", "1e1e1e", "143cc8", "e1e1e1"), 46, 1, 4),
        Look(cv2.FONT_HERSHEY_PLAIN, 0.95, 17, ("222a28", "d7e1dc", "fac86e", "363c3c"), 30, 1.06, 4),
        Look(cv2.FONT_HERSHEY_DUPLEX, 0.5, 22, ("fcfaf6", "2d323c", "be2828", "aabed2"), 60, 0, 4),
    ),
    "check": (
        Look(cv2.FONT_HERSHEY_COMPLEX_SMALL, 0.6, 16, ("1e1e1e", "c8c8c8", "78dc5a", "323c50"), 80, 1.2, 5),
        Look(cv2.FONT_HERSHEY_TRIPLEX, 0.46, 20, ("fdf6e3", "657b75", "cb4b16", "e1d7be"), 20, 0.9, 3),
        Look(cv2.FONT_HERSHEY_COMPLEX, 0.52, 24, ("ffffff", "000000", "8200b4", "bed2eb"), 110, 1, 6),
    ),
}


class _Screen:
    """A picture to write and draw on, and the random numbers and speed of its film."""

    def __init__(self, look: Look, rate: int, rng: np.random.Generator) -> None:
        self.look, self.rate, self.rng = look, rate, rng
        self.picture = np.full((SIZE[1], SIZE[0], 3), look.paper, np.uint8)
        self.area(0, 0, SIZE[0], 24, look.bar)
        self.text(12, 17, " ".join(words(rng, 3)))

    def text(self, x: int, y: int, text: str, colour: Colour | None = None, scale: float = 1.0) -> int:
        """Write text with its base at y, and return where it ends."""
        look = self.look
        cv2.putText(self.picture, text, (x, y), look.font, look.scale * scale, colour or look.ink, 1, cv2.LINE_AA)
        return x + cv2.getTextSize(text, look.font, look.scale * scale, 1)[0][0]

    def area(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        cv2.rectangle(self.picture, (x, y), (x + width - 1, y + height - 1), colour, -1)

    def line(self, x: int, y: int, text: str, scale: float = 1.0, hidden: bool = False) -> int:
        """Write a line whose keywords are coloured, or only measure it."""
        for word in text.split(" "):
            if hidden:
                x += cv2.getTextSize(word, self.look.font, self.look.scale * scale, 1)[0][0] + 7
            else:
                x = self.text(x, y, word, self.look.accent if word in _KEYWORDS else None, scale) + 7
        return x - 7

    def caret(self, x: int, y: int, t: int) -> None:
        period = self.look.blink * self.rate
        if not period or (t % period) < period / 2:
            self.area(x + 1, y - self.look.line + 6, 2, self.look.line - 4, self.look.ink)

    def pointer(self, x: float, y: float) -> None:
        corners = np.rint((_POINTER + np.array((x, y))) * 16).astype(np.int32)
        cv2.fillPoly(self.picture, [corners], (255, 255, 255), cv2.LINE_AA, 4)
        cv2.polylines(self.picture, [corners], True, (0, 0, 0), 1, cv2.LINE_AA, 4)

    def pause(self, factor: float = 1.0) -> int:
        """Return the frames until something happens."""
        mean = max(1.0, self.look.pace * factor * self.rate / 30)
        return 1 + int(self.rng.poisson(mean - 1))


def words(rng: np.random.Generator, count: int) -> list[str]:
    return [str(word) for word in rng.choice(_WORDS, count)]


def _lines(rng: np.random.Generator, count: int) -> list[str]:
    return ["" if rng.random() < 0.12 else " ".join(words(rng, int(rng.integers(2, 8)))) for _ in range(count)]


def _typed(screen: _Screen, mistakes: float) -> Iterator[list[str]]:
    """Yield the lines of an editor after each key; some words are taken back letter by letter."""
    lines = [*_lines(screen.rng, int(screen.rng.integers(2, 7))), ""]
    while True:
        word = words(screen.rng, 1)[0]
        for letter in f"{word} ":
            lines[-1] += letter
            yield lines
        if screen.rng.random() < mistakes:
            for _ in range(int(screen.rng.integers(2, len(word) + 2))):
                lines[-1] = lines[-1][:-1]
                yield lines
        if len(lines[-1]) > 44:
            lines.append("")
            yield lines


def _editor(screen: _Screen, mistakes: float) -> Iterator[Picture]:
    keys, page = _typed(screen, mistakes), screen.picture.copy()
    lines, left = next(keys), screen.pause()
    for t in range(FRAMES):
        if not left:
            lines, left = next(keys), screen.pause()
        left -= 1
        screen.picture[:] = page
        end = 0
        for number, text in enumerate(lines):
            y = 24 + screen.look.line * (number + 1)
            screen.text(8, y, f"{number + 1}", screen.look.bar)
            end = screen.line(screen.look.left, y, text)
        screen.caret(end, 24 + screen.look.line * len(lines), t)
        yield screen.picture


def typing(screen: _Screen) -> Iterator[Picture]:
    return _editor(screen, 0.0)


def corrections(screen: _Screen) -> Iterator[Picture]:
    return _editor(screen, 0.5)


@dataclass
class _Document:
    """What an editor shows: the lines, where the caret is, what completes a word, and whether the hand rests."""

    lines: list[str]
    row: int = 0
    column: int = 0
    offered: Sequence[str] = ()
    rests: bool = False

    def go(self, row: int) -> None:
        self.row, self.column = row, len(self.lines[row])

    def insert(self, letter: str) -> None:
        line = self.lines[self.row]
        self.lines[self.row], self.column = line[: self.column] + letter + line[self.column :], self.column + 1


def _edited(screen: _Screen) -> Iterator[_Document]:
    """Yield a document after each key: words are completed from a list, lines far apart are edited, hands rest."""
    rng = screen.rng
    document = _Document([*_lines(rng, int(rng.integers(8, 13))), ""])
    document.go(len(document.lines) - 1)
    while True:
        word = words(rng, 1)[0]
        likely = words(rng, int(rng.integers(3, 6)))
        completes = rng.random() < 0.4
        for at, letter in enumerate(f"{word} "):
            document.insert(letter)
            document.offered = likely[at - 1 :] if completes and 0 < at < len(word) else ()
            yield document
        document.rests = bool(rng.random() < 0.15)
        if len(document.lines[document.row]) > 40:
            document.lines.insert(document.row + 1, "")
            document.go(document.row + 1)
        elif rng.random() < 0.25:
            document.go(int(rng.integers(len(document.lines))))
        if document.rests:
            yield document
            document.rests = False


def coding(screen: _Screen) -> Iterator[Picture]:
    """Edit a program in small letters: word lists pop up, lines far apart change, and at times nothing happens."""
    keys, page, moves = _edited(screen), screen.picture.copy(), _moves(screen)
    document, left, at, moving = next(keys), screen.pause(), next(moves), 0
    for t in range(FRAMES):
        if not left:
            document = next(keys)
            left = screen.pause(_REST if document.rests else 1.0)
            moving = screen.pause(3) if screen.rng.random() < _REACHES_FOR_MOUSE else moving
        left -= 1
        if moving:
            moving, at = moving - 1, next(moves)
        screen.picture[:] = page
        _document(screen, document, t)
        screen.pointer(*at)
        yield screen.picture


def _document(screen: _Screen, document: _Document, t: int) -> None:
    height = screen.look.line - 3
    for number, text in enumerate(document.lines):
        screen.text(8, 38 + height * number, f"{number + 1}", screen.look.bar, _SMALL)
        screen.line(screen.look.left, 38 + height * number, text, _SMALL)
    base, before = 38 + height * document.row, document.lines[document.row][: document.column]
    end = screen.line(screen.look.left, base, before, _SMALL, hidden=True)
    screen.caret(end, base, t)
    if document.offered:
        _menu(screen, min(end, SIZE[0] - 150), min(base + 5, SIZE[1] - 110), document.offered, 0)
    screen.area(0, SIZE[1] - 18, SIZE[0], 18, screen.look.bar)
    screen.text(SIZE[0] - 110, SIZE[1] - 5, f"{document.row + 1} : {document.column + 1}", None, _SMALL)


def _page(screen: _Screen, height: int) -> Picture:
    """Return a long page of text with some pictures."""
    look, rng = screen.look, screen.rng
    shown, screen.picture = screen.picture, np.full((height, SIZE[0], 3), look.paper, np.uint8)
    y = look.line
    while y < height:
        if rng.random() < 0.06:
            shade = [int(value) for value in rng.integers(60, 220, 3)]
            screen.area(look.left, y, int(rng.integers(100, 300)), 3 * look.line, (shade[0], shade[1], shade[2]))
            y += 4 * look.line
        screen.line(look.left, y, _lines(rng, 1)[0])
        y += look.line
    page, screen.picture = screen.picture, shown
    return page


def _scrolled(screen: _Screen, steps: Iterator[int]) -> Iterator[Picture]:
    page, at = _page(screen, 4000), 0
    for _ in range(FRAMES):
        at = min(at + next(steps), len(page) - SIZE[1])
        screen.picture[24:] = page[at : at + SIZE[1] - 24]
        share = at / len(page)
        screen.area(SIZE[0] - 8, 24, 8, SIZE[1], screen.look.paper)
        screen.area(SIZE[0] - 7, 26 + round(share * SIZE[1]), 6, 28, screen.look.bar)
        yield screen.picture


def scroll_by_lines(screen: _Screen) -> Iterator[Picture]:
    """Scroll as a wheel does: by one to three lines at a time."""

    def steps() -> Iterator[int]:
        while True:
            yield screen.look.line * int(screen.rng.integers(1, 4))
            yield from [0] * (screen.pause() - 1)

    return _scrolled(screen, steps())


def smooth_scroll(screen: _Screen) -> Iterator[Picture]:
    def steps() -> Iterator[int]:
        speed = 0.0
        while True:
            goal = float(screen.rng.uniform(1, 9)) * 30 / screen.rate * 4 / screen.look.pace
            for _ in range(screen.pause(3) + 3):
                speed += (goal - speed) * 0.3
                yield round(speed)

    return _scrolled(screen, steps())


def _moves(screen: _Screen) -> Iterator[tuple[float, float]]:
    """Yield where a pointer is: it goes from place to place, fast in the middle, and rests there."""
    at = screen.rng.uniform((40, 40), (600, 330))
    while True:
        to = screen.rng.uniform((40, 40), (600, 330))
        frames = max(2, screen.pause(2) + round(float(np.hypot(*(to - at))) / 14 * screen.rate / 30))
        for t in range(1, frames + 1):
            share = 0.5 - 0.5 * np.cos(np.pi * t / frames)
            x, y = at + (to - at) * share + np.sin(np.pi * share) * 12
            yield float(x), float(y)
        at = np.array((x, y))
        yield from [(float(x), float(y))] * screen.pause(0.5)


def _windows(screen: _Screen) -> None:
    """Draw a desktop: a list at the left and a window with text."""
    screen.picture[24:] = _page(screen, SIZE[1])[: SIZE[1] - 24]
    screen.area(0, 24, screen.look.left + 60, SIZE[1] - 24, screen.look.bar)
    for number, word in enumerate(words(screen.rng, 12)):
        screen.text(10, 50 + 24 * number, word)


def pointer(screen: _Screen) -> Iterator[Picture]:
    """Move a pointer over a page that stays as it is."""
    _windows(screen)
    page = screen.picture.copy()
    for _, (x, y) in zip(range(FRAMES), _moves(screen), strict=False):
        screen.picture[:] = page
        screen.pointer(x, y)
        yield screen.picture


def menus(screen: _Screen) -> Iterator[Picture]:
    """Open menus under a pointer, go down their entries, and close them again."""
    _windows(screen)
    page, shown = screen.picture.copy(), 0
    moves = _moves(screen)
    while shown < FRAMES:
        for _ in range(min(FRAMES - shown, screen.pause(2) + 4)):
            screen.picture[:] = page
            x, y = next(moves)
            screen.pointer(x, y)
            shown += 1
            yield screen.picture
        entries, top = words(screen.rng, int(screen.rng.integers(4, 9))), min(y, SIZE[1] - 200)
        for t in range(min(FRAMES - shown, 4 * len(entries))):
            screen.picture[:] = page
            _menu(screen, round(min(x, 480)), round(top), entries, t // 4)
            screen.pointer(x + t, top + 6 + 20 * t / 4)
            shown += 1
            yield screen.picture


def _menu(screen: _Screen, x: int, y: int, entries: Sequence[str], chosen: int) -> None:
    screen.area(x, y, 140, 20 * len(entries) + 8, screen.look.bar)
    screen.area(x, y + 4 + 20 * chosen, 140, 20, screen.look.accent)
    for number, entry in enumerate(entries):
        screen.text(x + 10, y + 18 + 20 * number, entry, screen.look.paper if number == chosen else None)


def terminal(screen: _Screen) -> Iterator[Picture]:
    """Print lines at the bottom, which push the others up, below a wheel that turns."""
    lines = _lines(screen.rng, int(screen.rng.integers(5, 30)))
    room, left = (SIZE[1] - 30) // screen.look.line, 0
    page = screen.picture.copy()
    for t in range(FRAMES):
        if not left:
            lines, left = [*lines, *_lines(screen.rng, int(screen.rng.integers(1, 4)))], screen.pause(0.7)
        left -= 1
        screen.picture[:] = page
        for number, text in enumerate(lines[-room:]):
            screen.line(screen.look.left, 24 + screen.look.line * (number + 1), text)
        screen.text(SIZE[0] - 40, 17, "|/-\\"[t % 4], screen.look.accent)
        yield screen.picture


def slides(screen: _Screen) -> Iterator[Picture]:
    """Show slides whose lines come one by one, each within some frames."""
    page, shown = screen.picture.copy(), 0
    while shown < FRAMES:
        screen.picture[:] = page
        screen.text(screen.look.left, 80, " ".join(words(screen.rng, 3)), screen.look.accent, 2.0)
        for number in range(int(screen.rng.integers(3, 6))):
            before = screen.picture.copy()
            screen.text(screen.look.left + 20, 130 + 44 * number, " ".join(words(screen.rng, 4)), None, 1.5)
            after, length = screen.picture.copy(), max(2, round(screen.look.pace * 2 * screen.rate / 30))
            for t in [*range(1, length + 1), *[length] * screen.pause(0.7)]:
                screen.picture[:] = cv2.addWeighted(before, 1 - t / length, after, t / length, 0)
                shown += 1
                if shown <= FRAMES:
                    yield screen.picture


def progress(screen: _Screen) -> Iterator[Picture]:
    """Fill a bar and count files in a window before a page, beside a wheel that turns."""
    _windows(screen)
    screen.area(150, 110, 360, 140, screen.look.bar)
    page, share, name = screen.picture.copy(), 0.0, words(screen.rng, 2)
    for t in range(FRAMES):
        if screen.rng.random() < 0.5:
            share = min(1.0, share + float(screen.rng.exponential(0.016)))
        if screen.rng.random() < 0.2 * 30 / screen.rate / screen.look.pace:
            name = words(screen.rng, 2)
        screen.picture[:] = page
        screen.text(170, 150, " ".join(name))
        screen.area(170, 190, round(320 * share), 16, screen.look.accent)
        screen.text(440, 230, f"{share:.0%}")
        turn = t * 45 % 360
        cv2.ellipse(screen.picture, (480, 145), (12, 12), turn, 0, 240, screen.look.ink, 2, cv2.LINE_AA)
        yield screen.picture


KINDS: dict[str, Callable[[_Screen], Iterator[Picture]]] = {
    "typing": typing,
    "typing with corrections": corrections,
    "scrolling by lines": scroll_by_lines,
    "smooth scrolling": smooth_scroll,
    "pointer on a page": pointer,
    "menus": menus,
    "terminal": terminal,
    "slides": slides,
    "progress window": progress,
    "coding": coding,
}


def screen_film(kind: str, seed: int, family: Family = "tuning") -> Iterator[Picture]:
    """Draw a recording of a screen."""
    looks = _LOOKS[family]
    rng = np.random.default_rng([seed, list(KINDS).index(kind), list(_LOOKS).index(family)])
    screen = _Screen(looks[seed % len(looks)], RATES[seed % len(RATES)], rng)
    return (picture.copy() for picture in KINDS[kind](screen))
