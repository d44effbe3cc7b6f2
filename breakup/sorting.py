"""A folder of pictures that a person sorts: what they are called and where each one lies."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import SourceError, UsageError, command, command_line
from ..index.whole import whole
from ..ingest.source import PICTURE_SUFFIXES, natural_key
from ..untrusted import UntrustedError, read_text

UNSORTED, BROKEN, CLEAN = "unsorted", "breakup", "clean"
FEATURES = "features"
_SHOWN = "shown.txt"
_NAME = re.compile(r"(?P<video>.+-[0-9a-f]{8})\.f(?P<frame>\d{1,12})(?!\d)")
_TOLD = 3


@dataclass(frozen=True, order=True)
class Sample:
    """One frame of one video, the videos by their ids."""

    video: str
    frame: int

    @property
    def picture(self) -> str:
        """A name that sorts by video and frame."""
        return f"{self.video}.f{self.frame:06}.jpg"


@dataclass(frozen=True)
class Sorted:
    """What a person said: each frame once, True for broken."""

    broken: dict[Sample, bool]
    unsorted: int

    @property
    def counts(self) -> tuple[int, int]:
        """How many are broken, and how many are clean."""
        return sum(self.broken.values()), len(self.broken) - sum(self.broken.values())


def lay_out(folder: Path, videos: Sequence[Path] = ()) -> None:
    """Make the folders to sort into, with a note on what to do; what lies there stays."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file.", "Give the name of a folder.")
    for name in (UNSORTED, BROKEN, CLEAN, FEATURES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), (folder / "README.txt").open("x", encoding="utf-8") as file:
        file.write(_read_me(folder, videos))


def _read_me(folder: Path, videos: Sequence[Path]) -> str:
    """What to do, with the commands for where the folder lies now."""
    here, files = folder.resolve(), [video.resolve() for video in videos]
    train = command_line("breakup", "train", here)
    label = command_line("breakup", "label", *files, "--out", here, "--detector", here / "detector.json")
    return f"""Each picture in {UNSORTED}/ shows one frame of a video, large, and small below it the frames around it.

Move the picture to {BROKEN}/ if the large frame is broken: smeared, torn, blocky, noisy, grey, or frozen while
the film should go on. Move it to {CLEAN}/ if it is as it should be, however fast or blurred or dark. Leave it, or
delete it, if you cannot tell. The frames below it are there for comparison only and may be broken themselves.

Keep the names of the pictures: they say which frame of which video it is. Then run

    {train}

and, for further pictures that the new detector is in doubt about,

    {label}
"""


def read_sorted(folder: Path) -> Sorted:
    """What lies in the two folders, or why it cannot be used."""
    if not any((folder / name).is_dir() for name in (BROKEN, CLEAN)):
        raise UsageError(
            f"{folder} has no folders {BROKEN}/ and {CLEAN}/.",
            f"breakup label makes them, with pictures to sort: see {command('breakup', 'label', '--help')}.",
        )
    said = {kind: [_checked(file) for file in _pictures(folder / kind)] for kind in (BROKEN, CLEAN)}
    broken, clean = (set(said[kind]) for kind in (BROKEN, CLEAN))
    if both := sorted(broken & clean):
        raise SourceError(
            f"{_some(sample.picture for sample in both)} lies in {BROKEN}/ and in {CLEAN}/.",
            "Remove it from the one where it does not belong.",
        )
    found = {sample: sample in broken for sample in sorted(broken | clean)}
    return Sorted(found, len(_pictures(folder / UNSORTED)))


def waiting(folder: Path) -> list[Path]:
    """The pictures that nobody has sorted."""
    return _pictures(folder / UNSORTED)


def counts(folder: Path) -> tuple[int, int]:
    """How many pictures lie there as broken, and how many as clean."""
    return len(_pictures(folder / BROKEN)), len(_pictures(folder / CLEAN))


def sort(folder: Path, picture: str, kind: str) -> bool:
    """Move a picture into one of the folders, and whether it was there to be moved; its name is no path."""
    places = [folder / name / picture for name in (UNSORTED, BROKEN, CLEAN)]
    found = next((file for file in places if Path(picture).name == picture and file.is_file()), None)
    if found is None or kind not in (UNSORTED, BROKEN, CLEAN) or not read_name(picture):
        return False
    try:
        found.replace(folder / kind / picture)
    except OSError as failed:
        raise SourceError(f"{found} cannot be moved to {kind}/: {failed.strerror}.") from failed
    return True


def shown(folder: Path) -> set[Sample]:
    """All that were ever put before a person, also those that were deleted or lie in a folder of one's own."""
    names = _remembered(folder / _SHOWN)
    names += [file.name for file in folder.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES]
    return {sample for name in names if (sample := read_name(name))}


def _remembered(file: Path) -> list[str]:
    """The names in the list of what was shown; another file of that name must not be rewritten."""
    try:
        names = read_text(file).splitlines() if file.exists() else []
    except UntrustedError:
        names = [""]
    if not all(map(read_name, names)):
        raise UsageError(f"{file} is not a list of pictures that breakup label wrote.", "Give another folder.")
    return names


def remember(folder: Path, samples: Iterable[Sample]) -> None:
    names = sorted(sample.picture for sample in shown(folder) | set(samples))
    with whole(folder / _SHOWN) as part:
        part.write_text("\n".join([*names, ""]), encoding="utf-8")


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    files = [file for file in folder.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES and file.name[0] != "."]
    return sorted(files, key=lambda file: natural_key(file.name))


def read_name(name: str) -> Sample | None:
    """What a file manager adds at the end of a name does no harm."""
    found = _NAME.match(name)
    return Sample(found["video"], int(found["frame"])) if found else None


def _checked(file: Path) -> Sample:
    """The frame that a picture stands for; one that cannot be opened was judged by nobody."""
    from PIL import Image

    sample = read_name(file.name)
    if sample is None:
        raise SourceError(
            f"{file} is not called as breakup label calls its pictures, so nobody knows which frame it shows.",
            "Give it back its name (VIDEO.f000123.jpg), or take it out of the folder.",
        )
    try:
        with Image.open(file) as picture:
            picture.verify()
    except (OSError, SyntaxError) as broken:
        raise SourceError(
            f"{file} is not a picture that can be read.", "Take it out of the folder, or put it there again."
        ) from broken
    return sample


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {more} more" if more > 0 else "")
