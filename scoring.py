"""Commands that score: `evaluate` over plans, `evaluate robustness` over a film."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from .answers import answer, lines, scores_told, split_told, table
from .errors import UsageError
from .options import Json, Quiet, Replace, overwriting, progress_for, settings_of

if TYPE_CHECKING:
    from .evaluate.robustness import Held, Robustness

_SUFFIX = ".robustness.png"


def evaluate(
    plan: Annotated[list[Path], typer.Argument(help="A plan for the scrambled video, or all plans of a split.")],
    truth: Annotated[Path, typer.Option(help="The truth that scramble wrote.")],
    rendered: Annotated[Path | None, typer.Option(help="The film made from the plan, to score its pictures.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score a plan against the truth, or the plans of films that were mixed."""
    from . import pipeline
    from .evaluate.truth import read_truth
    from .solve.plan import read_plan

    known, plans = read_truth(truth), [read_plan(one) for one in plan]
    if known.mixed or len(plans) > 1:
        if rendered:
            raise UsageError("--rendered is for a single plan of a single clip.", "Leave it out for mixed films.")
        split = pipeline.evaluate_split(plans, known)
        answer(asdict(split), as_json, split_told(split))
        return
    scores = pipeline.evaluate(plans[0], known, progress_for(quiet), rendered)
    answer(asdict(scores), as_json, scores_told(scores))


def robustness(
    video: Annotated[Path, typer.Argument(help="A clean video, GIF or folder of pictures, frames in order.")],
    noise: Annotated[
        list[str] | None, typer.Option(help="KIND, or KIND=STRENGTH,STRENGTH; repeatable. Else every kind.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Length of a random stretch; 0 is the whole film.")] = 200,
    within: Annotated[float, typer.Option(help="Seconds by which a hit may be off and count as near.")] = 0.5,
    space: Annotated[str | None, typer.Option(help="appearance, clip or timm:MODEL; else that of solving.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same stretch, noise and disorder.")] = 0,
    plot: Annotated[
        Path | None, typer.Option(help="The picture; else ./NAME.robustness.png, none with --json.")
    ] = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Spoil a film's frames: are they still found, and still put in order?"""
    from . import pipeline
    from .evaluate.robustness import RobustnessOptions
    from .evaluate.spoil import read_spoilings

    options = RobustnessOptions(read_spoilings(noise or ()), frames, within, seed)
    if plot is None and not as_json:
        plot = Path(f"{video.resolve().stem}{_SUFFIX}")
    done = pipeline.robustness(
        video,
        options,
        settings_of(None, {"solve.space": space}),
        progress_for(quiet),
        plot=plot,
        overwrite=overwriting(overwrite),
    )
    if as_json:
        lines(_flat(done, held) for held in done.rows)
        return
    table(_told(done))
    print(f"plot       {plot}")


def _flat(done: "Robustness", held: "Held") -> dict[str, Any]:
    spoiling = held.spoiling
    facts = {"video": done.video, "space": done.space, "first": done.first, "frames": done.frames}
    noise = {"noise": spoiling.kind if spoiling else "none", "strength": spoiling.strength if spoiling else None}
    order = {name: value for name, value in asdict(held.order).items() if value is not None}
    return facts | noise | {"within": done.within} | asdict(held.retrieval) | order


def _told(done: "Robustness") -> list[tuple[str, ...]]:
    head = ("noise", "found", f"within {done.within:g} s", "cosine", "lowest", "adjacency", "tau in shots", "lost")
    return [head, *(_row(held) for held in done.rows)]


def _row(held: "Held") -> tuple[str, ...]:
    seen, order = held.retrieval, held.order
    shares = (seen.found, seen.near, seen.cosine, seen.lowest, order.adjacency, order.shot_tau)
    return (str(held.spoiling or "none"), *(f"{share:.3f}" for share in shares), str(order.lost))


_below = typer.Typer(add_completion=False, rich_markup_mode=None)
_below.command("robustness")(robustness)


def _names_a_plan(args: list[str]) -> bool:
    """A plan may have the name of a command; scoring it takes a truth, which the command below does not know."""
    truth = any(word == "--truth" or word.startswith("--truth=") for word in args)
    return truth and Path(args[0]).is_file()


class Evaluate(TyperCommand):
    """A command that has another below it: `evaluate PLAN...`, and `evaluate robustness VIDEO`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.commands = {"robustness": typer.main.get_command(_below)}

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        if args and not _names_a_plan(args) and (below := self.commands.get(args[0])):
            return below.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        super().format_usage(ctx, formatter)
        for name, command in self.commands.items():
            formatter.write_usage(f"{ctx.command_path} {name}", " ".join(command.collect_usage_pieces(ctx)))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(80)) for name, command in self.commands.items()])
