"""Edit lists: what they say is read back with the libraries of others, and compared frame by frame."""

import csv
import io
import json
import random
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import opentimelineio as otio
import pytest
from helpers import decoded, drawn_plan, nearest, pictures, write_clip, write_vfr
from runs import Run, in_process

from reelweave.errors import PlanError, UsageError
from reelweave.index.overwrite import Outputs
from reelweave.media.untrusted import UntrustedError
from reelweave.progress import NotingProgress, SilentProgress
from reelweave.render.edit_lists.edl import edl_text, reel_names
from reelweave.render.edit_lists.make import FrameTimes, edits_of_plan, media_of
from reelweave.render.edit_lists.model import Edit, EditList, Media, media_starts, runs
from reelweave.render.edit_lists.read import _Shown, _SourceFrames, read_otio_plan
from reelweave.render.edit_lists.timecode import timecode_for
from reelweave.render.edit_lists.write import check_edit_lists, write_edit_lists
from reelweave.settings import load
from reelweave.solve.plan.model import Dropped, Hole, Plan, Shot

NTSC = Fraction(30000, 1001)
FILM = Fraction(24000, 1001)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return in_process(capsys)


def media(rate: Fraction = Fraction(25), frames: int = 1000, name: str = "a.mp4", path: str = "/film/a.mp4") -> Media:
    return Media(path, name, rate, frames, 96, 64, {"id": "a-1", "sha256": "00"})


def edit_list(order: Sequence[int], source: Media) -> EditList:
    return EditList("cut", source.rate, [Edit(source, *run) for run in runs(order)])


def written(edits: EditList, file: Path) -> Path:
    write_edit_lists(edits, [file], Outputs("test"))
    return file


def played(edits: EditList) -> list[int]:
    return [frame for edit in edits.edits for frame in edit.frames]


def seconds(time: Any) -> Fraction:
    rate = Fraction(time.rate).limit_denominator(1001)
    return Fraction(time.value) / rate


def frames_of_otio(timeline: Any, source: Media) -> list[int]:
    """The frames that a timeline plays, in order, by the library's own account of its clips."""
    found: list[int] = []
    for clip in timeline.video_tracks()[0]:
        shown = clip.trimmed_range()
        first = round(seconds(shown.start_time) * source.rate)
        frames = list(range(first, first + round(seconds(shown.duration) * source.rate)))
        backwards = any(isinstance(e, otio.schema.LinearTimeWarp) and e.time_scalar == -1 for e in clip.effects)
        found += frames[::-1] if backwards else frames
    return found


def table(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8"), newline="")))


def xml_seconds(text: str) -> Fraction:
    return Fraction(text.removesuffix("s"))


def frames_of_fcpxml(file: Path, source: Media) -> list[int]:
    found: list[int] = []
    position = Fraction(0)
    for clip in ElementTree.parse(file).iter("asset-clip"):
        assert xml_seconds(clip.get("offset", "")) == position
        position += xml_seconds(clip.get("duration", ""))
        points = [(xml_seconds(p.get("time", "")), xml_seconds(p.get("value", ""))) for p in clip.iter("timept")]
        count = round(xml_seconds(clip.get("duration", "")) * source.rate)
        if points:
            (zero, high), (end, low) = points
            assert zero == 0
            assert end == high - low == xml_seconds(clip.get("duration", ""))
            found += [round(high * source.rate) - 1 - at for at in range(count)]
        else:
            first = round(xml_seconds(clip.get("start", "")) * source.rate)
            found += range(first, first + count)
    return found


ORDERS = {
    "one run": range(10, 40),
    "jumps": [7, 3, 4, 5, 90, 91, 1, 500, 501, 502],
    "backwards": [40, 39, 38, 37, 2, 3, 9, 8],
    "all mixed up": random.Random(1).sample(range(300), 300),
}
RATES = [Fraction(24), Fraction(25), Fraction(30), NTSC, FILM, Fraction(50), Fraction(60000, 1001), Fraction(60)]


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_runs_say_the_frames_again(order: Sequence[int]) -> None:
    assert played(edit_list(order, media())) == list(order)


def test_a_run_forwards_or_backwards_is_one_edit() -> None:
    assert list(runs([3, 4, 5, 9, 8, 7, 1])) == [(3, 5, False), (7, 9, True), (1, 1, False)]


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_opentimelineio_reads_every_frame_back(tmp_path: Path, order: Sequence[int], rate: Fraction) -> None:
    source = media(rate)
    timeline = otio.adapters.read_from_file(str(written(edit_list(order, source), tmp_path / "cut.otio")))
    assert frames_of_otio(timeline, source) == list(order)
    assert seconds(timeline.duration()) == len(order) / rate


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_the_edl_adapter_reads_every_frame_back(tmp_path: Path, order: Sequence[int], rate: Fraction) -> None:
    source = media(rate)
    file = written(edit_list(order, source), tmp_path / "cut.edl")
    timeline = otio.adapters.read_from_file(str(file), rate=float(rate))
    assert frames_of_otio(timeline, source) == list(order)
    assert {clip.media_reference.target_url for clip in timeline.video_tracks()[0]} == {"file:///film/a.mp4"}


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_fcpxml_says_every_frame(tmp_path: Path, order: Sequence[int], rate: Fraction) -> None:
    source = media(rate)
    assert frames_of_fcpxml(written(edit_list(order, source), tmp_path / "cut.fcpxml"), source) == list(order)


@pytest.mark.parametrize("rate", [24, 25, 30, 50, 60])
def test_the_fcpxml_adapter_finds_the_clips_that_play_forwards(tmp_path: Path, rate: int) -> None:
    # At 30000/1001 it rounds positions down to whole frames of its own, so NTSC is left to the parser above.
    file = written(edit_list(ORDERS["jumps"], media(Fraction(rate))), tmp_path / "cut.fcpxml")
    clips = otio.adapters.read_from_file(str(file)).find_clips()
    assert [round(seconds(clip.source_range.start_time) * rate) for clip in clips] == [7, 3, 90, 1, 500]


@pytest.mark.parametrize("rate", [NTSC, Fraction(60000, 1001)], ids=str)
def test_drop_frame_timecode_is_that_of_the_library(rate: Fraction) -> None:
    clock = timecode_for(rate)
    for frame in [*range(0, 40_000, 7), 1798, 1799, 1800, 1801, 17_981, 17_982, 17_983, 107_892, 2_589_407]:
        time = otio.opentime.RationalTime(frame, float(rate))
        assert clock.text(frame) == otio.opentime.to_timecode(time, float(rate), True)


@pytest.mark.parametrize(
    ("rate", "base", "each"),
    [
        ("25", 25, 1),
        ("12.5", 25, 2),
        ("15", 30, 2),
        ("10", 30, 3),
        ("29.97", 30, 1),
        ("15000/1001", 30, 2),
        ("1", 24, 24),
    ],
)
def test_a_rate_is_counted_in_a_standard_one_with_a_whole_number_of_ticks(rate: str, base: int, each: int) -> None:
    clock = timecode_for(Fraction(rate))
    assert (clock.base, clock.exact) == (base, True)
    assert [clock.ticks(frame / Fraction(rate)) for frame in (1, 1000)] == [each, 1000 * each]


def test_an_edl_of_a_rate_that_is_no_timecode_says_that_it_rounds() -> None:
    source = media(Fraction(17), frames=100)
    text, notes = edl_text(edit_list(range(34), source))
    assert "00:00:02:00" in text
    assert any("rounded" in note for note in notes)


def test_positions_after_a_day_are_counted_on_and_read_back(tmp_path: Path) -> None:
    source = media(frames=30 * 3600 * 25)
    order = [*range(25 * 3600 * 25, 25 * 3600 * 25 + 50), *range(10)]
    file = tmp_path / "cut.edl"
    progress = NotingProgress(SilentProgress())
    write_edit_lists(edit_list(order, source), [file], Outputs("test"), progress)
    assert frames_of_otio(otio.adapters.read_from_file(str(file), rate=25), source) == order
    assert any("24 hours" in note for note in progress.notes)
    assert frames_of_fcpxml(written(edit_list(order, source), tmp_path / "cut.fcpxml"), source) == order
    timeline = otio.adapters.read_from_file(str(written(edit_list(order, source), tmp_path / "cut.otio")))
    assert frames_of_otio(timeline, source) == order


ODD = [
    *["a \"b\" 'c' & <d>.mp4", "zwei\nZeilen.mp4", "ünï 日本 🎬.mp4", " leading.mp4"],
    *["a#b?c%20.mp4", "=1+1.mp4", "bad\udcff.mp4"],
]


@pytest.mark.parametrize("name", ODD, ids=ascii)
@pytest.mark.parametrize("suffix", [".otio", ".edl", ".fcpxml", ".csv"])
def test_any_name_of_a_source_is_written_and_the_file_stays_readable(tmp_path: Path, name: str, suffix: str) -> None:
    source = media(name=name, path=f"/film/{name}")
    file = written(EditList(name, source.rate, [Edit(source, 3, 5, name=name, note=name)]), tmp_path / f"cut{suffix}")
    if suffix == ".csv":
        rows = table(file)
        assert [(row["first_frame"], row["last_frame"]) for row in rows] == [("3", "5")]
    elif suffix == ".fcpxml":
        assert frames_of_fcpxml(file, source) == [3, 4, 5]
        assert ElementTree.parse(file).find(".//asset").get("src") == source.uri  # type: ignore[union-attr]
    else:
        options = {"rate": 25} if suffix == ".edl" else {}
        timeline = otio.adapters.read_from_file(str(file), **options)
        assert frames_of_otio(timeline, source) == [3, 4, 5]
        assert timeline.video_tracks()[0][0].media_reference.target_url == source.uri


def test_reels_have_eight_letters_and_no_two_sources_share_one() -> None:
    names = ["holiday part 1.mp4", "holiday part 2.mp4", "Holiday.mov", "bl.mp4", "日本.mp4", "🎬.mp4"]
    reels = list(reel_names([media(name=name) for name in names]).values())
    assert len(set(reels)) == len(names)
    assert all(re.fullmatch(r"[A-Z0-9]{1,8}", reel) for reel in reels)
    assert reels[:3] == ["HOLIDAYP", "HOLIDAY2", "HOLIDAY"]
    assert "BL" not in reels


def test_reversed_frames_are_single_events_of_an_edl_and_one_clip_elsewhere(tmp_path: Path) -> None:
    edits = edit_list([9, 8, 7, 6], media())
    assert edl_text(edits)[0].count(" V     C ") == 4
    timeline = otio.adapters.read_from_file(str(written(edits, tmp_path / "cut.otio")))
    assert len(timeline.video_tracks()[0]) == 1


TIMES = [0.0, 0.04, 0.08, 0.5, 0.52, 0.54, 1.5, 1.6]


def test_edits_of_a_variable_rate_go_by_time(tmp_path: Path) -> None:
    starts = media_starts(range(8), TIMES, Fraction(25))
    assert starts is not None
    source = Media("/film/a.mp4", "a.mp4", Fraction(25), 8, 96, 64, {}, starts)
    edits = edit_list([3, 4, 5, 0, 1, 7, 6, 2], source)
    timeline = otio.adapters.read_from_file(str(written(edits, tmp_path / "cut.otio")))
    shown = [clip.source_range for clip in timeline.video_tracks()[0]]
    assert [float(seconds(time.start_time)) for time in shown] == pytest.approx([0.5, 0.0, 1.5, 0.08])
    assert [float(seconds(time.duration)) for time in shown] == pytest.approx([1.0, 0.08, 0.14, 0.42])
    text, notes = edl_text(edits)
    assert "00:00:00:30 00:00:01:30 00:00:00:00 00:00:01:00" in text
    assert any("rounded" in note for note in notes)
    clips = list(ElementTree.parse(written(edits, tmp_path / "cut.fcpxml")).iter("asset-clip"))
    assert [xml_seconds(clip.get("start", "")) for clip in clips] == [Fraction(1, 2), 0, 0, Fraction(2, 25)]


def test_times_that_a_container_rounded_count_as_constant() -> None:
    times = [round(frame * 1001 / 30000, 3) for frame in range(500)]
    assert media_starts(range(500), times, NTSC) is None


def test_the_table_gives_frames_and_times(tmp_path: Path) -> None:
    file = written(edit_list([5, 6, 2, 1], media()), tmp_path / "cut.csv")
    rows = table(file)
    keys = ("first_frame", "last_frame", "reverse", "source_start", "source_end", "film_start", "film_end")
    assert [[float(row[key]) for key in keys] for row in rows] == [
        [5, 6, 0, 0.2, 0.28, 0.0, 0.08],
        [1, 2, 1, 0.04, 0.12, 0.08, 0.16],
    ]


# Plans.


def plan(order: Sequence[int], frames: int, **changes: Any) -> Plan:
    dropped = [Dropped(frame=frame, reason="user", score=0) for frame in range(frames) if frame not in order]
    return drawn_plan(order, frames=frames).model_copy(update={"dropped": dropped, **changes})


def test_an_edit_never_spans_two_shots() -> None:
    shots = [Shot(start=0, length=3, number=2), Shot(start=3, length=3, number=1)]
    edits = edits_of_plan(plan(range(6), 6, shots=shots)).edits
    assert [(edit.first, edit.last, edit.facts["shot"]) for edit in edits] == [(0, 2, 2), (3, 5, 1)]


def test_frames_to_replace_are_edits_of_their_own() -> None:
    broken = [Dropped(frame=frame, reason="broken", score=1) for frame in (2, 3)]
    edits = edits_of_plan(plan([0, 1, 4, 5], 6, dropped=broken, fill=[Hole(after=1, frames=[2, 3])])).edits
    assert [(edit.first, edit.last, bool(edit.note)) for edit in edits] == [(0, 1, False), (2, 3, True), (4, 5, False)]


def read(file: Path, notes: list[str] | None = None) -> Plan:
    settings = load({"library": str(file.parent / "library")})
    return read_otio_plan(file, settings, (notes if notes is not None else []).append)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_a_plan_comes_back_from_its_timeline(tmp_path: Path, order: Sequence[int], rate: Fraction) -> None:
    before = drawn_plan(order, float(rate), frames=600)
    after = read(written(edits_of_plan(before), tmp_path / "cut.otio"))
    assert after.order == list(order)
    assert sorted(after.order + [one.frame for one in after.dropped]) == list(range(600))
    assert after.video.fps == before.video.fps


def test_frames_to_replace_come_back(tmp_path: Path) -> None:
    broken = [Dropped(frame=frame, reason="broken", score=1) for frame in (0, 3, 2)]
    fill = [Hole(after=None, frames=[0]), Hole(after=1, frames=[3, 2])]
    before = plan([1, 4, 5], 6, dropped=broken, fill=fill)
    after = read(written(edits_of_plan(before), tmp_path / "cut.otio"))
    assert (after.order, after.fill) == (before.order, before.fill)
    assert {one.reason for one in after.dropped} == {"broken"}


def edited(file: Path, change: Any) -> Path:
    timeline = otio.adapters.read_from_file(str(file))
    change(timeline)
    otio.adapters.write_to_file(timeline, str(file))
    return file


def cut(tmp_path: Path, order: Sequence[int] = (5, 6, 7, 0, 1, 9)) -> Path:
    return written(edits_of_plan(plan(order, 10)), tmp_path / "cut.otio")


def test_a_timeline_that_was_reordered_and_trimmed_is_the_new_plan(tmp_path: Path) -> None:
    def change(timeline: Any) -> None:
        track = timeline.video_tracks()[0]
        track.append(track.pop(0))
        track[-1].source_range = otio.opentime.TimeRange(
            otio.opentime.RationalTime(6, 25), otio.opentime.RationalTime(1, 25)
        )

    assert read(edited(cut(tmp_path), change)).order == [0, 1, 9, 6]


def test_an_editor_may_count_from_any_timecode_and_at_its_own_rate(tmp_path: Path) -> None:
    hour = otio.opentime.RationalTime(3600 * 50, 50)

    def change(timeline: Any) -> None:
        for clip in timeline.find_clips():
            available, shown = clip.media_reference.available_range, clip.source_range
            for range_of in (available, shown):
                start, length = range_of.start_time.rescaled_to(50), range_of.duration.rescaled_to(50)
                changed = otio.opentime.TimeRange(start + hour, length)
                if range_of is available:
                    clip.media_reference.available_range = changed
                else:
                    clip.source_range = changed

    assert read(edited(cut(tmp_path), change)).order == [5, 6, 7, 0, 1, 9]


def test_gaps_and_transitions_are_left_out_and_noted(tmp_path: Path) -> None:
    def change(timeline: Any) -> None:
        timeline.video_tracks()[0].insert(1, otio.schema.Gap(duration=otio.opentime.RationalTime(5, 25)))

    notes: list[str] = []
    assert read(edited(cut(tmp_path), change), notes).order == [5, 6, 7, 0, 1, 9]
    assert len(notes) == 1


def twice(timeline: Any) -> None:
    timeline.video_tracks()[0].append(timeline.video_tracks()[0][0].clone())


def fast(timeline: Any) -> None:
    timeline.video_tracks()[0][0].effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))


def frozen(timeline: Any) -> None:
    timeline.video_tracks()[0][0].effects.append(otio.schema.FreezeFrame())


def another_source(timeline: Any) -> None:
    timeline.video_tracks()[0][0].media_reference.target_url = "file:///film/b.mp4"


def on_the_web(timeline: Any) -> None:
    for clip in timeline.find_clips():
        clip.media_reference.target_url = "http://example.org/a.mp4"


def nul(timeline: Any) -> None:
    for clip in timeline.find_clips():
        clip.media_reference.target_url = "file:///a%00b.mp4"


def missing(timeline: Any) -> None:
    timeline.video_tracks()[0][0].media_reference = otio.schema.MissingReference()


def beyond(timeline: Any) -> None:
    timeline.video_tracks()[0][0].source_range = otio.opentime.TimeRange(
        otio.opentime.RationalTime(5, 25), otio.opentime.RationalTime(2**50, 25)
    )


def before(timeline: Any) -> None:
    timeline.video_tracks()[0][0].source_range = otio.opentime.TimeRange(
        otio.opentime.RationalTime(-3, 25), otio.opentime.RationalTime(2, 25)
    )


def no_rate(timeline: Any) -> None:
    timeline.video_tracks()[0][0].source_range = otio.opentime.TimeRange(
        otio.opentime.RationalTime(5, 0), otio.opentime.RationalTime(2, 0)
    )


def nested(timeline: Any) -> None:
    timeline.video_tracks()[0].append(otio.schema.Stack())


def two_tracks(timeline: Any) -> None:
    timeline.tracks.append(timeline.video_tracks()[0].clone())


def nothing(timeline: Any) -> None:
    del timeline.video_tracks()[0][:]


def stripped(timeline: Any) -> None:
    for clip in timeline.find_clips():
        clip.media_reference.metadata.clear()


def huge(timeline: Any) -> None:
    for clip in timeline.find_clips():
        clip.media_reference.metadata["reelweave"]["frames"] = 10**8


CHANGES = (
    *(twice, fast, frozen, another_source, on_the_web, nul, missing, beyond, before, no_rate, nested, two_tracks),
    *(nothing, stripped, huge),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__))
def test_what_a_plan_cannot_say_is_refused(tmp_path: Path, change: Any) -> None:
    with pytest.raises(PlanError, match=r"cut\.otio|library does not know"):
        read(edited(cut(tmp_path), change))


HOSTILE = {
    "empty": "",
    "no JSON": "{",
    "a list": "[]",
    "a number": "1",
    "deep": "[" * 100_000,
    "deep metadata": '{"OTIO_SCHEMA": "Timeline.1", "metadata": ' + '{"a":' * 200 + "1" + "}" * 200 + "}",
    "no number": '{"OTIO_SCHEMA": "Timeline.1", "name": NaN}',
    "a plan": '{"format": "reelweave.plan/1"}',
    "a clip": '{"OTIO_SCHEMA": "Clip.2"}',
    "unknown schema": '{"OTIO_SCHEMA": "Evil.1", "tracks": []}',
    "unknown version": '{"OTIO_SCHEMA": "Timeline.999"}',
    "no tracks": '{"OTIO_SCHEMA": "Timeline.1"}',
    "tracks of numbers": '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [1, 2]}}',
    "a clip as tracks": '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Clip.2"}}',
    "a reference": '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "a"}}',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cut.otio"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match=r"cut\.otio"):
        read(file)


def test_values_of_any_kind_in_any_place_are_refused_or_read(tmp_path: Path) -> None:
    """Put a wrong value in each place of a good file, one after another; nothing but `PlanError` may come of it."""
    text = cut(tmp_path, (5, 4, 0)).read_text(encoding="utf-8")
    file = tmp_path / "wrong.otio"
    for wrong in (None, -1, 1e300, "x", [], {}, {"OTIO_SCHEMA": "Clip.2"}, True):
        for place in places(json.loads(text)):
            value = json.loads(text)
            put(value, place, wrong)
            file.write_text(json.dumps(value), encoding="utf-8")
            try:
                read(file)
            except PlanError:
                continue


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*above, key)
            yield from places(inner, (*above, key))


def put(value: Any, place: tuple[Any, ...], wrong: Any) -> None:
    for key in place[:-1]:
        value = value[key]
    value[place[-1]] = wrong


def test_a_file_without_a_known_suffix_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cut\.txt"):
        check_edit_lists([tmp_path / "cut.txt"])


def test_without_the_extra_only_otio_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentimelineio", None)
    with pytest.raises(UsageError, match="opentimelineio") as refused:
        check_edit_lists([tmp_path / "cut.otio"])
    assert "[edit]" in refused.value.remedy
    for suffix in (".edl", ".fcpxml", ".csv"):
        assert written(edit_list([1, 2], media()), tmp_path / f"cut{suffix}").stat().st_size


# Commands.


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELWEAVE_LIBRARY", str(tmp_path / "library"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shuffled(folder: Path, count: int = 40) -> tuple[Path, list[Any]]:
    film = pictures(count)
    order = [*range(20, 30), *range(9, -1, -1), *range(10, 20), *range(30, count)]
    return write_clip(folder / "shuffled.mp4", [film[at] for at in order]), film


def test_every_command_writes_edit_lists_that_agree_with_its_plan(library: Path, run: Run) -> None:
    video, _ = shuffled(library)
    assert run("ingest", video, "--space", "appearance", "-q").code == 0
    files = [library / f"cut{suffix}" for suffix in (".otio", ".edl", ".fcpxml", ".csv")]
    lists = [word for file in files for word in ("--edit-list", file)]
    order = run("solve", video, "--json", *lists, "-q").data["order"]
    source = media(path=str(video))
    timeline = otio.adapters.read_from_file(str(files[0]))
    assert frames_of_otio(timeline, source) == order
    assert frames_of_otio(otio.adapters.read_from_file(str(files[1]), rate=25), source) == order
    assert frames_of_fcpxml(files[2], source) == order
    assert run("videos", "export-edits", video, "again.otio", "again.csv", "--json").data["edits"] == len(
        timeline.video_tracks()[0]
    )
    assert frames_of_otio(otio.adapters.read_from_file("again.otio"), source) == order
    done = run("reconstruct", video, "--edit-list", "all.edl", "--space", "appearance", "-q", "--json")
    assert done.code == 0, done.err
    assert frames_of_otio(otio.adapters.read_from_file("all.edl", rate=25), source) == order


def test_a_cut_that_was_reordered_in_an_editor_is_rendered(library: Path, run: Run) -> None:
    video, _ = shuffled(library)
    assert run("ingest", video, "--space", "appearance", "-q").code == 0
    assert run("solve", video, "--otio", "cut.otio", "-q").code == 0

    def change(timeline: Any) -> None:
        track = timeline.video_tracks()[0]
        track.append(track.pop(0))

    edited(library / "cut.otio", change)
    wanted = frames_of_otio(otio.adapters.read_from_file("cut.otio"), media(path=str(video)))
    done = run("render", "cut.otio", "-o", "film.mp4", "-q", "--json")
    assert done.code == 0, done.err
    source = decoded(video)
    assert [nearest(picture, source) for picture in decoded(library / "film.mp4")] == wanted


def test_a_source_of_a_variable_rate_comes_back_by_time(library: Path, run: Run) -> None:
    film = pictures(20)
    lasts = [0.04 if at % 3 else 0.2 for at in range(20)]
    video = write_vfr(library / "varies.mp4", film, lasts)
    assert run("ingest", video, "--space", "appearance", "-q").code == 0
    solved = run("solve", video, "--otio", "cut.otio", "--json", "-q").data
    settings = load()
    found = read_otio_plan(library / "cut.otio", settings)
    assert found.order == solved["order"]
    assert {one.frame for one in found.dropped} == {one["frame"] for one in solved["dropped"]}


def test_hits_and_moments_of_a_search_are_edits(library: Path, run: Run) -> None:
    video, film = shuffled(library)
    assert run("ingest", video, "--space", "appearance", "-q").code == 0
    picture = library / "query.png"
    __import__("cv2").imwrite(str(picture), film[5])
    hits = run("search", "--image", picture, "-k", 3, "--json", "--otio", "hits.otio", "--by", "score", "-q").rows
    source = media(path=str(video))
    assert frames_of_otio(otio.adapters.read_from_file("hits.otio"), source) == [hit["frame"] for hit in hits]
    moments = run("search", "--image", picture, "-k", 5, "--moments", "--json", "--edl", "m.edl", "-q").rows
    played = frames_of_otio(otio.adapters.read_from_file("m.edl", rate=25), source)
    assert sum(round((m["end"] - m["start"]) * 25) + 1 for m in moments) == len(played)
    assert {moment["peak_frame"] for moment in moments} <= set(played)


def test_a_repair_is_the_source_with_its_broken_frames_from_the_repaired_film(library: Path, run: Run) -> None:
    video = write_clip(library / "clip.mp4", pictures(30))
    done = run("repair", video, "--frames", "7-9,20", "--otio", "cut.otio", "-o", "fixed.mp4", "-q", "--json")
    assert done.code == 0, done.err
    track = otio.adapters.read_from_file("cut.otio").video_tracks()[0]
    names = [Path(clip.media_reference.target_url).name for clip in track]
    assert names == ["clip.mp4", "fixed.mp4", "clip.mp4", "fixed.mp4", "clip.mp4"]
    assert frames_of_otio(otio.adapters.read_from_file("cut.otio"), media()) == list(range(30))
    assert [bool(clip.markers) for clip in track] == [False, True, False, True, False]


def test_a_video_that_was_not_solved_has_no_edits(library: Path, run: Run) -> None:
    video, _ = shuffled(library)
    assert run("ingest", video, "--space", "appearance", "-q").code == 0
    done = run("videos", "export-edits", video, "cut.csv")
    assert done.code == 1
    assert "reelweave solve" in done.err


def test_the_facts_of_a_library_describe_a_source(library: Path) -> None:
    times = FrameTimes([0, 1, 2, 3], [0.0, 0.1, 0.5, 0.6])
    video = drawn_plan(range(4), frames=4).video
    assert media_of(video, times).starts == {0: 0, 1: Fraction(1, 10), 2: Fraction(1, 2), 3: Fraction(3, 5)}


def test_frame_zero_is_refused_like_any_other_that_was_not_ingested() -> None:
    times = FrameTimes([1, 2, 3], [0.04, 0.08, 0.12])
    frames = _SourceFrames(media_of(drawn_plan(range(4), frames=4).video, times), times)
    clip = _Shown(1, "clip", "clip.mp4", Fraction(0), Fraction(4, 25), reverse=False, broken=False, facts={})
    with pytest.raises(UntrustedError, match="frame 0, which was not ingested"):
        frames.shown(clip)


def test_every_film_of_a_split_has_edit_lists_of_its_own(library: Path, run: Run) -> None:
    one, two = pictures(24), [255 - picture for picture in pictures(24, seed=8)]
    mixed = [picture for pair in zip(one, two, strict=True) for picture in pair]
    video = write_clip(library / "mixed.mp4", mixed)
    assert run("ingest", video, "--space", "appearance", "-q").code == 0
    plans = run("solve", video, "--films", 2, "--edit-list", "cut.otio", "--json", "-q").rows
    orders = [
        frames_of_otio(otio.adapters.read_from_file(f"cut.{number}.otio"), media(path=str(video))) for number in (1, 2)
    ]
    assert orders == [plan["order"] for plan in plans]
