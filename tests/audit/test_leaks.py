"""The AUC within the classes: what it is, that it fires, and that it stays silent."""

from __future__ import annotations

import numpy as np
import pytest
from cued import draw
from scipy.stats import kendalltau
from sklearn.metrics import roc_auc_score

from pcbm.audit import within_class_auc
from pcbm.errors import InputError


def test_it_is_the_mean_auc_of_the_classes_weighted_by_their_pairs() -> None:
    rows = draw(300)
    margin = rows.X[:, 0] + 0.3 * rows.present
    found = within_class_auc(margin, rows.present, rows.y)["toward"]["margin"]
    parts, weights = {}, []
    for name in ("cat", "dog"):
        inside = rows.y == name
        parts[name] = roc_auc_score(rows.present[inside], margin[inside])
        weights.append(rows.present[inside].sum() * (~rows.present[inside]).sum())
    assert found["by_class"] == pytest.approx(parts)
    assert found["auc"] == pytest.approx(np.average(list(parts.values()), weights=weights))


def test_scores_are_compared_by_concordance() -> None:
    rows = draw(200)
    found = within_class_auc(rows.X[:, 0], rows.X[:, 3], rows.y, repeats=9)
    tau = {n: kendalltau(rows.X[rows.y == n, 0], rows.X[rows.y == n, 3])[0] for n in rows.y}
    assert found["continuous"]
    wanted = {name: (1 + value) / 2 for name, value in tau.items()}
    assert found["toward"]["margin"]["by_class"] == pytest.approx(wanted)


def test_a_clean_margin_is_not_accused_though_the_cue_is_tied_to_the_class() -> None:
    p_values = []
    for seed in range(60):
        rows = draw(200, tied=0.9, seed=seed)
        clean = rows.X[:, 0]
        assert roc_auc_score(rows.present, clean) > 0.75  # without the classes it would be
        found = within_class_auc(clean, rows.present, rows.y, repeats=99, seed=seed)
        p_values.append(found["p_value"])
    # Under the null P(p <= .05) = .05: of 60, more than 8 come by chance once in a hundred times.
    assert np.mean(np.array(p_values) <= 0.05) <= 8 / 60
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_margin_that_follows_or_avoids_the_cue_is_found(continuous: bool, sign: int) -> None:
    rows = draw(400)
    margin = rows.X[:, 0] + sign * 1.0 * (2 * rows.present - 1)
    concept = rows.X[:, 1] if continuous else rows.present
    found = within_class_auc(margin, concept, rows.y, repeats=99)
    assert found["p_value"] <= 0.02
    assert sign * (found["toward"]["margin"]["auc"] - 0.5) > 0.05
    low, high = found["toward"]["margin"]["null"]
    assert low < 0.5 < high


def test_many_classes_find_nothing_by_being_many() -> None:
    rng = np.random.default_rng(0)
    y, present = np.arange(600) % 6, rng.random(600) < 0.5
    names = [str(j) for j in range(12)]
    found = within_class_auc(rng.normal(size=(600, 12)), present, y, names=names)
    least = min(row["p_value"] for row in found["toward"].values())
    assert found["p_value"] > least
    assert found["p_value"] > 0.05


def test_a_constant_margin_tells_nothing_and_a_seed_repeats() -> None:
    rows = draw(120)
    for concept in (rows.present, rows.X[:, 1]):
        found = within_class_auc(np.zeros(120), concept, rows.y, repeats=19)
        assert (found["toward"]["margin"]["auc"], found["p_value"]) == (0.5, 1.0)
    one, other = (within_class_auc(rows.X[:, 0], rows.present, rows.y, seed=s) for s in (0, 0))
    assert one == other


def test_classes_in_which_the_concept_does_not_vary_are_named_or_refused() -> None:
    rows = draw(120)
    only = rows.present & (rows.y == "dog")
    assert within_class_auc(rows.X[:, 0], only, rows.y)["left_out"] == ["cat"]
    with pytest.raises(InputError, match="the same in all rows of each class"):
        within_class_auc(rows.X[:, 0], rows.y == "dog", rows.y)
    with pytest.raises(InputError, match="give one each"):
        within_class_auc(rows.X[:, 0], rows.present[:-1], rows.y)
