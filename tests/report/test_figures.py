"""Numbers are written one way, and marks in table cells stand where they belong."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcbm.report.figures import percent, points, signed, significant
from pcbm.report.meters import change, signed_bar
from pcbm.report.svg import count_ticks, element


@given(st.floats(0, 1e4))
def test_count_ticks_rise_and_stay_inside(high: float) -> None:
    ticks = count_ticks(high)
    assert ticks == sorted(set(ticks))
    assert ticks[-1] <= max(high, 0)


def test_text_and_attributes_are_escaped() -> None:
    drawn = element("g", element("title", "</title><script>"), class_='"><b>')
    assert "<script>" not in drawn
    assert '"><b>' not in drawn


@given(st.floats(-1.5, 1.5))
def test_a_bar_starts_in_the_middle_and_ends_at_its_share(share: float) -> None:
    found = re.search(r'class="(\w+)" x="([\d.]+)%" width="([\d.]+)%"', signed_bar(share))
    assert found is not None
    side, x, width = found.group(1), float(found.group(2)), float(found.group(3))
    assert width == pytest.approx(50 * min(abs(share), 1), abs=0.06)
    assert (x if side == "pos" else x + width) == pytest.approx(50, abs=0.11)
    assert side == ("neg" if share < 0 else "pos")


def test_a_change_goes_from_before_to_after() -> None:
    drawn = change(0.25, 0.75)
    assert 'cx="25.00%" cy="7" r="4" class="before"' in drawn
    assert 'cx="75.00%" cy="7" r="5.5" class="after"' in drawn
    assert "way up" in drawn


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
