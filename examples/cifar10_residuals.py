"""Fit every kind of residual on one concept head, and print what each does beside the concepts.

Data and concepts are those of ``cifar10_concepts.py``: ten classes, 64-d activations, eleven learnt
concepts. Random banks are left to that script.

    python examples/cifar10_residuals.py --data $PCBM_TEST_DATA/cifar --out runs/residuals
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from cifar import concept_folders, unpack
from common import options

from pcbm import load_backbone, read_data
from pcbm.activations import activations_for, split_rows
from pcbm.concepts import resolve_concepts
from pcbm.model import FitSettings, Run, fit_run, save_run
from pcbm.residual import RESIDUALS

COLUMNS = ("test", "alone", "deleted", "share", "wrong", "repaired", "broken", "told", "seconds")


def main() -> None:
    """Learn the bank, fit the five kinds, print a line for each, save the runs."""
    chosen = options("CIFAR-10 with every kind of residual", "cifar")
    backbone = load_backbone(f"python:{chosen.data / 'resnet_cifar.py'}:resnet56", layer="layer3")
    with tempfile.TemporaryDirectory() as scratch:
        root = unpack(chosen.data, Path(scratch))
        images = activations_for(read_data(root), backbone)
        folders = concept_folders(root, Path(scratch) / "concepts")
        bank, _ = resolve_concepts(folders, backbone)
    train, test = (images.take(rows) for rows in split_rows(images))
    print(f"{len(train)} train, {len(test)} test, {len(bank)} concepts")
    print(" ".join([f"{'residual':<10}", *(f"{name:>8}" for name in COLUMNS)]))
    for kind in RESIDUALS:
        run = fit_run(train, test, bank, FitSettings(residual=kind, control_repeats=0))
        print(f"{kind:<10} " + " ".join(f"{cell:>8}" for cell in cells(run, train)), flush=True)
        if chosen.out is not None:
            save_run(run, chosen.out / kind, force=True)


def cells(run: Run, train: object) -> list[str]:
    """Return one line: accuracies, the residual's share, its repairs, and the time of its fit."""
    metrics = run.metrics
    record = metrics["residual"]
    if record is None:
        return [f"{metrics['accuracy']['test']:.4f}"]
    began = time.process_time()
    run.model.refit_residual(train.X, train.y)
    seconds = time.process_time() - began
    figures, counts = record["accuracy"], record["where_concepts_err"]
    values = [
        figures["with_residual"],
        figures["residual_only"],
        figures["without_concepts"],
        record["margin_share"]["residual"],
        counts["residual_right"],
        counts["repaired"],
        counts["broken"],
        record["told_by_scores"],
    ]
    return [*(f"{value:.4f}" for value in values), f"{seconds:.1f}"]


if __name__ == "__main__":
    main()
