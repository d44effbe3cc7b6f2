"""One object does what the command line does, from strings and paths, and its results show and convert themselves."""

import doctest
import importlib
import inspect
import json
import logging
import pkgutil
import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from helpers import Scrambled, decoded, pictures, write_clip
from runs import Run, modules_after

import reelweave as rw
import reelweave.api
from reelweave.api.progress import NotebookProgress
from reelweave.errors import LibraryError, SourceError, UsageError

MODULES = [
    importlib.import_module(f"reelweave.api.{found.name}") for found in pkgutil.iter_modules(reelweave.api.__path__)
]


@pytest.fixture
def lib(library: Path) -> Iterator[rw.Library]:
    with rw.Library(library, settings={"ingest.space": "appearance"}) as opened:
        yield opened


@pytest.fixture
def video(lib: rw.Library, scrambled: Scrambled) -> "reelweave.api.video.Video":
    return lib.add(scrambled.video)


def test_a_video_is_added_ordered_and_rendered(lib: rw.Library, scrambled: Scrambled, tmp_path: Path) -> None:
    video = lib.add(str(scrambled.video))
    plan = lib.order(video)
    film = plan.render(tmp_path / "film.mp4")
    assert film == tmp_path / "film.mp4"
    assert len(decoded(film)) == len(plan) == len(list(plan))
    assert plan.evaluate(scrambled.truth_file).abs_tau == lib.evaluate(plan, scrambled.truth).abs_tau == 1


def test_the_plan_is_that_of_the_command_line(lib: rw.Library, scrambled: Scrambled, run: Run) -> None:
    plan = lib.order(scrambled.video, before=[(3, 7)], keep=[2, "4-5"], drop=9)
    same = ["--before", "3:7", "--keep", "2,4-5", "--drop", "9"]
    answer = run("solve", scrambled.video, *same, "--library", lib.folder, "--json").data
    assert answer["order"] == plan.order
    assert answer["wishes"] == json.loads(plan.plan.model_dump_json())["wishes"]
    assert plan.order.index(3) < plan.order.index(7)
    assert plan.dropped[9] == "user"


def test_a_video_is_found_by_id_name_and_path(lib: rw.Library, video: "reelweave.api.video.Video") -> None:
    assert lib[video.id] == lib[video.name] == lib[video.source] == video
    assert (len(lib), list(lib), list(lib.videos)) == (1, [video], [video])
    assert video.name in lib
    assert video in lib
    assert "nothing.mp4" not in lib
    with pytest.raises(UsageError, match=r"nothing\.mp4"):
        lib["nothing.mp4"]


def test_many_sources_are_added_and_failures_are_listed(lib: rw.Library, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    added = lib.add_all(clip, broken)
    assert [video.name for video in added] == [clip.name]
    assert [type(error) for error in added.failed.values()] == [SourceError]
    assert "broken.mp4" in added._repr_html_()


def test_a_search_takes_a_stored_frame_and_filters_and_writes_lists(
    lib: rw.Library, video: "reelweave.api.video.Video", tmp_path: Path
) -> None:
    time = float(video.columns()["time"][5])
    found = lib.search(near=f"{video.id}@{time}", videos=video.name[:3], since="2020", min_length=0.01, k=3)
    assert found[0].frame == 5
    assert found.save_csv(tmp_path / "found.csv").read_text(encoding="utf-8").count("\n") == 4
    assert found.save_html(tmp_path / "found.html").read_text(encoding="utf-8").count("<li>") == 3
    with pytest.raises(UsageError, match="dates and lengths"):
        lib.search(near=f"{video.id}@{time}", until=date(2001, 1, 1))


def test_a_search_takes_texts_pictures_and_vectors(lib: rw.Library, video: "reelweave.api.video.Video") -> None:
    asked = [video.frame(5), video.vectors()[5]]
    for query in asked:
        assert lib.search(query, k=3)[0].frame == 5
    assert lib.search(image=video.frame(5), k=3, videos=video)[0].frame == 5
    assert len(lib.search(asked[0], k=3)) == 3
    assert lib.search(asked[0], moments=True, threshold=0.99)[0].peak_frame == 5
    with pytest.raises(UsageError, match="both"):
        lib.search(asked[0], image=asked[0])
    with pytest.raises(UsageError, match="no picture"):
        lib.search(np.zeros((3, 4), np.uint8))
    with pytest.raises(UsageError):
        lib.search("")
    with pytest.raises(UsageError, match="0 results"):
        lib.search(asked[0], k=0)


def test_a_text_search_uses_the_model_that_the_settings_name(library: Path, clip: Path) -> None:
    with rw.Library(library, settings={"clip.model": "toy", "ingest.space": "clip"}) as lib:
        lib.add(clip)
        found = lib.search("a red circle", k=2)
        assert (found.space, len(found)) == ("clip", 2)


def test_a_search_sees_what_was_added_and_removed_since_the_last(lib: rw.Library, clip: Path, tmp_path: Path) -> None:
    picture = pictures(12)[3][..., ::-1]
    with pytest.raises(UsageError, match="empty"):
        lib.search(picture)
    first = lib.add(clip)
    assert {hit.video for hit in lib.search(picture, k=50)} == {first.id}
    second = lib.add(write_clip(tmp_path / "other.mp4", pictures(9, seed=5)))
    assert {hit.video for hit in lib.search(picture, k=50)} == {first.id, second.id}
    lib.remove(first)
    assert {hit.video for hit in lib.search(picture, k=50)} == {second.id}
    assert clip.exists()


def test_results_become_tables(lib: rw.Library, video: "reelweave.api.video.Video") -> None:
    plan, hits = lib.order(video), lib.search(video.frame(5), k=4)
    for table, length in [(plan, len(plan)), (hits, 4), (lib.videos, 1), (video, len(video))]:
        frame, arrow = table.to_pandas(), table.to_arrow()
        assert len(frame) == arrow.num_rows == len(table.to_numpy()) == length
        assert list(frame.columns) == arrow.column_names == list(table.columns())
    assert plan.to_pandas()["frame"].tolist() == plan.to_numpy().tolist() == plan.order
    assert hits.to_numpy()["score"].tolist() == [hit.score for hit in hits]
    assert plan.to_pandas()["confidence"].tolist()[:-1] == plan.confidence


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    lib: rw.Library, video: "reelweave.api.video.Video", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pandas") as missing:
        video.to_pandas()
    assert "notebook" in missing.value.remedy


def test_results_show_themselves(lib: rw.Library, video: "reelweave.api.video.Video") -> None:
    plan, hits = lib.order(video), lib.search(video.frame(5), k=4)
    moments = lib.search(video.frame(5), moments=True)
    assert hits._repr_html_().count("data:image/jpeg") == 4
    assert moments._repr_html_().count("data:image/jpeg") == len(moments)
    # 24 frames of the film, and the chart of the prices.
    assert plan._repr_html_().count("data:image/jpeg") == 25
    assert video.id in lib._repr_html_()
    assert str(lib.folder) not in hits._repr_html_() + plan._repr_html_() + lib._repr_html_()
    assert {type(one).__name__ for one in (plan, hits, video, lib.videos, lib)} == {
        repr(one).partition("(")[0] for one in (plan, hits, video, lib.videos, lib)
    }


def test_file_names_are_escaped_in_html(lib: rw.Library, tmp_path: Path) -> None:
    named = lib.add(write_clip(tmp_path / "<b onclick=x>.mp4", pictures(9)))
    shown = lib.order(named)._repr_html_() + lib.search(named.frame(2))._repr_html_() + lib._repr_html_()
    assert "<b onclick" not in shown
    assert "&lt;b onclick" in shown


def test_a_plan_shows_itself_without_its_library(lib: rw.Library, video: "reelweave.api.video.Video") -> None:
    plan = lib.order(video)
    lib.remove(video)
    assert plan._repr_html_().count("data:image/jpeg") == 1
    with pytest.raises(UsageError):
        plan.proxies()


def test_frames_are_the_pictures_of_the_source_in_rgb(lib: rw.Library, clip: Path) -> None:
    video = lib.add(clip)
    true = decoded(clip)[7][..., ::-1]
    assert np.array_equal(video.frame(7), true)
    assert [picture.tolist() for picture in video.read_frames([7, 2, 7])] == [
        decoded(clip)[number][..., ::-1].tolist() for number in (7, 2, 7)
    ]
    small = video.proxy(7)
    assert small.shape[2] == 3
    assert abs(small.mean(axis=(0, 1)) - true.mean(axis=(0, 1))).max() < 8
    assert np.array_equal(video.proxies()[7], small)
    assert len(video.proxies(5)) == 5
    assert video.vectors().shape == (12, video.to_numpy().shape[1])
    with pytest.raises(UsageError, match="no frame 12"):
        video.frame(12)


def test_the_frames_of_a_sampled_video_keep_their_numbers(lib: rw.Library, clip: Path) -> None:
    video = lib.add(clip, fps=5)
    frames = video.to_pandas()["frame"].tolist()
    assert frames[:2] == [0, 5]
    assert np.array_equal(video.frame(5), decoded(clip)[5][..., ::-1])
    assert np.array_equal(video.proxy(5), video.proxies()[1])
    plan = lib.order(video)
    assert len(plan.proxies()) == len(plan)


def test_a_vector_space_that_is_missing_is_named(lib: rw.Library, video: "reelweave.api.video.Video") -> None:
    assert video.spaces == ["appearance"]
    with pytest.raises(LibraryError, match="clip"):
        video.vectors("clip")


def test_plans_are_saved_read_reversed_and_reported(
    lib: rw.Library, video: "reelweave.api.video.Video", tmp_path: Path
) -> None:
    plan = lib.order(video)
    assert lib.read_plan(plan.save(tmp_path / "plan.json")) == plan
    assert plan.reversed().order == plan.order[::-1]
    page = plan.report(tmp_path / "report")
    assert page.name == "index.html"
    films = [plan.render(tmp_path / f"{n}.mp4", reverse=bool(n), fps="25/2", lossless=True) for n in (0, 1)]
    assert [frame.tolist() for frame in decoded(films[0])] == [frame.tolist() for frame in decoded(films[1])[::-1]]
    with pytest.raises(UsageError, match="frame rate"):
        plan.render(tmp_path / "film.mp4", fps=-3)


def test_a_file_of_another_is_replaced_only_if_asked(
    lib: rw.Library, video: "reelweave.api.video.Video", tmp_path: Path
) -> None:
    (other := tmp_path / "film.mp4").write_text("mine")
    plan = lib.order(video)
    with pytest.raises(UsageError):
        plan.render(other)
    assert other.read_text() == "mine"
    plan.render(other, overwrite=True)
    assert len(decoded(other)) == len(plan)


def test_matches_are_exported(lib: rw.Library, video: "reelweave.api.video.Video", tmp_path: Path) -> None:
    hits = lib.search(video.frame(5), k=3)
    assert len(hits.save_pictures(tmp_path / "frames")) == 3
    assert hits.save_sheet(tmp_path / "sheet.png").stat().st_size > 0
    assert decoded(hits.save_clip(tmp_path / "hits.mp4"))


def test_films_are_split_repaired_scrambled_and_reconstructed(
    lib: rw.Library, film: Path, scrambled: Scrambled, tmp_path: Path
) -> None:
    truth = lib.scramble(film, tmp_path / "mixed.mp4", tmp_path / "truth.json", seed=3)
    assert truth.source == str(film)
    assert len(lib.split(tmp_path / "mixed.mp4", films=1)) == 1
    done = lib.repair(film, tmp_path / "repaired.mp4", frames="3,9-10")
    assert done.frames == list(done) == done.to_pandas()["frame"].tolist() == [3, 9, 10]
    assert done.output == tmp_path / "repaired.mp4"
    assert (len(done.scores), repr(done)) == (48, "RepairedVideo('film.mp4', 3 of 48 frames broken)")
    assert done._repr_html_().count("data:image/jpeg") == 1
    assert str(tmp_path) not in done._repr_html_()
    assert lib.repair(film, frames=[3], detect_only=True).output is None
    assert lib.reconstruct(scrambled.video, tmp_path / "film.mp4").kept > 0
    (picture := tmp_path / "picture.png").write_bytes(_png(film))
    assert lib.similar(picture, picture, space="appearance").score == pytest.approx(1)


def _png(film: Path) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", decoded(film)[0])[1])


def test_an_unknown_setting_is_refused_at_once(library: Path) -> None:
    with pytest.raises(UsageError, match="colour"):
        rw.Library(library, settings={"render.colour": "red"})
    lib = rw.Library(library)
    with pytest.raises(UsageError, match="crf"):
        lib.settings(render__crf=99)


def test_notes_are_logged(library: Path, clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    lib = rw.Library(library)
    lib.add(clip, space="appearance")
    with caplog.at_level(logging.INFO, "reelweave"):
        lib.search(pictures(12)[3][..., ::-1])
    assert "appearance" in caplog.text


def test_a_notebook_shows_each_stage_and_note_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, html: object) -> None:
            shown.append(html._repr_html_())  # type: ignore[attr-defined]

    def display(html: object, display_id: bool) -> Handle:
        assert not shown
        assert display_id
        shown.append(html._repr_html_())  # type: ignore[attr-defined]
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    progress = NotebookProgress()
    with progress.stage("embed <frames>", 12) as stage:
        for _ in range(12):
            stage.advance()
        progress.note("3 videos are left out")
    assert 'max="12"' in shown[0]
    assert "embed &lt;frames&gt;" in shown[-1]
    assert "3 videos are left out" in shown[-1]
    assert len(shown) < 12


def test_the_import_stays_light() -> None:
    assert modules_after("import reelweave") & {"numpy", "pydantic", "jinja2", "IPython"} == set()
    heavy = {"torch", "chromadb", "pandas", "pyarrow", "IPython", "gradio", "scipy", "cv2", "ortools"}
    assert modules_after("import reelweave; reelweave.Library()") & heavy == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_method_is_documented(module: ModuleType) -> None:
    kinds = [kind for name, kind in vars(module).items() if isinstance(kind, type) and not name.startswith("_")]
    for kind in (kind for kind in kinds if kind.__module__ == module.__name__ and module.__name__[-8:] != "progress"):
        methods = {name: one for name, one in vars(kind).items() if callable(one) and not name.startswith("_")}
        assert [name for name, one in methods.items() if not one.__doc__] == []


@pytest.mark.parametrize("name", ["add", "order", "reconstruct", "search", "repair", "evaluate", "scramble"])
def test_every_argument_of_the_main_methods_is_documented(name: str) -> None:
    method = getattr(rw.Library, name)
    arguments = set(inspect.signature(method).parameters) - {"self"}
    section = method.__doc__.partition("Args:")[2].partition("\n\n")[0]
    described = set(re.findall(r"^ {12}(\w+): ", section, re.MULTILINE))
    assert described == arguments


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_examples_work(
    module: ModuleType, scrambled: Scrambled, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shuffled.mp4").write_bytes(scrambled.video.read_bytes())
    (tmp_path / "picture.png").write_bytes(_png(film))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELWEAVE_INGEST__SPACE", "appearance")
    result = doctest.testmod(module, extraglobs={"rw": rw})
    assert result.failed == 0
