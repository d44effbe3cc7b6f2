"""Rate each sign of damage in each frame; a sign of 1 or more means broken.

Every sign is compared with what is usual around the frame, so that neither fast nor grainy films look damaged.
"""

from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np

from ..media.types import Floats, Ints
from ..settings import BreakupSettings
from .detection_scores import Marks
from .evidence import FrameEvidence
from .misfit import is_jump

Signs: TypeAlias = dict[str, Floats]

_LOOK = 60
"""Frames on either side that define the usual look of a picture: two seconds."""
_MOTION = 30
"""Frames on either side that define the usual movement: one second."""
_HASTE = 6
"""The same for a short burst of movement."""
HOLDS = 0.5
"""A sign that persists with the damage holds from where it reaches 1 to where it falls under this."""
_LONGEST_PART = 40
"""Bounds a blank stretch between two jumps, in frames."""
_FEW = 6
"""Frames at either end of a film in which a jump starts no stretch."""
NOTHING = 0.9
"""The share of a picture of one colour that shows nothing."""
DARK = 40.0
"""Grey levels up to which a picture is black."""
BRIGHT = 215.0
"""Grey levels from which a picture is white."""
_MOSTLY = 0.5
"""A stretch as long as a shot is one, unless more than this share of it shows nothing."""
_AT_ONCE = 0.5
"""A fade has steps too, as its last grey levels go, but none of this share of its height at either end."""
_FLASH = 4
"""Bounds a flash, in frames."""
_BRIGHTER = 60.0
"""Grey levels by which a flash is brighter."""
_WASHED = 230.0
"""Grey levels of what a flash washes out."""
FLASH_LEVELS = 20
"""Grey levels of a flash at which a misfit counts half."""
_MISFIT_LEAST = 2.5
"""Grey levels of misfit that noise explains."""
_MISFIT_USUAL = 0.6
"""The share of the usual change that motion adds to them."""
_TORN_LEAST = 1.5
"""Grey levels of a border between rows that noise explains."""
_RUN_LEAST = 9
"""The same as `_MISFIT_LEAST` for a run, whose two sides are farther apart."""
_RUN_USUAL = 1.4
"""The same as `_MISFIT_USUAL` for a run."""
_RUN_PERCENT = 80
"""Percentile of the changes around a run that is usual there."""
_EDGES_LEAST = 0.3
"""Doublings by which the sharpest borders of macroblocks are sharper than usual in damage, beyond"""
_EDGES_VARY = 3.0
"""How many times as far from the usual as the median frame the borders of macroblocks get without damage."""
STILL_LEAST = 0.6
"""Grey levels of change that coding noise adds to a still picture."""
_STILL_SHARE = 0.12
"""The share of the movement around that a still picture stays under."""
_FREEZE_MOTION = 3
"""Factor by which movement before and after exceeds what is left in a freeze."""
_FREEZE_JUMP = 1.25
"""Factor by which the end of a freeze exceeds the movement around."""
_DRIFT_LEAST = 0.3
"""Grey levels by which the spots of a frame jump where nothing moves,"""
_DRIFT_USUAL = 1.2
"""and the factor by which a jump exceeds those of the film. The trees judge what remains."""
_DRIFT_PERCENT = 95
"""Percentile of the jumps of a film that is usual there: a few frames of it may be damaged."""
_Beyond: TypeAlias = Literal["mirror", "nearest"]


def all_signs(evidence: FrameEvidence, settings: BreakupSettings) -> Signs:
    """Return all signs by name, before the film around them is asked whether it supports them."""
    found = rule_signs(evidence, settings)
    edges = _held(_edges(evidence.of("edges")) / _EDGES_LEAST)
    return found | {"run": run_sign(evidence, found, settings), "edges": edges, "drift": _drift(evidence)}


def rule_signs(evidence: FrameEvidence, settings: BreakupSettings) -> Signs:
    """Return the signs by name, except those that `all_signs` adds.

    `run` depends on the frames that these call broken.
    """
    jump = evidence.of("jump").copy()
    jump[:1] = jump[1:2] if len(jump) > 1 else 0
    usual = usual_jump(jump)
    expected = _MISFIT_LEAST + _MISFIT_USUAL * usual
    torn = evidence.of("torn")
    found = {
        "guessed": evidence.of("guessed") * np.float32(settings.guessed),
        "misfit": evidence.of("misfit_1") / expected / _flash(evidence.of("level"), 1) / settings.misfit,
        "torn": torn / (_TORN_LEAST + _median(torn, _HASTE * 2)) / settings.torn,
        "grain": evidence.of("grain") / settings.grain,
    }
    for name, least in (("stripes", settings.stripes), ("blocks", settings.blocks), ("blank", settings.blank)):
        values = evidence.of(name)
        # The content at the ends of a film is usual there: skies are blank, but not blocky.
        usual_there = _median(values, _LOOK, "nearest" if name == "blank" else "mirror")
        found[name] = np.maximum(0, values - usual_there) / least
    jumps = np.flatnonzero(is_jump(jump, usual))
    for name in ("stripes", "blocks", "torn"):
        found[name] = _held(found[name])
    washed_out = _washed_out(evidence)
    for name in ("misfit", "blank"):
        found[name] = np.where(washed_out, 0, found[name]).astype(np.float32)
    others = np.max([values for name, values in found.items() if name != "blank"], axis=0) >= 1
    sudden = np.where(_fading(evidence, found["blank"]), 0, found["blank"]).astype(np.float32)
    blank = _between(_of_shots(evidence, sudden, jumps, settings), jumps, others)
    found["blank"] = np.maximum(_held(blank), _lost(evidence, jumps))
    broken = np.max([*found.values()], axis=0) >= 1
    found["frozen"] = frozen(evidence.of("change"), broken, settings.freeze_frames)
    found["healed"] = _healed(evidence, np.max([*found.values()], axis=0) >= 1, settings)
    return {name: np.asarray(values, np.float32) for name, values in found.items()}


def _edges(values: Floats) -> Floats:
    """Return by how many doublings borders of macroblocks are sharper than usual, beyond what varies in the film."""
    usual = _median(values, _LOOK)
    sharper = np.log2((values + 1) / (usual + 1))
    return np.asarray(sharper - _EDGES_VARY * np.median(np.abs(sharper)), np.float32)


def _drift(evidence: FrameEvidence) -> Floats:
    """Rate how abruptly the run that a frame lies in ends, beside the jumps of the film."""
    usual = float(np.percentile(evidence.of("drift_jump"), _DRIFT_PERCENT)) if len(evidence) else 0.0
    return np.asarray(evidence.of("drift") / (_DRIFT_LEAST + _DRIFT_USUAL * usual), np.float32)


def run_sign(evidence: FrameEvidence, others: Signs, settings: BreakupSettings) -> Floats:
    """Rate the runs that fit neither what precedes nor what follows, the shortest first.

    A frame that is already called broken says nothing about others, and a run around one covers more than the damage.
    A long run may be a caption or a shot, so it needs another sign of at least one half.
    """
    places = np.arange(len(evidence))
    starts, lengths = (evidence.of(name).astype(np.int64) for name in ("run_start", "run_length"))
    jump = evidence.of("jump")
    expected = _RUN_LEAST + _RUN_USUAL * percentile(jump, _RUN_PERCENT, _MOTION)
    strength = evidence.of("run") / expected / settings.misfit
    jumps = is_jump(jump, usual_jump(jump))
    called = np.max([*others.values()], axis=0) >= 1
    support = np.max([others[name] for name in ("stripes", "blocks", "blank", "torn", "grain", "misfit")], axis=0)
    found = np.zeros(len(places), np.float32)
    closed = _washed_out(evidence)
    for length, start in sorted({(int(n), int(s)) for n, s in zip(lengths, starts, strict=True) if n}):
        end = start + length
        if called[start - 1] or called[min(end, len(places) - 1)] or closed[start:end].any():
            continue
        lasts = evidence.times[min(end, len(places) - 1)] - evidence.times[start]
        if lasts > settings.run_seconds and np.median(support[start:end]) < HOLDS:
            continue
        value = strength[(starts == start) & (lengths == length)].max()
        # Where both ends are broken for certain it is not a flash, and half the strength is enough.
        bounded = called[start] and called[end - 1]
        if not bounded:
            value /= _flash(evidence.of("level")[start - 1 : end + 1], length)[1]
        if value >= (HOLDS if bounded else 1):
            clean = _islands(called, jumps, start, end) if bounded else np.zeros(end - start, bool)
            found[start:end], closed[start:end] = np.where(clean, 0, max(1.0, value)), True
            called[start:end] |= ~clean
    return found


def _islands(called: Marks, jumps: Marks, start: int, end: int) -> Marks:
    """Return the frames of a run that lie between two broken stretches and jump from and to both: most likely clean."""
    found = np.zeros(end - start, bool)
    for first, last in runs_of(~called[start:end]):
        found[first:last] = jumps[start + first] and jumps[start + last]
    return found


def _healed(evidence: FrameEvidence, broken: Marks, settings: BreakupSettings) -> Floats:
    """Rate what heals after each frame.

    Ignore what stayed for long, as a caption does, and what leads to a broken frame.
    """
    starts, lengths = (evidence.of(name).astype(np.int64) for name in ("healed_start", "healed_length"))
    ends = starts + lengths
    lasts = evidence.times[ends] - evidence.times[starts]
    kept = (lasts <= settings.run_seconds) & ~broken[np.maximum(0, starts - 1)] & ~broken[ends]
    return np.asarray(evidence.of("healed") * kept / settings.healed, np.float32)


def frozen(change: Floats, broken: Marks, least: int) -> Floats:
    """Rate the stretches in which nothing moves although it does before and after, and that end in a jump.

    A static film has no movement around the stretch, a telecine repeat is short, and a scene that comes to rest and
    moves again starts slowly. The apparent movement of frames that are broken otherwise does not count.
    """
    raw, change = change, without(change, broken)
    found = np.zeros(len(change), np.float32)
    for start, end in runs_of(is_still(change)):
        before, after = change[max(0, start - 8) : start], change[end + 1 : end + 9]
        if end - start < least or len(before) < 4 or len(after) < 3:
            continue
        moves = float(min(before.mean(), after.mean()))
        jump = float(raw[end]) / max(0.1, float(np.percentile([*before, *after], 75)))
        found[start:end] = min(moves / (_FREEZE_MOTION * (float(change[start:end].max()) + 0.3)), jump / _FREEZE_JUMP)
    return found


def is_still(change: Floats) -> Marks:
    """Return the frames that change less than coding noise and movement explain."""
    still = change < np.maximum(STILL_LEAST, _STILL_SHARE * percentile(change, 70, 20))
    still[:1] = False
    return np.asarray(still)


def usual_jump(jump: Floats) -> Floats:
    """Return the usual change around each frame."""
    return np.maximum(_median(jump, _MOTION), _median(jump, _HASTE))


def _flash(level: Floats, length: int) -> Floats:
    """Return the divisor of a misfit where the picture is brighter than on both sides, as in a flash."""
    return np.asarray(1 + np.maximum(0, brighter(level, length)) / FLASH_LEVELS, np.float32)


def brighter(level: Floats, length: int) -> Floats:
    """Return how much brighter each frame is than both frames `length` before and after it."""
    padded = np.pad(level, length, mode="edge")
    return level - np.maximum(padded[: len(level)], padded[2 * length :])


def without(change: Floats, broken: Marks) -> Floats:
    """Replace the change into and out of broken frames by the mean of the film."""
    into = broken | np.concatenate([[False], broken[:-1]])
    return np.where(into & (change > 1), change[~into].mean() if not into.all() else 0, change).astype(np.float32)


def _between(values: Floats, jumps: Ints, broken: Marks) -> Floats:
    """Keep the stretches that begin and end abruptly: neither fades nor the black at the start of a film.

    A stretch between two broken ones is not kept, since they do not show what it should look like. Neither are the few
    frames before the first jump or after the last one.
    """
    kept = np.zeros_like(values)
    inner = jumps[(jumps >= _FEW) & (jumps <= len(values) - _FEW)]
    for start, end in pairwise(inner):
        if end - start <= _LONGEST_PART and not broken[start - 1] and not broken[end]:
            kept[start:end] = values[start:end]
    return kept


def _of_shots(evidence: FrameEvidence, values: Floats, jumps: Ints, settings: BreakupSettings) -> Floats:
    """Clear stretches that last as long as a shot and show something in most of the picture."""
    kept, blank, times = values.copy(), evidence.of("blank"), evidence.times
    for start, end in pairwise(jumps):
        if times[end] - times[start] > settings.run_seconds and np.median(blank[start:end]) < _MOSTLY:
            kept[start:end] = 0
    return kept


def _fading(evidence: FrameEvidence, values: Floats) -> Marks:
    """Return the stretches that turn to black or white, or back, gradually."""
    level = evidence.of("level")
    found = np.zeros(len(values), bool)
    for start, end in runs_of(values >= HOLDS):
        peak = start + int(np.argmax(values[start:end]))
        if DARK < level[peak] < BRIGHT or start == 0 or end == len(values):
            continue
        steps = values[start] - values[start - 1], values[end - 1] - values[end]
        found[start:end] = min(steps) < _AT_ONCE * values[peak]
    return found


def _washed_out(evidence: FrameEvidence) -> Marks:
    """Return the frames that a flash makes partly white: for a moment much brighter than before and after."""
    level, blank = evidence.of("level"), evidence.of("blank")
    found = np.zeros(len(level), bool)
    for length in range(1, _FLASH + 1):
        found |= brighter(level, length) >= _BRIGHTER
    return np.asarray(found & (blank < NOTHING) & (level >= _WASHED * blank) & (level > BRIGHT))


def _lost(evidence: FrameEvidence, jumps: Ints) -> Floats:
    """Return the frames of one colour between two jumps, or at an end of a film; black and white may be intended.

    What is next to them may seem broken, too: they do not show what it should look like.
    """
    level = evidence.of("level")
    flat = (evidence.of("blank") >= NOTHING) & (level > DARK) & (level < BRIGHT)
    found = np.zeros(len(level), np.float32)
    for start, end in runs_of(flat):
        bounds = start in jumps, end in jumps
        at_end = start == 0 or end == len(flat)
        if (all(bounds) or (at_end and any(bounds))) and end - start <= _LONGEST_PART:
            found[start:end] = 1
    return found


def _held(values: Floats) -> Floats:
    """Raise stretches of at least one half to 1 where one of their frames reaches 1."""
    held = values.copy()
    for start, end in runs_of(values >= HOLDS):
        if values[start:end].max() >= 1:
            held[start:end] = np.maximum(1, values[start:end])
    return held


def runs_of(marks: Marks) -> list[tuple[int, int]]:
    """Return the start and the end of each stretch of marks; the end is the first frame after it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marks.astype(np.int8), [0]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _median(values: Floats, around: int, beyond: _Beyond = "mirror") -> Floats:
    return percentile(values, 50, around, beyond)


def percentile(values: Floats, percent: int, around: int, beyond: _Beyond = "mirror") -> Floats:
    """Return the percentile of the `around` frames on either side of each frame.

    Beyond the ends of the film its frames are mirrored, or the very last one repeats.
    """
    from scipy.ndimage import percentile_filter

    return np.asarray(percentile_filter(values, percent, size=2 * around + 1, mode=beyond), np.float32)
