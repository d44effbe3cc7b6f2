"""A search finds the matching frames and lists frames that look the same once."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from helpers import decoded, pictures, write_clip, write_pictures, write_vfr
from runs import settings
from tiny_clip import make_tiny_clip

from reelweave import pipeline
from reelweave.errors import SpaceError, UsageError
from reelweave.index.library import open_library
from reelweave.index.matrix import Matrix, Segment
from reelweave.media.types import FrameRows, Picture, Space, VideoRecord
from reelweave.search.finder import SearchResult
from reelweave.search.query import Term, combined, parse
from reelweave.search.question import Question
from reelweave.search.results import Ranked, all_scores, auto_cut, calibrated_cut, distinct, moments, ranked
from reelweave.search.search import search_library
from reelweave.settings import Settings

if TYPE_CHECKING:
    from runs import Run

    from reelweave.search.finder import SearchResult

SPACE = Space("drawn", "none", "none", "none", 4)


def saved(picture: Picture, path: Path) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())
    return path


# Queries


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        pytest.param("a red car", [Term(1, "a red car")], id="words"),
        pytest.param(
            "beach - people + 0.5*sunset", [Term(1, "beach"), Term(-1, "people"), Term(0.5, "sunset")], id="sum"
        ),
        pytest.param("beach - 2 * people", [Term(1, "beach"), Term(-2, "people")], id="weight apart"),
        pytest.param("close-up of C++ code", [Term(1, "close-up of C++ code")], id="signs within words"),
        pytest.param("- rain", [Term(-1, "rain")], id="sign first"),
        pytest.param("@a.jpg + sea", [Term(1, picture=Path("a.jpg")), Term(1, "sea")], id="picture"),
        pytest.param('.5*@"a - b.jpg"', [Term(0.5, picture=Path("a - b.jpg"))], id="quoted picture"),
        pytest.param('"a - b" - c', [Term(1, "a - b"), Term(-1, "c")], id="quoted words"),
        pytest.param("3 dogs", [Term(1, "3 dogs")], id="number of things"),
    ],
)
def test_a_query_is_parsed_into_terms(query: str, terms: list[Term]) -> None:
    assert parse(query) == terms


@pytest.mark.parametrize("query", ["beach -", "+", "a - - b", "a + @", "2*", '""'])
def test_an_incomplete_query_is_rejected(query: str) -> None:
    with pytest.raises(UsageError):
        parse(query)


def test_terms_add_up_to_a_unit_vector() -> None:
    east, north = np.eye(2, dtype=np.float32)
    both = combined([1, -0.5], np.stack([east, north]))
    assert both.tolist() == pytest.approx([2 / 5**0.5, -1 / 5**0.5])


def test_terms_that_cancel_one_another_are_rejected() -> None:
    with pytest.raises(UsageError):
        combined([1, -1], np.ones((2, 2), np.float32))


# Ranking of hand-made rows


def video(name: str, sampled_fps: float = 0.0) -> VideoRecord:
    facts = {"fps": 10.0, "width": 8, "height": 8, "short_side": 0, "proxy_width": 8, "proxy_height": 8}
    return VideoRecord(
        id=name, name=f"{name}.mp4", source=name, sha256=name, stamp="", kind="video", sampled_fps=sampled_fps, **facts
    )


def segment(name: str, vectors: npt.ArrayLike, times: list[float] | None = None, sampled_fps: float = 0.0) -> Segment:
    units = np.asarray(vectors, np.float32)
    units = units / np.linalg.norm(units, axis=1, keepdims=True)
    count = len(units)
    rows = FrameRows(
        indices=np.arange(count),
        times=np.asarray(times if times is not None else np.arange(count) / 10, np.float64),
        sharpness=np.zeros(count, np.float32),
        luma=np.zeros(count, np.float32),
        duplicate_of=np.full(count, -1, np.int64),
        vectors=units,
    )
    return Segment(video(name, sampled_fps), rows)


def matrix(*segments: Segment) -> Matrix:
    return Matrix(replace(SPACE, dimension=segments[0].rows.vectors.shape[1]), segments, "")


def test_a_score_is_the_cosine_with_the_nearest_variant_of_the_question() -> None:
    made = matrix(segment("a", [[1, 0, 0, 0], [0, 1, 0, 0]]), segment("b", [[1, 1, 0, 0]]))
    scores = all_scores(made, np.eye(4, dtype=np.float32)[:2])
    assert scores.tolist() == pytest.approx([1, 1, 0.5**0.5])


@pytest.mark.parametrize("count", [1, 3, 7, 50, None])
def test_the_best_rows_come_first_and_ties_keep_their_order(count: int | None) -> None:
    scores = np.random.default_rng(3).integers(0, 5, 40).astype(np.float32)
    expected = sorted(range(40), key=lambda row: (-scores[row], row))[:count]
    assert ranked(scores, None, count).rows.tolist() == expected


def test_of_frames_that_look_the_same_only_the_best_is_listed() -> None:
    still = segment("a", [[1, 0, 0, 0], [1, 0.01, 0, 0], [0, 1, 0, 0]])
    kept = distinct(matrix(still), Ranked(np.array([1, 0, 2]), np.array([0.9, 0.8, 0.1], np.float32)), 3, 0.98)
    assert kept.rows.tolist() == [1, 2]


def test_repeats_are_collapsed_even_if_their_vectors_differ() -> None:
    still = segment("a", [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
    still = Segment(still.video, replace(still.rows, duplicate_of=np.array([-1, 0, 0])))
    assert distinct(matrix(still), ranked(np.array([0.1, 0.2, 0.3], np.float32)), 3, 0.98).rows.tolist() == [2]


def test_the_same_picture_in_two_videos_is_found_in_both() -> None:
    made = matrix(segment("a", [[1, 0, 0, 0]]), segment("b", [[1, 0, 0, 0]]))
    assert len(distinct(made, ranked(np.ones(2, np.float32)), 5, 0.98)) == 2


def test_the_next_picture_is_found_behind_thousands_of_repeats() -> None:
    made = matrix(segment("a", [[1, 0, 0, 0]] * 3000 + [[0, 1, 0, 0]]))
    scores = all_scores(made, np.array([[1, 0.1, 0, 0]], np.float32))
    assert distinct(made, ranked(scores), 2, 0.98).rows.tolist() == [0, 3000]


@pytest.mark.parametrize(
    ("times", "sampled_fps", "spans"),
    [
        pytest.param([0, 1, 2, 9], 0, [(0, 2), (9, 9)], id="a gap parts"),
        pytest.param([0, 5, 10, 15], 0.2, [(0, 15)], id="rarely looked at"),
        pytest.param([0, 5, 10, 15], 0, [(0, 0), (5, 5), (10, 10), (15, 15)], id="all apart"),
    ],
)
def test_adjacent_hits_make_a_moment(times: list[float], sampled_fps: float, spans: list[tuple[int, int]]) -> None:
    made = matrix(segment("a", np.eye(4), times, sampled_fps))
    found = moments(made, ranked(np.array([0.9, 0.8, 0.7, 0.6], np.float32)), 2.0)
    assert [(moment.start, moment.end) for moment in found] == spans


def test_moments_never_span_two_videos_and_the_best_comes_first() -> None:
    made = matrix(segment("a", np.eye(4)[:2]), segment("b", np.eye(4)[:2]))
    found = moments(made, ranked(np.array([0.1, 0.2, 0.4, 0.3], np.float32)), 2.0)
    assert [(m.video, m.peak_frame, m.frames) for m in found] == [("b", 0, 2), ("a", 1, 2)]


# A library of three sources


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with a film, pictures of two shapes, and a film of a variable rate, all with different content."""
    folder = tmp_path_factory.mktemp("stock")
    write_clip(folder / "film.mp4", pictures(12, (160, 90)))
    odd = [*pictures(4, (160, 90), seed=1), *pictures(2, (90, 160), seed=2)]
    write_pictures(folder / "pictures", odd)
    write_vfr(folder / "slow.mkv", pictures(4, (160, 90), seed=3), [1, 2, 30, 1])
    for source in ("film.mp4", "pictures", "slow.mkv"):
        pipeline.ingest(folder / source, used(folder))
    return folder


def used(folder: Path, **flags: object) -> Settings:
    return settings(library=str(folder / "library"), **flags)


@pytest.fixture
def there(stock: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make commands use the library of the stock."""
    monkeypatch.setenv("REELWEAVE_LIBRARY", str(stock / "library"))
    return stock


@pytest.mark.parametrize(
    ("source", "frame"),
    [
        pytest.param("film.mp4", 7, id="film"),
        pytest.param("pictures", 1, id="picture"),
        pytest.param("pictures", 5, id="picture of another shape"),
        pytest.param("slow.mkv", 2, id="variable rate"),
    ],
)
def test_a_frame_of_the_library_is_found_first_with_cosine_one(
    there: Path, tmp_path: Path, run: "Run", source: str, frame: int
) -> None:
    if source == "pictures":
        query = there / "pictures" / f"frame {frame + 1}.png"
    else:
        query = saved(decoded(there / source)[frame], tmp_path / "query.png")
    best = run("search", "--image", query, "--json").rows[0]
    assert (best["rank"], best["name"], best["frame"], best["space"]) == (1, source, frame, "appearance")
    assert best["score"] > 0.995


def test_without_clip_a_note_says_that_pictures_are_compared_by_appearance(there: Path, run: "Run") -> None:
    assert "appearance" in run("search", "--image", there / "pictures" / "frame 1.png").err


def test_json_answers_have_the_documented_keys(there: Path, run: "Run") -> None:
    query = there / "pictures" / "frame 1.png"
    rows = run("search", "--image", query, "-k", 3, "--json").rows
    assert [list(row) for row in rows] == [
        ["rank", "video", "name", "frame", "time", "score", "space", "path", "date"]
    ] * 3
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    spans = run("search", "--image", query, "--moments", "--json").rows
    assert {"rank", "video", "name", "start", "end", "peak_frame", "score"} <= set(spans[0])


def test_a_closed_pipe_is_not_reported_as_a_library_error(there: Path) -> None:
    def closed(_found: SearchResult) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        search_library(Question(image=there / "pictures" / "frame 1.png"), settings(), tell=closed)


def test_text_output_is_a_table(there: Path, run: "Run") -> None:
    lines = run("search", "--image", there / "pictures" / "frame 1.png", "-k", 2).out.splitlines()
    assert lines[0].split() == ["video", "time", "frame", "score", "date", "path"]
    assert lines[1].split() == ["pictures", "0:00.00", "0", "1.000", "-", str(there / "pictures")]
    assert len(lines) == 3


def test_videos_of_the_same_name_are_distinguished_by_their_ids(run: "Run", tmp_path: Path) -> None:
    films = [write_clip(folder / "film.mp4", pictures(3, seed=seed)) for seed, folder in enumerate(folders(tmp_path))]
    for film in films:
        assert run("ingest", film).code == 0
    answer = run("search", "--image", saved(pictures(1)[0], tmp_path / "a.png"), "-k", 6)
    assert len({line.split()[0] for line in answer.out.splitlines()[1:]}) == 2


def folders(above: Path) -> list[Path]:
    for name in "ab":
        (above / name).mkdir()
    return [above / "a", above / "b"]


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        pytest.param(["--after", 3], {2, 3}, id="from"),
        pytest.param(["--before", "0:01"], {0, 1}, id="up to, the end included"),
        pytest.param(["--after", "0:01", "--before", "0:32.5"], {1, 2}, id="between"),
        pytest.param(["--after", "1:00:00"], set(), id="past the end"),
        pytest.param(["--before", "90:00"], {0, 1, 2, 3}, id="more than an hour, in minutes"),
    ],
)
def test_time_limits_apply_to_the_times_of_frames(
    there: Path, run: "Run", options: list[object], frames: set[int]
) -> None:
    query = there / "pictures" / "frame 1.png"
    rows = run("search", "--image", query, "--video", "slow.mkv", *options, "--all", "--json").rows
    assert {row["frame"] for row in rows} == frames


def test_only_the_named_videos_are_searched(there: Path, run: "Run") -> None:
    query = there / "pictures" / "frame 1.png"
    rows = run("search", "--image", query, "--video", "film.mp4", "--video", "slow.mkv", "-k", 50, "--json").rows
    assert {row["name"] for row in rows} == {"film.mp4", "slow.mkv"}


@pytest.mark.parametrize("threshold", ["0.5", "auto"])
def test_only_hits_above_the_threshold_are_listed(there: Path, run: "Run", threshold: str) -> None:
    query = there / "film.mp4"
    picture = saved(decoded(query)[3], there / "third.png")
    everything = run("search", "--image", picture, "-k", 100, "--all", "--json").rows
    cut = 0.9 * everything[0]["score"] if threshold == "auto" else 0.5
    rows = run("search", "--image", picture, "--threshold", threshold, "--all", "--json").rows
    assert [row["score"] for row in rows] == [row["score"] for row in everything if row["score"] >= cut]
    assert 0 < len(rows) < len(everything)


def crowd(count: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """Return random unit vectors, like frames that are unrelated to a query."""
    found = np.random.default_rng(seed).standard_normal((count, 256))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


@pytest.mark.parametrize("count", [50, 400, 3000])
@pytest.mark.parametrize("shared", [0.0, 2.0], ids=["cosines around 0", "cosines around .8"])
def test_the_calibrated_threshold_separates_hits_from_chance(count: int, shared: float) -> None:
    """This holds for any size of the library and any range of a model's cosines."""
    common = shared * crowd(1, seed=9)
    frames, query = crowd(count), crowd(1, seed=1)
    unit = np.asarray((query + common) / np.linalg.norm(query + common), np.float32)
    absent = matrix(segment("a", frames + common))
    scores = all_scores(absent, unit)
    assert not (scores >= calibrated_cut(absent, scores, 2.2, 0.98)).any()
    shown = matrix(segment("a", np.concatenate([frames, query + 0.5 * crowd(3, seed=2)]) + common))
    scores = all_scores(shown, unit)
    assert np.flatnonzero(scores >= calibrated_cut(shown, scores, 2.2, 0.98)).tolist() == [count, count + 1, count + 2]


def test_a_long_unusual_shot_does_not_shift_the_calibrated_threshold() -> None:
    frames, query = crowd(200), crowd(1, seed=1).astype(np.float32)
    odd = np.repeat(-query, 50, axis=0)
    made = matrix(segment("a", np.concatenate([frames, odd])))
    alone = matrix(segment("a", np.concatenate([frames, odd[:1]])))
    cuts = [calibrated_cut(one, all_scores(one, query), 2.2, 0.98) for one in (made, alone)]
    assert cuts[0] == pytest.approx(cuts[1], abs=0.15)


@pytest.mark.parametrize(("best", "cut"), [(0.3, 0.27), (-0.2, -0.22), (0.0, 0.0)])
def test_the_automatic_threshold_is_a_share_of_the_best_score_and_never_above_it(best: float, cut: float) -> None:
    assert auto_cut(best, 0.9) == pytest.approx(cut)


def test_the_calibrated_threshold_rejects_a_strange_picture_and_keeps_a_frame(
    there: Path, run: "Run", tmp_path: Path
) -> None:
    own = saved(decoded(there / "film.mp4")[3], tmp_path / "own.png")
    noise = np.random.default_rng(5).integers(0, 255, (9, 16, 3), dtype=np.uint8)
    strange = saved(np.asarray(cv2.resize(noise, (160, 90)), np.uint8), tmp_path / "strange.png")
    found = run("search", "--image", own, "--threshold", "calibrated", "--json").rows
    assert found[0]["frame"] == 3
    nothing = run("search", "--image", strange, "--threshold", "calibrated", "--json")
    assert (nothing.code, nothing.out) == (0, "")
    assert "best score" in nothing.err
    assert run("search", "--image", strange, "--threshold", "auto", "--json").rows


def test_a_threshold_for_some_videos_is_calibrated_on_the_whole_library(
    there: Path, run: "Run", tmp_path: Path
) -> None:
    own = saved(decoded(there / "film.mp4")[3], tmp_path / "own.png")
    options = ["--threshold", "calibrated", "--json"]
    everywhere = run("search", "--image", own, *options).rows
    part = run("search", "--image", own, "--video", "film.mp4", *options).rows
    assert part == [row for row in everywhere if row["name"] == "film.mp4"] != []


@pytest.fixture
def vector(there: Path, tmp_path: Path) -> Path:
    """The stored vector of the film's frame 4, scaled and as 64-bit floats."""
    with open_library(there / "library") as library:
        rows = library.rows(library.catalog.find("film.mp4"), "appearance")
    np.save(tmp_path / "vector.npy", 3 * rows.vectors[4].astype(np.float64))
    return tmp_path / "vector.npy"


def test_a_vector_is_searched_in_the_space_that_it_fits(vector: Path, run: "Run") -> None:
    best = run("search", "--vector", vector, "--json").rows[0]
    assert (best["name"], best["frame"], best["space"]) == ("film.mp4", 4, "appearance")
    assert best["score"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(np.zeros(1440), id="zeros"),
        pytest.param(np.full(1440, np.nan), id="no numbers"),
        pytest.param(np.ones(7), id="other length"),
        pytest.param(np.ones((2, 1440)), id="two of them"),
        pytest.param(np.array(["a"]), id="words"),
        pytest.param(np.array(1.0), id="a number"),
    ],
)
def test_an_invalid_vector_is_rejected(there: Path, tmp_path: Path, run: "Run", wrong: npt.ArrayLike) -> None:
    np.save(tmp_path / "wrong.npy", wrong)
    answer = run("search", "--vector", tmp_path / "wrong.npy")
    assert (answer.code, answer.out) == (2, "")
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param([], 2, id="nothing asked"),
        pytest.param(["sea", "--vector", "a.npy"], 2, id="two things asked"),
        pytest.param(["--image", "missing.png"], 1, id="no such picture"),
        pytest.param(["sea"], 1, id="text without clip"),
        pytest.param(["sea", "--space", "appearance"], 2, id="text by looks"),
        pytest.param(["--image", "a.png", "--space", "nonsense"], 2, id="no such space"),
        pytest.param(["--image", "a.png", "--video", "nobody"], 2, id="no such video"),
        pytest.param(["--image", "a.png", "--after", "soon"], 2, id="no time"),
        pytest.param(["--image", "a.png", "--after", "1:75"], 2, id="more seconds than a minute has"),
        pytest.param(["--image", "a.png", "--after", "1:75:00"], 2, id="more minutes than an hour has"),
        pytest.param(["--image", "a.png", "--threshold", "high"], 2, id="no threshold"),
        pytest.param(["--image", "a.png", "--threshold", "3"], 2, id="threshold out of range"),
        pytest.param(["--image", "a.png", "-k", "0"], 2, id="no answers wanted"),
        pytest.param(["--vector", "missing.npy"], 2, id="no such vector"),
    ],
)
def test_an_invalid_question_is_rejected_with_a_next_step(
    there: Path, run: "Run", options: list[str], code: int
) -> None:
    answer = run("search", *options)
    assert (answer.code, answer.out) == (code, "")
    assert answer.err
    assert "Traceback" not in answer.err


def test_the_command_that_adds_vectors_names_each_file_once(run: "Run", tmp_path: Path) -> None:
    for first in (0, 5):
        write_clip(tmp_path / "film.mp4", pictures(12)[first:])
        run("ingest", tmp_path / "film.mp4")
    assert run("search", "sea").err.count("film.mp4") == 1


def test_an_empty_library_says_how_to_fill_it(run: "Run", tmp_path: Path) -> None:
    answer = run("search", "--image", saved(pictures(1)[0], tmp_path / "a.png"))
    assert answer.code == 2
    assert "reelweave ingest" in answer.err


# Two pictures


def test_a_picture_is_most_similar_to_itself(run: "Run", tmp_path: Path) -> None:
    one, other = (saved(pictures(1, seed=seed)[0], tmp_path / f"{seed}.png") for seed in (0, 9))
    same, apart = (run("similar", one, b, "--json").data for b in (one, other))
    assert same == {"score": pytest.approx(1, abs=1e-5), "space": "appearance"}
    assert apart["score"] < 0.9


# Texts, with a model that the tests make


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings]:
    """A library with the vectors of a small CLIP for two films."""
    folder = tmp_path_factory.mktemp("worded")
    model = make_tiny_clip(folder / "model")
    using = used(folder, ingest__space="all", clip__model=f"local-dir:{model}", clip__device="cpu")
    for seed in (0, 1):
        pipeline.ingest(write_clip(folder / f"film{seed}.mp4", pictures(6, seed=seed)), using)
    return folder, using


def asked(using: Settings, **question: object) -> "SearchResult":
    return search_library(Question(**question), using)  # type: ignore[arg-type]


def test_a_text_finds_the_nearest_frames(worded: tuple[Path, Settings]) -> None:
    from reelweave.ingest.models.clip import ClipEmbedder

    folder, using = worded
    words = ClipEmbedder(using.clip).embed_texts(["a red ball"])[0]
    with open_library(folder / "library") as library:
        stored = {v.id: library.rows(v, "clip") for v in library.catalog.videos()}
    expected = sorted(
        ((float(v @ words), name, frame) for name, rows in stored.items() for frame, v in enumerate(rows.vectors)),
        reverse=True,
    )
    found = asked(using, text="a red ball", count=12, repeats=True)
    assert found.space == "clip"
    assert [hit.score for hit in found.hits] == pytest.approx([score for score, _, _ in expected], abs=1e-5)
    assert (found.hits[0].video, found.hits[0].frame) == expected[0][1:]


def test_texts_and_pictures_can_be_combined(worded: tuple[Path, Settings], tmp_path: Path) -> None:
    folder, using = worded
    picture = saved(decoded(folder / "film1.mp4")[2], tmp_path / "a b.png")
    found = asked(using, text=f'@"{picture}" + 0.000001*dog')
    assert (found.hits[0].name, found.hits[0].frame) == ("film1.mp4", 2)
    assert found.hits[0].score > 0.995
    turned = asked(using, text=f'- @"{picture}"', count=12, repeats=True)
    assert (turned.hits[-1].name, turned.hits[-1].frame) == ("film1.mp4", 2)


def test_pictures_are_compared_with_clip_if_every_video_has_its_vectors(worded: tuple[Path, Settings]) -> None:
    folder, using = worded
    picture = saved(decoded(folder / "film0.mp4")[2], folder / "picture.png")
    assert asked(using, image=picture).space == "clip"
    assert asked(using, image=picture, space="appearance").space == "appearance"


def test_vectors_of_another_model_are_never_searched(worded: tuple[Path, Settings], tmp_path: Path) -> None:
    folder, _ = worded
    other = make_tiny_clip(tmp_path / "other", seed=5)
    changed = used(folder, clip__model=f"local-dir:{other}", clip__device="cpu")
    with pytest.raises(SpaceError):
        asked(changed, text="a red ball")


def test_searching_by_appearance_loads_no_torch(there: Path) -> None:
    from runs import modules_after

    query = there / "pictures" / "frame 1.png"
    code = f"from reelweave import cli; cli.run(['search', '--image', {str(query)!r}])"
    assert not {"torch", "open_clip", "chromadb"} & modules_after(code)
