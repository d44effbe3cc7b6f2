"""Measure the cost of the models that have a name, at full size but with random weights.

python bench/models.py [NAME...] [--pictures 16] [--rounds 2] [--into PAGE.md]

Each model of the table of `models list` is made by open_clip with random weights, saved as open_clip keeps models in a
folder, and loaded by the product, strictly. Random weights cost what trained ones cost; what they find is nothing.
The numbers of parameters, the dimension, the length of texts, the size of pictures and their preprocessing are
compared with what the table promises.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from table import put_between_marks

from reelweave.evaluate.drawn.film import film_frames
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.ingest.models.known import KNOWN_MODELS, KnownModel
from reelweave.ingest.models.timing import clock_for, least_seconds, one_thread
from reelweave.ingest.models.weights import CLIP
from reelweave.settings import load

NAMES = {"laion-b-32": "ViT-B-32/laion2b_s34b_b79k"}
"""What open_clip calls models that are known to us by their repository."""
_BYTES = 4
"""Of a number, as weights are published."""
_SIZE = (640, 360)


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one core of a picture with its preprocessing, and of a text."""

    known: KnownModel
    megabytes: int
    picture: float
    text: float


def random_model(known: KnownModel, folder: Path) -> Path:
    """Save the model with random weights, and its preprocessing as open_clip states it for the trained ones."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    name, _, tag = NAMES.get(known.name, known.model).partition("/")
    torch.manual_seed(0)
    model = open_clip.create_model(name)
    save_file({key: tensor.contiguous() for key, tensor in model.state_dict().items()}, folder / CLIP.weights[0])
    trained = open_clip.get_pretrained_cfg(name, tag)
    preprocessing = {key: trained[key] for key in ("mean", "std", "interpolation", "resize_mode")}
    config = {"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": preprocessing}
    (folder / CLIP.config).write_text(json.dumps(config), "utf-8")
    return folder


def measured(known: KnownModel, pictures: int, rounds: int) -> Cost:
    with tempfile.TemporaryDirectory() as place:
        folder = random_model(known, Path(place))
        options = {"clip.device": "cpu", "clip.batch": 1, "clip.research": True}
        clip = ClipEmbedder(load({"clip.model": f"local-dir:{folder}", **options}).clip)
        promised = (known.dimension, known.context, known.pixels, known.resize)
        assert (clip.space.dimension, *clip.made_for) == promised, (known.name, clip.space.dimension, clip.made_for)
        shown = list(film_frames(pictures, _SIZE))
        with one_thread():
            embed = {"picture": lambda: clip.embed(shown), "text": lambda: encode_text(clip, known.context)}
            seconds = least_seconds(embed, rounds, clock_for("cpu"))
        size = sum(tensor.numel() for tensor in clip.model.parameters()) * _BYTES
    return Cost(known, round(size / 1e6), 1000 * seconds["picture"] / pictures, 1000 * seconds["text"])


def encode_text(clip: ClipEmbedder, context: int) -> Any:
    """Tokens that a tokenizer might return; those of SigLIP 2 are only on the hub."""
    import torch

    with torch.no_grad():
        return clip.model.encode_text(torch.ones((1, context), dtype=torch.long), normalize=True)


def table(costs: list[Cost]) -> str:
    """Costs beside those of the first."""
    head = "| model | parameters, MB | ms a picture | beside the default | ms a text |\n|---|---|---|---|---|"
    rows = [
        f"| {one.known.name} | {one.megabytes} | {one.picture:.0f} | {one.picture / costs[0].picture:.2f} "
        f"| {one.text:.0f} |"
        for one in costs
    ]
    return "\n".join([head, *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all but the one that comes with the package")
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--into", type=Path)
    given = parser.parse_args()
    chosen = [known for known in KNOWN_MODELS if known.repository and known.name in (given.names or [known.name])]
    costs = []
    for known in chosen:
        costs.append(measured(known, given.pictures, given.rounds))
        print(costs[-1], flush=True)
    if given.into:
        marks = (f"<!-- bench/models: {end} -->" for end in ("begin", "end"))
        given.into.write_text(put_between_marks(given.into.read_text("utf-8"), table(costs), *marks), "utf-8")
    print(table(costs))


if __name__ == "__main__":
    main()
