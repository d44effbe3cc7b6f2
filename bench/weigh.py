"""Fit the trees that weigh the evidence of damage: python bench/weigh.py CLIPS --work FOLDER [--write]

The clips of the tuning half of clips.toml are judged as they are, with each kind of damage, with all kinds at places
that differ from clip to clip, and edited into what is hard to tell from damage: see edits.py. Each clip is then judged
by trees fitted without it, and the recall, precision and false alarms are printed. Trees that weigh a stretch beside
the others learn from what trees that did not see its clip say of each. --write fits all and writes them into the
package. --work keeps the damaged clips, which `breakup.py --work` takes too, and what describes them: remove
*.described.pkl after a change to what is measured.
"""

import argparse
import json
import pickle
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from breakup import Bench
from cases import read_split
from edits import CLEAN_EDITS, DAMAGED_EDITS, Clip, Edit, as_it_is
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold

from reelweave.evaluate.damage import BASIC, Damage
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.media.source import VIDEO_SUFFIXES, open_source
from reelweave.repair.agreement import agreement
from reelweave.repair.boosted import FILE as TREES
from reelweave.repair.boosted import doubt
from reelweave.repair.detection_scores import Marks
from reelweave.repair.evidence import compare_neighbours, measure_frames, spread
from reelweave.repair.rules import all_signs
from reelweave.repair.support import DescribedFilm, is_frozen
from reelweave.settings import load

WHOLE, MIXED, FREEZE = "whole", "mixed", "freeze"
ALONE, TOGETHER = "damage", "agreement"
"""The trees that judge each stretch alone, and those that then compare it with the other stretches of the film."""
LEAST = {TOGETHER: (0.5, 0.7, 0.93, 0.8), FREEZE: (0.6,)}
"""Probability from which a stretch is called broken: one that the rules of support keep, and one that they clear, of
each kind of `doubt`.

Chosen by the curve that this prints: trees that did not see an undamaged clip of the tuning half call 4 frames of it
broken, in 5 minutes of film. The drawn films of the tests stay clean. In a fit with other folds, something that comes
and goes in a game that stands still reached .91.
"""
OPTIONS: dict[str, dict[str, Any]] = {
    ALONE: {"max_iter": 300, "learning_rate": 0.06, "max_leaf_nodes": 16, "min_samples_leaf": 40},
    TOGETHER: {"max_iter": 120, "learning_rate": 0.08, "max_leaf_nodes": 8, "min_samples_leaf": 40},
    FREEZE: {"max_iter": 200, "learning_rate": 0.08, "max_leaf_nodes": 8, "min_samples_leaf": 20},
}
"""There are some ten thousand stretches, and a few hundred freezes; few numbers say how far stretches agree."""
FEATURES = {ALONE: 0.2, TOGETHER: 0.4, FREEZE: 0.3}
"""The share of the numbers among which each node of a tree may choose: many of them say nearly the same."""
EDITED = 0.5
"""The weight of a stretch of an edited clip."""
AMBIGUOUS = 0.3
"""The share of a still stretch from which damage that is no freeze makes it neither a freeze nor a rest."""
DRIFTING = 0.7
"""The share of a stretch that drifts which is broken where it is called so: its start is an estimate."""
FOLDS = 6
UNEDITED = ("as_it_is", "another_seed")
AS_DAMAGED = (*UNEDITED, "damaged_anew")
"""The edits that leave the damage as it was made."""
FRAMES, WIDTH, SHARE, SEED = 150, 480, 0.1, 2
"""As in the table of the results page. The films have this seed in common, and so stretches of the same lengths, which
trees would learn: they are judged, but only edits of them are learnt from."""
AGAIN_FRAMES, AGAIN_SHARE, AGAIN_SEED = 300, 0.2, 3
"""The frames, the share of them that is damaged and the seed of further films with one kind, which are learnt from."""
DRAWS, MIXED_SHARE = 4, 0.3
"""Films with all kinds of damage, of each clip, at places of its own, and the share of their frames that is damaged."""
SEVERITIES, QUALITIES = (1, 2, 2, 3), (18, 20, 23, 26)
"""The severities and the quantisers (CRF) that are drawn for such a film."""


@dataclass
class Film:
    clip: str
    case: str
    edit: str
    broken: np.ndarray[Any, np.dtype[np.bool_]]
    seconds: float
    described: DescribedFilm
    kinds: Mapping[str, Marks]
    """The frames that each kind of damage hit."""

    @property
    def held(self) -> Marks:
        """The frames that are frozen."""
        return self.broken if self.edit == "stuck" else self.kinds.get(FREEZE, np.zeros_like(self.broken))

    def stretches(self, model: str) -> Sequence[tuple[Any, Mapping[str, float]]]:
        return self.described.stills if model == FREEZE else self.described.stretches

    def weight(self, model: str, one: Any) -> float:
        """Return the weight of a stretch, 0 for one that teaches nothing, or a length that clips have in common."""
        other = self.broken[one.start : one.end].mean() >= AMBIGUOUS and not self.is_broken(FREEZE, one)
        if (model == FREEZE and other) or (self.edit == "as_it_is" and self.case in BASIC):
            return 0.0
        return float(np.sqrt(one.end - one.start)) * (1.0 if self.edit in UNEDITED else EDITED)

    def is_broken(self, model: str, one: Any) -> bool:
        marks = self.held if model == FREEZE else self.broken
        least = DRIFTING if getattr(one, "name", "") == "drift" else 0.5
        return bool(marks[one.start : one.end].mean() >= least)


@dataclass
class Stretches:
    """All stretches of a model, a row each."""

    names: list[str]
    values: np.ndarray[Any, np.dtype[np.float64]]
    broken: np.ndarray[Any, np.dtype[np.bool_]]
    clips: np.ndarray[Any, np.dtype[np.str_]]
    weights: np.ndarray[Any, np.dtype[np.float64]]


def films(clips: Path, work: Path, names: Collection[str] = ()) -> Iterator[Film]:
    """Describe the films of the clips of those names, or of all; what was described before is read again."""
    bench = Bench(read_split(), FRAMES, SHARE, SEED, 1 << 24, WIDTH, work)
    again = replace(bench, frames=AGAIN_FRAMES, share=AGAIN_SHARE, seed=AGAIN_SEED, work=work / "again")
    again.work.mkdir(exist_ok=True)
    for clip in sorted(file for file in clips.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES):
        if bench.split.half(clip.name) != "tuning" or (names and clip.stem not in names):
            continue
        kept = work / f"{clip.stem}.described.pkl"
        if not kept.exists():
            kept.write_bytes(pickle.dumps([*films_of(clip, bench, again)]))
        yield from pickle.loads(kept.read_bytes())


def films_of(clip: Path, bench: Bench, again: Bench) -> Iterator[Film]:
    """Describe a clip as it is, damaged and edited."""
    whole = measured(clip, clip.stem, WHOLE, ())
    yield from described(whole, CLEAN_EDITS)
    for case, video, broken in bench.videos(clip, len(whole.measures)):
        yield from described(measured(video, clip.stem, case, broken), DAMAGED_EDITS)
    for case, video, broken in again.videos(clip, len(whole.measures)):
        yield from described(measured(video, clip.stem, case, broken), (another_seed,))
    for video, kinds in mixed(clip, bench):
        hit = {frame for frames in kinds.values() for frame in frames}
        yield from described(measured(video, clip.stem, MIXED, hit), (as_it_is,), kinds)


def another_seed(clip: Clip) -> Iterator[Clip]:
    yield clip


def mixed(clip: Path, bench: Bench) -> Iterator[tuple[Path, Mapping[str, Sequence[int]]]]:
    """Damage a clip with all kinds in turn, and return the video and the frames that each kind hit."""
    source = bench.small(clip, open_source(clip).info().width)
    for draw in range(DRAWS):
        rng = np.random.default_rng([zlib.crc32(clip.stem.encode()), draw])
        video = bench.work / f"{clip.stem}.{MIXED}-{draw}.mp4"
        truth = video.with_suffix(".json")
        seed, severity, crf = int(rng.integers(1 << 16)), rng.choice(SEVERITIES), int(rng.choice(QUALITIES))
        if not truth.exists():
            damage = Damage.parse(f"basic={severity}:{MIXED_SHARE}")
            options = ScrambleOptions(frames=AGAIN_FRAMES, seed=seed, crf=crf, shuffle=False, damage=damage)
            truth.write_text(json.dumps(scramble(source, video, options).damage), encoding="utf-8")
        yield video, json.loads(truth.read_text(encoding="utf-8"))


def measured(video: Path, name: str, case: str, broken: Collection[int]) -> Clip:
    source = open_source(video, steady=True)
    with closing(measure_frames(source)) as frames:
        measures = list(frames)
    return Clip(video, name, case, measures, [one.index in broken for one in measures], source.guesses)


def described(clip: Clip, edits: Sequence[Edit], kinds: Mapping[str, Sequence[int]] | None = None) -> Iterator[Film]:
    settings = load().breakup
    for edit in edits:
        for played in edit(clip):
            evidence = compare_neighbours(iter(played.measures), partial(spread, played.report))
            seconds = float(evidence.times[-1] - evidence.times[0]) if len(evidence) > 1 else 0.0
            film = DescribedFilm(evidence, all_signs(evidence, settings), settings.freeze_frames)
            broken = np.asarray(played.broken)
            hit = {kind: np.isin(evidence.frames, frames) for kind, frames in (kinds or {}).items()}
            yield Film(clip.name, played.case, edit.__name__, broken, seconds, film, hit or {played.case: broken})


def stretches(found: Sequence[Film], model: str) -> Stretches:
    rows = [(film, one, numbers) for film in found for one, numbers in film.stretches(model)]
    return Stretches(
        list(rows[0][2]),
        np.array([[*numbers.values()] for _, _, numbers in rows]),
        np.array([film.is_broken(model, one) for film, one, _ in rows]),
        np.array([film.clip for film, _, _ in rows]),
        np.array([film.weight(model, one) for film, one, _ in rows]),
    )


def beside_others(found: Sequence[Film], rows: Stretches, likely: np.ndarray[Any, np.dtype[np.float64]]) -> Stretches:
    """Describe the stretches by how likely they and the others of their film are broken."""
    odds, at, described = np.log(likely / (1 - likely)), 0, []
    for film in found:
        end = at + len(film.described.stretches)
        described += agreement(film.described.stretches, odds[at:end], film.described.times)
        at = end
    return replace(rows, names=list(described[0]), values=np.array([[*one.values()] for one in described]))


def fitted(model: str, rows: Stretches, used: Any = slice(None)) -> HistGradientBoostingClassifier:
    trees = HistGradientBoostingClassifier(
        l2_regularization=2, max_features=FEATURES[model], random_state=0, **OPTIONS[model]
    )
    return trees.fit(rows.values[used], rows.broken[used], sample_weight=rows.weights[used])


def left_out(model: str, rows: Stretches) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the probability of each stretch by trees that never saw its clip."""
    found = np.zeros(len(rows.broken))
    for used, other in GroupKFold(FOLDS).split(rows.values, rows.broken, rows.clips):
        found[other] = fitted(model, rows, used).predict_proba(rows.values[other])[:, 1]
    return found


def report(
    found: Sequence[Film],
    likely: Mapping[str, Any],
    least: Mapping[str, Sequence[float]],
    group: Callable[[Film], str],
) -> str:
    """Return a line for each group of films: recall, precision and false alarms in undamaged ones."""
    counts: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for film, called in zip(found, called_frames(found, likely, least), strict=True):
        count = counts[group(film)]
        if film.case == WHOLE:
            count[3] += np.count_nonzero(called)
            count[4] += film.seconds / 60
            continue
        for at, marks in enumerate((called & film.broken, film.broken, called & ~film.broken)):
            count[at] += np.count_nonzero(marks)
    rows = ["| films | frames hit | recall | precision | false alarms | minutes |", "|---|---|---|---|---|---|"]
    for name, (hit, broken, wrong, alarms, minutes) in counts.items():
        shares = f"{broken:.0f} | {hit / broken:.3f} | {hit / max(1, hit + wrong):.3f}" if broken else "- | - | -"
        rows.append(f"| {name} | {shares} | {alarms:.0f} | {minutes:.2f} |")
    return "\n".join(rows)


def recalls(found: Sequence[Film], likely: Mapping[str, Any], least: Mapping[str, Sequence[float]]) -> str:
    """Return a line for each kind of damage in the films that show all kinds."""
    counts: dict[str, list[float]] = defaultdict(lambda: [0, 0])
    for film, called in zip(found, called_frames(found, likely, least), strict=True):
        for kind, hit in film.kinds.items() if film.case == MIXED else ():
            counts[kind][0] += np.count_nonzero(called & hit)
            counts[kind][1] += np.count_nonzero(hit)
    rows = [f"| {kind} | {every:.0f} | {hit / every:.3f} |" for kind, (hit, every) in sorted(counts.items())]
    return "\n".join(["| damage | frames hit | recall |", "|---|---|---|", *rows])


def called_frames(
    found: Sequence[Film], likely: Mapping[str, Any], least: Mapping[str, Sequence[float]]
) -> Iterator[np.ndarray[Any, np.dtype[np.bool_]]]:
    at = dict.fromkeys(LEAST, 0)
    for film in found:
        frozen = film.described.repeated.copy()
        called = film.described.signs["guessed"] >= 1
        for model in (FREEZE, TOGETHER):
            for one, numbers in film.stretches(model):
                is_likely = likely[model][at[model]] >= least[model][doubt(numbers)]
                if model == FREEZE and is_likely:
                    frozen[one.start : one.end] = True
                elif is_likely or (model == TOGETHER and is_frozen(frozen, one)):
                    called[one.start : one.end] = True
                at[model] += 1
        yield called | frozen


def as_numbers(model: str, trees: HistGradientBoostingClassifier, names: list[str]) -> dict[str, Any]:
    """Return the trees as lists of nodes: a leaf has the feature -1."""
    written: dict[str, Any] = {"numbers": names, "start": round(float(trees._baseline_prediction.ravel()[0]), 5)}
    written |= {"least": LEAST.get(model, ()), "roots": []}
    lists: dict[str, list[float]] = {name: [] for name in ("feature", "threshold", "left", "right", "value")}
    for (tree,) in trees._predictors:
        first = len(lists["value"])
        written["roots"].append(first)
        for node in tree.nodes:
            is_leaf = bool(node["is_leaf"])
            lists["feature"].append(-1 if is_leaf else int(node["feature_idx"]))
            lists["threshold"].append(0 if is_leaf else float(f"{node['num_threshold']:.6g}"))
            for side in ("left", "right"):
                lists[side].append(0 if is_leaf else first + int(node[side]))
            lists["value"].append(float(f"{node['value']:.5g}"))
    return written | lists


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="a folder that keeps the damaged clips")
    parser.add_argument("--only", nargs="+", default=[], help="clips to describe, by name without ending: fit nothing")
    parser.add_argument("--write", action="store_true", help="write the trees into the package")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    found = [*films(asked.clips, asked.work, asked.only)]
    if asked.only:
        return
    rows = {model: stretches(found, model) for model in (ALONE, FREEZE)}
    likely = {model: left_out(model, rows[model]) for model in rows}
    rows[TOGETHER] = beside_others(found, rows[ALONE], likely[ALONE])
    likely[TOGETHER] = left_out(TOGETHER, rows[TOGETHER])
    for cleared in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        kept, _, *doubtful = LEAST[TOGETHER]
        least = LEAST | {TOGETHER: (min(cleared, kept), cleared, *(max(cleared, one) for one in doubtful))}
        edits = report(found, likely, least, lambda film: MIXED if film.case == MIXED else film.edit)
        print(f"\nstretches that rules clear from {cleared} on\n\n{edits}")
    kinds = report(
        found, likely, LEAST, lambda film: f"{film.edit}, {film.case}" if film.edit in AS_DAMAGED else "other"
    )
    print(f"\nas it is set, by kind of damage\n\n{kinds}")
    print(f"\nthe films with all kinds\n\n{recalls(found, likely, LEAST)}")
    if asked.write:
        trees = {name: as_numbers(name, fitted(name, rows[name]), rows[name].names) for name in rows}
        TREES.write_text(as_json(trees), encoding="utf-8")


def as_json(trees: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a list a line."""
    shown = [
        f'"{name}": {{\n' + ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in one.items()) + "\n}"
        for name, one in trees.items()
    ]
    return "{\n" + ",\n".join(shown) + "\n}\n"


if __name__ == "__main__":
    main()
