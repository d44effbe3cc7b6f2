"""Videos and pictures with damaged bytes: they are taken as far as they can be read, or refused."""

from pathlib import Path

import pytest
from fuzz.harness import Stock, Worker, remembered, scratch, tries
from fuzz.inputs import SIZES, Splice, mostly, sized, spliced, splices
from helpers import ffmpeg_ok, pictures, write_clip
from hypothesis import given
from hypothesis import strategies as st

ENCODED = {
    "mp4": ["-c:v", "libx264", "-g", "4"],
    "mkv": ["-c:v", "libx264"],
    "webm": ["-c:v", "libvpx"],
    "gif": [],
    "avi": ["-c:v", "mpeg4"],
    "mov": ["-c:v", "mjpeg"],
    "ts": ["-c:v", "mpeg2video"],
}
"""Formats with what makes a small file of each."""

PICTURES = (".png", ".jpg", ".bmp", ".tiff", ".webp")

SIZE = (48, 32)

changes = st.lists(splices, min_size=1, max_size=4)
claims = mostly(st.none(), st.sampled_from(SIZES))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    source = write_clip(folder / "source.mkv", pictures(8, SIZE))
    sound = ["-f", "lavfi", "-i", "sine=d=0.3"]
    made = {}
    for suffix, codec in ENCODED.items():
        made[suffix] = folder / f"clip.{suffix}"
        with_sound = sound if suffix in ("mp4", "mkv", "ts") else []
        ffmpeg_ok("-i", str(source), *with_sound, *codec, "-shortest", str(made[suffix]))
    return made


@pytest.fixture(scope="module")
def drawn() -> dict[str, bytes]:
    import cv2

    return {suffix: cv2.imencode(suffix, pictures(1, SIZE)[0])[1].tobytes() for suffix in PICTURES}


@tries("videos")
@given(
    kind=st.sampled_from(sorted(ENCODED)),
    other=st.none() | st.sampled_from(sorted(ENCODED)),
    made=changes,
    claimed=claims,
    command=st.sampled_from(["ingest", "repair", "reconstruct", "scramble"]),
)
def test_bytes_of_videos(
    worker: Worker,
    stock: Stock,
    clips: dict[str, Path],
    kind: str,
    other: str | None,
    made: list[Splice],
    claimed: tuple[int, int] | None,
    command: str,
) -> None:
    """Damaged, and now and then under the name of another format, or with another behind it."""
    data = clips[kind].read_bytes()
    if other and made[0].at % 2:
        data = data[: made[0].at * len(data) // 1_000_000] + clips[other].read_bytes()
    with scratch(stock) as (folder, library):
        video = folder / f"x.{other or kind}"
        video.write_bytes(broken := sized(data, SIZE, claimed) if claimed else spliced(data, made))
        options = {
            "ingest": [],
            "repair": ["-o", "film.mp4", "--lossless"],
            "reconstruct": ["-o", "film.mp4"],
            "scramble": ["-o", "film.mp4", "--truth", "truth.json"],
        }[command]
        given_ = {"folder": folder, "REELWEAVE_LIBRARY": library, "REELWEAVE_INGEST__SPACE": "appearance"}
        answer = worker.run(command, video, *options, "-q", **given_)
        if command == "ingest" and answer.code == 0:
            assert worker.run("videos", "check", **given_).code == 0
        assert video.read_bytes() == broken
        for name in ("a", "b"):
            assert remembered(library, name) == remembered(stock.library, name)


@tries("pictures")
@given(
    kind=st.sampled_from(PICTURES),
    named=st.none() | st.sampled_from(PICTURES),
    made=changes,
    claimed=claims,
    command=st.sampled_from(["folder", "search", "similar", "ingest"]),
)
def test_bytes_of_pictures(
    worker: Worker,
    stock: Stock,
    drawn: dict[str, bytes],
    kind: str,
    named: str | None,
    made: list[Splice],
    claimed: tuple[int, int] | None,
    command: str,
) -> None:
    with scratch(stock) as (folder, library):
        (folder / "pictures").mkdir()
        picture = folder / "pictures" / f"2{named or kind}"
        picture.write_bytes(sized(drawn[kind], SIZE, claimed) if claimed else spliced(drawn[kind], made))
        for number in (1, 3):
            (folder / "pictures" / f"{number}.png").write_bytes(drawn[".png"])
        arguments = {
            "folder": ["ingest", "pictures", "-q"],
            "ingest": ["ingest", picture, "-q"],
            "search": ["search", "--image", picture],
            "similar": ["similar", picture, stock.picture],
        }[command]
        given_ = {"folder": folder, "REELWEAVE_LIBRARY": library, "REELWEAVE_INGEST__SPACE": "appearance"}
        answer = worker.run(*arguments, **given_)
        if command == "folder":
            assert answer.code == 0, answer.err
            assert worker.run("videos", "check", **given_).code == 0
