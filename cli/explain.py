"""``pcbm explain``: the concepts that moved each decision, against the runner-up class."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pcbm.cli.evaluate import DataArgument, RunArgument, SplitOption
from pcbm.cli.inputs import activations_like, read, split_part
from pcbm.cli.interventions import InterveneOption, held_scores, intervention_lines, told
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.errors import InputError, near

SHOWN_SAMPLES = 5
SHOWN_CONCEPTS = 8


def explain(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    data: DataArgument,
    id: Annotated[
        list[str] | None, typer.Option("--id", help="Explain this row; repeat it for several.")
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="At most this many concepts a sample.")
    ] = None,
    split: SplitOption = None,
    held: InterveneOption = None,
) -> Result:
    """Show the concepts that moved each decision, largest first."""
    from pcbm.explain import explain_samples
    from pcbm.model import load_run

    loaded = load_run(run)
    values = held_scores(held or [])
    rows = read(data, common)
    if id:  # a few rows are quicker embedded than looked up among all
        acts = activations_like(loaded, run, rows.take(positions(rows, id)), choice, common)
    else:
        acts = activations_like(loaded, run, rows, choice, common)
        acts = acts.take(split_part(acts, split, default_test=False)[0])
    samples = explain_samples(
        loaded.model, acts.X, acts.ids.tolist(), top=top, interventions=values or None
    )
    document: dict[str, Any] = {"samples": samples}
    if values:
        changed = sum(sample["before"]["label"] != sample["label"] for sample in samples)
        document["intervention"] = told(loaded.model, values, changed, len(samples))
    return Result(
        document, lambda: [*intervention_lines(document.get("intervention")), *_view(samples)]
    )


def positions(rows: Any, ids: list[str]) -> list[int]:
    """Return where the rows with these ids are; an unknown id raises InputError."""
    place = {str(name): i for i, name in enumerate(rows.ids)}
    for name in ids:
        if name not in place:
            raise InputError(f"{rows.source} has no row with the id {name!r}: {near(name, place)}")
    return [place[name] for name in dict.fromkeys(ids)]


def _view(samples: list[dict[str, Any]]) -> list[Block]:
    blocks: list[Block] = []
    for sample in samples[:SHOWN_SAMPLES]:
        blocks += _sample(sample)
    if len(samples) > SHOWN_SAMPLES:
        left = len(samples) - SHOWN_SAMPLES
        blocks.append(Line(f"{left:,} more samples: choose with --id, or see all with --json"))
    return blocks


def _sample(sample: dict[str, Any]) -> list[Block]:
    label = sample["label"]
    against = "" if sample["against"] is None else f" against {sample['against']}"
    proba = ""
    if sample["proba"] is not None and isinstance(label, str):
        proba = f" (probability {sample['proba'][label]:.3f})"
    name = ", ".join(label) or "no label" if isinstance(label, list) else label
    if isinstance(name, float):
        name = f"{name:.4g}"
    concepts = sample["concepts"][:SHOWN_CONCEPTS]
    rest = sum(c["contribution"] for c in sample["concepts"][SHOWN_CONCEPTS:]) + sample["other"]
    rows: list[tuple[Any, ...]] = [
        (c["name"], c["contribution"], c["coef"], c["standardised"], c["score"]) for c in concepts
    ]
    nothing = (None, None, None)
    rows += [("(other concepts)", rest, *nothing)] if rest else []
    rows += [("(intercept)", sample["intercept"], *nothing)]
    if sample["residual"] is not None:
        rows.append(("(residual)", sample["residual"], *nothing))
    toward = "" if sample["toward"] is None else f"; positive argues for {sample['toward']}"
    if "before" in sample and sample["before"]["label"] != label:
        proba += f", before {sample['before']['label']}"
    return [
        Line(f"{sample['id']}: {name}{proba}{against}, margin {sample['margin']:+.3f}{toward}"),
        Table(("concept", "contribution", "= coef", "x standardised", "(score)"), rows),
    ]
