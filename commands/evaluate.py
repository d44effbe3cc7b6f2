"""Define the commands that score: `evaluate`, `evaluate robustness`, and `scramble`, which makes test cases."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from ..errors import UsageError
from .options import EngineName, Json, Quiet, Replace, overwriting, progress_for, settings_from
from .output import print_answer, print_json_lines, print_table, scores_text, split_text

if TYPE_CHECKING:
    from ..evaluate.robustness import Robustness, RobustnessRow


def evaluate(
    plan: Annotated[list[Path], typer.Argument(help="Plan for the scrambled video, or all plans of a split.")],
    truth: Annotated[Path, typer.Option(help="Truth file from scramble.")],
    rendered: Annotated[Path | None, typer.Option(help="Film made from the plan, to score its pictures.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score a plan, or all plans of a split, against the truth."""
    from ..evaluate.scores import evaluate_plan
    from ..evaluate.split_scores import evaluate_split
    from ..evaluate.truth import read_truth
    from ..solve.plan.files import read_plan

    facts, plans = read_truth(truth), [read_plan(file) for file in plan]
    if facts.mixed or len(plans) > 1:
        if rendered:
            raise UsageError("--rendered needs a single plan of a single clip.", "Leave it out for mixed films.")
        split = evaluate_split(plans, facts)
        print_answer(asdict(split), as_json, split_text(split))
        return
    scores = evaluate_plan(plans[0], facts, progress_for(quiet), rendered)
    print_answer(asdict(scores), as_json, scores_text(scores))


def robustness(
    video: Annotated[Path, typer.Argument(help="Clean video, GIF or folder of pictures, with the frames in order.")],
    noise: Annotated[
        list[str] | None, typer.Option(help="KIND, or KIND=STRENGTH,STRENGTH; repeatable. Every kind by default.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Length of a random stretch; 0 is the whole film.")] = 200,
    within: Annotated[float, typer.Option(help="Seconds by which a hit may be off and still count as near.")] = 0.5,
    space: Annotated[
        str | None, typer.Option(help="Space: appearance, clip or timm:MODEL; solve.space by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same stretch, noise and order.")] = 0,
    plot: Annotated[
        Path | None, typer.Option(help="Plot to write; ./NAME.robustness.png by default, none with --json.")
    ] = None,
    engine: EngineName = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Measure how well degraded frames are still found and put in order."""
    from ..evaluate.degradations import parse_degradations
    from ..evaluate.robustness import RobustnessOptions, evaluate_robustness

    options = RobustnessOptions(parse_degradations(noise or ()), frames, within, seed)
    if plot is None and not as_json:
        plot = Path(f"{video.resolve().stem}.robustness.png")
    done = evaluate_robustness(
        video,
        options,
        settings_from(None, {"solve.space": space, "engine.name": engine}),
        progress_for(quiet),
        plot=plot,
        overwrite=overwriting(overwrite),
    )
    if as_json:
        print_json_lines(_row_data(done, row) for row in done.rows)
        return
    print_table(_table(done))
    print(f"plot       {plot}")


def _row_data(done: "Robustness", row: "RobustnessRow") -> dict[str, Any]:
    noise = row.degradation
    facts = {"video": done.video, "space": done.space, "first": done.first, "frames": done.frames}
    facts |= {"noise": noise.kind if noise else "none", "strength": noise.strength if noise else None}
    order = {name: value for name, value in asdict(row.order).items() if value is not None}
    return facts | {"within": done.within} | asdict(row.retrieval) | order


def _table(done: "Robustness") -> list[tuple[str, ...]]:
    head = ("noise", "found", f"within {done.within:g} s", "cosine", "lowest", "adjacency", "tau in shots", "lost")
    return [head, *map(_table_row, done.rows)]


def _table_row(row: "RobustnessRow") -> tuple[str, ...]:
    hits, order = row.retrieval, row.order
    scores = (hits.found, hits.near, hits.cosine, hits.lowest, order.adjacency, order.shot_tau)
    return (str(row.degradation or "none"), *(f"{score:.3f}" for score in scores), str(order.lost))


_subcommands = typer.Typer(add_completion=False, rich_markup_mode=None)
_subcommands.command("robustness")(robustness)


def _is_plan(args: list[str]) -> bool:
    """Tell a plan called `robustness` from the subcommand: only plans are scored against a --truth."""
    truth = any(word == "--truth" or word.startswith("--truth=") for word in args)
    return truth and Path(args[0]).is_file()


class EvaluateCommand(TyperCommand):
    """A command with a subcommand: `evaluate PLAN...` and `evaluate robustness VIDEO`.

    Neither a group of Typer nor one of Click can take arguments of its own before a subcommand: it would look for a
    subcommand called PLAN. With either library it takes a subclass that looks at the first word.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.commands = {"robustness": typer.main.get_command(_subcommands)}

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        if args and not _is_plan(args) and (subcommand := self.commands.get(args[0])):
            return subcommand.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        super().format_usage(ctx, formatter)
        for name, command in self.commands.items():
            formatter.write_usage(f"{ctx.command_path} {name}", " ".join(command.collect_usage_pieces(ctx)))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(80)) for name, command in self.commands.items()])


def scramble(
    video: Annotated[Path, typer.Argument(help="Clean video.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Scrambled video to write.")],
    truth: Annotated[Path, typer.Option(help="Truth file to write.")],
    frames: Annotated[int, typer.Option(help="Length of a random stretch; 0 is the whole clip.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same file.")] = 0,
    foreign: Annotated[str, typer.Option(help="Foreign frames: how many to draw, or a folder to borrow from.")] = "0",
    foreign_share: Annotated[float, typer.Option(help="Borrowed frames for each true one.")] = 0.05,
    bursts: Annotated[bool, typer.Option(help="Foreign frames in groups that look alike.")] = False,
    salt_pepper: Annotated[float, typer.Option(help="Share of pixels turned black or white.")] = 0.0,
    gaussian: Annotated[float, typer.Option(help="Noise, in grey levels.")] = 0.0,
    in_order: Annotated[bool, typer.Option("--in-order", help="Do not shuffle; for breakup test.")] = False,
    damage: Annotated[
        str, typer.Option(help="Break frames: KIND[=SEVERITY][,KIND...][:SHARE], or all[=SEVERITY][:SHARE].")
    ] = "",
    damage_loss: Annotated[
        str,
        typer.Option(
            metavar="SHARE,PLACE,BYTES",
            help="Lost segments: how many frames lose one, where in it, how long: 1/16,0.4,2048.",
        ),
    ] = "",
    audio: Annotated[str, typer.Option(help="Sound: drop, or shuffle it along.")] = "drop",
    crf: Annotated[int, typer.Option(help="x264 quality of the scrambled video; 0 is lossless.")] = 18,
    mix: Annotated[list[Path] | None, typer.Option(metavar="PATH", help="Another clip to mix in; repeatable.")] = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Shuffle a clean video into a test case and write its truth."""
    from ..evaluate.damage import Damage
    from ..evaluate.foreign import read_foreign
    from ..evaluate.scramble import ScrambleOptions, scramble_video

    options = ScrambleOptions(
        frames=frames,
        seed=seed,
        shuffle=not in_order,
        foreign=read_foreign(foreign),
        foreign_share=foreign_share,
        foreign_mode="bursts" if bursts else "scattered",
        salt_pepper=salt_pepper,
        gaussian=gaussian,
        audio=audio,
        crf=crf,
        mix=mix or (),
        damage=Damage.parse(damage, damage_loss) if damage or damage_loss else Damage(),
    )
    made = scramble_video(
        video,
        output,
        truth,
        options,
        progress_for(quiet),
        settings=settings_from(None),
        overwrite=overwriting(overwrite),
    )
    text = f"{output}: {len(made.frames)} frames, {len(made.foreign)} of them foreign"
    text += f", {len(made.broken)} broken" * bool(damage) + f"; the truth is in {truth}"
    print_answer({"output": str(output), "truth": str(truth), **made.model_dump(mode="json")}, as_json, text)
