"""Count the foreign frames that are found, without encoding or ordering: python bench/foreign.py CLIPS

Stretches of each clip are mixed with frames of the other clips, 5 % of them, one by one (`foreign`) or five together
(`bursts`), and so are films of two to four shots of 15 to 50 frames from several clips (`few shots`). Films cut
together from shots of 1 to 30 frames (`cut fast`) get a burst, too. Each is judged in memory by the outlier rule and by
colours. `bench/order.py` measures the same on real files, which takes far longer.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cases import FOREIGN_SHARE, read_split

from reelweave.evaluate.foreign import covering
from reelweave.index.neighbours import nearest
from reelweave.ingest.models.appearance import AppearanceEmbedder
from reelweave.media.proxy import Proxy, ProxySize, make_proxy, proxy_yuv
from reelweave.media.source import VIDEO_SUFFIXES, open_source
from reelweave.media.types import Floats, Picture
from reelweave.settings import load
from reelweave.solve.colour_outliers import judge_colours
from reelweave.solve.outliers import find_outliers

_MOST = 600
"""Frames that are read of a clip."""
_BURST = 5
_LENT = 60
"""Frames that a clip can lend; more would take memory."""
_SIDE = 320
"""Long side of the pictures that are lent: twice that of what is stored of a frame."""
_LONGEST_SHOT = 30
_CUT_FRAMES = 100
"""Frames of a film that is cut fast, at least."""
_FEW_SHOTS = range(2, 5)
_SHOT = range(15, 51)
"""Frames of the shots of a film of few shots."""
_FILMS = 2
"""Films that are cut together, per clip."""

Frames = list[tuple[Floats, Proxy]]
"""The vector and the small picture of each frame."""


@dataclass(frozen=True)
class Film:
    """What is stored of a clip, and the frames that it lends, in runs of five."""

    size: tuple[int, int]
    frames: Frames
    lent: list[Picture]

    def lend(self, count: int, size: tuple[int, int], rng: np.random.Generator) -> Frames:
        """Return frames that follow one another, as many as there are, cropped to the sides of another clip."""
        start = int(rng.integers(max(1, len(self.lent) // count))) * count
        return [stored(covering(picture, size)) for picture in self.lent[start : start + count]]


@dataclass(frozen=True)
class Count:
    """Foreign frames, those of them that were dropped, true frames, and those of them that were."""

    foreign: int
    found: int
    true: int
    lost: int


def stored(picture: Picture) -> tuple[Floats, Proxy]:
    """Return what ingest stores of a picture."""
    size = ProxySize.of(picture.shape[1], picture.shape[0], load().ingest.proxy_pixels)
    return AppearanceEmbedder().embed([picture])[0], make_proxy(picture, size)


def read(clip: Path) -> Film:
    """Decode a clip; it lends runs at even distances."""
    frames, small = Frames(), list[Picture]()
    with closing(open_source(clip).frames()) as decoded:
        for frame in islice(decoded, _MOST):
            height, width = frame.picture.shape[:2]
            size = _SIDE * width // max(width, height), _SIDE * height // max(width, height)
            frames.append(stored(frame.picture))
            small.append(covering(frame.picture, size))
    starts = np.unique(np.linspace(0, max(0, len(small) - _BURST), _LENT // _BURST).astype(int)).tolist()
    return Film(size, frames, [picture for start in starts for picture in small[start : start + _BURST]])


def dropped(frames: Frames) -> npt.NDArray[np.bool_]:
    """Judge frames as solving does."""
    settings = load()
    limits, weights = settings.outliers, np.ones(len(frames), np.int64)
    graph = nearest(np.array([vector for vector, _ in frames]), settings.neighbours.k)
    return judge_colours(
        find_outliers(graph, weights, **limits.model_dump()),
        graph,
        weights,
        lambda row: proxy_yuv(frames[row][1]),
        min_group=limits.min_group,
        max_share=limits.max_share,
    ).dropped


def judged(film: Frames, foreign: Frames) -> Count:
    """Mix foreign frames into a film and count what is dropped."""
    lost = dropped([*film, *foreign])
    return Count(len(foreign), int(lost[len(film) :].sum()), len(film), int(lost[: len(film)].sum()))


def mixed(host: Film, lenders: Sequence[Film], length: int, group: int, rng: np.random.Generator) -> Count:
    """Mix frames of other clips, in groups, into a stretch of a clip; `group` 0 is none."""
    start = int(rng.integers(max(1, len(host.frames) - length + 1)))
    film = host.frames[start : start + length]
    groups = max(1, round(FOREIGN_SHARE * len(film)) // group) if group else 0
    chosen = rng.choice(len(lenders), groups, replace=groups > len(lenders))
    return judged(film, [one for n in chosen for one in lenders[n].lend(group, host.size, rng)])


def cut_fast(films: Sequence[Film], rng: np.random.Generator) -> Count:
    """Cut short shots of several clips together and add a burst of one more."""
    order, shots = iter(rng.permutation(len(films))), Frames()
    while len(shots) < _CUT_FRAMES:
        film, length = films[next(order)], int(rng.integers(1, _LONGEST_SHOT + 1))
        start = int(rng.integers(max(1, len(film.frames) - length + 1)))
        shots += film.frames[start : start + length]
    last = films[next(order)]
    return judged(shots, last.lend(_BURST, last.size, rng))


def few_shots(films: Sequence[Film], group: int, rng: np.random.Generator) -> Count:
    """Cut a few shots of several clips together, and mix frames of other clips into them, in groups; 0 is none."""
    order, shots = iter(rng.permutation(len(films))), Frames()
    for _ in range(int(rng.choice(_FEW_SHOTS))):
        film, length = films[next(order)], int(rng.choice(_SHOT))
        start = int(rng.integers(max(1, len(film.frames) - length + 1)))
        shots += film.frames[start : start + length]
    groups = max(1, round(FOREIGN_SHARE * len(shots)) // group) if group else 0
    lenders = [films[next(order)] for _ in range(groups)]
    return judged(shots, [one for film in lenders for one in film.lend(group, film.size, rng)])


def measure(films: Sequence[Film], lengths: Sequence[int], draws: int) -> Iterator[tuple[str, Count]]:
    kinds = {"clean": 0, "foreign": 1, "bursts": _BURST}
    for number, host in enumerate(films):
        lenders = [film for film in films if film is not host]
        for length in lengths:
            for kind, group in kinds.items():
                for draw in range(draws):
                    rng = np.random.default_rng([number, length, group, draw])
                    yield f"{length} frames, {kind}", mixed(host, lenders, length, group, rng)
    for kind, group in kinds.items():
        for number in range(_FILMS * len(films)):
            yield f"few shots, {kind}", few_shots(films, group, np.random.default_rng([number, group]))
    for number in range(_FILMS * len(films)):
        yield "cut fast, bursts", cut_fast(films, np.random.default_rng([number]))


def table(counts: Iterable[tuple[str, Count]]) -> str:
    """Return a row for each kind."""
    kinds: dict[str, list[Count]] = defaultdict(list)
    for kind, count in counts:
        kinds[kind].append(count)
    rows = ["| | mixtures | foreign | precision | recall | true frames | lost % |", "|---|---|---|---|---|---|---|"]
    return "\n".join([*rows, *(_row(kind, some) for kind, some in kinds.items())])


def _row(kind: str, counts: Sequence[Count]) -> str:
    def total(value: Callable[[Count], int]) -> int:
        return sum(map(value, counts))

    foreign, found = total(lambda one: one.foreign), total(lambda one: one.found)
    true, lost = total(lambda one: one.true), total(lambda one: one.lost)
    precision = f"{found / (found + lost):.3f}" if foreign and found else ""
    recall = f"{found / foreign:.3f}" if foreign else ""
    return f"| {kind} | {len(counts)} | {foreign} | {precision} | {recall} | {true} | {100 * lost / true:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="CLIPS")
    parser.add_argument(
        "--half", choices=("tuning", "check"), default="tuning", help="as bench/clips.toml divides them"
    )
    parser.add_argument("--frames", type=int, nargs="+", default=[100, 300], help="lengths of the stretches")
    parser.add_argument("--draws", type=int, default=5, help="mixtures of each clip, length and kind")
    chosen = parser.parse_args()
    split = read_split()
    clips = [clip for clip in sorted(chosen.folder.iterdir()) if clip.suffix.lower() in VIDEO_SUFFIXES]
    films = [read(clip) for clip in clips if split.half(clip.name) == chosen.half]
    print(table(measure(films, chosen.frames, chosen.draws)))


if __name__ == "__main__":
    main()
