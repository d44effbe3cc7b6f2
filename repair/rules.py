"""How strongly each evidence speaks against each frame: 1 and more convicts.

Every sign is held against what is usual around the frame, so that neither fast films nor grainy ones are damage.
"""

from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, Ints
from ..settings import BreakupSettings
from .evidence import FrameEvidence

Signs: TypeAlias = dict[str, Floats]
Marks: TypeAlias = npt.NDArray[np.bool_]

# Frames on either side that tell what is usual: two seconds for the picture's own look, one for movement.
_LOOK, _MOTION, _HASTE = 60, 30, 6
# A sign that stays with a damaged picture holds from where it convicts to where it falls under half of that.
_HOLDS = 0.5
_LONGEST_PART, _FEW = 40, 6
# The share of a picture without anything in it, and grey levels between which that is neither black nor white.
_NOTHING, DARK, _BRIGHT = 0.9, 40.0, 215.0
# Of a stretch as long as a shot that much shows nothing, or it is taken for one.
_MOSTLY = 0.5
# A fade has steps, too, as its last grey levels go, but none of half its height at either end.
_AT_ONCE = 0.5
# Frames that a flash lasts at most, grey levels by which it is brighter, and those of what it washes out.
_FLASH, _BRIGHTER, _WASHED = 4, 60.0, 230.0
_Beyond: TypeAlias = Literal["mirror", "nearest"]


def rule_signs(evidence: FrameEvidence, settings: BreakupSettings) -> Signs:
    """The signs by name, without those that need to know which frames are already convicted."""
    jump = evidence.of("jump").copy()
    jump[:1] = jump[1:2] if len(jump) > 1 else 0
    usual = _usual(jump)
    torn = evidence.of("torn")
    found = {
        "guessed": evidence.of("guessed") * np.float32(settings.guessed),
        "misfit": evidence.of("misfit_1") / (2.5 + 0.6 * usual) / _flash(evidence.of("level"), 1) / settings.misfit,
        "torn": torn / (1.5 + _median(torn, _HASTE * 2)) / settings.torn,
        "grain": evidence.of("grain") / settings.grain,
    }
    for name, least in (("stripes", settings.stripes), ("blocks", settings.blocks), ("blank", settings.blank)):
        values = evidence.of(name)
        # What a film begins or ends with is usual there: skies are blank, but not blocky.
        usual_there = _median(values, _LOOK, "nearest" if name == "blank" else "mirror")
        found[name] = np.maximum(0, values - usual_there) / least
    leaps = np.flatnonzero(_leaps(jump, usual))
    for name in ("stripes", "blocks", "torn"):
        found[name] = _held(found[name])
    washed_out = _washed_out(evidence)
    for name in ("misfit", "blank"):
        found[name] = np.where(washed_out, 0, found[name]).astype(np.float32)
    others = np.max([values for name, values in found.items() if name != "blank"], axis=0) >= 1
    sudden = np.where(_fading(evidence, found["blank"]), 0, found["blank"]).astype(np.float32)
    blank = _between(_of_shots(evidence, sudden, leaps, settings), leaps, others)
    found["blank"] = np.maximum(_held(blank), _lost(evidence, leaps))
    broken = np.max([*found.values()], axis=0) >= 1
    found["frozen"] = frozen(evidence.of("change"), broken, settings.freeze_frames)
    found["healed"] = _healed(evidence, np.max([*found.values()], axis=0) >= 1, settings)
    return {name: np.asarray(values, np.float32) for name, values in found.items()}


def run_sign(evidence: FrameEvidence, others: Signs, settings: BreakupSettings) -> Floats:
    """Runs that fit neither what is before nor what is after, the shortest first.

    A convicted frame is no witness against others, and a run around a convicted one is more than the damage.
    A long run may be a caption or a shot: it needs another sign that half convicts it.
    """
    places = np.arange(len(evidence))
    starts, lengths = (evidence.of(name).astype(np.int64) for name in ("run_start", "run_length"))
    jump = evidence.of("jump")
    strength = evidence.of("run") / (9 + 1.4 * _percentile(jump, 80, _MOTION)) / settings.misfit
    leaps = _leaps(jump, _usual(jump))
    convicted = np.max([*others.values()], axis=0) >= 1
    support = np.max([others[name] for name in ("stripes", "blocks", "blank", "torn", "grain", "misfit")], axis=0)
    found = np.zeros(len(places), np.float32)
    closed = _washed_out(evidence)
    for length, start in sorted({(int(n), int(s)) for n, s in zip(lengths, starts, strict=True) if n}):
        end = start + length
        if convicted[start - 1] or convicted[min(end, len(places) - 1)] or closed[start:end].any():
            continue
        lasts = evidence.times[min(end, len(places) - 1)] - evidence.times[start]
        if lasts > settings.run_seconds and np.median(support[start:end]) < _HOLDS:
            continue
        value = strength[(starts == start) & (lengths == length)].max()
        # Where both of its ends are broken for certain, it is no flash, and less need speak against what is between.
        bounded = convicted[start] and convicted[end - 1]
        if not bounded:
            value /= _flash(evidence.of("level")[start - 1 : end + 1], length)[1]
        if value >= (_HOLDS if bounded else 1):
            whole = _islands(convicted, leaps, start, end) if bounded else np.zeros(end - start, bool)
            found[start:end], closed[start:end] = np.where(whole, 0, max(1.0, value)), True
            convicted[start:end] |= ~whole
    return found


def _islands(convicted: Marks, leaps: Marks, start: int, end: int) -> Marks:
    """The frames of a run that lie between two broken stretches and leap from and to both: whole ones, most likely."""
    found = np.zeros(end - start, bool)
    for first, last in _runs(~convicted[start:end]):
        found[first:last] = leaps[start + first] and leaps[start + last]
    return found


def _healed(evidence: FrameEvidence, broken: Marks, settings: BreakupSettings) -> Floats:
    """How much heals after each frame: not what was so for long, as a caption is, nor what leads to a broken frame."""
    starts, lengths = (evidence.of(name).astype(np.int64) for name in ("healed_start", "healed_length"))
    ends = starts + lengths
    lasts = evidence.times[ends] - evidence.times[starts]
    kept = (lasts <= settings.run_seconds) & ~broken[np.maximum(0, starts - 1)] & ~broken[ends]
    return np.asarray(evidence.of("healed") * kept / settings.healed, np.float32)


def frozen(change: Floats, broken: Marks, least: int) -> Floats:
    """Stretches in which nothing moves at all, though it does before and after, and that end in a leap.

    A still film has no movement around it, a repeat of telecine is short, and a scene that comes to rest and stirs
    again begins slowly. What frames that are broken otherwise seem to move by is no movement.
    """
    leaps, change = change, _without(change, broken)
    found = np.zeros(len(change), np.float32)
    still = change < np.maximum(0.6, 0.12 * _percentile(change, 70, 20))
    still[:1] = False
    for start, end in _runs(still):
        before, after = change[max(0, start - 8) : start], change[end + 1 : end + 9]
        if end - start < least or len(before) < 4 or len(after) < 3:
            continue
        moves = float(min(before.mean(), after.mean()))
        leap = float(leaps[end]) / max(0.1, float(np.percentile([*before, *after], 75)))
        found[start:end] = min(moves / (3 * (float(change[start:end].max()) + 0.3)), leap / 1.25)
    return found


def _usual(jump: Floats) -> Floats:
    return np.maximum(_median(jump, _MOTION), _median(jump, _HASTE))


def _leaps(jump: Floats, usual: Floats) -> Marks:
    return np.asarray(jump > np.maximum(4, 1.7 * usual))


def _flash(level: Floats, length: int) -> Floats:
    """How much less a misfit says where the picture is brighter than on both sides, as in the light of a flash."""
    return np.asarray(1 + np.maximum(0, _brighter(level, length)) / 20, np.float32)


def _brighter(level: Floats, length: int) -> Floats:
    """By how much the picture is brighter than those so many frames before and after it."""
    padded = np.pad(level, length, mode="edge")
    return level - np.maximum(padded[: len(level)], padded[2 * length :])


def _without(change: Floats, broken: Marks) -> Floats:
    """The changes, those into and out of broken frames replaced by what is usual in the film."""
    into = broken | np.concatenate([[False], broken[:-1]])
    return np.where(into & (change > 1), change[~into].mean() if not into.all() else 0, change).astype(np.float32)


def _between(values: Floats, leaps: Ints, broken: Marks) -> Floats:
    """The values of stretches that begin and end at once: a fade is none, nor is the black a film begins with.

    Nor is a whole stretch between two broken ones, which are no measure of what it should show, as the few frames
    before the first leap or after the last one are none.
    """
    kept = np.zeros_like(values)
    inner = leaps[(leaps >= _FEW) & (leaps <= len(values) - _FEW)]
    for start, end in pairwise(inner):
        if end - start <= _LONGEST_PART and not broken[start - 1] and not broken[end]:
            kept[start:end] = values[start:end]
    return kept


def _of_shots(evidence: FrameEvidence, values: Floats, leaps: Ints, settings: BreakupSettings) -> Floats:
    """The values without stretches that last as long as a shot does and show something in most of the picture."""
    kept, blank, times = values.copy(), evidence.of("blank"), evidence.times
    for start, end in pairwise(leaps):
        if times[end] - times[start] > settings.run_seconds and np.median(blank[start:end]) < _MOSTLY:
            kept[start:end] = 0
    return kept


def _fading(evidence: FrameEvidence, values: Floats) -> Marks:
    """Stretches that come to black or white, or from it, little by little."""
    level = evidence.of("level")
    found = np.zeros(len(values), bool)
    for start, end in _runs(values >= _HOLDS):
        peak = start + int(np.argmax(values[start:end]))
        if DARK < level[peak] < _BRIGHT or start == 0 or end == len(values):
            continue
        steps = values[start] - values[start - 1], values[end - 1] - values[end]
        found[start:end] = min(steps) < _AT_ONCE * values[peak]
    return found


def _washed_out(evidence: FrameEvidence) -> Marks:
    """Frames that a flash makes white in part: for a moment much brighter than what is before and after."""
    level, blank = evidence.of("level"), evidence.of("blank")
    found = np.zeros(len(level), bool)
    for length in range(1, _FLASH + 1):
        found |= _brighter(level, length) >= _BRIGHTER
    return np.asarray(found & (blank < _NOTHING) & (level >= _WASHED * blank) & (level > _BRIGHT))


def _lost(evidence: FrameEvidence, leaps: Ints) -> Floats:
    """Frames of one colour that a film begins or ends with; black and white may be meant."""
    level = evidence.of("level")
    flat = (evidence.of("blank") >= _NOTHING) & (level > DARK) & (level < _BRIGHT)
    found = np.zeros(len(level), np.float32)
    for start, end in _runs(flat):
        begins, ends = start == 0 and end in leaps, end == len(flat) and start in leaps
        if (begins or ends) and end - start <= _LONGEST_PART:
            found[start:end] = 1
    return found


def _held(values: Floats) -> Floats:
    """Stretches over half of what convicts, raised to a conviction where one of their frames is convicted."""
    held = values.copy()
    for start, end in _runs(values >= _HOLDS):
        if values[start:end].max() >= 1:
            held[start:end] = np.maximum(1, values[start:end])
    return held


def _runs(marks: Marks) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marks.astype(np.int8), [0]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _median(values: Floats, around: int, beyond: _Beyond = "mirror") -> Floats:
    return _percentile(values, 50, around, beyond)


def _percentile(values: Floats, percent: int, around: int, beyond: _Beyond = "mirror") -> Floats:
    """The percentile of the frames around each frame, `around` of them on either side.

    Beyond the film's ends are its last frames again, mirrored, or its very last one all over.
    """
    from scipy.ndimage import percentile_filter

    return np.asarray(percentile_filter(values, percent, size=2 * around + 1, mode=beyond), np.float32)
