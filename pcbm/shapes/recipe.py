"""The recipe of the tiny CLIP's training: runs, rates, and the batch of every step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from pcbm.shapes.captions import caption
from pcbm.shapes.clip import as_input
from pcbm.shapes.world import ATTRIBUTES, render, sample_scenes

if TYPE_CHECKING:
    from open_clip.tokenizer import SimpleTokenizer


@dataclass(frozen=True)
class Run:
    """One training run: a cosine schedule of its own, started from the run before it.

    Attributes
    ----------
    steps : int
    peak_rate : float
        Learning rate after the warm-up.
    auxiliary : float
        Weight of the attribute loss at the start; it reaches 0 at 70 % of the run.
    few : tuple of str
        The attributes that take only one or two values in a hard batch.
    """

    steps: int
    peak_rate: float
    auxiliary: float
    few: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, besides the world and the model."""

    runs: tuple[Run, ...] = (
        Run(2000, 2e-3, 1.0, ("colour", "background", "position", "texture")),
        Run(800, 1e-3, 0.5, ("shape", "colour", "background", "position")),
    )
    batch: int = 128
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    warm_up: int = 80
    hard_share: float = 0.6
    clip_norm: float = 1.0

    @property
    def steps(self) -> int:
        """Number of steps of all runs together."""
        return sum(run.steps for run in self.runs)

    def run_at(self, step: int) -> tuple[Run, int]:
        """Return the run that a step belongs to, and the step's place in it."""
        for run in self.runs:
            if step < run.steps:
                return run, step
            step -= run.steps
        raise IndexError("the recipe has no such step")


def schedule(recipe: Recipe, step: int) -> tuple[float, float]:
    """Return the learning rate and the weight of the attribute loss at a step.

    Rate: linear warm-up, then half a cosine to 0, in each run. Weight: linear to 0 at 70 %.
    """
    run, step = recipe.run_at(step)
    warm = min(1.0, (step + 1) / recipe.warm_up)
    rate = run.peak_rate * warm * 0.5 * (1 + math.cos(math.pi * step / run.steps))
    return rate, run.auxiliary * max(0.0, 1 - step / (0.7 * run.steps))


@dataclass(frozen=True)
class Batch:
    """One batch: input pictures, tokens, attribute values (n, 6), and which of them are told."""

    pictures: torch.Tensor
    tokens: torch.Tensor
    scenes: torch.Tensor
    mentioned: torch.Tensor


def make_batch(recipe: Recipe, tokenizer: SimpleTokenizer, seed: int, step: int) -> Batch:
    """Return the batch of a step; it follows from seed and step alone, so a run can be continued.

    In a hard batch the run's attributes `Run.few` take one or two values each, so that the others
    have to tell the pairs apart.
    """
    rng = np.random.default_rng([seed, step])
    allowed = {}
    if rng.random() < recipe.hard_share:
        for name in recipe.run_at(step)[0].few:
            few = int(rng.integers(1, 3))
            allowed[name] = rng.choice(len(ATTRIBUTES[name]), size=few, replace=False).tolist()
    scenes = sample_scenes(recipe.batch, rng, allowed)
    sentences, mentioned = caption(scenes, rng)
    return Batch(
        as_input(render(scenes, rng)),
        tokenizer(sentences),
        torch.from_numpy(scenes),
        torch.from_numpy(mentioned),
    )


def batches(recipe: Recipe, tokenizer: SimpleTokenizer, seed: int, first: int) -> Iterator[Batch]:
    """Yield the batches from step ``first`` on, each drawn while the one before it is used."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(make_batch, recipe, tokenizer, seed, first)
        for step in range(first + 1, recipe.steps + 1):
            batch = future.result()
            if step < recipe.steps:
                future = pool.submit(make_batch, recipe, tokenizer, seed, step)
            yield batch
