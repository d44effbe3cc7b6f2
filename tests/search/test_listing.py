"""Lists of results: CSV for programs, and a page that holds its thumbnails."""

import base64
import csv
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import pictures, write_clip, write_pictures
from runs import Run, settings

from reelweave import pipeline


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stock")
    write_clip(folder / "<b>&film.mp4", pictures(10, (192, 108)), fps=10)
    write_pictures(folder / "pictures", pictures(4, (120, 90), seed=8))
    for source in ("<b>&film.mp4", "pictures"):
        pipeline.ingest(folder / source, settings(library=str(folder / "library"), ingest__size=64))
    return folder


@pytest.fixture
def there(stock: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELWEAVE_LIBRARY", str(stock / "library"))
    return stock


@pytest.mark.parametrize("moments", [[], ["--moments"]], ids=["hits", "moments"])
def test_a_table_has_the_keys_and_values_of_the_json_answer(
    there: Path, run: Run, tmp_path: Path, moments: list[str]
) -> None:
    query = there / "pictures" / "frame 1.png"
    rows = run("search", "--image", query, *moments, "--csv", tmp_path / "found.csv", "--json").rows
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows] == table
    assert {Path(row["path"]).name for row in table} <= {"<b>&film.mp4", "pictures"}


def test_a_table_of_nothing_has_its_head(there: Path, run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "noise.png"
    cv2.imwrite(str(picture), np.random.default_rng(5).integers(0, 255, (90, 160, 3), dtype=np.uint8))
    answer = run("search", "--image", picture, "--threshold", 0.999, "--csv", tmp_path / "found.csv")
    assert (answer.code, answer.out) == (0, "")
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert list(reader) == []
    assert {"rank", "video", "time", "score", "path", "date"} <= set(reader.fieldnames or ())


@pytest.mark.parametrize("moments", [[], ["--moments"]], ids=["hits", "moments"])
def test_a_page_holds_a_thumbnail_of_each_result_and_loads_nothing(
    there: Path, run: Run, tmp_path: Path, moments: list[str]
) -> None:
    query = there / "pictures" / "frame 1.png"
    page = tmp_path / "found.html"
    rows = run("search", "--image", query, *moments, "--html", page, "--json").rows
    text = page.read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]*)"', text)
    assert len(sources) == len(rows) > 0
    for source in sources:
        data = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"), validate=True)
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None
    assert re.search(r"https?://", text) is None
    assert "<b>&film" not in text, "names are escaped"
    assert re.findall(r"<b>(\d+)\.", text) == [str(row["rank"]) for row in rows]


@pytest.mark.parametrize("option", ["--csv", "--html"])
def test_a_file_of_another_kind_is_refused_before_the_search(
    there: Path, run: Run, tmp_path: Path, option: str
) -> None:
    query = there / "pictures" / "frame 1.png"
    refused = run("search", "--image", query, option, tmp_path / "found.txt")
    assert (refused.code, refused.out) == (2, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("option", "name"), [("--csv", "a.csv"), ("--html", "a.html")])
def test_a_list_that_was_not_written_here_is_not_replaced(
    there: Path, run: Run, tmp_path: Path, option: str, name: str
) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    query = there / "pictures" / "frame 1.png"
    assert run("search", "--image", query, option, tmp_path / name).code == 2
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"
    assert run("search", "--image", query, option, tmp_path / name, "--overwrite").code == 0
    assert run("search", "--image", query, option, tmp_path / name).code == 0, "the same search can be repeated"
