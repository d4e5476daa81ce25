"""Charts put numbers where they belong, and escape what they are given."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcbm.report.charts import path_chart, strip
from pcbm.report.figures import percent, points, signed, significant
from pcbm.report.svg import Across, Up, count_ticks, element, nice_ticks, text


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-6, 1e6),
)
def test_ticks_are_even_and_cover_the_data(low: float, width: float) -> None:
    ticks = nice_ticks(low, low + width)
    assert ticks[0] <= low + 1e-6 * width + 1e-9 * abs(low)
    assert ticks[-1] >= low + width - 1e-6 * width - 1e-9 * abs(low)
    assert 2 <= len(ticks) <= 8


@given(st.floats(0, 1e4))
def test_count_ticks_rise_and_stay_inside(high: float) -> None:
    ticks = count_ticks(high)
    assert ticks == sorted(set(ticks))
    assert ticks[-1] <= max(high, 0)


def test_scales_map_the_ends_to_the_ends_and_clip() -> None:
    across, up = Across(0.2, 0.6), Up(0.2, 0.6, 100.0, 10.0)
    assert [across(v) for v in (0.2, 0.4, 0.6, 9.0, -9.0)] == ["0%", "50%", "100%", "100%", "0%"]
    assert [up(v) for v in (0.2, 0.6, 9.0)] == [100.0, 10.0, 10.0]


def test_text_and_attributes_are_escaped() -> None:
    drawn = element("g", text("0%", 0, "</text><script>", "a"), class_='"><b>')
    assert "<script>" not in drawn
    assert '"><b>' not in drawn


def test_the_chosen_point_is_marked_at_its_place() -> None:
    path = [{"nec": 0.0, "accuracy": 0.2}, {"nec": 3.0, "accuracy": 0.8}]
    chart = path_chart(path, "accuracy", nec=3.0, test=0.6, random=None, levels={})
    (x, y) = re.search(
        r'<circle cx="([^"]+)" cy="([^"]+)" r="5.5" class="mark model"', chart
    ).groups()
    ticks = nice_ticks(0.2, 0.8)
    assert x == "100%"
    assert float(y) == pytest.approx(Up(ticks[0], ticks[-1], 256.0, 22.0)(0.6), abs=0.01)
    assert "chosen: NEC 3" in chart


def test_single_repeats_are_drawn() -> None:
    drawn = strip(Across(0, 1), "random", value=0.5, class_="random", values=[0.4, 0.5, 0.6])
    assert drawn.count('class="repeat random"') == 3


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (percent(0.0), "0.0%"),
        (points(-0.00001), "0.0"),
        (points(-0.1234), "−12.3"),
        (signed(-1.5, 2), "−1.50"),
        (signed(None), "not measured"),
        (significant(0.0), "0"),
        (significant(1234.6), "1,230"),
        (significant(999.7), "1,000"),
    ],
)
def test_figures_are_written_one_way(shown: str, text: str) -> None:
    assert shown == text
