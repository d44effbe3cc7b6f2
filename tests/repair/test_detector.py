"""Detection of broken frames in drawn films, without false alarms on clean ones."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import pictures, write_clip, write_pictures

from reelweave.errors import SourceError
from reelweave.evaluate import artefacts
from reelweave.evaluate.damage import KINDS, Damage
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.media import ffmpeg
from reelweave.media.source import DecoderReport, open_source
from reelweave.media.types import Picture
from reelweave.repair.detector import detect, judge
from reelweave.repair.evidence import EVIDENCE, FrameEvidence, measure_evidence, spread
from reelweave.repair.verdict import CLEAN, Verdict
from reelweave.settings import load

SIZE = (192, 108)
FRAMES = 90
Film = list[Picture]


@pytest.fixture(scope="module")
def drawn() -> Film:
    return pictures(FRAMES, SIZE)


@pytest.fixture(scope="module")
def clip(drawn: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", drawn)


def verdicts(video: Path) -> list[Verdict]:
    return detect(open_source(video, steady=True), load().breakup)


def broken(video: Path) -> set[int]:
    return {verdict.frame for verdict in verdicts(video) if verdict.kind != CLEAN}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "flips"])
def test_damage_of_each_kind_is_detected(clip: Path, tmp_path: Path, kind: str) -> None:
    video = tmp_path / "broken.mp4"
    options = ScrambleOptions(seed=4, shuffle=False, damage=Damage((kind,), 0.15))
    truth = set(scramble(clip, video, options).broken)
    called = broken(video)
    assert len(truth) >= 5
    assert len(truth & called) >= 0.8 * len(truth)
    assert len(called - truth) <= 2


@pytest.mark.parametrize(
    ("breaks", "share"), [("grey", 1.0), ("smear", 0.8), ("noise", 0.5)], ids=lambda value: str(value)
)
def test_damage_at_both_ends_of_a_film_is_detected(drawn: Film, tmp_path: Path, breaks: str, share: float) -> None:
    film = [picture.copy() for picture in drawn]
    for frames in (range(4), range(FRAMES - 4, FRAMES)):
        how = getattr(artefacts, breaks)([film[frames[0]]], np.random.default_rng(5))
        for frame in frames:
            how([film[frame]])
    called, truth = broken(write_clip(tmp_path / "ends.mp4", film)), {*range(4), *range(FRAMES - 4, FRAMES)}
    assert len(called & truth) >= share * len(truth)
    assert len(called - truth) <= 1


def still(film: Film) -> Film:
    return [film[0]] * len(film)


def telecine(film: Film) -> Film:
    return [film[place * 2 // 5] for place in range(len(film))]


def cut(film: Film) -> Film:
    return film[:45] + [np.asarray(255 - picture[:, ::-1]) for picture in film[45:]]


def cut_to_blurs_that_look_alike(film: Film) -> Film:
    """Two pans over soft spots, in which much is the same by chance."""
    spots = [np.random.default_rng(seed).integers(0, 255, (18, 60, 3), np.uint8) for seed in (3, 0)]
    wide = [cv2.GaussianBlur(cv2.resize(one, (960, 288), interpolation=cv2.INTER_CUBIC), (0, 0), 2) for one in spots]
    shown = [wide[0][:108, 2 * at : 2 * at + 192] for at in range(30)]
    return shown + [wide[1][:108, 60 + 2 * at : 252 + 2 * at] for at in range(60)]


def flash(film: Film) -> Film:
    return [
        np.minimum(picture * 1.3 + 40, 255).astype(np.uint8) if at in (40, 41) else picture
        for at, picture in enumerate(film)
    ]


def flash_that_washes_out(film: Film) -> Film:
    return [
        np.minimum(picture.astype(np.int64) + 128, 255).astype(np.uint8) if at in (40, 41) else picture
        for at, picture in enumerate(film)
    ]


def shot_with_some_sky_between_two_of_another(film: Film) -> Film:
    shown = [np.asarray(255 - picture[:, ::-1]) for picture in film]
    for picture in shown:
        picture[:40] = 180
    return [*film[:25], *shown[25:60], *film[60:]]


def fade(film: Film) -> Film:
    return [(picture * min(1, abs(at - 45) / 15)).astype(np.uint8) for at, picture in enumerate(film)]


def dim_fade_after_a_cut(film: Film) -> Film:
    """In the dark, shades go one by one, so that what is left seems to leap."""
    dim = [(picture // 4) for picture in film]
    gain = [1.0] * 30 + [max(0, 1 - at / 20) for at in range(20)] + [at / 20 for at in range(20)] + [1.0] * 20
    return [*film[:20], *[(dim[at] * gain[at]).astype(np.uint8) for at in range(20, 70)], *film[70:]]


def black_at_both_ends(film: Film) -> Film:
    return [np.zeros_like(film[0])] * 10 + film[10:80] + [np.zeros_like(film[0])] * 10


def white_at_both_ends(film: Film) -> Film:
    return [np.full_like(film[0], 255)] * 10 + film[10:80] + [np.full_like(film[0], 255)] * 10


def short_shot_of_sky_after_one_frame_of_another(film: Film) -> Film:
    """What a trim leaves: a last frame of the shot before."""
    sky = [np.full_like(picture, 130) for picture in film[:30]]
    for picture, real in zip(sky, film, strict=False):
        picture[60:] = real[60:]
    return [np.asarray(255 - film[50][:, ::-1]), *sky[1:], *film[30:]]


def rest(film: Film) -> Film:
    """What moves slows down, stands for a second and starts again slowly."""
    speed = np.interp(np.arange(len(film)), [0, 20, 30, 55, 65, 90], [1, 1, 0, 0, 1, 1])
    return [film[int(at)] for at in np.cumsum(speed)]


def caption(film: Film) -> Film:
    shown = [picture.copy() for picture in film]
    for picture in shown[20:70]:
        picture[80:100, 40:150] = 240
    return shown


def blinking(film: Film) -> Film:
    """A lamp that is off as long as it is on, while nothing else moves."""
    shown = [film[0].copy() for _ in film]
    for at in [*range(20, 30), *range(40, 50), *range(60, 70)]:
        shown[at][20:32, 60:76] = 255 - shown[at][20:32, 60:76]
    return shown


def comes_to_stay(film: Film) -> Film:
    shown = [film[0].copy() for _ in film]
    for picture in shown[40:]:
        picture[20:32, 60:76] = 255 - picture[20:32, 60:76]
    return shown


CLEAN_FILMS = (
    list,
    still,
    telecine,
    cut,
    cut_to_blurs_that_look_alike,
    flash,
    flash_that_washes_out,
    shot_with_some_sky_between_two_of_another,
    fade,
    dim_fade_after_a_cut,
    black_at_both_ends,
    white_at_both_ends,
    short_shot_of_sky_after_one_frame_of_another,
    rest,
    caption,
    blinking,
    comes_to_stay,
)


@pytest.mark.parametrize("made", CLEAN_FILMS, ids=lambda made: made.__name__)
def test_no_frame_of_a_clean_film_is_called_broken(drawn: Film, tmp_path: Path, made: Callable[[Film], Film]) -> None:
    assert broken(write_clip(tmp_path / "clean.mp4", made(drawn))) == set()


def test_a_patch_that_disappears_abruptly_is_detected(drawn: Film, tmp_path: Path) -> None:
    film = [drawn[0].copy() for _ in drawn]
    for picture in film[40:60]:
        picture[20:32, 60:76] = 255 - picture[20:32, 60:76]
    video = write_clip(tmp_path / "healed.mp4", film)
    assert broken(video) == set(range(40, 60))
    evidence = measure_evidence(open_source(video, steady=True))
    blind = load({"breakup.healed": 1.0}).breakup
    assert all(verdict.kind == CLEAN for verdict in judge(evidence, blind))


def kinds_of(values: dict[str, dict[int, float]]) -> dict[int, str]:
    """What is wrong with each broken frame of 90, by evidence that is 0 but where it is given."""
    evidence = FrameEvidence(np.arange(90), np.arange(90) / 25, np.zeros((90, len(EVIDENCE)), np.float32))
    for name, known in values.items():
        evidence.of(name)[list(known)] = list(known.values())
    return {verdict.frame: verdict.kind for verdict in judge(evidence, load().breakup) if verdict.kind != CLEAN}


TORN = 1.5 * load().breakup.torn


def test_slightly_torn_frames_are_broken_only_next_to_clearly_torn_ones() -> None:
    torn = {40: 1.2 * TORN, 41: 0.7 * TORN, 42: 0.7 * TORN, 60: 0.7 * TORN}
    assert kinds_of({"torn": torn}) == dict.fromkeys((40, 41, 42), "torn")


@pytest.mark.parametrize("returns", [True, False], ids=["clean in between", "broken throughout"])
def test_frames_that_differ_from_the_broken_ones_on_both_sides_are_clean(returns: bool) -> None:
    broken, run = [30, 31, 32, 44], range(30, 45)
    leaps = [30, 33, 44, 45] if returns else [30, 45]
    found = kinds_of(
        {
            "torn": dict.fromkeys(broken, 1.2 * TORN),
            "jump": dict.fromkeys(leaps, 50.0),
            "run": dict.fromkeys(run, 20.0),
            "run_start": dict.fromkeys(run, 30),
            "run_length": dict.fromkeys(run, 15),
        }
    )
    assert set(found) == set(broken if returns else run)


@pytest.fixture(scope="module")
def flipped(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of H.264 in the middle of which a few bytes are wrong."""
    folder = tmp_path_factory.mktemp("flipped")
    coding = ["-c:v", "libx264", "-crf", "20", "-g", "30", "-pix_fmt", "yuv420p"]
    ffmpeg.run([*ffmpeg.decode_arguments(clip), *coding, str(folder / "clean.mp4")])
    data = bytearray((folder / "clean.mp4").read_bytes())
    for place in range(len(data) // 5, len(data) * 4 // 5, len(data) // 12):
        data[place : place + 8] = bytes(255 - byte for byte in data[place : place + 8])
    (folder / "broken.mp4").write_bytes(data)
    return folder / "broken.mp4"


def test_a_steady_source_decodes_the_same_pictures_each_time_and_reports_concealment(flipped: Path) -> None:
    source = open_source(flipped, steady=True)
    passes = []
    for _ in range(2):
        shown = [frame.picture for frame in source.frames()]
        passes.append((shown, source.guesses))
    assert all(np.array_equal(one, other) for one, other in zip(passes[0][0], passes[1][0], strict=True))
    assert passes[0][1] == passes[1][1]
    assert passes[0][1].guessed
    assert passes[0][1].seen == len(passes[0][0])


def test_frames_that_the_decoder_concealed_are_broken(flipped: Path) -> None:
    source = open_source(flipped, steady=True)
    called = detect(source, load().breakup)
    assert source.guesses.concealed <= {verdict.frame for verdict in called if verdict.kind != CLEAN}


STILL, MOVES = 1.0, 50.0


@pytest.mark.parametrize(
    ("guesses", "moves_at", "doubted"),
    [
        pytest.param(
            DecoderReport({2}, {0, 5}), range(10), [0, 0, 1, 0.5, 0.5, 0, 0, 0, 0, 0], id="up to the next intact one"
        ),
        pytest.param(
            DecoderReport({8}, {0}, {8}),
            range(10),
            [0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
            id="none is predicted from a B-frame",
        ),
        pytest.param(
            DecoderReport({4}, {0, 6}, {2, 3}), range(10), [0, 0, 0.5, 0.5, 1, 0.5, 0, 0, 0, 0], id="those between"
        ),
        pytest.param(DecoderReport({2}, {0, 5}), (), [0, 0, 1, 0.25, 0.25, 0, 0, 0, 0, 0], id="nothing moves"),
        pytest.param(DecoderReport({2}, {0, 5}), (5,), [0, 0, 1, 0.5, 0.5, 0, 0, 0, 0, 0], id="damage that disappears"),
        pytest.param(
            DecoderReport({2, 5}, {0, 5}), (5,), [0, 0, 1, 0.25, 0.25, 1, 0.5, 0.5, 0.5, 0.5], id="damage that appears"
        ),
        pytest.param(
            DecoderReport({2, 5}, {0, 5, 8}), (8,), [0, 0, 1, 0.5, 0.5, 1, 0.5, 0.5, 0, 0], id="damage that stays"
        ),
    ],
)
def test_frames_predicted_from_a_concealed_one_are_doubted_where_damage_could_be_hidden(
    guesses: DecoderReport, moves_at: Sequence[int], doubted: list[float]
) -> None:
    spots = [MOVES if row in moves_at else STILL for row in range(10)]
    assert spread(guesses, list(range(10)), spots) == doubted


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_a_film_of_a_few_frames_is_judged(drawn: Film, tmp_path: Path, count: int) -> None:
    found = verdicts(write_clip(tmp_path / "short.mp4", drawn[:count]))
    assert [verdict.frame for verdict in found] == list(range(count))
    assert {verdict.kind for verdict in found} == {CLEAN}


def test_a_folder_of_pictures_is_judged_by_its_own_frame_numbers(drawn: Film, tmp_path: Path) -> None:
    film = list(drawn[:30])
    film[12] = np.full_like(film[12], 128)
    files = write_pictures(tmp_path / "pictures", film)
    assert files
    called = detect(open_source(tmp_path / "pictures"), load().breakup)
    assert [verdict.frame for verdict in called if verdict.kind != CLEAN] == [12]


def test_evidence_has_a_row_for_each_frame_and_a_name_for_each_column(clip: Path) -> None:
    evidence = measure_evidence(open_source(clip, steady=True))
    assert evidence.values.shape == (FRAMES, len(EVIDENCE)) == (len(evidence), len(set(EVIDENCE)))
    assert np.isfinite(evidence.values).all()
    assert list(evidence.frames) == list(range(FRAMES))
    assert evidence.times[-1] == pytest.approx((FRAMES - 1) / 25, abs=0.01)


def test_a_higher_threshold_calls_fewer_frames_broken(clip: Path, tmp_path: Path) -> None:
    video = tmp_path / "broken.mp4"
    scramble(clip, video, ScrambleOptions(seed=4, shuffle=False, damage=Damage(("tears",), 0.15)))
    evidence = measure_evidence(open_source(video, steady=True))
    counts = []
    for factor in (0.5, 1, 4, 1000):
        names = ("misfit", "torn", "grain", "stripes", "blocks")
        changed = {f"breakup.{name}": getattr(load().breakup, name) * factor for name in names}
        counts.append(sum(verdict.kind != CLEAN for verdict in judge(evidence, load(changed).breakup)))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_a_score_of_one_half_separates_broken_from_clean_frames(clip: Path, tmp_path: Path) -> None:
    video = tmp_path / "broken.mp4"
    scramble(clip, video, ScrambleOptions(seed=4, shuffle=False, damage=Damage(KINDS, 0.3)))
    for verdict in verdicts(video):
        assert 0 <= verdict.score <= 1
        assert (verdict.score >= 0.5) == (verdict.kind != CLEAN)


def test_a_source_without_frames_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "none.mp4").write_bytes(b"nothing")
    with pytest.raises(SourceError):
        measure_evidence(open_source(tmp_path / "none.mp4"))
