"""What the examples share: their options, and printing a run."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from pcbm.activations import ActivationSet, Dataset
from pcbm.files import write_text
from pcbm.model import Run, save_run
from pcbm.model.pipeline import labels_for
from pcbm.model.run import row_names
from pcbm.report import choose_samples, render_report


def options(description: str, folder: str) -> argparse.Namespace:
    """Read ``--data DIR`` (where the real data lies) and ``--out DIR`` (where the run is kept).

    Without ``--data`` it is the folder of that name under ``$PCBM_TEST_DATA``.
    """
    parser = argparse.ArgumentParser(description=description)
    default = Path(os.environ.get("PCBM_TEST_DATA", ".")) / folder
    parser.add_argument("--data", type=Path, default=default, help=f"default: {default}")
    parser.add_argument("--out", type=Path, help="keep the run in this folder; default: not kept")
    chosen = parser.parse_args()
    if not chosen.data.is_dir():
        parser.error(f"--data {chosen.data} is not a folder: give the folder with the data")
    return chosen


def keep(
    run: Run, out: Path | None, acts: ActivationSet | None = None, data: Dataset | None = None
) -> None:
    """Save the run where the user asked for it, and its report beside it.

    With the activations of some rows and their inputs the report explains a few of them.
    """
    if out is None:
        return
    save_run(run, out, force=True)
    samples = None
    if acts is not None and data is not None:
        rows = data.take(np.isin(data.ids, acts.ids))
        samples = choose_samples(run.model, acts.X, rows, labels_for(run.model, acts))
    write_text(Path(f"{out}.html"), render_report(run, samples=samples))
    print(f"run kept in {out}, its report in {out}.html")


def print_run(run: Run, strongest: int = 3) -> None:
    """Print the figures of a run beside its controls, and the strongest concepts."""
    metrics, random = run.metrics, run.metrics["controls"]["random_bank"]
    low, high = random["interval"]
    print(f"rows                {metrics['n_train']} train, {metrics['n_test']} test")
    print(f"named concepts      {metrics['accuracy']['test']:.4f} at NEC {metrics['nec']:.2f}")
    print(f"random directions   {random['mean']:.4f} at equal NEC, {random['repeats']} banks")
    print(
        f"named - random      {random['difference']:+.4f}, 95 % interval "
        f"{low:+.4f} to {high:+.4f}, p = {random['p_value']:.3f}"
    )
    print(f"full linear probe   {metrics['controls']['full_probe']:.4f}")
    print(f"majority class      {metrics['controls']['majority']:.4f}")
    for name, row in zip(row_names(run.model), run.model.coef_, strict=True):
        order = np.argsort(-row)[:strongest]
        words = ", ".join(f"{run.model.concept_names_[j]} {row[j]:+.2f}" for j in order)
        print(f"{name:<19} {words}")
    for text in metrics["warnings"]:
        print(f"warning: {text}")
