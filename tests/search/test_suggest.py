"""Where a text finds nothing, words are suggested that do find something."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matrices import WIDTH, matrix

from reelweave.evaluate.drawn.film import draw_film
from reelweave.ingest.models.weights import TOY
from reelweave.media.types import Floats, Space
from reelweave.search.suggest import everyday_words, suggested_words

if TYPE_CHECKING:
    from runs import Run


class Words:
    """A model that knows three words; all others are the same to it."""

    space = Space("clip", "three words", "", "", WIDTH)

    def __init__(self) -> None:
        self.calls = 0
        self.known = dict(zip(("dog", "puppy", "car"), np.eye(WIDTH, dtype=np.float32), strict=False))
        self.known["puppy"] = np.asarray([0.8, 0.6, *np.zeros(WIDTH - 2)], np.float32)

    def embed(self, pictures: object) -> Floats:
        raise NotImplementedError

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        self.calls += 1
        other = np.eye(WIDTH, dtype=np.float32)[9]
        return np.stack([self.known.get(text, other) for text in texts])


@pytest.fixture
def words() -> Words:
    return Words()


def frames(words: Words, *shown: str) -> Floats:
    noise = 0.01 * np.random.default_rng(2).standard_normal((40, WIDTH)).astype(np.float32)
    noise[: len(shown)] += np.stack([words.known[word] for word in shown])
    return np.asarray(noise / np.linalg.norm(noise, axis=1, keepdims=True), np.float32)


def suggested(words: Words, shown: Sequence[str], query: Floats, cache: Path) -> tuple[str, ...]:
    made = matrix(frames(words, *shown))
    vectors = made.segments[0].rows.vectors
    return suggested_words(
        query[None], made, np.arange(len(made)), words, cache, lambda one: bool((vectors @ one[0] > 0.9).any())
    )


def test_words_that_find_something_are_suggested_the_nearest_first(words: Words, tmp_path: Path) -> None:
    cat = np.asarray([0.7, 0.5, 0.5, *np.zeros(WIDTH - 3)], np.float32)
    assert suggested(words, ["car", "puppy", "dog"], cat, tmp_path) == ("puppy", "dog", "car")
    assert suggested(words, ["car"], cat, tmp_path) == ("car",)


def test_words_that_a_model_does_not_know_are_never_suggested(words: Words, tmp_path: Path) -> None:
    other = words.embed_texts(["nonsense"])[0]
    words.known["nonsense"] = other
    assert suggested(words, ["nonsense"], other, tmp_path) == ()


def test_words_are_embedded_once_for_each_model(words: Words, tmp_path: Path) -> None:
    cat = words.known["puppy"]
    suggested(words, ["dog"], cat, tmp_path)
    suggested(words, ["car"], cat, tmp_path)
    assert words.calls == 1
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert suggested(words, ["car"], cat, tmp_path) == ("car",)
    assert words.calls == 2, "a damaged file is made again"
    words.space = Space("clip", "another", "", "", WIDTH)
    suggested(words, ["car"], cat, tmp_path)
    assert words.calls == 3


def test_words_are_suggested_even_where_nothing_can_be_written(words: Words, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    assert suggested(words, ["car"], words.known["car"], tmp_path / "cache") == ("car",)


def test_each_word_is_listed_once() -> None:
    assert len(set(everyday_words())) == len(everyday_words()) > 200


def test_a_search_without_hits_names_words_that_have_some(
    run: "Run", library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWEAVE_CLIP__MODEL", TOY)
    film = draw_film(tmp_path / "film.mp4", 20, (320, 180))
    assert run("ingest", film, "--space", "clip", "--fps", "all").code == 0
    best = max(row["score"] for word in ("circle", "square", "star") for row in run("search", word, "--json").rows)
    nothing = run("search", "a brown cross", "--threshold", round(best - 0.02, 3))
    assert (nothing.code, nothing.out) == (0, "")
    named = [word for word in ("circle", "square", "star") if f" {word}" in nothing.err]
    assert named
    for word in named:
        assert run("search", word, "--threshold", round(best - 0.02, 3)).out
