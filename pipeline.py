"""The story in order: a source is ingested, its frames are solved into a plan, the plan is rendered.

Every verb of the command line that works on films is one function here, and can be called from Python.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UsageError
from .films import (
    Clock,
    Places,
    Reconstruction,
    film_made,
    films_at,
    numbered,
    places_of,
    refuse_repair_of_split,
    refuse_with_split,
    together,
)
from .frames import VideoRecord
from .outputs import Outputs, Overwrite, content_origin, library_of
from .places import default_output, unchanged_source, write_to
from .progress import Progress, Silent, noted
from .settings import Settings, library_folder

if TYPE_CHECKING:
    from .asking import Question, Similarity
    from .evaluate.grouping import SplitScores
    from .evaluate.metrics import Scores
    from .evaluate.robustness import Robustness, RobustnessOptions
    from .evaluate.scramble import ScrambleOptions
    from .evaluate.truth import Truth
    from .intake import Taken
    from .repairing import Repair, Survey
    from .reporting import Look
    from .searching import Found
    from .seeking import Demonstration
    from .showing import Wanted
    from .solve.plan import Plan
    from .solve.wishes import Wishes

_SILENT = Silent()

_CLAIMED_EARLY = 16
"""Films of a split whose names are checked before any work. How many there are is known once they were told apart."""


def ingest(path: Path, settings: Settings, progress: Progress = _SILENT) -> VideoRecord:
    """Every frame of a source into the library; what is there already is not decoded again."""
    from .index.library import open_library
    from .intake import Intake

    with open_library(library_folder(settings)) as library:
        taken = Intake(library, settings, progress).take(path)
        assert taken.video
        return taken.video


def ingest_all(
    paths: Iterable[Path], settings: Settings, progress: Progress = _SILENT, *, dry_run: bool = False
) -> "Iterator[Taken]":
    """What became of each source that files, folders and patterns stand for; or what would, in a dry run.

    A source that cannot be taken in is told with its error, and keeps no other out.
    """
    from .harvest import harvest, rehearse
    from .index.library import open_library
    from .ingest.gather import gather

    gathered = gather(paths)
    for note in gathered.notes:
        progress.note(note)
    with open_library(library_folder(settings)) as library:
        yield from (rehearse if dry_run else harvest)(library, gathered, settings, progress)


def solve(
    video: str,
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    wishes: "Wishes | None" = None,
    plan_file: Path | None = None,
    evidence: Path | None = None,
    repair: bool = False,
    detector: Path | None = None,
    overwrite: Overwrite = False,
) -> "Plan":
    """The plan for a video of the library, from its stored vectors and proxies alone.

    With `repair`, or a trained `detector`, its source is decoded to find broken frames, which leave holes.
    """
    from .breakup.detector import detector_of
    from .index.library import open_library
    from .planning import film_of, matcher_for, plan_of, solved_with
    from .reporting import write_evidence
    from .solve.arrange import arrange
    from .solve.wishes import NO_WISHES

    wishes = wishes or NO_WISHES
    judge = detector_of(detector, settings.breakup) if repair or detector else None
    with open_library(library_folder(settings), settings) as library:
        record = library.catalog.find(video)
        outputs = _outputs_of(record, settings, overwrite, detector)
        outputs.claim(plan_file, evidence)
        matcher = matcher_for(settings)
        film = film_of(library, record, settings, matcher)
        arrangement = arrange(film, settings, progress, wishes)
        wishes = arrangement.wishes
        used = solved_with(library, record, settings, matcher)
        plan = plan_of(record, film, arrangement, used, wishes)
        if judge:
            from .weeding import weeded

            def without(frames: set[int]) -> "Plan":
                asked = replace(wishes, drop=tuple({*wishes.drop, *frames}))
                return plan_of(record, film, arrange(film, settings, progress, asked), used, wishes)

            unchanged_source(plan)
            plan = weeded(plan, without, judge, settings.repair.longest, {*wishes.placed, *wishes.keep}, progress)
        library.keep_plan(record, plan.model_dump_json())
    if evidence:
        with outputs.writing(evidence):
            write_evidence(arrangement, evidence)
    if plan_file:
        with outputs.writing(plan_file):
            write_to(plan, plan_file)
    return plan


def solve_split(
    video: str,
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    films: int | None = None,
    wishes: "Wishes | None" = None,
    plan_file: Path | None = None,
    evidence: Path | None = None,
    overwrite: Overwrite = False,
) -> list["Plan"]:
    """A plan for each film that was mixed into a video, the largest first; `films` is how many, where that is known."""
    from .index.library import open_library
    from .ingest.proxy import proxy_yuv
    from .planning import film_of, matcher_for, of_split, plan_of, proxies_of, solved_with
    from .reporting import write_evidence
    from .solve.split import arrange_films
    from .solve.wishes import NO_WISHES

    refuse_with_split(wishes)
    with open_library(library_folder(settings), settings) as library:
        record = library.catalog.find(video)
        outputs = _outputs_of(record, settings, overwrite)
        files, claimed = [file for file in (plan_file, evidence) if file], min(films or 1, _CLAIMED_EARLY)
        outputs.claim(*(numbered(file, number) for number in range(1, claimed + 1) for file in files))
        matcher = matcher_for(settings)
        film, proxies = film_of(library, record, settings, matcher), proxies_of(library, record)
        found = arrange_films(film, lambda row: proxy_yuv(proxies[row]), settings, progress, films)
        used = solved_with(library, record, settings, matcher)
        plans = [plan_of(record, film, one, used, NO_WISHES) for one in found]
        plans = [of_split(plan, number, len(plans), settings) for number, plan in enumerate(plans, 1)]
        library.keep_plan(record, plans[0].model_dump_json())
    outputs.claim(*(numbered(file, number) for number in range(claimed + 1, len(plans) + 1) for file in files))
    for number, (one, plan) in enumerate(zip(found, plans, strict=True), 1):
        if evidence:
            with outputs.writing(place := numbered(evidence, number)):
                write_evidence(one, place)
        if plan_file:
            with outputs.writing(place := numbered(plan_file, number)):
                write_to(plan, place)
    return plans


def _outputs_of(video: VideoRecord, settings: Settings, overwrite: Overwrite, detector: Path | None = None) -> Outputs:
    """What is made from a video of the library."""
    source = Path(video.source) if video.source else None
    return Outputs(video.sha256 or video.id, overwrite, inputs=[source, detector], library=library_folder(settings))


def render(
    plan: "Plan",
    output: Path,
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    both: bool = False,
    lossless: bool = False,
    fps: Fraction | None = None,
    overwrite: Overwrite = False,
) -> list[Path]:
    """The plan's frames as a film; with `both`, also the film backwards beside it."""
    from .render.encode import check_output

    source = unchanged_source(plan)
    check_output(output, source)
    outputs = _outputs_from(plan, settings, overwrite)
    outputs.claim(*films_at(output, both))
    return _render(plan, source, output, outputs, settings, progress, both=both, lossless=lossless, fps=fps)


def _outputs_from(plan: "Plan", settings: Settings, overwrite: Overwrite) -> Outputs:
    """What is made from a plan."""
    source = Path(plan.video.source) if plan.video.source else None
    origin = plan.video.sha256 or plan.video.id
    return Outputs(origin, overwrite, inputs=[source], library=library_folder(settings))


def _render(
    plan: "Plan",
    source: Path,
    output: Path,
    outputs: Outputs,
    settings: Settings,
    progress: Progress,
    *,
    both: bool,
    lossless: bool,
    fps: Fraction | None = None,
) -> list[Path]:
    from .render.encode import Encoding
    from .render.repair import Filling
    from .render.sound import has_sound
    from .render.video import render as write_film

    progress = noted(progress)
    encoding = Encoding(settings.render.crf, settings.render.preset, lossless)
    audio = settings.render.audio
    if not has_sound(source, audio, ("keep", "reslice"), progress):
        audio = "drop"
    films = films_at(output, both)
    for film, target in zip((plan, plan.reversed()), films, strict=False):
        with outputs.writing(target):
            write_film(
                film,
                source,
                target,
                encoding,
                fps=fps,
                audio=audio,
                filling=Filling(settings.repair.method, settings.repair.long, settings.repair.longest),
                scratch_bytes=int(settings.render.scratch_gb * 1e9),
                progress=progress,
            )
    return films


def save_plan(plan: "Plan", file: Path, *, overwrite: Overwrite = False) -> Path:
    """A plan as a file that `render` takes and people can edit."""
    with Outputs(plan.video.sha256 or plan.video.id, overwrite).writing(file):
        write_to(plan, file)
    return file


def reconstruct(
    path: Path,
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    wishes: "Wishes | None" = None,
    output: Path | None = None,
    plan_file: Path | None = None,
    report: Path | None = None,
    reverse: bool = False,
    both: bool = False,
    lossless: bool = False,
    split: bool = False,
    films: int | None = None,
    repair: bool = False,
    detector: Path | None = None,
    overwrite: Overwrite = False,
) -> Reconstruction:
    """A shuffled, polluted video in; the film in order out, with its plan beside it.

    With `split`, or a number of `films`, each film that was mixed into the video by itself, under a number.
    With `repair`, or a trained `detector`, broken frames go and others are made in their places.
    """
    from .breakup.detector import detector_of
    from .ingest.source import open_source
    from .render.encode import check_output

    apart = split or films is not None
    if apart:
        refuse_with_split(wishes)
        refuse_repair_of_split(repair or detector is not None)
    if detector:
        detector_of(detector, settings.breakup)
    open_source(path)
    output = output or default_output(path)
    check_output(output, path)

    def place(number: int) -> Places:
        return places_of(output, plan_file, report, number if apart else None)

    outputs = Outputs(content_origin(path), overwrite, inputs=[path, detector], library=library_folder(settings))
    claimed = min(films or 1, _CLAIMED_EARLY)
    for number in range(1, claimed + 1):
        _claim(outputs, place(number), both)
    settings, progress = every_frame(settings), noted(progress)
    clock = Clock()
    video = ingest(path, settings, progress)
    outputs.origin = video.sha256
    clock.lap("ingest")
    plans = (
        solve_split(video.id, settings, progress, films=films, wishes=wishes)
        if apart
        else [solve(video.id, settings, progress, wishes=wishes, repair=repair, detector=detector)]
    )
    plans = [plan.reversed() if reverse else plan for plan in plans]
    places = [place(number) for number in range(1, len(plans) + 1)]
    for one in places[claimed:]:
        _claim(outputs, one, both)
    for plan, one in zip(plans, places, strict=True):
        with outputs.writing(one.plan):
            write_to(plan, one.plan)
    clock.lap("solve")
    made = []
    for plan, one in zip(plans, places, strict=True):
        source = unchanged_source(plan)
        done = _render(plan, source, one.output, outputs, settings, progress, both=both, lossless=lossless)
        made.append(film_made(plan, one, done))
    clock.lap("render")
    if report:
        for plan, one in zip(plans, places, strict=True):
            _write_report(plan, one.report or report, outputs, settings)
        clock.lap("report")
    return together(video, plans, made, settings.solve.space, clock.laps)


def _claim(outputs: Outputs, place: Places, both: bool) -> None:
    from .render.report import REPORT_FILES

    outputs.claim(*films_at(place.output, both), place.plan, folder=place.report, names=REPORT_FILES)


def repair(
    path: Path,
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    output: Path | None = None,
    frames: str | None = None,
    detector: Path | None = None,
    detect_only: bool = False,
    report: Path | None = None,
    lossless: bool = False,
    overwrite: Overwrite = False,
) -> "Repair":
    """A video with broken frames in; the same video with others in their place out, and what was done to each.

    `frames`, as in "3,7-9", are replaced instead of those that are found to be broken; `detector` is the file of
    a trained one that finds them.
    """
    from .repairing import open_video

    open_video(path)
    made = None if detect_only else output or path.resolve().with_name(f"{path.stem}.repaired.mp4")
    outputs = _repair_outputs(path, made, report, settings, overwrite, detector)
    seen = find_broken(path, settings, progress, frames=frames, detector=detector)
    return _mend(path, seen, outputs, settings, progress, output=made, report=report, lossless=lossless)


def _repair_outputs(
    path: Path,
    output: Path | None,
    report: Path | None,
    settings: Settings,
    overwrite: Overwrite,
    detector: Path | None = None,
) -> Outputs:
    from .render.encode import check_output
    from .render.strips import STRIP_FILES

    if output:
        check_output(output, path)
    outputs = Outputs(content_origin(path), overwrite, inputs=[path, detector], library=library_folder(settings))
    outputs.claim(output, folder=report, names=STRIP_FILES)
    return outputs


def find_broken(
    path: Path,
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    frames: str | None = None,
    detector: Path | None = None,
) -> "Survey":
    """A verdict on each frame of a video, as `mend` takes it."""
    from .breakup.detector import detector_of
    from .repairing import open_video, survey

    open_video(path)
    if frames is not None and detector:
        raise UsageError("--frames and --detector both say which frames are broken.", "Give one of them.")
    return survey(path, frames, detector_of(detector, settings.breakup), progress)


def mend(
    path: Path,
    seen: "Survey",
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    output: Path | None,
    report: Path | None = None,
    lossless: bool = False,
    overwrite: Overwrite = False,
) -> "Repair":
    """The film with its broken frames replaced; without an output only what would be."""
    outputs = _repair_outputs(path, output, report, settings, overwrite)
    return _mend(path, seen, outputs, settings, progress, output=output, report=report, lossless=lossless)


def _mend(
    path: Path,
    seen: "Survey",
    outputs: Outputs,
    settings: Settings,
    progress: Progress,
    *,
    output: Path | None,
    report: Path | None,
    lossless: bool,
) -> "Repair":
    from .render.encode import Encoding
    from .render.strips import STRIP_FILES
    from .repairing import fill, gaps_in, show, told_of, unfilled

    gaps = gaps_in(seen, settings, filled=output is not None)
    encoding = Encoding(settings.render.crf, settings.render.preset, lossless)
    done = unfilled(gaps)
    if output:
        with outputs.writing(output):
            done = fill(path, output, seen, gaps, encoding, settings, progress)
    if report:
        with outputs.writing_folder(report, STRIP_FILES):
            show(path, output, seen, gaps, done, report, progress)
    return told_of(path, output, report, seen, done)


def write_report(plan: "Plan", folder: Path, settings: Settings, *, overwrite: Overwrite = False) -> list[Path]:
    """Pictures of a film before and after, for people who would rather look than read."""
    from .render.report import REPORT_FILES

    outputs = _outputs_from(plan, settings, overwrite)
    outputs.claim(folder=folder, names=REPORT_FILES)
    return _write_report(plan, folder, outputs, settings)


def _write_report(plan: "Plan", folder: Path, outputs: Outputs, settings: Settings) -> list[Path]:
    from .index.library import open_library
    from .render.report import REPORT_FILES
    from .reporting import report_on

    with open_library(library_folder(settings), settings) as library, outputs.writing_folder(folder, REPORT_FILES):
        return report_on(library, library.catalog.find(plan.video.id), plan, folder, settings)


def look(plan: "Plan", settings: Settings) -> "Look":
    """What a report shows of a plan, for who shows it himself."""
    from .index.library import open_library
    from .reporting import look_at

    with open_library(library_folder(settings), settings) as library:
        return look_at(library, library.catalog.find(plan.video.id), plan, settings)


def viewable(plan: "Plan", output: Path, progress: Progress = _SILENT, *, overwrite: Overwrite = False) -> Path:
    """The plan's source as every browser plays it: itself where it is such a film, else a smaller copy."""
    return playable(unchanged_source(plan), plan.video.frames, output, progress, overwrite=overwrite)


def playable(
    source: Path,
    frames: int,
    output: Path,
    progress: Progress = _SILENT,
    *,
    guessed: bool = False,
    overwrite: Overwrite = False,
) -> Path:
    """A video of so many frames as every browser plays it; one at whose frames a decoder `guessed` is copied."""
    from .render.preview import browsers_play, preview

    if not guessed and browsers_play(source):
        return source
    with Outputs(content_origin(source), overwrite, inputs=[source]).writing(output):
        return preview(source, frames, output, progress, steady=guessed)


def glimpse(
    plan: "Plan", look: "Look", output: Path, progress: Progress = _SILENT, *, overwrite: Overwrite = False
) -> Path:
    """The plan's film at once, from the small pictures of the library."""
    from .render.preview import film_of_pictures
    from .render.sound import own_rate

    source = Path(plan.video.source) if plan.video.source else None
    with Outputs(plan.video.sha256 or plan.video.id, overwrite, inputs=[source]).writing(output):
        return film_of_pictures(map(look.picture, plan.order), len(plan.order), own_rate(plan), output, progress)


def scramble(
    source: Path,
    output: Path,
    truth_file: Path,
    options: "ScrambleOptions",
    progress: Progress = _SILENT,
    *,
    settings: Settings | None = None,
    overwrite: Overwrite = False,
) -> "Truth":
    """A clean video in; a shuffled, polluted one out, with the truth about it.

    `settings` name the library whose sources are protected.
    """
    from .evaluate.scramble import scramble as write_scrambled
    from .evaluate.truth import write_truth
    from .ingest.source import checked_name
    from .render.encode import check_output

    checked_name(source)
    clips = [source, *options.mix]
    check_output(output, source)
    outputs = Outputs(content_origin(*clips), overwrite, inputs=clips, library=library_of(settings))
    outputs.claim(output, truth_file)
    with outputs.writing(output):
        truth = write_scrambled(source, output, options, progress)
    with outputs.writing(truth_file):
        write_truth(truth, truth_file)
    return truth


def evaluate(plan: "Plan", truth: "Truth", progress: Progress = _SILENT, rendered: Path | None = None) -> "Scores":
    """How well a plan agrees with the truth and, given the film made from it, its pictures with the source's."""
    from .evaluate.metrics import compare_pictures, mean_of, score_plan

    scores = score_plan(plan, truth)
    if rendered is None:
        return scores
    found = compare_pictures(plan, truth, rendered, Path(truth.source), progress)
    psnr, ssim = mean_of(list(found.values()))
    made_psnr, made_ssim = mean_of([found[place] for place in plan.made if place in found])
    return replace(scores, psnr=psnr, ssim=ssim, made_psnr=made_psnr, made_ssim=made_ssim)


def evaluate_split(plans: "Sequence[Plan]", truth: "Truth") -> "SplitScores":
    """How well films that were mixed came apart, and how well each is in order."""
    from .evaluate.grouping import score_split

    return score_split(plans, truth)


def robustness(
    path: Path,
    options: "RobustnessOptions",
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    plot: Path | None = None,
    overwrite: Overwrite = False,
) -> "Robustness":
    """How well frames are found and put in order once they are spoilt; `plot` is a picture of it."""
    from .evaluate.robustness import robustness as measure
    from .ingest.embedder import open_embedder
    from .planning import matcher_for
    from .render.sheet import check_picture
    from .reporting import draw_robustness

    if plot:
        check_picture(plot, "a plot")
    outputs = Outputs(content_origin(path), overwrite, inputs=[path], library=library_folder(settings))
    outputs.claim(plot)
    embedder = open_embedder(settings.solve.space, settings.clip)
    done = measure(path, options, embedder, settings, progress, matcher_for(settings))
    if plot:
        with outputs.writing(plot):
            draw_robustness(done, plot)
    return done


def search(
    question: "Question",
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    wanted: "Wanted | None" = None,
    tell: "Callable[[Found], None] | None" = None,
    overwrite: Overwrite = False,
) -> "Found":
    """The frames of the library that answer a question, made visible as is wanted.

    `tell` has the answer before that, which may take long, or fail where a source is gone.
    For many questions keep a `searching.open_finder` open.
    """
    from .searching import open_finder
    from .showing import outputs_of_question, show

    outputs = outputs_of_question(question, settings, overwrite)
    if wanted:
        wanted.claim(outputs)
    with open_finder(settings, progress) as finder:
        found = finder.ask(question)
        if tell:
            tell(found)
        if wanted:
            show(found, wanted, finder.library, settings, progress, outputs)
        return found


def similar(
    left: Path, right: Path, settings: Settings, progress: Progress = _SILENT, *, space: str | None = None
) -> "Similarity":
    """How alike two pictures are."""
    from .asking import similarity

    return similarity(left, right, settings, progress, space)


def demo(
    folder: Path, settings: Settings, progress: Progress = _SILENT, *, overwrite: Overwrite = False
) -> "Demonstration":
    """Draw a film, scramble it with foreign pictures, reconstruct it, search it, and say how well that went."""
    from .evaluate.film import draw_film
    from .evaluate.scramble import ScrambleOptions
    from .render.report import REPORT_FILES
    from .seeking import Demonstration, seek, with_model
    from .solve.plan import read_plan

    folder.mkdir(parents=True, exist_ok=True)
    names = ("original.mp4", "scrambled.mp4", "truth.json", "reconstructed.mp4", "reconstructed.plan.json")
    original, scrambled, truth_file, film, plan = (folder / name for name in names)
    # All demos have one origin, so that one replaces what an earlier version drew.
    outputs = Outputs("demo", overwrite, library=library_folder(settings))
    outputs.claim(original, scrambled, truth_file, film, plan, folder=folder / "report", names=REPORT_FILES)
    with progress.stage("draw a film") as stage, outputs.writing(original):
        draw_film(original)
        stage.advance()
    options = ScrambleOptions(foreign=8, seed=1)
    with outputs.writing(scrambled, truth_file):
        truth = scramble(original, scrambled, truth_file, options, progress, settings=settings, overwrite=True)
    own = settings.model_copy(update={"library": str(folder / "library")})
    with outputs.writing(film, plan), outputs.writing_folder(folder / "report", REPORT_FILES):
        done = reconstruct(
            scrambled, own, progress, output=film, plan_file=plan, report=folder / "report", overwrite=True
        )
    scores = evaluate(read_plan(plan), truth, progress, film)
    small = with_model(own, "toy")
    found = seek("red circle", ingest(original, small, progress), small, progress)
    return Demonstration(scores, done, found, str(scrambled), str(original))


def every_frame(settings: Settings) -> Settings:
    """A film is made of all its frames, at whatever rate others are searched."""
    return settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"fps": 0.0})})
