"""Export and import: vectors keep their values and identity, and an import is complete or absent."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import write_clip
from runs import Run, contents, files, in_process, opened, settings, started, wait_until

from reelweave import pipeline
from reelweave.errors import LibraryError, ReelweaveError, SourceError, SpaceError
from reelweave.index import manage
from reelweave.index.catalog import Catalog
from reelweave.index.store import ChromaStore
from reelweave.ingest.ingester import import_video
from reelweave.media.pictures import read_picture
from reelweave.media.types import FrameRows

ONE_ULP = 1.2e-7


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return in_process(capsys)


@pytest.fixture
def exported(full: Path, tmp_path: Path) -> Path:
    """The files of the only video of the library."""
    manage.export_video("clip", tmp_path / "out", None, settings())
    return tmp_path / "out"


@pytest.fixture
def own(exported: Path) -> Path:
    """The same frames with vectors that another encoder made."""
    vectors = np.random.default_rng(1).normal(size=(12, 7)).astype(np.float32)
    np.save(exported / "vectors.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    edit(exported, space={"name": "own:mine", "model": "mine", "weights": "1", "preprocessing": "1", "dimension": 7})
    return exported


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The folder of a library that knows no video."""
    return tmp_path / "other"


def edit(folder: Path, **changes: Any) -> None:
    about = json.loads((folder / "space.json").read_text())
    (folder / "space.json").write_text(json.dumps(about | changes))


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]


def write_lines(folder: Path, rows: list[Any]) -> None:
    (folder / "frames.jsonl").write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    )


def rows_of(library: Path, space: str = "appearance") -> FrameRows:
    with opened(library) as lib:
        return lib.rows(lib.catalog.videos()[0], space)


def same(one: FrameRows, two: FrameRows) -> None:
    for name in ("indices", "times", "sharpness", "luma", "duplicate_of"):
        assert getattr(one, name).tolist() == getattr(two, name).tolist()
        assert getattr(one, name).dtype == getattr(two, name).dtype
    assert one.vectors.dtype == two.vectors.dtype == np.float32
    np.testing.assert_allclose(one.vectors, two.vectors, atol=ONE_ULP, rtol=0)


def test_an_export_equals_the_library_to_the_last_bit(full: Path, exported: Path) -> None:
    rows, vectors = rows_of(full), np.load(exported / "vectors.npy")
    assert (vectors.dtype, vectors.tobytes()) == (np.float32, rows.vectors.tobytes())
    for row, line in enumerate(lines(exported)):
        assert line == {
            "frame": row,
            "time": rows.times[row],
            "sharpness": float(rows.sharpness[row]),
            "luma": float(rows.luma[row]),
            "duplicate_of": -1,
        }
    with opened(full) as lib:
        (video,) = lib.catalog.videos()
        assert np.load(exported / "proxies.npy").tobytes() == lib.proxies_file(video.id).read_bytes()
    about = json.loads((exported / "space.json").read_text())
    assert about["format"] == "reelweave.vectors/1"
    assert (about["video"]["id"], about["video"]["sha256"]) == (video.id, video.sha256)


def test_a_video_is_the_same_after_export_and_import(full: Path, exported: Path, other: Path, tmp_path: Path) -> None:
    done = import_video(exported, settings(library=str(other)))
    assert (done.state, done.stand_alone, done.frames) == ("imported", True, 12)
    same(rows_of(other), rows_of(full))
    assert _proxies(other) == _proxies(full)
    manage.export_video("clip", tmp_path / "again", None, settings(library=str(other)))
    assert (tmp_path / "again" / "frames.jsonl").read_bytes() == (exported / "frames.jsonl").read_bytes()
    assert (tmp_path / "again" / "space.json").read_bytes() == (exported / "space.json").read_bytes()
    one, two = np.load(tmp_path / "again" / "vectors.npy"), np.load(exported / "vectors.npy")
    np.testing.assert_allclose(one, two, atol=ONE_ULP, rtol=0)


def _proxies(library: Path) -> bytes:
    (file,) = (library / "proxies").iterdir()
    return file.read_bytes()


def test_a_video_without_source_is_solved_but_not_rendered(exported: Path, other: Path, tmp_path: Path) -> None:
    done = import_video(exported, settings(library=str(other)))
    assert [reason.partition(":")[0] for reason in done.cannot] == ["render"]
    plan = pipeline.solve("clip", settings(library=str(other)))
    assert sorted(plan.order + [dropped.frame for dropped in plan.dropped]) == list(range(12))
    with pytest.raises(SourceError, match="without its source") as refused:
        pipeline.render(plan, tmp_path / "film.mp4", settings(library=str(other)))
    assert "ingest" in refused.value.remedy.lower()
    assert not manage.show_video("clip", settings(library=str(other)))["source_present"]
    assert manage.check_videos(settings(library=str(other))) == {plan.video.id: []}


def test_a_video_without_proxies_cannot_be_solved(exported: Path, other: Path) -> None:
    (exported / "proxies.npy").unlink()
    done = import_video(exported, settings(library=str(other)))
    assert [reason.partition(":")[0] for reason in done.cannot] == ["render", "solve"]
    same(rows_of(other), rows_of(other))
    with pytest.raises(LibraryError, match="proxies"):
        pipeline.solve("clip", settings(library=str(other)))


@pytest.mark.parametrize("proxies", [True, False], ids=["with small pictures", "without"])
def test_what_is_found_without_its_source_is_named_and_has_a_contact_sheet(
    exported: Path, other: Path, tmp_path: Path, run: Run, proxies: bool
) -> None:
    if not proxies:
        (exported / "proxies.npy").unlink()
    import_video(exported, settings(library=str(other)))
    sheet, vector = tmp_path / "sheet.png", tmp_path / "query.npy"
    np.save(vector, np.load(exported / "vectors.npy")[3])
    answer = run("search", "--vector", vector, "--library", other, "--sheet", sheet, "--json")
    assert (answer.code, answer.rows[0]["frame"]) == (0, 3)
    assert read_picture(sheet).size
    frames = run("search", "--vector", vector, "--library", other, "--export", tmp_path / "frames", "--json")
    assert (frames.code, frames.rows) == (1, answer.rows)
    assert "clip.mp4 was imported without its source" in frames.err


@pytest.mark.parametrize("proxies", [True, False], ids=["with small pictures", "without"])
def test_ingesting_the_source_completes_an_imported_video(
    own: Path, other: Path, clip: Path, full: Path, proxies: bool
) -> None:
    if not proxies:
        (own / "proxies.npy").unlink()
    flags = settings(library=str(other))
    alone = import_video(own, flags)
    taken = pipeline.ingest(clip, flags)
    assert (taken.id, taken.source, taken.frames) == (alone.id, str(clip.resolve()), 12)
    same(rows_of(other), rows_of(full))
    assert _proxies(other) == _proxies(full)
    assert rows_of(other, "own:mine").vectors == pytest.approx(np.load(own / "vectors.npy"), abs=ONE_ULP)
    assert manage.check_videos(flags) == {alone.id: []}
    assert len(pipeline.solve("clip", settings(library=str(other), solve__space="own:mine")).order) > 0


@pytest.mark.parametrize("said", ["sha256", "id"])
@pytest.mark.parametrize("facts", [True, False], ids=["all facts", "frames alone"])
def test_vectors_of_another_encoder_are_added_to_the_existing_ones(
    full: Path, own: Path, run: Run, said: str, facts: bool
) -> None:
    before = contents(full)
    (video,) = before
    edit(own, video={said: before[video]["record"].sha256 if said == "sha256" else video})
    if not facts:
        write_lines(own, [{"frame": line["frame"]} for line in lines(own)])
    answer = run("videos", "import", own, "--json")
    assert (answer.code, answer.data["state"], answer.data["stand_alone"]) == (0, "imported", False)
    after = contents(full)[video]
    assert after["rows"]["appearance"] == before[video]["rows"]["appearance"]
    assert after["rows"]["own:mine"][:5] == after["rows"]["appearance"][:5]
    assert (after["record"], after["proxies"]) == (before[video]["record"], before[video]["proxies"])
    assert run("videos", "import", own, "--json").data["state"] == "unchanged"
    assert contents(full)[video] == after
    assert run("solve", "clip", "--space", "own:mine").code == 0
    assert run("videos", "export", "clip", own.parent / "two").code == 2
    assert run("videos", "export", "clip", own.parent / "two", "--space", "own:mine").code == 0
    np.testing.assert_allclose(np.load(own.parent / "two/vectors.npy"), np.load(own / "vectors.npy"), atol=ONE_ULP)


def test_a_space_that_nobody_here_makes_is_asked_with_vectors_and_filled_by_import(
    own: Path, full: Path, run: Run, tmp_path: Path
) -> None:
    np.save(tmp_path / "one.npy", np.load(own / "vectors.npy")[0])
    lacking = run("search", "--vector", tmp_path / "one.npy", "--space", "own:mine")
    assert lacking.code == 1
    assert "videos import" in lacking.err
    run("videos", "import", own)
    assert run("search", "--vector", tmp_path / "one.npy", "--space", "own:mine", "--json").rows[0]["frame"] == 0
    worded = run("search", "a door", "--space", "own:mine")
    assert worded.code == 2
    assert "--vector" in worded.err


def _vectors(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / "vectors.npy", change(np.load(folder / "vectors.npy")))


def _set(row: int, column: int, value: float) -> Callable[[Path], None]:
    def change(vectors: Any) -> Any:
        vectors[row, column] = value
        return vectors

    return _vectors(change)


def _times(vectors: Any, row: int, factor: float) -> Any:
    vectors[row] *= factor
    return vectors


def _line(number: int, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        rows: list[Any] = lines(folder)
        rows[number - 1] = change(rows[number - 1])
        write_lines(folder, rows)

    return spoil


def _without(key: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda line: {name: value for name, value in line.items() if name != key}


def _space(**changes: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        about = json.loads((folder / "space.json").read_text())
        edit(folder, space={k: v for k, v in (about["space"] | changes).items() if v is not None})

    return spoil


def _video(**changes: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        about = json.loads((folder / "space.json").read_text())
        edit(folder, video={k: v for k, v in (about["video"] | changes).items() if v is not None})

    return spoil


def _shifted(folder: Path) -> None:
    write_lines(folder, [line | {"frame": line["frame"] + (line["frame"] > 5)} for line in lines(folder)])


def _fewer(folder: Path) -> None:
    _vectors(lambda vectors: vectors[:11])(folder)
    write_lines(folder, lines(folder)[:11])
    (folder / "proxies.npy").unlink()


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no vectors": (lambda folder: (folder / "vectors.npy").unlink(), "has no vectors.npy"),
    "too few vectors": (_vectors(lambda vectors: vectors[:11]), "vectors.npy is 11 x 7"),
    "another dimension": (_vectors(lambda vectors: vectors[:, :6]), "vectors.npy is 12 x 6"),
    "another kind of number": (_vectors(lambda vectors: vectors.astype(np.float64)), "contains float64"),
    "no array": (lambda folder: (folder / "vectors.npy").write_bytes(b"no array"), "vectors.npy is not an array"),
    "an array of objects": (_vectors(lambda vectors: vectors.astype(object)), "vectors.npy contains"),
    "a vector of another length": (
        _vectors(lambda vectors: _times(vectors, 3, 2)),
        "row 3 (frames.jsonl, line 4): the vector has length 2",
    ),
    "a vector of nothing": (
        _vectors(lambda vectors: _times(vectors, 3, 0)),
        "row 3 (frames.jsonl, line 4): the vector has length 0",
    ),
    "NaN": (_set(7, 2, float("nan")), "row 7 (frames.jsonl, line 8)"),
    "infinity": (_set(11, 0, float("inf")), "row 11 (frames.jsonl, line 12)"),
    "no JSON": (_line(5, lambda line: "{frame: 4}"), "frames.jsonl, line 5: this is not valid JSON"),
    "a list": (_line(5, lambda line: [4]), "frames.jsonl, line 5: this is list"),
    "no frame": (_line(5, _without("frame")), 'frames.jsonl, line 5: "frame" is missing'),
    "a key missing in one line": (
        _line(5, _without("luma")),
        'frames.jsonl, line 5: "luma" is missing, but is in line 1',
    ),
    "a key that is none": (
        _line(5, lambda line: line | {"lumma": 1}),
        'frames.jsonl, line 5: "lumma" is not a known key',
    ),
    "a word for a number": (
        _line(5, lambda line: line | {"luma": "7"}),
        "frames.jsonl, line 5: luma should be a number",
    ),
    "NaN in a line": (_line(5, lambda line: line | {"time": float("nan")}), "frames.jsonl, line 5: "),
    "a negative frame": (_line(1, lambda line: line | {"frame": -1}), "frames.jsonl, line 1: frame should be"),
    "a frame twice": (_line(5, lambda line: line | {"frame": 3}), "frames.jsonl, line 5: frame 3 comes after frame 3"),
    "a repeat of a later frame": (
        _line(5, lambda line: line | {"duplicate_of": 9}),
        "frames.jsonl, line 5: frame 4 cannot",
    ),
    "frames of another video": (_shifted, "frames.jsonl, line 7: this is frame 7, but clip.mp4 has 6"),
    "fewer frames than the video": (_fewer, "has 11 frames, but clip.mp4 has 12"),
    "times of another video": (
        _line(5, lambda line: line | {"time": 9.0}),
        "frames.jsonl, line 5: the frame is at 0.16 s",
    ),
    "no lines": (lambda folder: (folder / "frames.jsonl").write_text(""), "frames.jsonl is empty"),
    "broken space.json": (lambda folder: (folder / "space.json").write_text('{\n"format": x}'), "space.json, line 2"),
    "another format": (lambda folder: edit(folder, format="reelweave.vectors/9"), '"format" should be'),
    "no model": (_space(model=None), 'space has no "model"'),
    "an empty model": (_space(model=""), "space.model should be non-empty text"),
    "a key that no space has": (_space(colour=1), "space.colour is not a known key"),
    "a dimension in words": (_space(dimension="7"), "space.dimension should be a whole number"),
    "no video": (_video(id=None, sha256=None), 'needs "sha256" or "id"'),
    "a hash that is none": (_video(sha256="12"), "video.sha256 is invalid: '12'"),
    "an id of other content": (_video(sha256="0" * 64), "with other content"),
    "a rate of nothing": (_video(fps=0), "video.fps is invalid: 0"),
    "a name without a meaning": (_space(name="mine"), "own:NAME"),
    "a name that means all spaces": (_space(name="all"), "own:NAME"),
    "our name for other vectors": (_space(name="appearance"), "own:NAME"),
    "small pictures of a wrong shape": (
        lambda folder: np.save(folder / "proxies.npy", np.zeros((12, 4, 4), np.uint8)),
        "proxies.npy: (4, 4) is not the shape",
    ),
}


@pytest.mark.parametrize(("spoil", "said"), FAULTS.values(), ids=FAULTS)
def test_invalid_files_are_reported_and_nothing_is_imported(
    full: Path, own: Path, run: Run, spoil: Callable[[Path], Any], said: str
) -> None:
    before, there = contents(full), files(full)
    spoil(own)
    answer = run("videos", "import", own)
    assert answer.code == 1
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert (contents(full), files(full)) == (before, there)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda folder: write_lines(folder, [_without("luma")(line) for line in lines(folder)]), id="luma"),
        pytest.param(_video(fps=None), id="fps"),
        pytest.param(_video(sha256=None), id="sha256"),
    ],
)
def test_facts_missing_of_a_video_without_source_are_named(
    own: Path, other: Path, run: Run, spoil: Callable[[Path], None], request: pytest.FixtureRequest
) -> None:
    spoil(own)
    answer = run("videos", "import", own, "--library", other)
    assert answer.code == 1
    assert request.node.callspec.id in answer.err
    assert run("videos", "list", "--library", other).out == ""


@pytest.mark.parametrize("said", ["../../evil-{hash}", "clip", "CLIP-{hash}", "-" * 99 + "{hash}"])
def test_an_invalid_id_is_never_used_as_a_file_name(own: Path, other: Path, said: str) -> None:
    _video(id=said.format(hash="1" * 8), sha256="1" * 64)(own)
    done = import_video(own, settings(library=str(other)))
    assert done.id == "clip-11111111"
    assert [file.name for file in (other / "proxies").iterdir()] == ["clip-11111111.i420"]


def test_only_the_first_of_many_faults_are_listed(own: Path, run: Run) -> None:
    write_lines(own, ["nothing"] * 12)
    answer = run("videos", "import", own)
    assert "and 7 more" in answer.err


def test_the_name_of_a_space_has_one_identity_in_a_library(full: Path, own: Path, tmp_path: Path, run: Run) -> None:
    assert run("videos", "import", own).code == 0
    second = tmp_path / "second"
    shutil.copytree(own, second)
    _space(model="another")(second)
    _video(sha256="1" * 64, id="second-11111111", name="second.mp4")(second)
    before = contents(full)
    answer = run("videos", "import", second)
    assert answer.code == 1
    assert "model: stored mine, here another" in answer.err
    assert contents(full) == before
    _space(name="own:another")(second)
    assert run("videos", "import", second).code == 0


def test_stored_vectors_are_never_overwritten(full: Path, own: Path, run: Run) -> None:
    assert run("videos", "import", own).code == 0
    before = contents(full)
    _vectors(lambda vectors: np.roll(vectors, 1, axis=0))(own)
    answer = run("videos", "import", own)
    assert answer.code == 1
    assert "other vectors" in answer.err
    assert contents(full) == before


def test_nothing_is_imported_for_an_incomplete_video(full: Path, own: Path) -> None:
    from dataclasses import replace

    with opened(full) as lib:
        (video,) = lib.catalog.videos()
        lib.catalog.save(replace(video, complete=False))
    with pytest.raises(LibraryError, match="not complete"):
        import_video(own, settings())


@pytest.mark.parametrize("there", ["a file", "a folder with a file"])
def test_an_export_overwrites_nothing(full: Path, tmp_path: Path, run: Run, there: str) -> None:
    place = tmp_path / "taken"
    if there == "a file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "mine.txt").write_text("mine")
    before = files(tmp_path)
    assert run("videos", "export", "clip", place).code == 2
    assert files(tmp_path) == before


def test_an_export_may_replace_an_earlier_one(
    full: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run("videos", "export", "clip", ".").code == 0
    assert len(files(tmp_path / "here")) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


class Killed(BaseException):
    """An end that no code on the way can catch by mistake."""


@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [
        pytest.param(ChromaStore, "write", False, id="before the vectors"),
        pytest.param(ChromaStore, "write", True, id="after the vectors"),
        pytest.param(ChromaStore, "lost", True, id="after reading them back"),
        pytest.param(Catalog, "save", False, id="before the switch"),
        pytest.param(Catalog, "save", True, id="after the switch"),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["a known video", "a video without source"])
def test_a_failed_import_is_complete_or_absent(
    full: Path, own: Path, other: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: bool, known: bool
) -> None:
    library = full if known else other
    flags, before = settings(library=str(library)), contents(library)
    with monkeypatch.context() as dying:
        honest = getattr(owner, name)

        def failing(*arguments: Any) -> Any:
            if after:
                honest(*arguments)
            raise Killed

        dying.setattr(owner, name, failing)
        with pytest.raises(Killed):
            import_video(own, flags)
    if (owner, after) != (Catalog, True):
        assert contents(library) == before
    for problems in manage.check_videos(flags).values():
        assert problems == []
    assert import_video(own, flags).state == ("unchanged" if (owner, after) == (Catalog, True) else "imported")
    assert rows_of(library, "own:mine").vectors == pytest.approx(np.load(own / "vectors.npy"), abs=ONE_ULP)


def test_leftovers_of_a_killed_import_are_removed_by_the_next(own: Path, other: Path, tmp_path: Path) -> None:
    shutil.copytree(own, tmp_path / "second")
    _video(sha256="1" * 64, name="second.mp4")(tmp_path / "second")
    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(Catalog, "save", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            import_video(own, settings(library=str(other)))
    import_video(tmp_path / "second", settings(library=str(other)))
    import_video(tmp_path / "second", settings(library=str(tmp_path / "clean")))
    assert len(files(other)) == len(files(tmp_path / "clean"))


def test_a_process_that_is_killed_in_mid_import_leaves_the_library_as_it_was(full: Path, own: Path) -> None:
    count = 40_000
    big = np.random.default_rng(2).normal(size=(count, 7)).astype(np.float32)
    np.save(own / "vectors.npy", big / np.linalg.norm(big, axis=1, keepdims=True))
    (own / "proxies.npy").unlink()
    write_lines(own, [lines(own)[0] | {"frame": frame, "time": frame / 25} for frame in range(count)])
    _video(sha256="1" * 64, id=None, name="long.mp4")(own)
    before, chroma = contents(full), len(os.listdir(full / "chroma"))
    with started("videos", "import", own) as process:
        wait_until(lambda: len(os.listdir(full / "chroma")) > chroma or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert contents(full) == before
    assert manage.check_videos(settings()) == {video: [] for video in before}


def test_nothing_is_imported_if_the_store_loses_vectors(full: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(full)
    monkeypatch.setattr(ChromaStore, "lost", lambda *_: 0.5)
    with pytest.raises(LibraryError, match="could not be stored"):
        import_video(own, settings())
    assert contents(full) == before


def test_a_clip_space_of_another_model_is_not_mistaken_for_ours(full: Path, own: Path, clip: Path) -> None:
    _space(name="clip")(own)
    import_video(own, settings())
    with pytest.raises(SpaceError):
        pipeline.ingest(clip, settings(ingest__space="clip"))
    with pytest.raises(ReelweaveError):
        pipeline.solve("clip", settings(solve__space="own:none"))


def test_a_copy_under_another_name_is_recognised_by_its_content(full: Path, own: Path, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "elsewhere.mp4", [np.zeros((64, 96, 3), np.uint8)])
    assert pipeline.ingest(other, settings()).name == "elsewhere.mp4"
    assert import_video(own, settings()).name == "clip.mp4"
