"""Keep the signs of damage that the film around them supports, and clear the others.

A sign compares a frame with what is usual near it. That is not enough to call it broken: shots, flashes, captions and
old film leave the same signs. What a film shows all the time is no damage, and damage comes and goes while the film
goes on behind it. A sign that says only that something changed needs the support of another that says what is wrong.
"""

import numpy as np
import numpy.typing as npt

from ..media.types import Floats
from ..settings import BreakupSettings
from .agreement import agreement
from .boosted import KEPT, MOSTLY, boosted
from .detection_scores import Marks, Shares
from .evidence import FrameEvidence
from .freezes import StillStretches
from .loops import repetitions
from .rules import BRIGHT, DARK, FLASH_LEVELS, NOTHING, Signs, all_signs, brighter, runs_of, usual_jump
from .stretches import AS_LARGE, CHANGES, LONG, WEIGHED, Stretch, Stretches, ordinary_jumps
from .surroundings import Surroundings

_RULED_PATTERNS = ("torn", "grain", "stripes", "blocks")
"""The signs that show what damage looks like and that the rules of support can judge."""
_COMPARED = (*_RULED_PATTERNS, "blank", *CHANGES)
_RULED = ("guessed", *_COMPARED)
"""The signs that the rules of support keep or clear."""
_RATED = (*_RULED_PATTERNS, "misfit")
"""The signs that are rated against those of the whole film."""

# All numbers below were chosen on the tuning half of bench/clips.toml and on edits of its clips: fast cutting, stills,
# two shots in turn, flashes, fades, captions, low frame rates, dark noise, old film, jolts, a game and an editor.
_CLEARED = 0.49
"""What a cleared sign is at most: just under what holds a stretch together."""
_ORDINARY = 95
"""Percentile of the frames that are not called broken which is ordinary in a film."""
_BEYOND = 2.0
"""The factor by which a sign exceeds what is ordinary. At 2.5 tears in moving pictures are missed."""
_RETURNS = {
    "torn": 0.5,
    "grain": 0.75,
    "stripes": 0.75,
    "blocks": 0.6,
    "blank": 0.75,
    "misfit": 0.85,
    "run": 0.85,
    "healed": 0.75,
}
"""The share of the difference by which both sides of a stretch agree at least: between two cuts it is .2 to .8."""
_EXCESS_LEAST = 3.0
"""Grey levels by which a stretch differs from both sides where nothing moves,"""
_EXCESS_USUAL = 0.3
"""and the share of the usual change that motion adds to them."""
_STRONG = {"stripes": 2.5, "blocks": 1.5, "grain": 3.0}
"""Patterns so strong that no film shows them: there the sides need not agree, as where the camera moves on."""
_ONE_SHADE = 0.12
"""The share of the picture by which lost parts have one shade. Walls and skies have many."""
_LOST = 0.9
"""The share of one shade in a picture that is lost as a whole,"""
_LOST_GAIN = 0.5
"""and by how much this exceeds both sides. It needs no other support, as at a cut."""
_BLACK = 0.5
"""Seconds of black that are intended, as between the levels of a game."""
_ABRUPT = 0.3
"""The share of the difference that appears, or disappears, in one frame. A bridge passes through the picture."""
_PARTLY = 0.4
"""The share of the picture above which a change is another shot."""
_HINTED = 0.3
"""How strong a pattern supports a change."""
_COMMON = 6
"""Jumps as large as those around a stretch that make it ordinary: cuts, or what comes and goes in a game."""
_COMMON_ON_SCREENS = 3
"""The same where nothing moves otherwise."""
_STIRS = 0.5
"""Grey levels by which the worst part of a camera's film changes from frame to frame; on a screen nothing does."""
_AGAIN = 8
"""Stretches of one sign within `LONG` that make it the film's own, as where a game scrolls past the grid of
macroblocks. On the tuning half, with damage in a tenth of the frames, nothing is lost by it down to 5."""
_AGAIN_AT_ALL = 24
"""The same for stretches of any sign. On the tuning half, with damage in a third of the frames, there are 13 at most;
with damage of one kind in a fifth of them, 3 films in 202 have more."""
_CLEARLY = 2.5
"""How strong a pattern is that stands out from a film full of jumps,"""
_CLEARLY_RETURNS = 0.8
"""and the share of the difference by which both sides agree there."""
_FROZEN = 0.8
"""The share of a stretch that is frozen from which all of it is broken: a freeze is seen from its second frame on."""


def supported_signs(evidence: FrameEvidence, settings: BreakupSettings) -> Signs:
    """Return all signs by name, cleared where the film does not support them.

    Evidence without pictures, as in a file of an earlier version, leaves them as the rules rate them.
    """
    signs = all_signs(evidence, settings)
    if evidence.pictures is None or not len(evidence):
        return signs
    film = DescribedFilm(evidence, signs, settings.freeze_frames)
    frozen = _weighed_freezes(film)
    return _weighed(film, frozen >= 1) | {"guessed": signs["guessed"], "frozen": frozen}


class DescribedFilm:
    """The stretches of a film that may be broken, and the numbers by which they are judged."""

    def __init__(self, evidence: FrameEvidence, signs: Signs, shortest_freeze: int) -> None:
        assert evidence.pictures is not None
        around = Surroundings(evidence.pictures)
        self.times = evidence.times
        self.signs = _without_flashes(evidence, signs)
        supported = _Support(evidence, around, {name: self.signs[name].copy() for name in _RULED}).signs
        kept = np.max([*supported.values()], axis=0) >= 1
        stretches = Stretches(evidence, around, self.signs, kept)
        self.stretches = [*stretches]
        self.stills = [*StillStretches(evidence, around, stretches.called, shortest_freeze)]
        self.repeated = repetitions(evidence.pictures, evidence.times)


def is_frozen(frozen: Marks, one: Stretch) -> bool:
    """Return whether a stretch is one freeze but for a few frames: decoders freeze in what they could not repair."""
    return float(frozen[one.start : one.end].mean()) >= _FROZEN


def _weighed(film: DescribedFilm, frozen: Marks) -> Signs:
    """Clear the stretches that are not likely broken, given all that is known of them."""
    signs = {name: np.minimum(film.signs[name], _CLEARED) for name in WEIGHED}
    # Most runs that seem to drift are none, so that one which is cleared raises no doubt.
    signs["drift"] = np.zeros_like(signs["drift"])
    odds = _odds_of_stretches(film)
    pairs = zip(film.stretches, odds, strict=True)
    likely = [given for given, value in pairs if value >= 1 or is_frozen(frozen, given[0])]
    doubted = [one for one, numbers in likely if numbers[KEPT] < MOSTLY]
    begun = {name: film.times[sorted(one.start for one in doubted if one.name == name)] for name in WEIGHED}
    begun_at_all = film.times[sorted({one.start for one in doubted})]
    for one, numbers in likely:
        time = film.times[one.start]
        again = _around(time, begun[one.name]) > _AGAIN or _around(time, begun_at_all) > _AGAIN_AT_ALL
        if numbers[KEPT] >= MOSTLY or not again:
            frames = slice(one.start, one.end)
            signs[one.name][frames] = film.signs[one.name][frames]
    return signs


def _around(time: float, begun: npt.NDArray[np.float64]) -> int:
    """Return how many stretches that the rules clear begin around a time: many of them belong to the film."""
    first, last = np.searchsorted(begun, (time - LONG, time + LONG))
    return int(last - first)


def _weighed_freezes(film: DescribedFilm) -> Floats:
    found = np.zeros_like(film.signs["frozen"])
    freezes = boosted("freeze").odds([numbers for _, numbers in film.stills])
    for (one, _), odds in zip(film.stills, freezes, strict=True):
        found[one.start : one.end] = odds
    return np.where(film.repeated, np.maximum(1, found), found)


def _odds_of_stretches(film: DescribedFilm) -> Shares:
    """Return the odds that each stretch is broken, over those from which it is called so, given all others."""
    alone = boosted("damage").log_odds([numbers for _, numbers in film.stretches])
    together = agreement(film.stretches, alone, film.times)
    pairs = zip(film.stretches, together, strict=True)
    return boosted("agreement").odds([{**numbers, **others} for (_, numbers), others in pairs])


class _Support:
    """Clear signs step by step: each makes the called stretches smaller, and so clearer."""

    def __init__(self, evidence: FrameEvidence, around: Surroundings, signs: Signs) -> None:
        self._evidence = evidence
        self._around = around
        self.signs = _beyond_ordinary(signs)
        self._usual = usual_jump(evidence.of("jump"))
        while self._clear_unsupported():
            pass
        while self._clear_ordinary():
            pass

    def _clear(self, name: str, start: int, end: int) -> None:
        values = self.signs[name]
        values[start:end] = np.minimum(values[start:end], _CLEARED)

    def _clear_unsupported(self) -> bool:
        """Clear the stretches of each sign that the film does not support, and return whether there were any."""
        unsupported = [
            (name, start, end)
            for whole in runs_of(self._strongest() >= 1)
            for name in _COMPARED
            for start, end in _runs_within(self.signs[name] >= 1, *whole)
            if not self._supports(name, start, end, whole)
        ]
        for name, start, end in unsupported:
            self._clear(name, start, end)
        return bool(unsupported)

    def _supports(self, name: str, start: int, end: int, whole: tuple[int, int]) -> bool:
        if name == "blank":
            share, gain = self._around.one_shade(start, end)
            black = self._evidence.of("level")[(start + end - 1) // 2] <= DARK
            if share >= _LOST and gain >= _LOST_GAIN and not black:
                return True
            if gain < _ONE_SHADE or (black and share >= _LOST and self._lasts(start, end) > _BLACK):
                return False
        elif self._agree(*whole) or self.signs[name][start:end].max() >= _STRONG.get(name, np.inf):
            return True
        if self._around.fit(start, end) is None and self._around.fit(*whole) is None:
            return name not in CHANGES
        return any(self._comes_and_goes(name, *stretch) for stretch in ((start, end), whole))

    def _agree(self, start: int, end: int) -> bool:
        """Return whether two patterns are seen in one frame."""
        fit = self._around.fit(start, end)
        both = (np.sum([self.signs[name][start:end] >= 1 for name in _RULED_PATTERNS], axis=0) >= 2).any()
        return bool(both) and (fit is None or fit.abrupt >= _ABRUPT)

    def _comes_and_goes(self, name: str, start: int, end: int) -> bool:
        """Return whether the film goes on behind a stretch that differs from it."""
        fit = self._around.fit(start, end)
        if fit is None or fit.returns < _RETURNS[name] or fit.excess < _EXCESS_LEAST:
            return False
        if name == "torn" and fit.abrupt < _ABRUPT:
            return False
        return fit.excess >= _EXCESS_LEAST + _EXCESS_USUAL * self._around.usual_change(start, end)

    def _clear_ordinary(self) -> bool:
        """Clear changes that no pattern supports, and what stands out too little from a film full of jumps.

        Return whether there were any: the jumps of what was cleared are ordinary, too.
        """
        called = self._strongest() >= 1
        ordinary = ordinary_jumps(self._evidence.of("jump"), self._usual, called)
        sure, flagged = self._strongest(CHANGES) >= 1, self.signs["guessed"] >= 1
        for start, end in runs_of(called):
            common = self._common(ordinary, start, end)
            kept = self._stands_out(start, end) if common else sure[start:end].any() or self._is_partial(start, end)
            if not kept and not flagged[start:end].any():
                for name in _COMPARED:
                    self._clear(name, start, end)
        return int(np.count_nonzero(self._strongest() >= 1)) < int(np.count_nonzero(called))

    def _is_partial(self, start: int, end: int) -> bool:
        """Return whether a change leaves part of the picture as it was, with a hint of a pattern in the rest."""
        fit = self._around.fit(start, end)
        hint = max(self.signs[name][start:end].max() for name in _RULED_PATTERNS)
        shows = self._evidence.of("blank")[start:end].min() <= NOTHING
        return fit is not None and fit.cover <= _PARTLY and hint >= _HINTED and bool(shows)

    def _stands_out(self, start: int, end: int) -> bool:
        """Return whether a stretch is clearly damaged, and the film clearly goes on behind it."""
        fit = self._around.fit(start, end)
        pattern = max(self.signs[name][start:end].max() for name in _RULED_PATTERNS)
        clear = pattern >= _CLEARLY or self.signs["blank"][start:end].max() >= 1
        returns = fit is None or fit.returns >= _CLEARLY_RETURNS
        return clear and returns and not self._is_screen(start, end)

    def _is_screen(self, start: int, end: int) -> bool:
        """Return whether the film stands still around a stretch; if it also jumps, it records a screen."""
        return self._around.usual_change(start, end) < _STIRS

    def _common(self, ordinary: Floats, start: int, end: int) -> bool:
        """Return whether the film jumps as far elsewhere, again and again."""
        jump, times = self._evidence.of("jump"), self._evidence.times
        last = min(end, len(jump) - 1)
        first, after = np.searchsorted(times, (times[start] - LONG, times[last] + LONG))
        alike = np.count_nonzero(ordinary[first:after] >= AS_LARGE * min(jump[start], jump[last]))
        return int(alike) >= (_COMMON_ON_SCREENS if self._is_screen(start, end) else _COMMON)

    def _lasts(self, start: int, end: int) -> float:
        times = self._evidence.times
        return float(times[min(end, len(times) - 1)] - times[start])

    def _strongest(self, without: tuple[str, ...] = ()) -> Floats:
        return np.asarray(np.max([values for name, values in self.signs.items() if name not in without], axis=0))


def _without_flashes(evidence: FrameEvidence, signs: Signs) -> Signs:
    """Clear the signs of white pictures; light raises the contrast too, so grain counts less where it is brighter."""
    level = evidence.of("level")
    white = (level > BRIGHT) & (evidence.of("blank") > NOTHING)
    kept = {
        name: values.copy() if name in ("guessed", "frozen") else np.where(white, 0, values).astype(np.float32)
        for name, values in signs.items()
    }
    kept["grain"] /= 1 + np.maximum(0, brighter(level, 1)) / FLASH_LEVELS
    return kept


def _beyond_ordinary(signs: Signs) -> Signs:
    """Rate signs against the frames of the film that are not called broken: in old film every frame looks torn."""
    for name in _RATED:
        values = signs[name]
        ordinary = values[values < 1]
        if len(ordinary):
            values /= max(1.0, _BEYOND * float(np.percentile(ordinary, _ORDINARY)))
    return signs


def _runs_within(marks: Marks, start: int, end: int) -> list[tuple[int, int]]:
    return [(start + first, start + last) for first, last in runs_of(marks[start:end])]
