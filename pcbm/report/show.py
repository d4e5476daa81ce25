"""Looking at a model in a notebook or a terminal: the data first, then the picture."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcbm.errors import InputError
from pcbm.files import refuse_existing, write_text
from pcbm.model import PostHocCBM, PostHocCBMRegressor, Run, load_run
from pcbm.model.run import row_names, strongest
from pcbm.report.page import render_report

STRONGEST = 5
HEIGHT = 640  # pixels of the frame in a notebook


@dataclass(frozen=True)
class View:
    """A model or run to look at: `data` for the values, its repr for people, `save` to keep it."""

    run: Run

    def data(self) -> list[dict[str, Any]]:
        """Return every coefficient that is not zero: ``class``, ``concept`` and ``coef``.

        Per row of the head the largest first. A binary head has one row, named by the second
        class, for which positive argues.
        """
        model = self.run.model
        return [
            {"class": name, "concept": model.concept_names_[j], "coef": float(row[j])}
            for name, row in zip(row_names(model), model.coef_, strict=True)
            for j in strongest(row)
        ]

    def __repr__(self) -> str:
        words: dict[str, list[str]] = {name: [] for name in row_names(self.run.model)}
        for row in self.data():
            words[row["class"]].append(f"{row['concept']} {row['coef']:+.2f}")
        return "\n".join(
            f"{name}: {', '.join(own[:STRONGEST]) or 'no concepts'}" for name, own in words.items()
        )

    def _repr_html_(self) -> str:
        """Return the report in a frame of its own, so that its style stays inside."""
        page = html.escape(render_report(self.run), quote=True)
        style = f"width:100%;height:{HEIGHT}px;border:0"
        return f'<iframe sandbox="" srcdoc="{page}" style="{style}"></iframe>'

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the report as one HTML file; an existing one is refused without ``force``."""
        refuse_existing(Path(path), force=force)
        write_text(Path(path), render_report(self.run))


def show(model: PostHocCBM | PostHocCBMRegressor | Run | str | Path) -> View:
    """Look at a fitted model, a run, or a RUN folder.

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
    if isinstance(model, str | Path):
        return View(load_run(model))
    if isinstance(model, Run):
        return View(model)
    if isinstance(model, PostHocCBM | PostHocCBMRegressor):
        return View(Run.of_model(model))
    raise InputError(
        f"show was given a {type(model).__name__}: give a fitted PostHocCBM, a run, or a RUN folder"
    )
