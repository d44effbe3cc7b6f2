"""Reports have readable pictures, a complete table, and a page that escapes every name."""

import csv
import dataclasses
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from reelweave.errors import RenderError
from reelweave.media.types import Floats, Picture
from reelweave.render.report.charts import price_curve
from reelweave.render.report.contact_sheet import contact_sheet, heat_map, save_picture
from reelweave.render.report.folder import write_report
from reelweave.render.report.model import (
    DroppedFrame,
    FrameThumbnail,
    JoinAlternative,
    JoinPrices,
    Report,
    ShotStrip,
    WeakJoinRow,
)
from reelweave.render.report.page import MOST_SHOWN

HOSTILE = '</title><script>alert("1")</script> & <img src=x onerror=alert(1)> \' é 日本.mp4'
PAGES = ["before.png", "after.png", "distances-before.png", "distances-after.png"]


def plain(level: int, width: int = 160, height: int = 90) -> Picture:
    return np.full((height, width, 3), level, np.uint8)


def line_distances(n: int) -> Floats:
    """Return distances that grow with the distance in time."""
    return np.abs(np.subtract.outer(np.arange(n), np.arange(n))).astype(np.float32)


def report_of(dropped: int = 3, name: str = "film.mp4", frames: int = 12) -> Report:
    shots = [plain(20 * i) for i in range(frames)]
    captions = [f"{i}" for i in range(frames)]
    gone = [DroppedFrame(plain(i % 256), i, "outlier", 0.5 + i, [(i + 1, 0.25), (i + 2, 0.5)]) for i in range(dropped)]
    far = line_distances(frames)
    return Report(name, [("Kept", "9 of 12"), (name, name)], shots, captions, shots, captions, far, far, gone)


def shown(frame: int) -> FrameThumbnail:
    return FrameThumbnail(plain(frame), frame, frame / 10)


def joined(report: Report, video: str = "film-1") -> Report:
    """Add a shot, and a weak join with one alternative of each kind."""
    choices = [JoinAlternative("after", shown(40), 0.5), JoinAlternative("before", shown(50), 12.4)]
    weak = WeakJoinRow(3, 65.25, 0.554, 2.94, shown(20), shown(30), choices)
    strip = ShotStrip(1, 12, 0.0, 0.5, [shown(1), shown(2), shown(3)])
    joins = JoinPrices([1.0] * 11, [5], [weak], 4, f"reelweave solve {video}")
    return dataclasses.replace(report, joins=joins, shots=[strip], shot_count=2)


class ParsedPage(HTMLParser):
    """The page as a browser parses it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "href") and value]
        assert not any(key.startswith("on") for key, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_report_has_all_its_files_and_every_picture_can_be_read(tmp_path: Path) -> None:
    written = write_report(tmp_path / "new" / "folder", report_of())
    assert {p.name for p in written} == {*PAGES, "dropped.png", "dropped.csv", "index.html"}
    pictures = [cv2.imread(str(p)) for p in written if p.suffix == ".png"]
    assert all(picture is not None and min(picture.shape[:2]) > 90 for picture in pictures)


def test_a_hostile_name_is_escaped_everywhere(tmp_path: Path) -> None:
    page = ParsedPage(write_report(tmp_path, report_of(name=HOSTILE))[-1].read_text(encoding="utf-8"))
    assert page.words.count(HOSTILE) == 4  # title, heading, and both cells of a summary line
    assert "script" not in page.tags
    assert page.tags.count("img") == 5


def test_the_page_loads_nothing_from_the_network(tmp_path: Path) -> None:
    written = write_report(tmp_path, report_of())
    links = ParsedPage(written[-1].read_text(encoding="utf-8")).links
    beside = {link for link in links if not link.startswith("data:image/jpeg;base64,")}
    assert beside == {p.name for p in written} - {"index.html"}


@pytest.mark.parametrize("dropped", [0, 1, MOST_SHOWN, MOST_SHOWN + 30])
def test_the_table_lists_every_dropped_frame_once(tmp_path: Path, dropped: int) -> None:
    write_report(tmp_path, report_of(dropped))
    with (tmp_path / "dropped.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(dropped))
    assert all(row["neighbours"] == f"{i + 1}:0.25 {i + 2}:0.5" for i, row in enumerate(rows))
    assert [float(row["score"]) for row in rows] == [0.5 + i for i in range(dropped)]


def test_the_page_says_how_many_dropped_frames_it_leaves_out(tmp_path: Path) -> None:
    page = ParsedPage(write_report(tmp_path, report_of(MOST_SHOWN + 30))[-1].read_text(encoding="utf-8"))
    assert f"{MOST_SHOWN} of {MOST_SHOWN + 30}" in page.words


def test_a_new_report_deletes_pictures_of_an_older_one(tmp_path: Path) -> None:
    write_report(tmp_path, joined(report_of(dropped=3)))
    written = write_report(tmp_path, report_of(dropped=0))
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in written}


def test_a_weak_join_lists_its_alternatives_and_the_option_that_chooses_each(tmp_path: Path) -> None:
    written = write_report(tmp_path, joined(report_of()))
    assert {p.name for p in written} == {*PAGES, "joins.png", "dropped.png", "dropped.csv", "index.html"}
    page = ParsedPage(written[-1].read_text(encoding="utf-8"))
    assert page.tags.count("img") == 5 + 1 + 3 + 4
    said = ["Join 3", "1:05.25 of the film", "55 % sure", "price 2.9 \u00d7", "frame 20", "at 0:02.00", "frame 30"]
    said += ["40 after 20", "price 0.5 \u00d7", "--adjacent 20:40", "50 before 30", "12 \u00d7", "--adjacent 50:30"]
    said += [
        "1 of 4 weak joins, the least sure first",
        "reelweave solve film-1 --adjacent 20:40",
        "Shot 1",
        "The first 1 of 2",
    ]
    assert [words for words in said if words not in page.words] == []


@pytest.mark.parametrize(
    ("shots", "in_all", "options"),
    [
        ([1], 1, ["--flip-shot 1"]),
        ([2, 1], 2, ["--flip-shot 1", "--drop-shot 1", "--shot-order 1,2"]),
        ([1, 3], 9, ["--flip-shot 3", "--drop-shot 3", "--shot-order"]),
    ],
    ids=["one", "two", "more than are shown"],
)
def test_shot_options_name_only_shots_that_exist(
    tmp_path: Path, shots: list[int], in_all: int, options: list[str]
) -> None:
    strips = [ShotStrip(number, 2, 0.0, 1.0, [shown(1)]) for number in shots]
    report = dataclasses.replace(joined(report_of()), shots=strips, shot_count=in_all)
    page = write_report(tmp_path, report)[-1].read_text(encoding="utf-8")
    assert re.findall(r"<code>(--[^<]*shot[^<]*)</code>", page) == options


def test_a_weak_join_without_alternatives_suggests_no_command(tmp_path: Path) -> None:
    joins = dataclasses.replace(
        joined(report_of()).joins, weak=[WeakJoinRow(3, 65.25, 0.554, 2.94, shown(20), shown(30))]
    )
    page = ParsedPage(
        write_report(tmp_path, dataclasses.replace(report_of(), joins=joins))[-1].read_text(encoding="utf-8")
    )
    assert "weak join" in page.words
    assert "reelweave solve" not in page.words


def test_an_undetermined_cut_has_no_percentage(tmp_path: Path) -> None:
    cut = WeakJoinRow(3, 65.25, None, 2.94, shown(20), shown(30))
    report = dataclasses.replace(report_of(), joins=JoinPrices([1.0] * 11, [3], [cut], 1, "reelweave solve film-1"))
    page = ParsedPage(write_report(tmp_path, report)[-1].read_text(encoding="utf-8"))
    assert "undetermined" in page.words
    assert "% sure" not in page.words


def test_a_hostile_name_is_escaped_in_a_command(tmp_path: Path) -> None:
    page = ParsedPage(write_report(tmp_path, joined(report_of(), HOSTILE))[-1].read_text(encoding="utf-8"))
    assert f"reelweave solve {HOSTILE} --adjacent" in page.words
    assert "script" not in page.tags


def test_an_empty_report_is_still_written(tmp_path: Path) -> None:
    none = np.zeros((0, 0), np.float32)
    written = write_report(tmp_path, Report("film.mp4", [], [], [], [], [], none, none))
    assert all(p.stat().st_size for p in written)


def test_the_error_names_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RenderError, match="file"):
        write_report(tmp_path / "file" / "report", report_of())


@pytest.mark.parametrize("columns", [0, 1, 3, 50])
@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_a_contact_sheet_shows_every_picture_in_reading_order(count: int, columns: int) -> None:
    levels = [60 + 3 * i for i in range(count)]
    sheet = contact_sheet([plain(level) for level in levels], [str(i) for i in range(count)], columns)
    seen: list[int] = []
    for y in range(8, sheet.shape[0] - 90, 1):
        row = sheet[y : y + 90, :, 0]
        flat = (row == row[0]).all(0) & (row[0] >= 60)
        runs = [int(row[0, x]) for x in range(0, sheet.shape[1]) if flat[x]]
        seen += [level for level in dict.fromkeys(runs) if level not in seen and runs.count(level) == 160]
    assert seen == levels


@pytest.mark.parametrize(("width", "height"), [(320, 90), (40, 90), (160, 90)], ids=["wide", "tall", "same"])
def test_a_cell_keeps_the_aspect_ratio_of_its_picture(width: int, height: int) -> None:
    sheet = contact_sheet([plain(250), plain(250), plain(251, width, height)], columns=1)
    ys, xs = np.nonzero(sheet[:, :, 0] == 251)
    assert (np.ptp(xs) + 1) / (np.ptp(ys) + 1) == pytest.approx(width / height, rel=0.05)


@pytest.mark.parametrize("n", [0, 1, 2, 50, 720, 1000])
def test_a_heat_map_has_the_same_size_for_any_number_of_frames(n: int) -> None:
    assert heat_map(line_distances(n), 300).shape == heat_map(line_distances(10), 300).shape


def test_a_heat_map_is_dark_where_frames_are_alike_and_symmetric() -> None:
    square = heat_map(line_distances(100), 400)[8:408, 8:408].astype(int)
    light = square.sum(2)
    assert np.array_equal(square, square.transpose(1, 0, 2))
    assert light[200, 200] < light[200, 350] < light[20, 380]


def test_one_outlier_does_not_flatten_the_heat_map() -> None:
    distances = line_distances(300)
    calm = heat_map(distances, 300)
    distances[7, :] = distances[:, 7] = 1e6
    stray = heat_map(distances, 300)
    assert np.median(np.abs(calm.astype(int) - stray)) < 8


@pytest.mark.parametrize("odd", [math.nan, math.inf, 0.0], ids=["nan", "infinite", "all the same"])
def test_a_heat_map_accepts_degenerate_distances(odd: float) -> None:
    distances = np.full((20, 20), odd, np.float32)
    assert heat_map(distances).dtype == np.uint8


@pytest.mark.parametrize("name", ["plain.png", "é 日本 [1].png", "photo.JPG"])
def test_a_picture_is_saved_under_any_name(tmp_path: Path, name: str) -> None:
    saved = save_picture(plain(90), tmp_path / name)
    picture = cv2.imdecode(np.fromfile(saved, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (90, 160, 3)


@pytest.mark.parametrize("place", ["nowhere/a.png", "a.xyz", "a"], ids=["no folder", "unknown suffix", "no suffix"])
def test_the_error_names_a_picture_that_cannot_be_saved(tmp_path: Path, place: str) -> None:
    with pytest.raises(RenderError, match=Path(place).name):
        save_picture(plain(90), tmp_path / place)


def colours(picture: Picture) -> set[tuple[int, ...]]:
    return {tuple(colour) for colour in np.unique(picture.reshape(-1, 3), axis=0).tolist()}


@pytest.mark.parametrize("joins", [1, 2, 40, 960, 5000])
def test_a_price_curve_has_the_same_size_for_any_number_of_joins(joins: int) -> None:
    prices = [1.0 + place % 7 for place in range(joins)]
    assert price_curve(prices).shape == price_curve([1.0] * 10).shape


@pytest.mark.parametrize("joins", [40, 5000], ids=["few joins", "more joins than columns"])
def test_an_expensive_join_stands_out_and_weak_joins_and_cuts_have_their_own_colours(joins: int) -> None:
    """Compare without the legend, which has all colours on every curve."""
    calm = price_curve([1.0] * joins + [30.0])[:-30]
    dear = price_curve([1.0] * (joins // 2) + [30.0] + [1.0] * (joins // 2))[:-30]
    column = slice(52 + 440, 52 + 520)
    assert (dear[60:200, column] != calm[60:200, column]).any()
    weak = price_curve([1.0] * joins + [30.0], weak=[joins // 2])[:-30]
    cut = price_curve([1.0] * joins + [30.0], cuts=[joins // 2])[:-30]
    assert (weak != calm).any(axis=2).sum() > 100
    assert (cut != calm).any(axis=2).sum() > 100
    assert colours(weak) - colours(calm) != colours(cut) - colours(calm)


@pytest.mark.parametrize(
    "prices", [[], [0.0], [0.0, 0.0, 1.0], [1e-6, 1e6]], ids=["none", "zero", "zeros", "far apart"]
)
def test_a_price_curve_accepts_degenerate_prices(prices: list[float]) -> None:
    assert price_curve(prices, weak=range(len(prices)), cuts=range(len(prices))).dtype == np.uint8


def test_a_shot_whose_order_is_undetermined_says_so(tmp_path: Path) -> None:
    report = joined(report_of())
    for order in ("", "order undetermined"):
        strips = [dataclasses.replace(strip, order=order) for strip in report.shots]
        page = write_report(tmp_path / "report", dataclasses.replace(report, shots=strips))[-1]
        assert ("order undetermined" in ParsedPage(page.read_text(encoding="utf-8")).words) is bool(order)
