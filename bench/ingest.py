"""Measure ingest in the clip space: python bench/ingest.py CLIP|FOLDER... [--frames N] [--json FILE] [--into PAGE]

--threads N sets how many threads the networks have (one for each core by default). With one, none waits for another,
and "times plain", which compares CPU time, means something on a busy machine too.

Each way takes the same frames in a process of its own, with its model loaded and its trial held beforehand: `decode`
alone, the floor; `plain`, open_clip in fp32 with one frame at a time; and ingest with all it stores: `exact`, `auto`
(the quickest way on this machine) and `auto, shared` (frames that repeat another share its vector). Rounds go over all
ways in turn, and a way's median counts, so that a machine busy with other work spoils them alike.

Without --model a ViT-B-32 with random weights is made: what it costs is true, how close its ways come is not that of
trained weights. A line of JSON for each run; --into puts the table between the marks of that page. It needs Linux.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter

from table import put_between_marks

from reelweave.index.library import open_library
from reelweave.ingest.models.backends import int8_weights, this_processor
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.ingest.models.speed import fastest_embedder
from reelweave.ingest.video import describe, ingest_video
from reelweave.media import ffmpeg
from reelweave.media.identity import source_hash
from reelweave.media.source import VIDEO_SUFFIXES, open_source
from reelweave.progress import SilentProgress
from reelweave.settings import Settings, load

BEGIN, END = "<!-- bench/ingest: begin -->", "<!-- bench/ingest: end -->"
WAYS = ("decode", "plain", "exact", "auto", "auto, shared")


@dataclass(frozen=True)
class Result:
    clip: str
    way: str
    frames: int
    embedded: int
    """Frames that went through the network for a vector of their own."""
    seconds: float
    cpu_s: float
    peak_mb: float
    runs_as: str
    cosine: float


def settings_for(way: str, model: str) -> Settings:
    share = {} if way == "auto, shared" else {"ingest.share_level": 0.0}
    return load(
        {"clip.model": model, "clip.device": "cpu", "clip.speed": "exact" if way == "exact" else "auto"} | share
    )


def measure(clip: Path, way: str, model: str, kept: Path) -> Result:
    """One way through one clip, in this process."""
    settings = settings_for(way, model)
    work = {"decode": _decode, "plain": _plain}.get(way, _ingest)(clip, settings, kept)
    begun, before = perf_counter(), _cpu()
    frames, embedded, runs_as, cosine = work()
    seconds, spent = perf_counter() - begun, _cpu() - before
    return Result(clip.stem, way, frames, embedded, seconds, spent, _peak(), runs_as, cosine)


Work = Callable[[], tuple[int, int, str, float]]


def _decode(clip: Path, settings: Settings, kept: Path) -> Work:
    def work() -> tuple[int, int, str, float]:
        return sum(1 for _ in open_source(clip).frames(0, settings.ingest.size)), 0, "", 1.0

    return work


def _plain(clip: Path, settings: Settings, kept: Path) -> Work:
    import open_clip
    import torch
    from PIL import Image

    model, preprocess = open_clip.create_model_from_pretrained(settings.clip.model)
    model.eval()

    def work() -> tuple[int, int, str, float]:
        frames = 0
        with torch.no_grad():
            for frame in open_source(clip).frames(0, settings.ingest.size):
                model.encode_image(preprocess(Image.fromarray(frame.picture[..., ::-1]))[None], normalize=True).numpy()
                frames += 1
        return frames, frames, "exact", 1.0

    return work


def _ingest(clip: Path, settings: Settings, kept: Path) -> Work:
    embedder = fastest_embedder(
        ClipEmbedder(settings.clip), settings.clip, kept, lambda note: print(note, file=sys.stderr)
    )
    first = next(open_source(clip).frames(0, settings.ingest.size))
    embedder.finish([embedder.prepare(first.picture)])  # type: ignore[attr-defined]

    def work() -> tuple[int, int, str, float]:
        with tempfile.TemporaryDirectory() as folder, open_library(Path(folder)) as library, library.writing("bench"):
            source = open_source(clip)
            video = describe(source, source_hash(source), settings.ingest)
            done = ingest_video(video, source, {}, [embedder], library, settings.ingest, SilentProgress())
            state, rows = library.catalog.spaces(done.id)["clip"], library.rows(done, "clip")
            own = done.frames if not settings.ingest.share_level else int((rows.duplicate_of < 0).sum())
            return done.frames, own, state.way, state.cosine

    return work


def _cpu() -> float:
    """Of this process and of the decoders that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _peak() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def random_model(folder: Path) -> str:
    """ViT-B-32 as open_clip draws it, always the same."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    preprocessing = {
        "mean": open_clip.OPENAI_DATASET_MEAN,
        "std": open_clip.OPENAI_DATASET_STD,
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    config = {"model_cfg": open_clip.get_model_config("ViT-B-32"), "preprocess_cfg": preprocessing}
    folder.mkdir()
    save_file(open_clip.create_model("ViT-B-32").state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    return f"local-dir:{folder}"


def cut(clip: Path, frames: int, folder: Path) -> Path:
    """The beginning of a clip, its packets as they are."""
    folder.mkdir(exist_ok=True)
    short = folder / f"{clip.stem}.mkv"
    limit = ["-frames:v", str(frames)] if frames else []
    done = ffmpeg.run(["-i", ffmpeg.input_argument(clip), "-map", "0:V:0", *limit, "-c", "copy", str(short)])
    return short if not done.returncode and short.exists() else clip


def in_own_process(clip: Path, way: str, model: str, kept: Path, threads: int) -> Result:
    job = json.dumps([str(clip), way, model, str(kept)])
    limited = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    command = [sys.executable, __file__, "--job", job]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=limited)
    return Result(**json.loads(done.stdout.splitlines()[-1]))


def clips_of(paths: Sequence[Path]) -> list[Path]:
    found = []
    for path in paths:
        below = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [clip for clip in below if clip.suffix.lower() in VIDEO_SUFFIXES]
    return found


def table(results: Sequence[Result]) -> str:
    """A row for each clip and way; the ratio is of the CPU time of the plain loop on the same clip."""
    lines = [
        "| clip | way | frames | embedded | CPU ms a frame | times plain | frames/s | peak MB | as | lowest cosine |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for clip in dict.fromkeys(result.clip for result in results):
        spent = {way: _median(results, clip, way, lambda r: 1000 * r.cpu_s / r.frames) for way in WAYS}
        for way in WAYS:
            runs = [result for result in results if (result.clip, result.way) == (clip, way)]
            if not runs:
                continue
            rate = _median(results, clip, way, lambda r: r.frames / r.seconds)
            peak, cosine = max(run.peak_mb for run in runs), min(run.cosine for run in runs)
            times = f"{spent['plain'] / spent[way]:.1f}" if way != "decode" and spent["plain"] else "-"
            figures = f"{spent[way]:.1f} | {times} | {rate:.1f} | {peak:.0f} | {runs[0].runs_as or '-'} | {cosine:.4f}"
            lines.append(f"| {clip} | {way} | {runs[0].frames} | {runs[0].embedded} | {figures} |")
    return "\n".join(lines)


def _median(results: Sequence[Result], clip: str, way: str, figure: Callable[[Result], float]) -> float:
    values = [figure(result) for result in results if (result.clip, result.way) == (clip, way)]
    return median(values) if values else 0.0


def heading(rounds: int, threads: int) -> str:
    """When and on what was measured; how 8-bit products come out decides which weights int8 has."""
    load_now = os.getloadavg()[0]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{date.today()}: {this_processor()} (int8 weights: {int8_weights()[0]}), {os.cpu_count()} cores, "
        f"{memory:.0f} GiB, {platform.system()}, no GPU; networks on {threads or 'all'} threads; medians of {rounds} "
        f"rounds; load {load_now:.0f} at the end."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="*", metavar="CLIP")
    parser.add_argument("--frames", type=int, default=0, help="of each clip; 0 is all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="of the networks; 0 is one for each core")
    parser.add_argument("--model", help="local-dir:FOLDER of a CLIP model")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--into", type=Path)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        clip, way, model, kept = json.loads(given.job)
        print(json.dumps(asdict(measure(Path(clip), way, model, Path(kept)))))
        return
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = given.model or random_model(folder / "vit-b-32")
        clips = [cut(clip, given.frames, folder / "cut") for clip in clips_of(given.clips)]
        if not clips:
            parser.error("there is no clip")
        # The trial itself is no part of what is measured.
        in_own_process(cut(clips[0], 8, folder / "first"), "auto", model, folder / "kept", given.threads)
        for _ in range(given.rounds):
            for clip in clips:
                for way in WAYS:
                    results.append(in_own_process(clip, way, model, folder / "kept", given.threads))
                    line = json.dumps(asdict(results[-1]))
                    print(line, flush=True)
                    if given.json:
                        with given.json.open("a", encoding="utf-8") as file:
                            file.write(f"{line}\n")
    block = f"{heading(given.rounds, given.threads)}\n\n{table(results)}"
    print(block)
    if given.into:
        given.into.write_text(put_between_marks(given.into.read_text("utf-8"), block, BEGIN, END), "utf-8")


if __name__ == "__main__":
    main()
