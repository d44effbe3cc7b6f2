"""A clean clip scrambled, put back in order and scored, in a library of its own that goes with it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from ... import pipeline
from ...errors import UsageError
from ...evaluate.scores import Scores, evaluate_plan
from ...evaluate.scramble import ScrambleOptions, scramble_video
from ...progress import Progress
from ...render.results import Reconstruction
from ...solve.plan.files import read_plan
from .. import html
from ..context import PageContext
from ..uploads import address, source_of_kept, uploaded


@dataclass(frozen=True)
class Measurement:
    """All of it lies in one folder that the page may show files from."""

    folder: Path
    name: str
    options: ScrambleOptions
    scores: Scores
    done: Reconstruction

    @property
    def films(self) -> Sequence[tuple[Path, str]]:
        return [
            (self.folder / "clean.mp4", f"As it was: {self.name}"),
            (self.folder / "scrambled.mp4", "Scrambled"),
            (self.folder / "film.mp4", "Put back in order"),
        ]


def source_of(context: PageContext, upload: str | None, picked: str | None) -> Path:
    """The clip that was dropped, or the source of a video of the library."""
    if upload:
        return uploaded(context, upload)
    if not picked:
        raise UsageError("No clip was given.", "Drop one whose frames are in order, or take one of the library.")
    return source_of_kept(context, picked)


def measure(context: PageContext, source: Path, options: ScrambleOptions, progress: Progress) -> Measurement:
    """All that is asked of a clip, in a folder of its own."""
    with context.new_folder("measure") as folder:
        return _measured(context, folder, source, options, progress)


def _measured(
    context: PageContext, folder: Path, source: Path, options: ScrambleOptions, progress: Progress
) -> Measurement:
    """The clip as it was goes through the same encoder, so that what is seen of the three films can be compared."""
    clean = replace(options, shuffle=False, foreign=0, salt_pepper=0.0, gaussian=0.0)
    scramble_video(source, folder / "clean.mp4", folder / "clean.json", clean, progress)
    truth = scramble_video(source, folder / "scrambled.mp4", folder / "truth.json", options, progress)
    done = pipeline.reconstruct(
        folder / "scrambled.mp4",
        context.settings.model_copy(update={"library": str(folder / "library")}),
        progress,
        output=folder / "film.mp4",
        plan_file=folder / "plan.json",
        report=folder / "report",
    )
    scores = evaluate_plan(read_plan(folder / "plan.json"), truth, progress, folder / "film.mp4")
    return Measurement(folder, source.name, options, scores, done)


def result(measured: Measurement) -> str:
    """Films and pictures side by side, the scores, and all of it to take along."""
    films = "".join(html.film(file, title) for file, title in measured.films)
    pictures = "".join(_picture(measured.folder / "report" / name, title) for name, title in _PICTURES.items())
    links = "".join(html.download(measured.folder / name, name, text) for name, text in _FILES.items())
    return (
        f"{_scores(measured)}<h3>Films</h3><div class='rw-films'>{films}</div>"
        f"<p class='rw-links'>{links}</p><h3>Pictures</h3><div class='rw-maps rw-pairs'>{pictures}</div>"
    )


_PICTURES = {
    "before.png": "Frames as scrambled",
    "after.png": "Frames in the order found",
    "distances-before.png": "Distances as scrambled",
    "distances-after.png": "Distances in the order found",
}
_FILES = {
    "scrambled.mp4": "Scrambled film",
    "film.mp4": "Film in order",
    "plan.json": "Plan",
    "truth.json": "Truth",
}


def _picture(file: Path, title: str) -> str:
    shown = f'<img src="{escape(address(file))}" alt="{title}" loading="lazy">'
    return f"<figure><figcaption>{title}</figcaption>{shown}</figure>"


def _scores(measured: Measurement) -> str:
    body = "".join(
        f'<tr><th scope="row">{name}</th><td>{value}</td><td>{meaning}</td></tr>'
        for name, value, meaning in _rows(measured)
    )
    head = '<tr><th scope="col">score</th><th scope="col">here</th><th scope="col">what it says</th></tr>'
    return f'<div class="rw-scores"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _rows(measured: Measurement) -> list[tuple[str, str, str]]:
    scores, done = measured.scores, measured.done
    rows = [
        ("adjacency", f"{scores.adjacency:.4f}", "share of the true neighbours that are neighbours again"),
        ("tau", f"{scores.tau:.4f}", "agreement of the whole order, 1 is all of it, -1 the film backwards"),
        ("shot tau", f"{scores.shot_tau:.4f}", "the same inside each shot, either way round"),
        ("exact", "yes" if scores.exact else "no", "whether every frame is where it was"),
        ("jumps", str(scores.jumps), "joins that are not right"),
        ("lost", str(scores.lost), "true frames that were dropped"),
        ("precision", f"{scores.precision:.4f}", "share of the dropped frames that are foreign"),
        ("recall", f"{scores.recall:.4f}", "share of the foreign frames that were dropped"),
    ]
    if scores.psnr is not None and scores.ssim is not None:
        rows += [
            ("PSNR", f"{scores.psnr:.2f} dB", "likeness of the film's pictures to the clip's"),
            ("SSIM", f"{scores.ssim:.4f}", "likeness of their structure, 1 is the same"),
        ]
    seconds = sum(done.seconds.values())
    return [*rows, ("seconds", f"{seconds:.1f}", f"for {done.frames} frames, of which {done.kept} were kept")]
