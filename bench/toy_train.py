"""Train the small CLIP model that the demo and the tests use, on pictures and captions that a program draws.

python bench/toy_train.py FOLDER [--steps 12000] [--seed 0]

Stopped, the same command goes on from FOLDER/training.pt, which is no part of the model.
"""

import argparse
import json
import math
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import cv2
import numpy as np
import open_clip
import torch
from captions import ATTRIBUTES, SHAPE, UNSAID, Caption, SceneCodes, captions_hold, coded, every_word, random_caption
from safetensors.torch import save_file
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from reelweave.evaluate.drawn.film import draw_land
from reelweave.evaluate.drawn.painting import COLOURS
from reelweave.evaluate.drawn.scenes import SHAPES, Style, random_scene

SIDE = 64
MODEL: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": SIDE, "layers": [1, 1, 1, 1], "width": 16},
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 48, "heads": 4, "layers": 2},
}
# Squashed, not cropped: the sides of a film's frame are part of what it shows.
PREPROCESSING = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bicubic", "resize_mode": "squash"}

STEPS, SIMPLE, RATE, MEMORY, STATE = 12000, 0.25, 2e-3, 0.99, "training.pt"
POOL, BATCH, RENEWED = 8_000, 96, 8
_COUNTS = {"colour": len(COLOURS), "shape": len(SHAPES), "texture": 4, "size": 2, "across": 3, "down": 3, "heading": 4}
_PAIRS = (("colour", "shape"), ("colour", "across"), ("colour", "down"), ("shape", "across"), ("shape", "down"))
_MORE_PAIRS = (
    ("colour", "texture"),
    ("shape", "texture"),
    ("colour", "heading"),
    ("colour", "size"),
    ("shape", "size"),
)


_NOISE = 0.015 * torch.randn(200_000, generator=torch.Generator().manual_seed(0))


class Pool:
    """Drawn pictures of 64 pixels, and the scenes that they show; a few are drawn anew at each step."""

    def __init__(self, size: int, style: Style, seed: int) -> None:
        self.rng, self.style = np.random.default_rng(seed), style
        self.pictures = np.empty((size, SIDE, SIDE, 3), np.uint8)
        self.scenes: list[SceneCodes] = [SceneCodes(np.empty(0), np.empty(0))] * size
        self.renew(range(size))

    def renew(self, places: Any) -> None:
        for place in places:
            scene = random_scene(self.rng, self._size(), self.style)
            self.pictures[place] = _as_filmed(scene.picture, self.rng)
            self.scenes[place] = coded(scene)

    def _size(self) -> tuple[int, int]:
        height = int(self.rng.integers(64, 104))
        return round(height * float(self.rng.choice((1.0, 4 / 3, 16 / 9, 16 / 9, 0.75)))), height

    def batch(self, plain: bool) -> tuple[torch.Tensor, list[Caption], np.ndarray, np.ndarray]:
        picked = self.rng.choice(len(self.scenes), BATCH + BATCH // 4, replace=False)
        told = [
            (place, caption) for place in picked if (caption := random_caption(self.scenes[place], self.rng, plain))
        ]
        told = told[:BATCH]
        places = [place for place, _ in told]
        images = torch.from_numpy(self.pictures[places]).permute(0, 3, 1, 2).float() / 255
        codes = np.stack([self.scenes[place].codes for place in places])
        sure = np.stack([self.scenes[place].sure for place in places])
        return _varied(images), [caption for _, caption in told], codes, sure


def _as_filmed(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blurred, compressed and squashed as a frame of a film is."""
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.1)))
    if rng.random() < 0.6:
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))])[1]
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return cv2.cvtColor(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


def _varied(images: torch.Tensor) -> torch.Tensor:
    """Another exposure and a little noise each time; in the model's own range."""
    count = len(images)
    gain = 1 + 0.12 * torch.randn(count, 1, 1, 1) + 0.03 * torch.randn(count, 3, 1, 1)
    at = torch.randint(len(_NOISE) - images[0].numel(), (count,))
    grain = torch.stack([_NOISE[start : start + images[0].numel()] for start in at]).view_as(images)
    images = images * gain + 0.04 * torch.randn(count, 1, 1, 1) + grain
    return (images.clamp(0, 1) - 0.5) / 0.25


def questions() -> np.ndarray:
    """Codes of every pair of attributes, which a helper head learns to answer and which the model is saved without."""
    rows = []
    for pair in _PAIRS + _MORE_PAIRS:
        at = [ATTRIBUTES.index(name) for name in pair]
        for one in range(_COUNTS[pair[0]]):
            for other in range(_COUNTS[pair[1]]):
                row = np.full((1, len(ATTRIBUTES)), UNSAID, np.int8)
                row[0, at] = one, other
                rows.append(row)
    return np.stack(rows)


def new_model(words: int) -> Any:
    """A model that knows only the words that captions use; `save` gives it the whole vocabulary."""
    config = json.loads(json.dumps(MODEL))
    config["text_cfg"]["vocab_size"] = words
    model = open_clip.CLIP(**config)
    with torch.no_grad():
        model.token_embedding.weight *= 3
        model.logit_scale.fill_(math.log(14))
    return model.to(memory_format=torch.channels_last)


def contrast(images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, also: torch.Tensor) -> torch.Tensor:
    """CLIP's loss; captions that are true of other pictures of the batch, too, are no counterexamples there."""
    logits = scale * texts @ images.T
    logits = logits.masked_fill(also & ~torch.eye(len(also), dtype=torch.bool), -1e4)
    truth = torch.arange(len(also))
    return (functional.cross_entropy(logits, truth) + functional.cross_entropy(logits.T, truth)) / 2


class Training:
    """A run that can be stopped at any step and gone on with: all that it needs is in one file."""

    def __init__(self, folder: Path, seed: int) -> None:
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self.folder, self.seed, self.step, self.cpu = folder, seed, 0, 0.0
        self.tokenizer = open_clip.SimpleTokenizer(context_length=MODEL["text_cfg"]["context_length"])
        self.known = torch.unique(self.tokenizer(list(every_word())))
        self.asked = questions()
        self.model = new_model(len(self.known))
        # What is kept is the mean of the latest steps, which is better than any one of them.
        self.mean = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(MEMORY), use_buffers=True)
        self.head = torch.nn.Linear(MODEL["embed_dim"], len(self.asked) + len(SHAPES))
        groups = [*self.model.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), weight_decay=0.02)

    def parts(self) -> dict[str, Any]:
        return {"model": self.model, "mean": self.mean, "head": self.head, "optimizer": self.optimizer}

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {name: part.state_dict() for name, part in self.parts().items()}
        torch.save(state | {"step": self.step, "cpu": self.cpu}, self.folder / STATE)
        save(self.mean.module, self.known, self.folder)

    def resume(self) -> None:
        state = torch.load(self.folder / STATE, weights_only=True)
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.step, self.cpu = state["step"], state["cpu"]

    def words(self, texts: list[str]) -> torch.Tensor:
        return torch.searchsorted(self.known, self.tokenizer(texts))


def rate_at(step: int, steps: int) -> float:
    """Up at the beginning, down in the last two fifths."""
    return RATE * min(1.0, (step + 1) / 60, max(0.02, (steps - step) / (0.4 * steps)))


def train(run: Training, steps: int) -> None:
    started = saved = perf_counter()
    used = process_time() - run.cpu
    lands = [draw_land((160, 90), 1000 + number) for number in range(150)]
    pool, means = None, [0.0] * 3
    while run.step < steps:
        simple = run.step < SIMPLE * steps
        if pool is None or pool.style.simple != simple:
            style = Style(most=1, simple=True, lands=lands) if simple else Style(lands=lands)
            pool = Pool(POOL, style, run.seed + run.step)
        for group in run.optimizer.param_groups:
            group["lr"] = rate_at(run.step, steps)
        pool.renew(pool.rng.choice(len(pool.scenes), RENEWED, replace=False))
        losses = _step(run, pool.batch(simple))
        means = [0.95 * mean + 0.05 * loss for mean, loss in zip(means, losses, strict=True)]
        run.step += 1
        run.cpu = process_time() - used
        if run.step % 50 == 0:
            told = "contrast {:.3f}  helper {:.4f}  shape {:.3f}".format(*means)
            print(f"{run.step}  {perf_counter() - started:.0f} s, {run.cpu:.0f} s CPU  {told}", flush=True)
        if perf_counter() - saved > 60:
            run.save()
            saved = perf_counter()
    run.save()
    print(json.dumps({"seed": run.seed, "steps": run.step, "batch": BATCH, "cpu_minutes": round(run.cpu / 60, 1)}))


def _step(run: Training, batch: Any) -> list[float]:
    (images, captions, codes, sure), model, asked = batch, run.model, run.asked
    model.train()
    said = np.stack([caption.codes for caption in captions])
    also = torch.from_numpy(captions_hold(said, codes, sure, lenient=True))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = model.encode_image(images.contiguous(memory_format=torch.channels_last), normalize=False).float()
    words = model.encode_text(run.words([caption.text for caption in captions]), normalize=True)
    main = contrast(functional.normalize(seen, dim=-1), words, model.logit_scale.exp(), also)
    yes = torch.from_numpy(captions_hold(asked, codes, sure)).T.float()
    clear = 1 - (torch.from_numpy(captions_hold(asked, codes, sure, lenient=True)).T.float() - yes)
    said_of = run.head(seen)
    answers = functional.binary_cross_entropy_with_logits(said_of[:, : len(asked)], yes, weight=clear)
    # Colours come by themselves; shapes are what takes long.
    alone = torch.from_numpy((codes[:, 0, SHAPE] >= 0) & (codes[:, 1, SHAPE] < 0))
    shapes = torch.from_numpy(codes[:, 0, SHAPE].astype(np.int64))[alone]
    shaped = functional.cross_entropy(said_of[alone, len(asked) :], shapes)
    run.optimizer.zero_grad(set_to_none=True)
    (main + 20 * answers + 2 * shaped).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    run.optimizer.step()
    run.mean.update_parameters(model)
    with torch.no_grad():
        model.logit_scale.clamp_(0, math.log(50))
    return [main.item(), answers.item(), shaped.item()]


def save(model: Any, known: torch.Tensor, folder: Path) -> None:
    """As open_clip keeps a model in a folder; words that no caption uses are 0, which packs to nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    state = model.state_dict()
    table = torch.zeros(MODEL["text_cfg"]["vocab_size"], MODEL["text_cfg"]["width"])
    table[known] = state["token_embedding.weight"]
    state["token_embedding.weight"] = table
    # Half the digits are enough for all but BatchNorm's statistics.
    tensors = {
        name: tensor.half().contiguous()
        if tensor.is_floating_point() and "running_" not in name
        else tensor.contiguous()
        for name, tensor in state.items()
    }
    save_file(tensors, folder / "open_clip_model.safetensors", {"format": "pt"})
    config = json.dumps({"model_cfg": MODEL, "preprocess_cfg": PREPROCESSING}, indent=2) + "\n"
    (folder / "open_clip_config.json").write_text(config, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    run = Training(given.folder, given.seed)
    if (given.folder / STATE).exists():
        run.resume()
    train(run, given.steps)


if __name__ == "__main__":
    main()
