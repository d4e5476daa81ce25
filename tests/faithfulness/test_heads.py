"""Checks that fit heads again: levels of NEC, hard concepts, stability, dropped concepts."""

from __future__ import annotations

import faithful_problems as problems
import numpy as np
import pytest

from pcbm.faithfulness import (
    FittedRows,
    JudgedRows,
    accuracy_at_nec,
    hard_concepts,
    rashomon,
    support_stability,
)
from pcbm.heads import elastic_net_path, standardise


def parts(
    X: np.ndarray, y: np.ndarray, lam: float = 0.02, family: str = "multinomial"
) -> tuple[FittedRows, JudgedRows]:
    """Return the first two thirds to fit on and the rest to judge on."""
    cut = 2 * len(X) // 3
    mean, scale = standardise(X[:cut])
    Z = (X - mean) / scale
    classes = None if family == "gaussian" else np.unique(y)
    return (
        FittedRows(Z[:cut], y[:cut], family, lam=lam),
        JudgedRows(Z[cut:], y[cut:], family, classes),
    )


class TestLevels:
    def test_full_levels_are_the_dense_head_and_small_ones_have_their_size(self) -> None:
        X, y = problems.problem(n=600, concepts=8)
        fitted, judged = parts(X, y)
        path = elastic_net_path(fitted.Z, fitted.y)
        head = fitted.fit()
        found = accuracy_at_nec(
            path, judged, fitted, head.coef, head.intercept, levels=(1, 2, 8, 20)
        )
        assert [level.nec for level in found.levels[:2]] == [1, 2]
        assert [level.reached for level in found.levels] == [True, True, path.nec.max() >= 8, False]
        last = int(path.nec.argmax())
        dense = judged.hits(path.coef(last), path.intercepts[last]).mean()
        assert found.levels[-1].truncated == pytest.approx(dense)
        assert found.own == judged.hits(head.coef, head.intercept).mean()
        mean = np.mean([level.truncated for level in found.levels])
        assert found.average["truncated"] == pytest.approx(mean)
        assert "not reached" in found.text

    def test_a_refit_repairs_a_head_whose_cut_coefficients_were_compensated(self) -> None:
        rng = np.random.default_rng(0)
        shared = rng.normal(size=600)
        X = np.column_stack([shared + 0.1 * rng.normal(size=600) for _ in range(6)])
        y = np.where(shared > 0.8, "rare", "common")
        fitted, judged = parts(X, y, family="binomial")
        path = elastic_net_path(fitted.Z, fitted.y, family="binomial", l1_ratio=0.01)
        found = accuracy_at_nec(
            path, judged, fitted, path.coef(-1), path.intercepts[-1], levels=(1,)
        )
        refit = found.levels[0].refit
        assert refit is not None
        assert refit > found.levels[0].truncated + 0.05
        alone = accuracy_at_nec(path, judged, None, path.coef(-1), path.intercepts[-1])
        assert alone.average["refit"] is None


class TestHardConcepts:
    def test_fires_when_the_class_lies_in_the_shade_of_a_score(self) -> None:
        rng = np.random.default_rng(0)
        X = rng.normal(size=(600, 4))
        y = np.where(X[:, 0] > 1.0, "high", "low")
        fitted, judged = parts(X, y, family="binomial")
        head = fitted.fit()
        found = hard_concepts(judged, fitted, head.coef, head.intercept, np.zeros(4), "median")
        assert found.interval[1] < 0
        assert found.difference == pytest.approx(found.hard - found.soft)
        assert "shades" in found.text

    def test_silent_when_the_class_is_a_function_of_presence(self) -> None:
        rng = np.random.default_rng(1)
        on = rng.integers(0, 2, (600, 4))
        X = 4.0 * on - 2 + 0.3 * rng.normal(size=on.shape)
        y = np.where(on[:, 0] + on[:, 1] > 0, "some", "none")
        fitted, judged = parts(X, y, family="binomial")
        head = fitted.fit()
        found = hard_concepts(judged, fitted, head.coef, head.intercept, np.zeros(4), "boundary")
        assert found.interval[0] <= 0 <= found.interval[1]
        assert found.nec == (np.abs(head.coef) > 1e-5).sum()
        assert found.constant == 0

    def test_concepts_on_one_side_of_the_threshold_are_counted(self) -> None:
        X, y = problems.problem(n=600)
        y[:400] = np.where(np.arange(400) < 9, y[:400], "cow")
        fitted, judged = parts(X, y)
        head = fitted.fit()
        cut = np.full(8, 100.0)
        found = hard_concepts(judged, fitted, head.coef, head.intercept, cut, "boundary")
        assert found.constant == np.abs(head.coef).max(axis=0).astype(bool).sum()
        assert found.hard == (y[400:] == "cow").mean()


class TestStability:
    names = (["ant", "bee", "cow"], [f"c{j}" for j in range(8)])

    def test_equal_bootstraps_agree_wholly(self) -> None:
        fitted, _ = parts(*problems.problem())
        found = support_stability(fitted, *self.names, draws=[np.ones(len(fitted.y))] * 3)
        assert (found.jaccard, found.to_reference) == (1.0, 1.0)
        assert found.always == found.ever
        assert {choice.frequency for choice in found.choices} == {1.0}
        assert set(found.per_row.values()) == {1.0}

    def test_twin_concepts_are_chosen_by_chance(self) -> None:
        rng = np.random.default_rng(0)
        X, y = problems.problem(n=300)
        twins = np.hstack([X[:, :3] + 0.7 * rng.normal(size=(300, 3)) for _ in range(8)])
        names = (self.names[0], [f"c{j}" for j in range(24)])
        shaky = support_stability(parts(twins, y, lam=0.05)[0], *names, repeats=6)
        steady = support_stability(parts(X, y, lam=0.1)[0], *self.names, repeats=6)
        assert shaky.jaccard < 0.7 < steady.jaccard
        assert steady.jaccard > steady.chance
        assert min(c.frequency for c in shaky.choices) < 1

    def test_the_seed_decides_and_a_cut_is_kept(self) -> None:
        fitted, _ = parts(*problems.problem(n=150))
        runs = [support_stability(fitted, *self.names, repeats=3, seed=s) for s in (0, 0, 1)]
        assert runs[0] == runs[1] != runs[2]
        cut = support_stability(fitted, *self.names, repeats=3, keep=3)
        assert cut.nec == (1.0, 1.0)


class TestRashomon:
    def test_a_concept_with_a_twin_can_go_and_one_without_cannot(self) -> None:
        rng = np.random.default_rng(0)
        signal = rng.normal(size=1500)
        y = np.where(signal > 0, "up", "down")
        noise = 0.02 * rng.normal(size=(1500, 4))
        twins = np.column_stack([signal + noise[:, 0], signal + noise[:, 1], rng.normal(size=1500)])
        alone = np.column_stack([signal + noise[:, 0], rng.normal(size=(1500, 2))])
        names = ["a", "b", "c"]
        fitted, judged = parts(twins, y, family="binomial")
        spared = rashomon(judged, fitted, ["up"], names, tolerance=0.03)
        assert spared.singles[0].near_equal
        assert sum(drop.near_equal for drop in spared.in_turn) == 1
        assert spared.in_turn[1].concepts[0] in ("a", "b")
        fitted, judged = parts(alone, y, family="binomial")
        needed = rashomon(judged, fitted, ["up"], names, tolerance=0.03)
        assert not needed.singles[0].near_equal
        assert needed.singles[0].concepts == ("a",)
        assert needed.singles[0].interval[1] < -0.3
        assert len(needed.in_turn) == 1

    def test_the_strongest_of_each_row_is_dropped_once(self) -> None:
        X, y = problems.problem(n=600)
        fitted, judged = parts(X, y)
        found = rashomon(judged, fitted, ["ant", "bee", "cow"], [f"c{j}" for j in range(8)])
        assert {drop.concepts for drop in found.singles} == {("c0",), ("c1",), ("c2",)}
        owners = {drop.concepts[0]: drop.for_rows for drop in found.singles}
        assert owners == {"c0": ("ant",), "c1": ("bee",), "c2": ("cow",)}

    def test_an_empty_head_has_nothing_to_drop(self) -> None:
        fitted, judged = parts(*problems.problem(), lam=10.0)
        found = rashomon(judged, fitted, ["ant", "bee", "cow"], [f"c{j}" for j in range(8)])
        assert (found.singles, found.in_turn) == ((), ())
        assert "uses no concept" in found.text
