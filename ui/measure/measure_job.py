"""Scramble a clip, restore its order in a temporary library, and show the scores as HTML."""

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
from ..uploads import source_of_video, uploaded_file, url_of


@dataclass(frozen=True)
class Measurement:
    """One measurement; all its files lie in one folder that the page may show files from."""

    folder: Path
    name: str
    options: ScrambleOptions
    scores: Scores
    reconstruction: Reconstruction

    @property
    def films(self) -> Sequence[tuple[Path, str]]:
        return [
            (self.folder / "clean.mp4", f"Original: {self.name}"),
            (self.folder / "scrambled.mp4", "Scrambled"),
            (self.folder / "film.mp4", "Order restored"),
        ]


def source_of(context: PageContext, upload: str | None, video: str | None) -> Path:
    """Return the uploaded clip, or the source of a video in the library."""
    if upload:
        return uploaded_file(context, upload)
    if not video:
        raise UsageError("No clip was given.", "Drop an intact clip, or choose a video from the library.")
    return source_of_video(context, video)


def measure(context: PageContext, source: Path, options: ScrambleOptions, progress: Progress) -> Measurement:
    """Scramble the clip, restore its order, and score the result against the truth.

    The unscrambled clip goes through the same encoder, so that the three films can be compared by eye.
    """
    with context.new_folder("measure") as folder:
        return _measure_in(folder, context, source, options, progress)


def _measure_in(
    folder: Path, context: PageContext, source: Path, options: ScrambleOptions, progress: Progress
) -> Measurement:
    clean = replace(options, shuffle=False, foreign=0, salt_pepper=0.0, gaussian=0.0)
    scramble_video(source, folder / "clean.mp4", folder / "clean.json", clean, progress)
    truth = scramble_video(source, folder / "scrambled.mp4", folder / "truth.json", options, progress)
    reconstruction = pipeline.reconstruct(
        folder / "scrambled.mp4",
        context.settings.model_copy(update={"library": str(folder / "library")}),
        progress,
        output=folder / "film.mp4",
        plan_file=folder / "plan.json",
        report=folder / "report",
    )
    scores = evaluate_plan(read_plan(folder / "plan.json"), truth, progress, folder / "film.mp4")
    return Measurement(folder, source.name, options, scores, reconstruction)


def result_html(measured: Measurement) -> str:
    """Show the scores, the films and pictures side by side, and links to the files."""
    films = "".join(html.captioned_video(file, title) for file, title in measured.films)
    pictures = "".join(_picture(measured.folder / "report" / name, title) for name, title in _PICTURES.items())
    links = "".join(html.download(measured.folder / name, name, text) for name, text in _FILES.items())
    return (
        f"{_scores(measured)}<h3>Films</h3><div class='rw-films'>{films}</div>"
        f"<p class='rw-links'>{links}</p><h3>Pictures</h3><div class='rw-maps rw-pairs'>{pictures}</div>"
    )


_PICTURES = {
    "before.png": "Frames as scrambled",
    "after.png": "Frames in the restored order",
    "distances-before.png": "Distances as scrambled",
    "distances-after.png": "Distances in the restored order",
}
_FILES = {
    "scrambled.mp4": "Scrambled film",
    "film.mp4": "Restored film",
    "plan.json": "Plan",
    "truth.json": "Ground truth",
}


def _picture(file: Path, title: str) -> str:
    image = f'<img src="{escape(url_of(file))}" alt="{title}" loading="lazy">'
    return f"<figure><figcaption>{title}</figcaption>{image}</figure>"


def _scores(measured: Measurement) -> str:
    body = "".join(
        f'<tr><th scope="row">{name}</th><td>{value}</td><td>{meaning}</td></tr>'
        for name, value, meaning in _rows(measured)
    )
    head = '<tr><th scope="col">score</th><th scope="col">value</th><th scope="col">meaning</th></tr>'
    return f'<div class="rw-scores"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _rows(measured: Measurement) -> list[tuple[str, str, str]]:
    scores, reconstruction = measured.scores, measured.reconstruction
    rows = [
        ("adjacency", f"{scores.adjacency:.4f}", "share of true neighbours that are neighbours again"),
        ("tau", f"{scores.tau:.4f}", "rank correlation with the true order: 1 is identical, -1 is reversed"),
        ("shot tau", f"{scores.shot_tau:.4f}", "the same within each shot, in either direction"),
        ("exact", "yes" if scores.exact else "no", "whether every frame is in its true position"),
        ("jumps", str(scores.jumps), "wrong transitions"),
        ("lost", str(scores.lost), "true frames that were dropped"),
        ("precision", f"{scores.precision:.4f}", "share of dropped frames that are foreign"),
        ("recall", f"{scores.recall:.4f}", "share of foreign frames that were dropped"),
    ]
    if scores.psnr is not None and scores.ssim is not None:
        rows += [
            ("PSNR", f"{scores.psnr:.2f} dB", "similarity of the film's pictures to the clip's"),
            ("SSIM", f"{scores.ssim:.4f}", "similarity of their structure; 1 is identical"),
        ]
    seconds = sum(reconstruction.seconds.values())
    return [
        *rows,
        ("seconds", f"{seconds:.1f}", f"for {reconstruction.frames} frames, {reconstruction.kept} of them kept"),
    ]
