"""What a report says of stated probabilities."""

from __future__ import annotations

import pytest

from pcbm.report.evaluation import calibration


@pytest.mark.parametrize(
    ("confidence", "n", "words"),
    [
        (0.95, 400, "so it is too sure"),
        (0.80, 400, "so it is not sure enough"),
        (0.91, 400, "no further apart than chance allows"),
        (0.95, 20, "no further apart than chance allows"),
    ],
)
def test_a_model_is_called_too_sure_only_beyond_chance(confidence, n, words):
    record = {
        "calibration": {
            "bins": [],
            "n_bins": 15,
            "ece": 0.01,
            "confidence": confidence,
            "share": 0.9,
            "n": n,
            "of": "top class",
        }
    }
    assert calibration(record)["verdict"] == words
