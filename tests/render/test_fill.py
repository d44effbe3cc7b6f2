"""A plan with filled frames plays the right order in both directions and renders to the right film."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from films import COUNT, panned
from helpers import decoded, drawn_plan, ffmpeg_ok, raw_frames, write_clip, write_pictures
from runs import Run

from reelweave.errors import PlanError
from reelweave.evaluate.scores import compare_pictures, score_plan, wanted_frames
from reelweave.evaluate.truth import Truth
from reelweave.media.identity import content_hash
from reelweave.media.source import open_source
from reelweave.render.encode import Encoding
from reelweave.render.fill import FillOptions
from reelweave.render.film import render
from reelweave.solve.plan.files import read_plan, write_plan
from reelweave.solve.plan.model import Dropped, Hole, Plan

LOSSLESS = Encoding(preset="ultrafast", lossless=True)


def holed(order: Sequence[int], fill: Sequence[Hole], *, source: Path | None = None, frames: int = COUNT) -> Plan:
    plan = drawn_plan(order, frames=frames)
    dropped = [Dropped(frame=f, reason="broken", score=0.9) for f in range(frames) if f not in order]
    facts = {"source": str(source), "sha256": content_hash(source)} if source else {}
    changes = {"video": plan.video.model_copy(update=facts), "dropped": dropped, "fill": list(fill)}
    return Plan(**{**dict(plan), **changes})


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("film") / "clip.mkv", panned())


@pytest.mark.parametrize(
    ("fill", "played"),
    [
        pytest.param([], [0, 1, 4, 5], id="nothing to fill"),
        pytest.param([Hole(after=1, frames=[3, 2])], [0, 1, 3, 2, 4, 5], id="inside"),
        pytest.param([Hole(after=None, frames=[2])], [2, 0, 1, 4, 5], id="at the start"),
        pytest.param([Hole(after=5, frames=[2, 3])], [0, 1, 4, 5, 2, 3], id="at the end"),
        pytest.param([Hole(after=0, frames=[3]), Hole(after=4, frames=[2])], [0, 3, 1, 4, 2, 5], id="two"),
    ],
)
def test_a_plan_plays_its_order_and_its_filled_frames_in_both_directions(fill: list[Hole], played: list[int]) -> None:
    plan = holed([0, 1, 4, 5], fill, frames=6)
    assert plan.played == played
    assert [played[place] for place in plan.made] == [f for f in played if f in (2, 3)]
    assert plan.reversed().played == played[::-1]
    assert plan.reversed().reversed() == plan


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        pytest.param([Hole(after=2, frames=[3])], "frame 2", id="after a frame that is dropped"),
        pytest.param([Hole(after=1, frames=[4])], "frame 4", id="a frame that plays"),
        pytest.param([Hole(after=1, frames=[2, 2])], "frame 2", id="a frame twice"),
        pytest.param([Hole(after=1, frames=[2]), Hole(after=1, frames=[3])], "two entries", id="two holes at a place"),
    ],
)
def test_the_error_names_an_invalid_hole_and_its_line(fill: list[Hole], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        holed([0, 1, 4, 5], fill, frames=6)
    good = holed([0, 1, 4, 5], [Hole(after=1, frames=[2])], frames=6)
    file = write_plan(good.model_copy(update={"fill": fill}), tmp_path / "plan.json")
    with pytest.raises(PlanError, match=rf"line \d+: .*{said}"):
        read_plan(file)


def test_a_plan_survives_writing_and_reading(tmp_path: Path) -> None:
    plan = holed([0, 1, 4, 5], [Hole(after=None, frames=[3]), Hole(after=4, frames=[2])], frames=6)
    assert read_plan(write_plan(plan, tmp_path / "plan.json")) == plan


@pytest.mark.parametrize("backwards", [False, True])
def test_kept_frames_are_bit_identical_and_filled_frames_lie_between_them(
    clip: Path, tmp_path: Path, backwards: bool
) -> None:
    order = [f for f in range(COUNT) if f not in (6, 7)]
    plan = holed(order, [Hole(after=5, frames=[6, 7])], source=clip)
    plan = plan.reversed() if backwards else plan
    output = render(plan, clip, tmp_path / "film.mkv", LOSSLESS)
    true, shown = raw_frames(clip)[:: -1 if backwards else 1], raw_frames(output)
    assert len(shown) == COUNT
    assert [place for place in range(COUNT) if shown[place] != true[place]] == plan.made
    made, real = decoded(output), decoded(clip)[:: -1 if backwards else 1]
    for place in plan.made:
        apart = [np.abs(made[place].astype(int) - one).mean() for one in real]
        assert int(np.argmin(apart)) == place


def test_filled_frames_of_a_folder_of_pictures_keep_the_colours(tmp_path: Path) -> None:
    true = panned()
    folder = write_pictures(tmp_path / "pictures", true)
    order = [f for f in range(COUNT) if f != 6]
    plan = holed(order, [Hole(after=5, frames=[6])])
    shown = decoded(render(plan, folder, tmp_path / "film.mkv", LOSSLESS))
    assert len(shown) == COUNT
    held = np.abs(true[5].astype(int) - true[6]).mean()
    assert np.abs(shown[6].astype(int) - true[6]).mean() < held


@pytest.mark.parametrize(("long", "same_as"), [("leave", [6, 7]), ("hold", [5, 8])])
def test_a_gap_over_the_limit_stays_unchanged_or_holds_the_nearest_frame(
    clip: Path, tmp_path: Path, long: str, same_as: list[int]
) -> None:
    plan = holed([f for f in range(COUNT) if f not in (6, 7)], [Hole(after=5, frames=[6, 7])])
    output = render(plan, clip, tmp_path / "film.mkv", LOSSLESS, filling=FillOptions(long=long, longest=1))
    true, shown = raw_frames(clip), raw_frames(output)
    assert shown[6:8] == [true[f] for f in same_as]


def test_the_sound_of_a_broken_frame_stays_in_place(clip: Path, run: Run, tmp_path: Path) -> None:
    video = tmp_path / "loud.mkv"
    sweep = "aevalsrc=sin(2*PI*(300+1500*t)*t):s=48000:d=0.64"
    ffmpeg_ok("-i", str(clip), "-f", "lavfi", "-i", sweep, "-c:v", "copy", "-c:a", "pcm_s16le", str(video))
    order = [f for f in range(COUNT) if f not in (6, 7)]
    plan = write_plan(holed(order, [Hole(after=5, frames=[6, 7])], source=video), tmp_path / "plan.json")
    output = tmp_path / "film.mkv"
    done = run("render", plan, "-o", output, "--audio", "reslice", "--lossless", "--quiet")
    assert done.code == 0, done.err
    assert open_source(output).info().has_audio
    samples = [_pcm(path) for path in (video, output)]
    assert samples[0] == samples[1]


def _pcm(path: Path) -> bytes:
    return ffmpeg_ok("-i", str(path), "-map", "0:a", "-f", "s16le", "-c:a", "pcm_s16le", "-")


def test_filled_frames_are_scored_against_the_frames_they_replace(clip: Path, tmp_path: Path) -> None:
    frames = list(range(COUNT))
    frames[6], frames[7] = 7, 6
    shuffled = write_clip(tmp_path / "shuffled.mkv", [panned()[f] for f in frames])
    truth = Truth(source=str(clip), fps=25, frames=frames, damage={"grey": [6, 7]})
    # The plan swaps the two broken frames; the film is nevertheless correct.
    plan = holed([f for f in range(COUNT) if f not in (6, 7)], [Hole(after=5, frames=[6, 7])])
    assert wanted_frames(plan, truth) == list(range(COUNT))
    assert wanted_frames(plan.reversed(), truth) == list(range(COUNT))[::-1]
    output = render(plan, shuffled, tmp_path / "film.mkv", LOSSLESS)
    found = compare_pictures(plan, truth, output, clip)
    assert min(psnr for place, (psnr, _) in found.items() if place not in plan.made) == 100
    assert all(20 < found[place][0] < 100 for place in plan.made)
    scores = score_plan(plan, truth)
    assert (scores.made, scores.exact, scores.broken_precision, scores.broken_recall) == (2, True, 1.0, 1.0)
