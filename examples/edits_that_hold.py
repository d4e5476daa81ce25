"""Which edit rids a model of a spurious cue? Every recipe on real data, judged on untouched rows.

Each case is fitted where a cue gives the class away, edited by every recipe, and judged in
distribution, with the cue reversed, and without it. The recipe is chosen on other rows than those
of the tables: the one with the largest min(in distribution, reversed) there. Then a linear residual
is fitted on top of the chosen model, without a guard and with each. Controls: the same edit on
random banks, and the chosen recipe on other concepts of the bank.

    python examples/edits_that_hold.py --data $PCBM_TEST_DATA
    python examples/edits_that_hold.py --data $PCBM_TEST_DATA --case all
    python examples/edits_that_hold.py --data $PCBM_TEST_DATA --case cat-dog-frame --draws 8
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from cue_cases import IMAGE_CASES, Case, image_cases
from cue_figures import Hits, figures, hits, least, print_table
from cue_recipes import KIND, ON_THE_HEAD, ON_THE_RESIDUAL, UNGUARDED, Recipe
from cue_words import news_case, shapes_case

from pcbm import ConceptBank, PostHocCBM
from pcbm.errors import InputError

CASES = (*IMAGE_CASES, "demo-shapes", "ag-news-word")
SHORT = ("cat-dog-frame", "demo-shapes")
BANKS = 20
BEFORE = "before"


def main() -> None:
    """Make the cases, and print their tables and controls."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("PCBM_TEST_DATA", "."))
    parser.add_argument("--data", type=Path, default=default, help=f"default: {default}")
    parser.add_argument(
        "--case", action="append", choices=[*CASES, "all"], help=f"default: {', '.join(SHORT)}"
    )
    parser.add_argument("--l1-ratio", type=float, help="of the heads; default: each case's own")
    parser.add_argument(
        "--draws", type=int, default=1, help="repeat image cases on so many draws, a line for each"
    )
    given = parser.parse_args()
    wanted = CASES if "all" in (given.case or ()) else given.case or SHORT
    began = time.monotonic()
    for case in cases(given.data, wanted, given.draws):
        if given.l1_ratio is not None:
            case = replace(case, settings={**case.settings, "l1_ratio": given.l1_ratio})
        print(in_short(case)) if given.draws > 1 else study(case)
        print(f"{time.monotonic() - began:.0f} s so far", file=sys.stderr, flush=True)


def cases(data: Path, wanted: tuple[str, ...], draws: int) -> Iterator[Case]:
    """Make the cases that were asked for."""
    images = [name for name in wanted if name in IMAGE_CASES]
    if images:
        yield from image_cases(data / "cifar", images, draws)
    if "demo-shapes" in wanted:
        yield shapes_case()
    if "ag-news-word" in wanted:
        yield news_case(data / "agnews")


@dataclass(frozen=True)
class Found:
    """What a case came to: models by name, and the names of those that were chosen."""

    heads: dict[str, Any]
    recipe: str
    hybrids: dict[str, Any]
    guard: str


def edit(case: Case) -> Found:
    """Fit, make every recipe, choose one, and make every residual on top of that."""
    before = fitted(case)
    models = made(case, before, ON_THE_HEAD)
    recipe = choose(case, models)
    hybrid = before.refit_residual(case.X, case.y, kind=KIND)
    kept = models[recipe].with_residual(hybrid.residual_)
    residuals = made(case, models[recipe], ON_THE_RESIDUAL)
    guard = choose(case, {k: v for k, v in residuals.items() if k not in UNGUARDED})
    hybrids = {BEFORE: hybrid, "residual kept as it was": kept, **residuals}
    return Found({BEFORE: before, **models}, recipe, hybrids, guard)


def in_short(case: Case) -> str:
    """Return one line: min on the test rows before, after a zero, and after what was chosen."""
    found = edit(case)
    told = [f"zero {least(hits(found.heads['zero'], case.test)):.3f}"]
    for title, models, chosen in (
        ("concept model", found.heads, found.recipe),
        ("hybrid", found.hybrids, found.guard),
    ):
        old, new = (least(hits(models[name], case.test)) for name in (BEFORE, chosen))
        told.append(f"{title} {old:.3f}, {chosen} {new:.3f}, lift {new - old:+.3f}")
    return f"{case.name}: min on the test rows: {'; '.join(told)}"


def study(case: Case) -> None:
    """Print the tables of a case: the concept model, the hybrid, and the controls."""
    print(f"\n## {case.name}: {len(case.X)} rows to fit, {len(case.bank)} concepts, ", end="")
    print(f"zeroed: {', '.join(case.cue)}; {case.settings}")
    found = edit(case)
    recipe, guard = found.recipe, found.guard
    shown(case, "concept model", found.heads, recipe)
    shown(case, f"hybrid: {recipe}, then", found.hybrids, guard)
    print()
    for name, changed in controls(case):
        print(control(name, changed, recipe, guard), flush=True)


def fitted(case: Case) -> Any:
    """Return the concept model before any edit."""
    return PostHocCBM(case.bank, **case.settings).fit(case.X, case.y)


def made(case: Case, model: Any, recipes: Mapping[str, Recipe]) -> dict[str, Any]:
    """Return what every recipe makes of a model; a recipe that refuses is named and left out."""
    found = {}
    for name, recipe in recipes.items():
        try:
            result = recipe(case, model)
        except InputError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        if result is not None:
            found[name] = result
    return found


def choose(case: Case, models: Mapping[str, Any]) -> str:
    """Return the recipe with the largest min on the rows to choose on; the first of equals."""
    value = {name: least(hits(model, case.choose)) for name, model in models.items()}
    return max(value, key=value.__getitem__)


def shown(case: Case, title: str, models: Mapping[str, Any], chosen: str) -> None:
    """Judge models on the test rows and print them."""
    found: dict[str, Hits] = {name: hits(model, case.test) for name, model in models.items()}
    on_choice = {name: least(hits(model, case.choose)) for name, model in models.items()}
    print_table(title, figures(case, found, BEFORE), on_choice, chosen)


def controls(case: Case) -> Iterator[tuple[str, list[Case]]]:
    """Return what the chosen recipes are repeated on: name, and cases with other banks or cues."""
    rng = np.random.default_rng(2)
    size, dim = len(case.bank), case.X.shape[1]
    others = [name for name in case.bank.names if name not in case.cue]
    random, known, pruned = [], [], []
    for _ in range(BANKS):
        directions = rng.standard_normal((size, dim))
        # Through the mean of the rows, or a score would have one sign on all of them.
        offsets = -directions @ case.X.mean(axis=0)
        random.append(replace(case, bank=ConceptBank(case.bank.names, directions, offsets)))
        columns = [case.bank.index(name) for name in case.cue]
        mixed, shifts = directions.copy(), offsets.copy()
        mixed[columns], shifts[columns] = (
            case.bank.vectors[columns],
            case.bank.intercepts[columns],
        )
        known.append(replace(case, bank=ConceptBank(case.bank.names, mixed, shifts)))
        drawn = rng.permutation(others)[: len(case.cue)]
        pruned.append(replace(case, cue=tuple(str(name) for name in drawn), move=None))
    yield "random banks", random
    yield "other concepts of the bank", pruned
    yield "the cue's own direction among random ones", known


def control(name: str, changed: list[Case], recipe: str, guard: str) -> str:
    """Return one line: what the chosen recipe and guard lift min by, over the control's cases."""
    lifts: dict[str, list[float]] = {"concept model": [], "hybrid": []}
    refused = 0
    for case in changed:
        before = fitted(case)
        try:
            edited = ON_THE_HEAD[recipe](case, before)
            hybrid = ON_THE_RESIDUAL[guard](case, edited)
        except InputError:
            refused += 1
            continue
        first = before.refit_residual(case.X, case.y, kind=KIND)
        for part, old, new in (("concept model", before, edited), ("hybrid", first, hybrid)):
            lifts[part].append(least(hits(new, case.test)) - least(hits(old, case.test)))
    told = [
        f"{part} {np.mean(values):+.3f} (from {min(values):+.3f} to {max(values):+.3f})"
        for part, values in lifts.items()
        if values
    ]
    note = f"; refused for {refused}" if refused else ""
    return f"control, {name}: lift of min over {len(changed)} draws, {', '.join(told)}{note}"


if __name__ == "__main__":
    main()
