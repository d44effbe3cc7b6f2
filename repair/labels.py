"""Read and write the folder of pictures that a person labels: their names, and the folder each lies in."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import SourceError, UsageError, command, command_line
from ..media.files import atomic
from ..media.source import PICTURE_SUFFIXES, natural_key
from ..media.untrusted import UntrustedError, read_text

UNSORTED, BROKEN, CLEAN = "unsorted", "breakup", "clean"
FEATURES = "features"
_OFFERED_LIST = "shown.txt"
_NAME = re.compile(r"(?P<video>.+-[0-9a-f]{8})\.f(?P<frame>\d{1,12})(?!\d)")
_MOST_LISTED = 3
"""Bounds the pictures that an error names."""


@dataclass(frozen=True, order=True)
class LabelledFrame:
    """One frame of one video, named by the video id."""

    video: str
    frame: int

    @property
    def picture(self) -> str:
        """The file name, which sorts by video and frame."""
        return f"{self.video}.f{self.frame:06}.jpg"


@dataclass(frozen=True)
class Labels:
    """The labels of a person: each frame once, True for broken."""

    broken: dict[LabelledFrame, bool]
    unsorted: int

    @property
    def counts(self) -> tuple[int, int]:
        """The number of broken and of clean frames."""
        return sum(self.broken.values()), len(self.broken) - sum(self.broken.values())


def create_label_folders(folder: Path, videos: Sequence[Path] = ()) -> None:
    """Create the folders with instructions; existing files stay."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file.", "Give the name of a folder.")
    for name in (UNSORTED, BROKEN, CLEAN, FEATURES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), (folder / "README.txt").open("x", encoding="utf-8") as file:
        file.write(_instructions(folder, videos))


def _instructions(folder: Path, videos: Sequence[Path]) -> str:
    """Return the instructions, with commands for the current location of the folder."""
    here, files = folder.resolve(), [video.resolve() for video in videos]
    train = command_line("breakup", "train", here)
    label = command_line("breakup", "label", *files, "--out", here, "--detector", here / "detector.json")
    return f"""Each picture in {UNSORTED}/ shows one frame of a video, and below it, smaller, the frames around it.

Move the picture to {BROKEN}/ if the large frame is broken: smeared, torn, blocky, noisy, grey, or frozen while
the film should go on. Move it to {CLEAN}/ if it is intact, however fast or blurred or dark. Leave or delete it if
you cannot decide. The small frames are there for comparison only and may be broken themselves.

Keep the names of the pictures: they identify the video and the frame. Then run

    {train}

and, for more pictures that the new detector is uncertain about,

    {label}
"""


def read_labels(folder: Path) -> Labels:
    """Read the labels.

    Raises:
        UsageError: It is not a folder of labels.
        SourceError: A picture cannot be used, or has both labels.
    """
    if not any((folder / name).is_dir() for name in (BROKEN, CLEAN)):
        raise UsageError(
            f"{folder} has no folders {BROKEN}/ and {CLEAN}/.",
            f"Create them with breakup label: see {command('breakup', 'label', '--help')}.",
        )
    broken, clean = ({_checked(file) for file in _pictures(folder / kind)} for kind in (BROKEN, CLEAN))
    if both := sorted(broken & clean):
        raise SourceError(
            f"{_listed(sample.picture for sample in both)} lies in both {BROKEN}/ and {CLEAN}/.",
            "Remove it from the wrong one.",
        )
    found = {sample: sample in broken for sample in sorted(broken | clean)}
    return Labels(found, len(_pictures(folder / UNSORTED)))


def unlabelled_pictures(folder: Path) -> list[Path]:
    """List the pictures without a label."""
    return _pictures(folder / UNSORTED)


def label_counts(folder: Path) -> tuple[int, int]:
    """Return the number of broken and of clean pictures."""
    return len(_pictures(folder / BROKEN)), len(_pictures(folder / CLEAN))


def move_picture(folder: Path, picture: str, kind: str) -> bool:
    """Move a picture to a label and return whether that was possible. Paths are not accepted as names."""
    places = [folder / name / picture for name in (UNSORTED, BROKEN, CLEAN)]
    found = next((file for file in places if Path(picture).name == picture and file.is_file()), None)
    if found is None or kind not in (UNSORTED, BROKEN, CLEAN) or not read_name(picture):
        return False
    try:
        found.replace(folder / kind / picture)
    except OSError as failed:
        raise SourceError(f"{found} cannot be moved to {kind}/: {failed.strerror}.") from failed
    return True


def offered_frames(folder: Path) -> set[LabelledFrame]:
    """Return all frames that were ever offered, also those whose pictures were deleted or moved to other folders."""
    names = _read_offered(folder / _OFFERED_LIST)
    names += [file.name for file in folder.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES]
    return {sample for name in names if (sample := read_name(name))}


def _read_offered(file: Path) -> list[str]:
    """Read the list of offered pictures; refuse another file of that name, which would be overwritten."""
    try:
        names = read_text(file).splitlines() if file.exists() else []
    except UntrustedError:
        names = [""]
    if not all(map(read_name, names)):
        raise UsageError(f"{file} is not a list written by breakup label.", "Give another folder.")
    return names


def record_offered(folder: Path, samples: Iterable[LabelledFrame]) -> None:
    """Add frames to the list of offered ones."""
    names = sorted(sample.picture for sample in offered_frames(folder) | set(samples))
    with atomic(folder / _OFFERED_LIST, parents=True) as part:
        part.write_text("\n".join([*names, ""]), encoding="utf-8")


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    files = [file for file in folder.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES and file.name[0] != "."]
    return sorted(files, key=lambda file: natural_key(file.name))


def read_name(name: str) -> LabelledFrame | None:
    """Return the frame that a file name stands for; what a file manager appends is ignored."""
    found = _NAME.match(name)
    return LabelledFrame(found["video"], int(found["frame"])) if found else None


def _checked(file: Path) -> LabelledFrame:
    """Return the frame of a picture, which must open: nobody has judged one that does not."""
    from PIL import Image

    sample = read_name(file.name)
    if sample is None:
        raise SourceError(
            f"{file} is not named as breakup label names its pictures, so its frame is unknown.",
            "Restore its name (VIDEO.f000123.jpg), or remove it from the folder.",
        )
    try:
        with Image.open(file) as picture:
            picture.verify()
    except (OSError, SyntaxError) as broken:
        raise SourceError(
            f"{file} cannot be read as a picture.", "Remove it from the folder, or replace it."
        ) from broken
    return sample


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
