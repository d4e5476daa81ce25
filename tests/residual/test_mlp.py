import numpy as np
import pytest
import torch

from pcbm.heads.datafits import Logistic
from pcbm.residual import MlpSettings, Reading, fit_residual, load_residual
from pcbm.residual.mlp import fit_mlp
from pcbm.residual.problem import offset_problem


@pytest.fixture(scope="module")
def ring():
    """Two classes that no line separates: inside and outside a circle."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    return X, np.where(np.square(X).sum(axis=1) > 1.4, "out", "in")


@pytest.fixture(scope="module")
def learnt(ring):
    """The ring, read on top of a head that says nothing."""
    return fit_residual(*ring, np.zeros((500, 1)), kind="mlp", family="binomial")


def problem_of(X, y, logits=None):
    reading = Reading.fit(X, ())
    logits = np.zeros((len(X), 1)) if logits is None else logits
    weight = np.ones(len(X))
    return offset_problem(reading.apply(X), y, logits, "binomial", weight, None), reading


def test_it_reads_what_no_linear_residual_can(ring, learnt):
    X, y = ring
    straight = fit_residual(X, y, np.zeros((500, 1)), kind="linear", family="binomial")
    right = {
        found.kind: ((found.decision(X)[:, 0] > 0) == (y == "out")).mean()
        for found in (straight, learnt)
    }
    assert right["linear"] < 0.6
    assert right["mlp"] > 0.95


def test_early_stopping_restores_the_best_weights(ring):
    X, y = ring
    flipped = np.random.default_rng(1).random(500) < 0.3
    y = np.where(flipped, np.where(y == "in", "out", "in"), y)
    problem, reading = problem_of(X, y)
    settings = MlpSettings(patience=6, learning_rate=0.02)
    found = fit_mlp(problem, reading, settings=settings, seed=3)
    best = int(np.argmin(found.losses))
    assert 0 < best == len(found.losses) - 1 - settings.patience
    judged = problem.parts(3)[1]
    rows = judged.Z * reading.scale + reading.mean
    assert judged.value(found.decision(rows)) == pytest.approx(min(found.losses), abs=1e-6)
    assert found.losses[-1] > min(found.losses) + 1e-4


def test_noise_alone_leaves_the_concept_model_as_it_is():
    """When no pass lowers the validation loss, the weights are those before training."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 30)), rng.integers(0, 2, 200)
    problem, reading = problem_of(X, y)
    found = fit_mlp(problem, reading, settings=MlpSettings(learning_rate=0.3), seed=0)
    assert found.record()["best_pass"] == 0
    np.testing.assert_array_equal(found.decision(X), np.zeros((200, 1)))


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before(ring):
    X, y = ring
    problem, reading = problem_of(X, y)
    settings = MlpSettings(epochs=4)
    first = fit_mlp(problem, reading, settings=settings, seed=5)
    state = torch.random.get_rng_state()
    threads = torch.get_num_threads()
    torch.manual_seed(99)
    second = fit_mlp(problem, reading, settings=settings, seed=5)
    for name, value in first.state()[0].items():
        np.testing.assert_array_equal(value, second.state()[0][name])
    assert torch.get_num_threads() == threads
    assert fit_mlp(problem, reading, settings=settings, seed=6).losses != first.losses
    torch.random.set_rng_state(state)


def test_what_the_head_knows_is_not_learnt_again(ring):
    X, y = ring
    flipped = np.random.default_rng(1).random(500) < 0.2
    seen = np.where(flipped, np.where(y == "in", "out", "in"), y)
    known = np.where(y == "out", np.log(4), -np.log(4))[:, None]  # the true log odds
    settings = {"kind": "mlp", "family": "binomial"}
    again = fit_residual(X, seen, known, **settings).decision(X)
    anew = fit_residual(X, seen, np.zeros((500, 1)), **settings).decision(X)
    against = fit_residual(X, seen, -known, **settings).decision(X)
    assert np.abs(again).mean() < 0.3 * np.abs(anew).mean()
    assert (against * np.sign(known)).mean() > np.log(4)  # back to even odds, and beyond


def test_a_stronger_decay_leaves_smaller_weights(ring, learnt):
    X, y = ring
    strong = fit_residual(
        X, y, np.zeros((500, 1)), kind="mlp", family="binomial", weight_decay=20.0
    )
    assert np.abs(strong.hidden_coef).mean() < 0.7 * np.abs(learnt.hidden_coef).mean()
    assert (strong.weight_decay, learnt.weight_decay) == (20.0, MlpSettings().weight_decay)


def test_rows_of_weight_zero_do_not_exist(ring):
    X, y = ring[0][:300], ring[1][:300]
    weight = np.ones(300)
    weight[200:] = 0
    y = y.copy()
    y[200:] = "elsewhere"
    settings = {"kind": "mlp", "family": "binomial"}
    weighted = fit_residual(X, y, np.zeros((300, 1)), sample_weight=weight, **settings)
    shorter = fit_residual(X[:200], y[:200], np.zeros((200, 1)), **settings)
    np.testing.assert_array_equal(weighted.hidden_coef, shorter.hidden_coef)


def test_heavy_rows_win(ring):
    """Two labels for the same rows: the heavier one is learnt."""
    X, y = ring
    both = np.vstack([X, X])
    labels = np.concatenate([y, np.where(y == "in", "out", "in")])
    weight = np.repeat([4.0, 1.0], 500)
    found = fit_residual(
        both, labels, np.zeros((1000, 1)), kind="mlp", family="binomial", sample_weight=weight
    )
    assert ((found.decision(X)[:, 0] > 0) == (y == "out")).mean() > 0.9


def test_a_batch_counts_rows_as_the_whole_does(ring):
    """The slopes of the batches add up to the slope of the mean loss."""
    X, y = ring
    problem, _ = problem_of(X, y)
    assert isinstance(problem.loss, Logistic)
    whole = problem.loss.evaluate(problem.offset).slope
    order = np.random.default_rng(0).permutation(500)
    for batch in np.array_split(order, 4):
        shares = problem.loss.weights[batch] * 500 / len(batch)
        slope = problem.loss.take(batch, shares).evaluate(problem.offset[:, batch]).slope
        np.testing.assert_allclose(slope * len(batch) / 500, whole[:, batch])


def test_it_is_stored_in_float32_and_read_back_the_same(ring, learnt):
    X, _ = ring
    again = load_residual(*learnt.state())
    np.testing.assert_array_equal(again.decision(X), learnt.decision(X))
    assert learnt.hidden_coef.dtype == np.float32
    assert again.losses == learnt.losses
    np.testing.assert_allclose(learnt.decision(X[:3]), learnt.decision(X)[:3], rtol=1e-12)
