"""Where the commands of ``pcbm transfer`` write their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.options import GROUPS
from pcbm.cli.report_outputs import FigureFormatOption, check_figures

if TYPE_CHECKING:
    from pcbm.report.plots.chart import Chart

OUTPUT = "Figures"


@dataclass(frozen=True)
class FigureChoice:
    """Where figures go."""

    figures: Path | None
    figure_format: str
    force: bool

    def check(self) -> None:
        """Refuse figures that cannot be written, before any time is spent."""
        check_figures(self.figures, self.figure_format, force=self.force)

    def write(self, charts: Sequence[Chart]) -> dict[str, Any] | None:
        """Write figures where they were asked for; return what JSON says of them."""
        from pcbm.report.plots import save_charts

        if self.figures is None:
            return None
        save_charts(charts, self.figures, format_=self.figure_format, force=self.force)
        files = [f"{chart.name}.{self.figure_format}" for chart in charts]
        return {"folder": self.figures, "format": self.figure_format, "files": files}


def _figures(
    figures: Annotated[
        Path | None,
        typer.Option("--figures", metavar="DIR", help="Write the figures.", rich_help_panel=OUTPUT),
    ] = None,
    figure_format: FigureFormatOption = "svg",
    force: Annotated[
        bool, typer.Option("--force", help="Replace figures that exist.", rich_help_panel=OUTPUT)
    ] = False,
) -> FigureChoice:
    return FigureChoice(figures, figure_format, force)


GROUPS[FigureChoice] = _figures
