"""Charts of studies of weights are written even where a loss was not finite."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pcbm.analysis.transfer.barrier import Barrier, Curve
from pcbm.analysis.transfer.basin import Basin, Check
from pcbm.report.plots import save_charts
from pcbm.report.plots.landscapes import barrier_chart, basin_chart


def test_infinite_losses_leave_gaps(tmp_path: Path) -> None:
    t = np.linspace(0, 1, 3)
    curve = Curve(t, np.array([1.0, np.inf, 2.0]), np.array([0.5, 0.1, 0.5]))
    barrier = barrier_chart(Barrier("a", "b", 4, 0, curve, None, "none").data())
    assert barrier.data["panels"][0]["series"][0]["values"] == [1.0, None, 2.0]
    checks = [Check(name, value, 0.1, 0.2, None) for name, value in (
        ("flat", 0.1), ("around", np.inf), ("beyond", np.nan))]  # fmt: skip
    basin = basin_chart(Basin(0.1, 1.0, 0.5, 0.1, tuple(checks), 2, 3, 10, 0).data())
    assert [row["values"][0] for row in basin.data["rows"]] == [0.1, 0.2, None, 0.2, None, 0.2]
    save_charts([barrier, basin], tmp_path / "figures", format_="svg")
    assert len(list((tmp_path / "figures").iterdir())) == 3
