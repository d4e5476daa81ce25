from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.svm import SVC, LinearSVC

from pcbm.concepts import (
    Cav,
    ConceptBank,
    fit_cav,
    fit_cavs,
    fit_cavs_of_rows,
    held_out_examples,
)
from pcbm.concepts.learners import LEARNERS, PENALTIES
from pcbm.errors import InputError

TRUTH = np.array([3.0, -1.0, 0.5, 0.0, 2.0, 0.0, 0.0, 1.0])
TRUTH /= np.linalg.norm(TRUTH)


def clouds(
    direction: np.ndarray, shift: float, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return positives and negatives: two Gaussian clouds, ``shift`` apart on a unit direction."""
    rng = np.random.default_rng(seed)
    positives = rng.standard_normal((count, len(direction))) + shift * direction
    return positives, rng.standard_normal((count, len(direction)))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def test_the_direction_and_boundary_of_two_clouds_are_found() -> None:
    positives, negatives = clouds(TRUTH, 3.0, 400, seed=0)
    cav = fit_cav(positives, negatives)
    assert cosine(cav.vector, TRUTH) > 0.98
    # The best boundary between equal clouds lies half way, at 1.5 along the truth.
    assert -cav.intercept / np.linalg.norm(cav.vector) == pytest.approx(1.5, abs=0.15)
    assert cav.stats["auc"] > 0.97 and cav.stats["accuracy"] > 0.9 and cav.notes == []
    assert cav.stats["margin_positive_mean"] == pytest.approx(1.5, abs=0.3)
    assert cav.stats["margin_negative_mean"] == pytest.approx(-1.5, abs=0.3)
    assert cav.stats["margin_positive_std"] == pytest.approx(1.0, abs=0.2)


def test_a_noisy_half_space_is_found_under_unequal_variances() -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((3000, 8)) / np.sqrt(1 + np.arange(8))
    labels = X @ TRUTH + 0.1 * rng.standard_normal(3000) > 0.2
    cav = fit_cav(X[labels], X[~labels])
    assert cosine(cav.vector, TRUTH) > 0.98
    assert cav.stats["C"] > PENALTIES[0], "the mean difference alone points elsewhere"


def test_reported_figures_are_those_of_rows_that_the_probe_never_saw() -> None:
    positives, negatives = clouds(TRUTH, 1.2, 150, seed=2)
    negatives = negatives[:90]
    cav = fit_cav(positives, negatives, seed=5)
    kept_positive, kept_negative = held_out_examples(positives, negatives, seed=5)
    X = np.concatenate([positives[kept_positive], negatives[kept_negative]])
    y = np.repeat([1, 0], [len(kept_positive), len(kept_negative)])
    margins = (X @ cav.vector + cav.intercept) / np.linalg.norm(cav.vector)
    assert cav.stats["n_held_out"] == len(y) == 48 and cav.stats["n_train"] == 240 - 48
    assert cav.stats["auc"] == pytest.approx(roc_auc_score(y, margins), abs=1e-12)
    assert cav.stats["accuracy"] == np.mean((margins > 0) == y)
    assert cav.stats["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, margins > 0))
    assert cav.stats["margin_positive_mean"] == pytest.approx(margins[y == 1].mean())
    assert cav.stats["margin_positive_std"] == pytest.approx(margins[y == 1].std())
    assert cav.stats["margin_negative_mean"] == pytest.approx(margins[y == 0].mean())
    assert cav.stats["margin_negative_std"] == pytest.approx(margins[y == 0].std())


def training_rows(positives, negatives, seed):
    kept = held_out_examples(positives, negatives, seed=seed)
    parts = [
        np.delete(side, rows, axis=0)
        for side, rows in zip((positives, negatives), kept, strict=True)
    ]
    return np.concatenate(parts), np.repeat([1, 0], [len(part) for part in parts])


def reference(learner, X, y, C):
    """Return direction and intercept of scikit-learn's estimator with the stated settings."""
    mean = X.mean(axis=0)
    spread = np.sqrt(((X - mean) ** 2).sum(axis=1).mean())
    Z, each = (X - mean) / spread, C / len(X)
    if learner == "paper":
        machine = SVC(C=C, kernel="linear", tol=1e-6).fit(X, y)
        return machine.coef_[0], machine.intercept_[0]
    if learner == "svm":
        machine = SVC(C=each, kernel="linear", class_weight="balanced", tol=1e-6).fit(Z, y)
    elif learner == "squared_hinge":
        machine = LinearSVC(C=each, dual=False, class_weight="balanced", intercept_scaling=10.0)
        machine.fit(Z, y)
    else:
        weights = len(X) / (2 * np.bincount(y)[y])
        machine = Ridge(alpha=1 / (2 * each)).fit(Z, 2 * y - 1, sample_weight=weights)
    w, b = np.ravel(machine.coef_) / spread, float(np.ravel(machine.intercept_)[0])
    return w, b - w @ mean


def balanced_loss(cav, X, y):
    losses = np.maximum(0, 1 - np.where(y == 1, 1, -1) * (X @ cav.vector + cav.intercept))
    return (losses[y == 1].mean() + losses[y == 0].mean()) / 2


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("width", [8, 300])
def test_the_vector_is_the_stated_machine_on_the_training_rows_alone(learner, width) -> None:
    positives, negatives = (
        np.pad(side, ((0, 0), (0, width - 8))) + 0.3 * np.random.default_rng(0).random(width)
        for side in clouds(TRUTH, 1.0, 60, seed=3)
    )
    cav = fit_cav(positives, negatives[:40], seed=1, learner=learner)
    X, y = training_rows(positives, negatives[:40], seed=1)
    w, b = reference(learner, X, y, cav.stats["C"])
    assert cav.stats["learner"] == learner and cav.stats["converged"]
    assert cav.stats["C"] in LEARNERS[learner].penalties
    assert cosine(cav.vector, w) > 1 - 1e-6
    assert np.linalg.norm(cav.vector) == pytest.approx(np.linalg.norm(w), rel=1e-3)
    centre = X.mean(axis=0)
    if learner != "svm":
        assert cav.vector @ centre + cav.intercept == pytest.approx(w @ centre + b, abs=2e-3)
    else:  # where C is small, other intercepts are as good
        assert balanced_loss(cav, X, y) <= balanced_loss(Cav(w, b, {}, []), X, y) + 1e-4
    if learner in ("svm", "paper"):
        assert 0 <= cav.stats["gap"] < 1e-3
    else:
        assert cav.stats["gap"] is None


def test_the_penalty_is_the_best_of_those_tried_on_other_rows() -> None:
    positives, negatives = clouds(TRUTH, 1.0, 60, seed=3)
    chosen = fit_cav(positives, negatives, seed=1)
    X, y = training_rows(positives, negatives, seed=1)
    again = fit_cav(positives, negatives, seed=1, penalty=chosen.stats["C"])
    assert np.array_equal(again.vector, chosen.vector)
    assert again.stats == {**chosen.stats, "cv_auc": None}
    other = fit_cav(positives, negatives, seed=1, penalty=3.5)
    assert other.stats["C"] == 3.5
    assert cosine(other.vector, reference("svm", X, y, 3.5)[0]) > 1 - 1e-6


@pytest.mark.parametrize("learner", LEARNERS)
def test_threads_and_company_do_not_change_a_byte(learner) -> None:
    examples = {f"c{i}": clouds(np.eye(60)[i], 2.0, 25 + i, seed=i) for i in range(7)}
    one = fit_cavs(examples, learner=learner, threads=1)
    four = fit_cavs(dict(reversed(examples.items())), learner=learner, threads=4)
    assert list(four) == list(one)[::-1]
    for name, cav in one.items():
        alone = fit_cav(*examples[name], name=name, learner=learner)
        for other in (four[name], alone):
            assert cav.vector.tobytes() == other.vector.tobytes()
            assert (cav.intercept, cav.stats, cav.notes) == (
                other.intercept,
                other.stats,
                other.notes,
            )


def test_rows_of_one_table_give_the_same_as_their_copies() -> None:
    X = np.concatenate([*clouds(TRUTH, 2.0, 60, seed=0), clouds(TRUTH, 2.0, 5, seed=1)[0]])
    X[100:110] = X[:10]  # the same inputs, on the other side
    rng = np.random.default_rng(0)
    order = rng.permutation(len(X))
    rows = {"a": (np.arange(60), np.arange(60, 120)), "b": (order[:50], order[50:90])}
    seen: list[tuple[int, int]] = []
    of_rows = fit_cavs_of_rows(X, rows, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
    for name, (positives, negatives) in rows.items():
        alone = fit_cav(X[positives], X[negatives], name=name)
        assert np.array_equal(of_rows[name].vector, alone.vector)
        assert of_rows[name].stats == alone.stats and of_rows[name].notes == alone.notes
    assert "20 rows are inputs given both" in of_rows["a"].notes[0]
    X[119, 0] = np.nan
    with pytest.raises(InputError, match="row 59 of the negative examples of concept 'a'"):
        fit_cavs_of_rows(X, rows)


def test_learners_are_named_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = clouds(TRUTH, 1.0, 30, seed=0)
    with pytest.raises(InputError, match=r"no learner 'svn': did you mean 'svm'\?"):
        fit_cav(*pair, learner="svn")
    for penalty in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(InputError, match="the penalty C is"):
            fit_cav(*pair, penalty=penalty)
    monkeypatch.setattr("pcbm.concepts.learners.GRAM_ROWS", 40)
    with pytest.raises(InputError, match="'concept' has 48 training rows and this learner takes"):
        fit_cav(*pair)
    assert fit_cav(*pair, learner="squared_hinge").stats["n_train"] == 48


def test_changing_held_out_rows_does_not_change_the_vector() -> None:
    positives, negatives = clouds(TRUTH, 1.0, 60, seed=4)
    before = fit_cav(positives, negatives)
    kept_positive, kept_negative = held_out_examples(positives, negatives)
    rng = np.random.default_rng(0)
    positives, negatives = positives.copy(), negatives.copy()
    positives[kept_positive] = rng.standard_normal((len(kept_positive), 8)) * 5
    negatives[kept_negative] = rng.standard_normal((len(kept_negative), 8)) * 5
    after = fit_cav(positives, negatives)
    assert np.array_equal(before.vector, after.vector) and before.intercept == after.intercept
    assert before.stats["C"] == after.stats["C"] and before.stats["auc"] != after.stats["auc"]


def test_random_labels_with_every_row_doubled_do_not_look_learnable() -> None:
    rng = np.random.default_rng(6)
    positives, negatives = rng.standard_normal((2, 60, 200))
    doubled = fit_cav(np.tile(positives, (2, 1)), np.tile(negatives, (2, 1)))
    assert doubled.stats["train_accuracy"] > 0.95
    assert doubled.stats["auc"] < 0.75, "copies on both sides of the split would give nearly 1"
    assert doubled.stats["n_held_out"] == 48
    assert "near chance" in doubled.notes[0] or "cannot be told from" in doubled.notes[0]


def test_rotating_scaling_and_shifting_activations_does_so_to_the_vector() -> None:
    positives, negatives = clouds(TRUTH, 1.5, 80, seed=7)
    plain = fit_cav(positives, negatives)
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0]
    moved = fit_cav(100 * positives @ Q + 7, 100 * negatives @ Q + 7)
    assert cosine(moved.vector, plain.vector @ Q) > 1 - 1e-6
    assert moved.stats["C"] == plain.stats["C"] and moved.stats["auc"] == plain.stats["auc"]
    assert moved.stats["margin_positive_mean"] == pytest.approx(
        100 * plain.stats["margin_positive_mean"], rel=1e-3
    )


def test_fewer_rows_than_dimensions_give_the_same_vector_as_padding_with_zeros() -> None:
    positives, negatives = clouds(TRUTH, 2.0, 30, seed=8)
    wide = [np.pad(side, ((0, 0), (0, 400))) for side in (positives, negatives)]
    small, large = fit_cav(positives, negatives), fit_cav(*wide)
    assert np.allclose(large.vector[:8], small.vector, rtol=1e-3, atol=1e-4)
    assert np.abs(large.vector[8:]).max() < 1e-9 and large.stats["C"] == small.stats["C"]


def test_unbalanced_sides_weigh_equally() -> None:
    positives, negatives = clouds(TRUTH, 3.0, 2000, seed=9)
    cav = fit_cav(positives[:100], negatives)
    assert -cav.intercept / np.linalg.norm(cav.vector) == pytest.approx(1.5, abs=0.3)
    assert cav.stats["balanced_accuracy"] > 0.85


def test_the_seed_decides_and_the_order_of_concepts_does_not() -> None:
    examples = {f"c{i}": clouds(TRUTH, 1.0, 40, seed=i) for i in range(3)}
    one = ConceptBank.from_examples(examples, seed=3)
    two = ConceptBank.from_examples(dict(reversed(examples.items())), seed=3)
    assert np.array_equal(one.vectors, two.vectors[::-1]) and one.stats == two.stats
    other = ConceptBank.from_examples(examples, seed=4)
    assert not np.array_equal(one.vectors, other.vectors)


def test_a_bank_of_examples_says_how_it_was_made() -> None:
    record = {"spec": "x:y", "fingerprint": "abc"}
    few = clouds(TRUTH, 6.0, 5, seed=0)
    bank = ConceptBank.from_examples(
        {"plenty": clouds(TRUTH, 3.0, 50, seed=0), "few": few}, record=record, seed=2
    )
    assert bank.names == ["plenty", "few"] and bank.source == "cav" and bank.fingerprint == "abc"
    assert bank.extra["probe"] == {
        "learner": "svm",
        "penalty": None,
        "held_out": 0.2,
        "seed": 2,
    }
    assert bank.stats["plenty"]["n_positive"] == 50 and bank.stats["plenty"]["C"] in PENALTIES
    assert all(note.startswith("concept 'few': ") for note in bank.notes)
    assert any("only 5 different examples" in note for note in bank.notes)


def test_two_examples_a_side_work_without_choosing_a_penalty() -> None:
    cav = fit_cav([[1.0, 0], [1, 0.1]], [[0.0, 0], [0, 0.1]])
    assert cav.stats["cv_auc"] is None and cav.stats["n_held_out"] == 2
    assert cosine(cav.vector, np.array([1.0, 0.0])) > 0.95
    assert (
        "only 2 different examples" in cav.notes[0]
        and "on only 1 + 1 examples cannot be told" in cav.notes[1]
    )


def test_a_probe_without_signal_on_many_examples_is_called_near_chance() -> None:
    positives, negatives = np.random.default_rng(2).standard_normal((2, 400, 5))
    cav = fit_cav(positives, negatives)
    assert cav.stats["auc"] < 0.6
    assert cav.notes == [
        f"concept 'concept': held-out AUC {cav.stats['auc']:.2f} is near chance; "
        "the direction may not mean it"
    ]


def test_inputs_on_both_sides_are_left_out_and_told() -> None:
    positives, negatives = clouds(TRUTH, 3.0, 40, seed=1)
    cav = fit_cav(np.concatenate([positives, negatives[:4]]), negatives)
    assert cav.stats["n_positive"] == 40 and cav.stats["n_negative"] == 36
    assert cav.notes == [
        "concept 'concept': 8 rows are inputs given both as positive and as negative; left out"
    ]


GOOD = np.random.default_rng(0).standard_normal((6, 3))
OTHER = np.random.default_rng(1).standard_normal((6, 3))


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ((GOOD[:1], OTHER), "'dots' has 1 different positive example(s)"),
        ((GOOD, OTHER[:1]), "'dots' has 1 different negative example(s)"),
        ((GOOD[[0, 0, 0]], OTHER), "'dots' has 1 different positive example(s)"),
        ((GOOD, GOOD), "'dots' has 0 different positive example(s) that the other side has not"),
        ((GOOD[:0], OTHER), "'dots' has 0 different positive example(s)"),
        ((GOOD * [1, np.nan, 1], OTHER), "row 0 of the positive examples of concept 'dots'"),
        ((GOOD, OTHER * [1, np.inf, 1]), "row 0 of the negative examples of concept 'dots'"),
        ((GOOD, OTHER[:, :2]), "positives with 3 columns and negatives with 2"),
        ((GOOD[0], OTHER), "positive examples of concept 'dots' have shape (3,), expected (n, d)"),
        (([["a"]], OTHER), "positive examples of concept 'dots' are no array of numbers"),
        (GOOD, "'dots' are no pair: give (positives, negatives)"),
    ],
)
def test_examples_that_give_no_probe_are_refused(pair, message) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        ConceptBank.from_examples({"dots": pair})
    assert "\n" not in str(caught.value)


def test_concepts_of_other_widths_and_senseless_shares_are_refused() -> None:
    with pytest.raises(InputError, match="'b' have 2 columns and those of 'a' 3"):
        ConceptBank.from_examples({"a": (GOOD, OTHER), "b": (GOOD[:, :2], OTHER[:, :2])})
    for share in (0.0, 0.7, -1.0):
        with pytest.raises(InputError, match="held_out is"):
            ConceptBank.from_examples({"a": (GOOD, OTHER)}, held_out=share)
    with pytest.raises(InputError, match="no concepts were given"):
        ConceptBank.from_examples({})
