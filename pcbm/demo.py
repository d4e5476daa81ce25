"""The demo: a classifier that follows a spurious cue, found out and corrected, all offline.

Five shapes stand on background textures that give the class away in training; in the shifted test
each class stands on another class's texture. A tiny CLIP, shipped with the package, turns the
pictures into activations and 25 words into a concept bank. The sparse head follows the textures;
zeroing them by name repairs it, and the same edit on random directions repairs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from pcbm.activations import ActivationSet, activations_for
from pcbm.activations.demo import pictures_dataset
from pcbm.backbones import load_backbone
from pcbm.concepts import ConceptBank
from pcbm.editing import EditPlan, edited_run, evaluate_edit, joined_evaluation, signed_reliance
from pcbm.files import new_folder, write_text
from pcbm.heads import sparse_rows
from pcbm.model import FitSettings, PostHocCBM, Run, fit_run, save_run
from pcbm.model.controls import path_predictions, random_bank
from pcbm.model.metrics import headline
from pcbm.report import choose_samples, render_report
from pcbm.shapes import (
    DEMO_CONCEPTS_PER_CLASS,
    DEMO_L1_RATIO,
    DEMO_TEMPLATES,
    DEMO_WORDS,
    TEXTURE_WORDS,
    demo_split,
)

BACKBONE = "demo:tiny-clip"
REPORT = "report.html"
SIZES = {"train": 1500, "test": 1000, "shifted": 1000}
REASON = "the background texture gives the class away in training and says nothing of the shape"
RANDOM_REPEATS = 20

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Story:
    """What the demo found.

    Attributes
    ----------
    run, edited : Run
        The fitted run, and the one with the texture words at zero.
    accuracy : dict
        ``before`` and ``after`` the edit, each with ``id`` and ``shifted``.
    reliance : dict
        Accuracy in distribution minus shifted, before and after, with warnings.
    path : list of dict
        Along the path: NEC, and ``id`` and ``shifted`` before and after the same edit.
    random : dict
        The same edit on banks of random directions: mean shifted accuracy before and after.
    report : str
        The HTML page of the edited run.
    """

    run: Run
    edited: Run
    accuracy: dict[str, dict[str, float]]
    reliance: dict[str, Any]
    path: list[dict[str, float]]
    random: dict[str, float]
    report: str


def tell_story(seed: int = 0, device: str = "auto", progress: Progress | None = None) -> Story:
    """Draw the pictures, fit, edit, measure, and write the report in memory.

    Parameters
    ----------
    seed : int
        Of the pictures, the validation split and the random banks.
    device : str
    progress : callable (stage, done, total), optional
    """
    tell = progress or (lambda stage, done, total: None)
    backbone = load_backbone(BACKBONE, device=device)
    assert backbone is not None
    pictures = {
        part: pictures_dataset(demo_split(part, n, seed), f"demo:shapes ({part})")
        for part, n in SIZES.items()
    }
    acts = {
        part: activations_for(data, backbone, progress=_stage(tell, f"activations ({part})"))
        for part, data in pictures.items()
    }
    bank = ConceptBank.from_text(DEMO_WORDS, backbone, DEMO_TEMPLATES)
    settings = FitSettings(
        concepts_per_class=DEMO_CONCEPTS_PER_CLASS, l1_ratio=DEMO_L1_RATIO, seed=seed
    )
    source = {"source": "demo:shapes", "seed": seed}
    run = fit_run(acts["train"], acts["test"], bank, settings, data=source, progress=tell)

    plan = EditPlan().signed(author="pcbm demo", reason=REASON)
    for word in TEXTURE_WORDS:
        plan = plan.zero(word)
    model, step = plan.step(run.model)
    found = {
        part: evaluate_edit(
            run.model, model, acts[part].X, np.asarray(acts[part].y), acts[part].group
        )
        for part in ("test", "shifted")
    }
    joined = joined_evaluation({"in distribution": found["test"], "shifted": found["shifted"]})
    edited = edited_run(run, model, replace(step, evaluation=joined))
    samples = choose_samples(model, acts["shifted"].X, pictures["shifted"], acts["shifted"].y)
    return Story(
        run=run,
        edited=edited,
        accuracy={
            side: {
                "id": found["test"][side]["accuracy"],
                "shifted": found["shifted"][side]["accuracy"],
            }
            for side in ("before", "after")
        },
        reliance=signed_reliance(found["test"], found["shifted"]),
        path=_along_the_path(run.model, acts),
        random=_on_random_banks(acts, run.model, seed, tell),
        report=render_report(edited, samples=samples, title="pcbm demo: shapes on textures"),
    )


def save_story(story: Story, folder: Path, *, force: bool = False) -> None:
    """Write ``run/``, ``edited/`` and ``report.html`` into a folder, whole or not at all."""
    with new_folder(folder, mark=REPORT, force=force) as draft:
        for name, run in (("run", story.run), ("edited", story.edited)):
            save_run(run, draft / name, place=folder / name)
        write_text(draft / REPORT, story.report)


def _stage(tell: Progress, name: str) -> Callable[[int, int], None]:
    return lambda done, total: tell(name, done, total)


def _texture_columns(model: PostHocCBM) -> list[int]:
    return [model.concept_names_.index(word) for word in TEXTURE_WORDS]


def _along_the_path(model: PostHocCBM, acts: dict[str, ActivationSet]) -> list[dict[str, float]]:
    """Return the outcome of the same edit at every point of the path, not at one lucky point."""
    path, columns = model.path_, _texture_columns(model)
    coefs = path.coefs
    coefs[:, :, columns] = 0
    zeroed = replace(path, sparse=sparse_rows(coefs))
    rows = {"id": acts["test"], "shifted": acts["shifted"]}
    Z = {k: (model.transform(a.X) - model.mean_) / model.scale_ for k, a in rows.items()}
    return [
        {
            "nec": float(path.nec[i]),
            **{
                f"{name} {when}": headline(
                    np.asarray(rows[name].y), path_predictions(points, i, Z[name]), "multiclass"
                )
                for name in rows
                for when, points in (("before", path), ("after", zeroed))
            },
        }
        for i in range(len(path))
    ]


def _on_random_banks(
    acts: dict[str, ActivationSet], model: PostHocCBM, seed: int, tell: Progress
) -> dict[str, float]:
    """Zero as many random directions as there are texture words; return shifted accuracies."""
    rng = np.random.default_rng(seed)
    columns = _texture_columns(model)
    shifted = acts["shifted"]
    before, after = [], []
    for repeat in range(RANDOM_REPEATS):
        bank = random_bank(model.bank, acts["train"].dim, rng)
        other = clone(model).set_params(bank=bank, tol=1e-2)
        other.fit(acts["train"].X, acts["train"].y)
        coef = other.coef_.copy()
        coef[:, columns] = 0
        before.append(other.score(shifted.X, shifted.y))
        after.append(other.with_head(coef, other.intercept_).score(shifted.X, shifted.y))
        tell("the same edit on random banks", repeat + 1, RANDOM_REPEATS)
    return {
        "before": float(np.mean(before)),
        "after": float(np.mean(after)),
        "repeats": RANDOM_REPEATS,
    }
