"""The pictures of ``pcbm compare``: maps of layers, and layouts of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line
from pcbm.cli.report_outputs import check_figures
from pcbm.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from pcbm.report.plots import Chart

MOST_POINTS = 2000  # more make pictures black, and t-SNE slow

LayoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layout",
        metavar="NAME[,NAME]...",
        help="With --figures: rows in the plane by pca, tsne or umap, a panel a store or layer.",
    ),
]


@dataclass(frozen=True)
class Figures:
    """Where pictures go, if anywhere, and which layouts are among them."""

    folder: Path | None
    format_: str
    force: bool
    layouts: list[str]

    @classmethod
    def of(
        cls, folder: Path | None, format_: str, layout: list[str] | None, *, force: bool
    ) -> Figures:
        """Return the choice from the options, refusing what cannot be written or drawn.

        Raises
        ------
        InputError
            The folder exists, a format or layout is unknown, or its package is missing.
        """
        from pcbm.analysis.layouts import check_method

        names = [part.strip() for entry in layout or [] for part in entry.split(",")]
        names = list(dict.fromkeys(name for name in names if name))
        if names and folder is None:
            raise InputError("--layout draws pictures: add --figures DIR for them")
        for name in names:
            check_method(name)
        check_figures(folder, format_, force=force)
        return cls(folder, format_, force, names)

    def points(
        self,
        tables: Mapping[str, np.ndarray],
        y: np.ndarray | None,
        source: str,
        common: Common,
    ) -> list[Chart]:
        """Return a chart for each layout of tables on the same rows, with ``y`` as colours."""
        from pcbm.analysis.layouts import layouts
        from pcbm.report.plots.compared import points

        rows = _some_rows(len(next(iter(tables.values()))), common.seed)
        some = {name: table[rows] for name, table in tables.items()}
        charts = []
        for method in self.layouts:
            with common.progress(f"{method} of {source}") as progress:
                found = layouts(some, method, seed=common.seed, progress=progress)
            charts.append(points(found, method, source, None if y is None else y[rows]))
        return charts

    def write(self, charts: Sequence[Chart]) -> tuple[dict[str, Any] | None, list[Block]]:
        """Write the charts; return what JSON says of them, and the lines for a person."""
        from pcbm.report.plots import save_charts

        if self.folder is None:
            return None, []
        save_charts(charts, self.folder, format_=self.format_, force=self.force)
        files = [f"{chart.name}.{self.format_}" for chart in charts]
        document = {"folder": self.folder, "format": self.format_, "files": files}
        return document, [Line(f"wrote {', '.join(files)} to {self.folder}")]


def _some_rows(n: int, seed: int) -> np.ndarray:
    import numpy as np

    if n <= MOST_POINTS:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, 3]).permutation(n)[:MOST_POINTS])
