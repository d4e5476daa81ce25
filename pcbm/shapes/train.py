"""Train the tiny CLIP on the world of shapes, or measure the weights that are shipped.

python -m pcbm.shapes.train --out DIR [--seed 0]     train; an unfinished DIR is continued
python -m pcbm.shapes.train --evaluate [DIR]         print the zero-shot figures as JSON
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save
from torch import nn
from torch.nn.functional import cross_entropy

from pcbm.errors import InputError
from pcbm.files import to_json, write_bytes, write_text
from pcbm.shapes.captions import vocabulary
from pcbm.shapes.clip import (
    CONFIG,
    MEAN,
    MERGES,
    STD,
    WEIGHTS,
    build_clip,
    load_clip,
    model_config,
)
from pcbm.shapes.recipe import Batch, Recipe, batches, schedule
from pcbm.shapes.tokens import build_merges, merges_file, read_tokenizer
from pcbm.shapes.world import ATTRIBUTES, SIDE
from pcbm.shapes.zero_shot import N_SCENES, zero_shot

if TYPE_CHECKING:
    from open_clip.model import CLIP
    from open_clip.tokenizer import SimpleTokenizer

CHECKPOINT = "checkpoint.safetensors"


class AttributeHeads(nn.ModuleList):
    """One linear classifier an attribute on the shared embedding; dropped after training."""

    def __init__(self, dim: int) -> None:
        super().__init__(nn.Linear(dim, len(words)) for words in ATTRIBUTES.values())

    def loss(self, unit: torch.Tensor, scenes: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        """Return the mean cross-entropy over the attributes that are told (n, 6)."""
        losses = [
            cross_entropy(head(8.0 * unit), scenes[:, column], reduction="none")
            for column, head in enumerate(self)
        ]
        return (torch.stack(losses, dim=1) * told).sum() / told.sum().clamp(min=1)


@dataclass
class Learner:
    """The state of a training: model, attribute heads, optimiser, next step."""

    model: CLIP
    heads: AttributeHeads
    optimiser: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def start(cls, recipe: Recipe, config: dict[str, Any], seed: int) -> Learner:
        """Return the untrained state of a seed."""
        model = build_clip(config, seed).to(memory_format=torch.channels_last)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            heads = AttributeHeads(config["embed_dim"])
        named = [*model.named_parameters(), *heads.named_parameters()]
        decayed = [p for name, p in named if p.ndim >= 2 and "embedding" not in name]
        others = [p for name, p in named if p.ndim < 2 or "embedding" in name]
        groups: list[dict[str, Any]] = [
            {"params": decayed, "weight_decay": recipe.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return cls(model, heads, torch.optim.AdamW(groups, lr=0.0, betas=recipe.betas))

    def train_step(self, batch: Batch, recipe: Recipe) -> dict[str, float]:
        """Take one step; return the losses before it."""
        from open_clip.loss import ClipLoss

        rate, auxiliary = schedule(recipe, self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.model.train()
        image = self.model.encode_image(batch.pictures, normalize=True)
        text = self.model.encode_text(batch.tokens, normalize=True)
        contrastive = ClipLoss()(image, text, self.model.logit_scale.exp())
        all_told = torch.ones_like(batch.mentioned)
        attribute = self.heads.loss(image, batch.scenes, all_told)
        attribute = attribute + self.heads.loss(text, batch.scenes, batch.mentioned)
        self.optimiser.zero_grad(set_to_none=True)
        (contrastive + auxiliary * attribute).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip_norm)
        self.optimiser.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0.0, math.log(100.0))
        self.step += 1
        return {"contrastive": contrastive.item(), "attribute": attribute.item()}

    def save(self, path: Path, seed: int) -> None:
        """Write the whole state, without pickle."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"heads.{name}": tensor for name, tensor in self.heads.state_dict().items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{key}": tensor for key, tensor in state.items()}
        tensors |= {"about.step": torch.tensor(self.step), "about.seed": torch.tensor(seed)}
        _write_tensors(path, tensors)

    def restore(self, path: Path, seed: int) -> None:
        """Read the state that `save` wrote, if it is of the same seed."""
        parts: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in load_file(path).items():
            part, rest = name.split(".", 1)
            parts.setdefault(part, {})[rest] = tensor
        if (other := int(parts["about"]["seed"])) != seed:
            raise InputError(f"{path} is of seed {other}, not {seed}: choose another --out")
        self.model.load_state_dict(parts["model"])
        self.heads.load_state_dict(parts["heads"])
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in parts["optimiser"].items():
            index, key = name.split(".")
            state.setdefault(int(index), {})[key] = tensor
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": state})
        self.step = int(parts["about"]["step"])


def _write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    write_bytes(path, save({name: tensor.contiguous() for name, tensor in tensors.items()}))


def export(
    learner: Learner,
    tokenizer: SimpleTokenizer,
    folder: Path,
    config: dict[str, Any],
    record: dict[str, Any],
    n_scenes: int = N_SCENES,
) -> None:
    """Write weights (float16) and configuration in the layout of an open_clip ``local-dir``.

    The configuration also tells how the weights were trained and the zero-shot figures of these
    very weights, rounded as they are.
    """
    state = learner.model.state_dict()
    half = {name: t.half() if t.is_floating_point() else t for name, t in state.items()}
    _write_tensors(folder / WEIGHTS, half)
    learner.model.load_state_dict(half)
    whole = {
        "model_cfg": config,
        "preprocess_cfg": {"size": SIDE, "mean": MEAN, "std": STD},
        "training": record,
        "zero_shot": zero_shot(learner.model, tokenizer, n_scenes),
    }
    write_text(folder / CONFIG, to_json(whole) + "\n")


def train(
    out: Path,
    seed: int = 0,
    recipe: Recipe | None = None,
    *,
    every: int = 100,
    n_scenes: int = N_SCENES,
) -> None:
    """Train from scratch, or from the checkpoint in ``out``; progress goes to stderr.

    Parameters
    ----------
    out : Path
        Folder for the checkpoint and, at the end, weights, merges file and configuration.
    seed : int
        Decides the first weights and every batch.
    recipe : Recipe, optional
        By default the one that the shipped weights were trained with.
    every : int
        Steps between two checkpoints, with zero-shot figures on few scenes.
    n_scenes : int
        Scenes of the figures that are written beside the weights.

    Raises
    ------
    InputError
        ``out`` holds the checkpoint of another seed.
    """
    recipe = Recipe() if recipe is None else recipe
    write_bytes(out / MERGES, merges_file(build_merges(vocabulary())))
    tokenizer = read_tokenizer(out / MERGES)
    config = model_config(tokenizer.vocab_size)
    learner = Learner.start(recipe, config, seed)
    if (out / CHECKPOINT).exists():
        learner.restore(out / CHECKPOINT, seed)
        print(f"continuing at step {learner.step}", file=sys.stderr)
    began, first = time.monotonic(), learner.step
    for batch in batches(recipe, tokenizer, seed, first):
        losses = learner.train_step(batch, recipe)
        if learner.step % every == 0 or learner.step == recipe.steps:
            learner.save(out / CHECKPOINT, seed)
            figures = zero_shot(learner.model, tokenizer, n=512)
            seconds = (time.monotonic() - began) / (learner.step - first)
            told = {**losses, **figures}
            line = " ".join(f"{name} {value:.3f}" for name, value in told.items())
            print(
                f"step {learner.step}/{recipe.steps} {seconds:.2f} s/step {line}",
                file=sys.stderr,
                flush=True,
            )
    record = {"seed": seed, "recipe": asdict(recipe)}
    export(learner, tokenizer, out, config, record, n_scenes)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pcbm.shapes.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, help="folder for checkpoint, weights and configuration")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--evaluate",
        nargs="?",
        const="",
        metavar="DIR",
        help="print the zero-shot figures of the weights in DIR (default: those in the package)",
    )
    options = parser.parse_args(arguments)
    try:
        if options.evaluate is not None:
            model, _, tokenizer = load_clip(Path(options.evaluate) if options.evaluate else None)
            print(to_json(zero_shot(model, tokenizer)))
        elif options.out is not None:
            train(options.out, options.seed)
        else:
            parser.exit(2, "nothing to do: give --out DIR to train, or --evaluate\n")
    except InputError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
