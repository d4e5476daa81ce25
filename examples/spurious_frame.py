"""Remove a spurious cue from a cat/dog classifier, and count what that costs and brings.

A red frame is drawn on 95 % of the cats and 5 % of the dogs in training; in the reversed test set
it is the other way round, and the clean test set has none. The bank holds the frame (learnt from
the same images with and without it, of other classes) and concepts that are not about cats or dogs.

    python examples/spurious_frame.py --data $PCBM_TEST_DATA/cifar --out runs/frame
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from cifar import ANIMALS, VEHICLES, concept_folders, draw, images_of, unpack
from common import keep, options, print_run
from PIL import Image

from pcbm import ActivationSet, EditPlan, load_backbone, read_data
from pcbm.activations import activations_for
from pcbm.audit import Judged, edit_controls, edit_curve
from pcbm.concepts import resolve_concepts
from pcbm.editing import edited_run, evaluate_edit, joined_evaluation, signed_reliance
from pcbm.model import FitSettings, Run, fit_run

CUE = "red frame"
PETS = ("cat", "dog")
FRAME = (255, 0, 0)
WIDTH = 3
# Dense enough that other concepts are in the model too: the sparsest model within one standard
# error holds the frame alone, and without it nothing.
PER_CLASS = 10
# Share of framed cats and dogs in each part.
PARTS = {
    "train": (0.95, 0.05),
    "in distribution": (0.95, 0.05),
    "reversed": (0.05, 0.95),
    "clean": (0.0, 0.0),
}
TESTS = ("in distribution", "reversed", "clean")
REASON = "the frame gives the class away in training and says nothing of the animal"
PLAN = EditPlan().zero(CUE).signed(reason=REASON)


def framed(path: Path) -> Image.Image:
    """Return the image with a red frame."""
    rgb = np.array(Image.open(path).convert("RGB"))
    for edge in (rgb[:WIDTH], rgb[-WIDTH:], rgb[:, :WIDTH], rgb[:, -WIDTH:]):
        edge[:] = FRAME
    return Image.fromarray(rgb)


def write_pets(root: Path, out: Path, seed: int) -> None:
    """Write one folder of class folders for each part, the frame drawn on the stated shares."""
    rng = np.random.default_rng(seed)
    for part, shares in PARTS.items():
        for name, share in zip(PETS, shares, strict=True):
            (out / part / name).mkdir(parents=True)
            for path in images_of(root, "train" if part == "train" else "test", name):
                image = framed(path) if rng.random() < share else Image.open(path)
                image.save(out / part / name / f"{path.stem}.png")


def write_cue_examples(root: Path, out: Path, seed: int) -> None:
    """Write the frame's examples: images of other classes, with it and without it."""
    others = tuple(name for name in (*ANIMALS, *VEHICLES) if name not in PETS)
    for side in ("positive", "negative"):
        (out / CUE / side).mkdir(parents=True)
    for path in draw(root, others, 400, np.random.default_rng(seed)):
        name = f"{path.parent.name}-{path.stem}.png"
        framed(path).save(out / CUE / "positive" / name)
        Image.open(path).save(out / CUE / "negative" / name)


def main() -> None:
    """Make the data, fit, zero the cue, print what that did; keep the run and the edited one."""
    chosen = options("Cat or dog with a spurious frame", "cifar")
    backbone = load_backbone(f"python:{chosen.data / 'resnet_cifar.py'}:resnet56", layer="layer3")
    with tempfile.TemporaryDirectory() as scratch:
        root = unpack(chosen.data, Path(scratch))
        folder = Path(scratch)
        write_pets(root, folder / "pets", seed=0)
        images = {part: read_data(folder / "pets" / part) for part in PARTS}
        sets = {part: activations_for(data, backbone) for part, data in images.items()}
        concepts = concept_folders(root, folder / "concepts", leave_out=PETS)
        write_cue_examples(root, concepts, seed=1)
        bank, _ = resolve_concepts(concepts, backbone)
        run = fit_run(
            sets["train"], sets["in distribution"], bank, FitSettings(concepts_per_class=PER_CLASS)
        )
        print_run(run)
        edited, step = PLAN.step(run.model)
        found = report(run.model, edited, {part: sets[part] for part in TESTS})
        if chosen.out is not None:
            keep(run, chosen.out)
            evaluation = joined_evaluation(found) | evidence(run, edited, sets)
            after = edited_run(run, edited, replace(step, evaluation=evaluation))
            keep(after, Path(f"{chosen.out}-edited"), sets["reversed"], images["reversed"])


def evidence(run: Run, edited: object, sets: dict[str, ActivationSet]) -> dict[str, Any]:
    """Return what stands beside an edit in a report: its controls, and the whole path."""
    names = {"in_distribution": "in distribution", "shifted": "reversed"}
    judged = {key: Judged(sets[part].X, np.asarray(sets[part].y)) for key, part in names.items()}
    train = np.asarray(sets["train"].X), np.asarray(sets["train"].y)
    return {
        "controls": edit_controls(run.model, edited, PLAN, judged, train=train),
        "curve": edit_curve(run.model, PLAN, judged),
    }


def report(model: object, edited: object, tests: dict[str, ActivationSet]) -> dict[str, Any]:
    """Print accuracy on every test set before and after the edit, and the reliance on the cue."""
    found = {part: evaluate_edit(model, edited, acts.X, acts.y) for part, acts in tests.items()}
    print(f"\n{'zero ' + CUE:<19} before   after")
    for part, pair in found.items():
        before, after = pair["before"]["accuracy"], pair["after"]["accuracy"]
        print(f"{part:<19} {before:.4f}  {after:.4f}")
    reliance = signed_reliance(found["in distribution"], found["reversed"])
    print(f"{'signed reliance':<19} {reliance['before']:+.3f}  {reliance['after']:+.3f}")
    for text in reliance["warnings"]:
        print(f"warning: {text}")
    return found


if __name__ == "__main__":
    main()
