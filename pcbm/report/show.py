"""Looking at a model in a notebook or a terminal: the data first, then the picture."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from pcbm.concepts import ConceptBank
from pcbm.editing import EditPlan
from pcbm.errors import InputError
from pcbm.files import refuse_existing, write_text
from pcbm.heads import SparseLinearHead, SparseLinearRegressor
from pcbm.heads.shown import concept_names, row_names, strongest_html
from pcbm.model import PostHocCBM, PostHocCBMRegressor, Run, load_run
from pcbm.model.run import strongest
from pcbm.model.shown import evaluation_html, evaluation_text
from pcbm.report.page import render_report

STRONGEST = 5
HEIGHT = 640  # pixels of the frame in a notebook
PAGE = '<!doctype html><meta charset="utf-8"><title>pcbm</title>{}'


@dataclass(frozen=True)
class View:
    """Something to look at: `data` for the values, its repr for people, `save` to keep it.

    Attributes
    ----------
    values : callable
        Returns what `data` returns.
    text : callable
        Returns the text of a terminal.
    markup : callable
        Returns the HTML of a notebook.
    page : callable
        Returns the HTML file that `save` writes.
    """

    values: Callable[[], Any]
    text: Callable[[], str]
    markup: Callable[[], str]
    page: Callable[[], str]

    def data(self) -> Any:
        """Return the values behind the picture.

        Of a model or run every coefficient that is not zero: ``class``, ``concept`` and ``coef``,
        per row of the head the largest first. A binary head has one row, named by the second
        class, for which positive argues. Of a bank one dict a concept, of a plan its JSON form, of
        an evaluation itself.
        """
        return self.values()

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.markup()

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write what it shows as one HTML file; an existing one is refused without ``force``."""
        refuse_existing(Path(path), force=force)
        write_text(Path(path), self.page())


def show(
    thing: PostHocCBM
    | PostHocCBMRegressor
    | SparseLinearHead
    | SparseLinearRegressor
    | Run
    | ConceptBank
    | EditPlan
    | Mapping[str, Any]
    | str
    | Path,
) -> View:
    """Look at a fitted model or head, a run or RUN folder, a bank, a plan, or an evaluation.

    A notebook shows the report of a model or run, and tables of the others.

    Raises
    ------
    InputError
        It is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from pcbm import PostHocCBM, show
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> model = PostHocCBM(lam=0.1).fit(X, np.where(X[:, 1] > 0, "yes", "no"))
    >>> [row["concept"] for row in show(model).data()]
    ['x1']
    """
    if isinstance(thing, str | Path):
        return _run_view(load_run(thing))
    if isinstance(thing, Run):
        return _run_view(thing)
    if isinstance(thing, PostHocCBM | PostHocCBMRegressor):
        return _run_view(Run.of_model(thing))
    if isinstance(thing, SparseLinearHead | SparseLinearRegressor):
        check_is_fitted(thing)
        text, markup = partial(_words, thing), partial(strongest_html, thing)
        return _tables(partial(_coefficients, thing), text, markup)
    if isinstance(thing, ConceptBank):
        return _tables(partial(_concepts, thing), partial(repr, thing), thing._repr_html_)
    if isinstance(thing, EditPlan):
        return _tables(thing.as_dict, partial(repr, thing), thing._repr_html_)
    if isinstance(thing, Mapping) and ("n" in thing or {"before", "after"} <= thing.keys()):
        text, markup = partial(evaluation_text, thing), partial(evaluation_html, thing)
        return _tables(partial(dict, thing), text, markup)
    raise InputError(
        f"show was given a {type(thing).__name__}: give a fitted model, a run, a RUN folder, a "
        "bank, a plan or an evaluation"
    )


def _tables(values: Callable[[], Any], text: Callable[[], str], markup: Callable[[], str]) -> View:
    return View(values, text, markup, lambda: PAGE.format(markup()))


def _run_view(run: Run) -> View:
    """Return the view of a run: in a notebook its report, whose style stays in a frame."""

    def frame() -> str:
        page = html.escape(render_report(run), quote=True)
        style = f"width:100%;height:{HEIGHT}px;border:0"
        return f'<iframe sandbox="" srcdoc="{page}" style="{style}"></iframe>'

    model = run.model
    return View(
        partial(_coefficients, model), partial(_words, model), frame, partial(render_report, run)
    )


def _coefficients(model: Any) -> list[dict[str, Any]]:
    names = concept_names(model)
    return [
        {"class": name, "concept": names[j], "coef": float(row[j])}
        for name, row in zip(row_names(model), model.coef_, strict=True)
        for j in strongest(row)
    ]


def _words(model: Any) -> str:
    words: dict[str, list[str]] = {name: [] for name in row_names(model)}
    for row in _coefficients(model):
        words[row["class"]].append(f"{row['concept']} {row['coef']:+.2f}")
    return "\n".join(
        f"{name}: {', '.join(own[:STRONGEST]) or 'no concepts'}" for name, own in words.items()
    )


def _concepts(bank: ConceptBank) -> list[dict[str, Any]]:
    return [
        {"name": name, "source": source, **bank.stats.get(name, {})}
        for name, source in zip(bank.names, bank.sources, strict=True)
    ]
