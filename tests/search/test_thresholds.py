"""A calibrated threshold learns from the library what chance does: from the query's own scores and from sentences."""

from pathlib import Path

import numpy as np
import pytest
from matrices import matrix, shots

from reelweave.media.types import Floats, Space
from reelweave.search.neutral import SENTENCES
from reelweave.search.results import all_scores
from reelweave.search.thresholds import calibrated_cut, neutral_vectors, typical_spread

SAME = 0.98


def unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def test_a_query_whose_scores_vary_little_needs_more_where_other_texts_vary_more() -> None:
    library = matrix(shots(200, 1))
    scores = 0.2 * all_scores(library, unit(np.ones(64, np.float32))[None])
    sentences = shots(30, 1, seed=3)
    typical = typical_spread(library, sentences, SAME)
    alone, typically = (calibrated_cut(library, scores, 2.2, SAME, spread) for spread in (None, typical))
    assert typically > alone
    wide = calibrated_cut(library, 20 * scores, 2.2, np.inf, typical)
    assert wide < calibrated_cut(library, 20 * scores, 2.2, np.inf)


def test_what_is_certainly_there_is_also_found_where_it_stands_out_less() -> None:
    library = matrix(shots(200, 1))
    chance = 0.2 * all_scores(library, unit(np.ones(64, np.float32))[None])
    least = calibrated_cut(library, chance, 2.2, SAME)
    assert chance.max() < least
    near = np.append(chance[1:], least - 0.01).astype(np.float32)
    assert not (near >= calibrated_cut(library, near, 2.2, SAME)).any(), "nothing is certain"
    shown = np.append(near[1:], least + 0.05).astype(np.float32)
    assert (shown >= calibrated_cut(library, shown, 2.2, SAME)).sum() == 2
    part = calibrated_cut(library, shown, 2.2, SAME, best=float(near.max()))
    assert part > near.max(), "it is not in the part that is searched"


def test_the_typical_spread_is_that_of_the_middle_sentence() -> None:
    library, sentences = matrix(shots(100, 1)), shots(3, 1, seed=3)
    each = [typical_spread(library, one[None], SAME) for one in sentences]
    assert typical_spread(library, sentences, SAME) == pytest.approx(sorted(each)[1])


def test_a_large_library_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    library, sentences = matrix(shots(300, 1).repeat(10, axis=0)), shots(5, 1, seed=3)
    everything = typical_spread(library, sentences, SAME)
    monkeypatch.setattr("reelweave.search.thresholds._SAMPLE", 300)
    assert typical_spread(library, sentences, SAME) == pytest.approx(everything)


class Words:
    """An embedder of texts that counts its calls."""

    def __init__(self, weights: str = "a") -> None:
        self.space, self.calls = Space("clip", "model", weights, "", 8), 0

    def embed_texts(self, texts: "tuple[str, ...]") -> Floats:
        self.calls += 1
        return shots(len(texts), 1)[:, :8]


def test_the_vectors_of_the_sentences_are_made_once_for_each_model(tmp_path: Path) -> None:
    words, cache = Words(), tmp_path / "cache"
    first = neutral_vectors(words, cache)
    assert first.shape == (len(SENTENCES), 8)
    assert np.array_equal(neutral_vectors(words, cache), first)
    assert words.calls == 1
    other = Words("b")
    neutral_vectors(other, cache)
    assert other.calls == 1


@pytest.mark.parametrize("damage", [b"", b"no array", b"\x93NUMPY"])
def test_damaged_vectors_are_made_again(tmp_path: Path, damage: bytes) -> None:
    words = Words()
    neutral_vectors(words, tmp_path)
    next(tmp_path.glob("neutral-*.npy")).write_bytes(damage)
    neutral_vectors(words, tmp_path)
    assert words.calls == 2


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert len(neutral_vectors(Words(), tmp_path / "file" / "cache")) == len(SENTENCES)


def test_no_sentence_is_listed_twice() -> None:
    assert len(set(SENTENCES)) == len(SENTENCES)
