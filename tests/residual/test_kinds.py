import numpy as np
import pytest

import pcbm
from pcbm import PostHocCBM, PostHocCBMRegressor
from pcbm.concepts import ConceptBank
from pcbm.errors import InputError
from pcbm.residual import RESIDUALS, LinearResidual, Reading, fit_residual, load_residual

KINDS = RESIDUALS[1:]
LINEAR = ("linear", "orthogonal", "erase")


def hybrid(bank, X, y, kind, **settings):
    return PostHocCBM(bank, lam=0.02, n_lams=5, residual=kind, **settings).fit(X, y)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_leaves_the_head_and_adds_to_its_logits(mixed, bank, kind):
    X, y = mixed
    plain, model = hybrid(bank, X, y, "none"), hybrid(bank, X, y, kind)
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    np.testing.assert_array_equal(model.intercept_, plain.intercept_)
    added = model.residual_.decision(X)
    np.testing.assert_array_equal(model.decision_function(X), plain.decision_function(X) + added)
    codes = np.unique(y, return_inverse=True)[1], np.arange(len(y))
    likelihood = [np.log(m.predict_proba(X)[codes[::-1]]).mean() for m in (model, plain)]
    assert likelihood[0] > likelihood[1] + 0.05
    assert model.residual_.record()["kind"] == kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_keeps_every_kind_and_writes_the_same_bytes(mixed, bank, kind, tmp_path):
    X, y = mixed
    models = [hybrid(bank, X, y, kind, random_state=1) for _ in "ab"]
    for model, name in zip(models, "ab", strict=True):
        model.save(tmp_path / name)
    again = pcbm.load(tmp_path / "a")
    again.save(tmp_path / "c")
    np.testing.assert_array_equal(again.predict_proba(X), models[0].predict_proba(X))
    contents = {(tmp_path / name / "model.safetensors").read_bytes() for name in "abc"}
    assert len(contents) == 1
    assert again.residual_.record() == models[0].residual_.record()


@pytest.mark.parametrize("rows", [2, 3])
def test_a_residual_of_zero_is_the_concept_model_to_the_bit(mixed, bank, rows):
    X, y = mixed
    if rows == 2:
        y = np.where(y == "a", "a", "b")
    plain = hybrid(bank, X, y, "none")
    reading = Reading.fit(X, ())
    nothing = LinearResidual(
        np.zeros((len(plain.coef_), 8)), np.zeros(len(plain.coef_)), reading, 1.0
    )
    model = plain.with_residual(nothing)
    assert (model.predict_proba(X) == plain.predict_proba(X)).all()
    assert (model.decision_function(X) == plain.decision_function(X)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_two_classes_have_one_row_and_the_concept_path_never_cancels(mixed, bank, kind):
    """Two softmax rows that share one residual row would take the concepts out of the sum."""
    X, y = mixed
    y = np.where(y == "a", "no", "yes")
    model = hybrid(bank, X, y, kind)
    concept, added = model.without_residual(), model.residual_.decision(X)
    assert added.shape == (300, 1)
    total = concept.decision_function(X) + added[:, 0]
    np.testing.assert_array_equal(model.decision_function(X), total)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-total)))
    np.testing.assert_array_equal(model.predict(X), np.where(total > 0, "yes", "no"))
    moved = X + 2.0 * bank.vectors[0]
    change = model.decision_function(moved) - model.decision_function(X)
    concepts = concept.decision_function(moved) - concept.decision_function(X)
    rest = (model.residual_.decision(moved) - added)[:, 0]
    assert np.abs(concepts).min() > 0.01
    np.testing.assert_allclose(change, concepts + rest, atol=1e-9)
    parts = model.explain(X)
    np.testing.assert_array_equal(parts.residual, added[:, 0])
    assert (parts.toward == 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_swapping_the_names_of_two_classes_turns_the_sign(mixed, bank, kind):
    X, y = mixed
    first = hybrid(bank, X, np.where(y == "a", "a", "b"), kind).residual_.decision(X)
    second = hybrid(bank, X, np.where(y == "a", "b", "a"), kind).residual_.decision(X)
    assert np.corrcoef(first[:, 0], second[:, 0])[0, 1] < -0.95


@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_a_column_of_labels_is_one_label_a_row(mixed, bank):
    X, y = mixed
    flat, column = hybrid(bank, X, y, "linear"), hybrid(bank, X, y[:, None], "linear")
    np.testing.assert_array_equal(column.residual_.coef, flat.residual_.coef)
    with pytest.raises(InputError, match=r"y has shape \(300, 2\): .* takes one label a row"):
        fit_residual(X, np.column_stack([y, y]), np.zeros((300, 3)), family="multinomial")


@pytest.mark.parametrize("kind", KINDS)
def test_multilabel_residuals_add_a_row_for_each_label(mixed, bank, kind):
    X, y = mixed
    Y = np.column_stack([y == "a", X[:, 0] > 0]).astype(int)
    model = hybrid(bank, X, Y, kind)
    plain = model.without_residual()
    np.testing.assert_array_equal(
        model.decision_function(X), plain.decision_function(X) + model.residual_.decision(X)
    )
    assert (model.predict(X) == Y).mean() > (plain.predict(X) == Y).mean()


@pytest.mark.parametrize("unit", [2.0**-20, 2.0**20])
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_fitted_alike_in_every_unit(mixed, bank, kind, unit):
    X, _ = mixed
    rng = np.random.default_rng(0)
    y = np.tanh(X[:, 0]) + X[:, 5] + 0.1 * rng.normal(size=300)
    one, scaled = (
        PostHocCBMRegressor(bank, lam=0.01 * u, n_lams=5, l1_ratio=1.0, residual=kind).fit(X, y * u)
        for u in (1.0, unit)
    )
    assert one.score(X, y) > one.without_residual().score(X, y) + 0.05
    np.testing.assert_allclose(
        scaled.residual_.decision(X) / unit, one.residual_.decision(X), atol=1e-3
    )


def test_several_targets_have_a_row_each(mixed, bank):
    X, _ = mixed
    Y = np.column_stack([X[:, 5], 1000 * X[:, 6]])
    model = PostHocCBMRegressor(bank, lam=0.01, n_lams=5, residual="mlp").fit(X, Y)
    left = Y - model.without_residual().predict(X)
    after = Y - model.predict(X)
    assert (after.var(axis=0) < 0.5 * left.var(axis=0)).all()


def test_an_orthogonal_residual_does_not_see_the_bank(mixed, bank):
    X, y = mixed
    for projection in ("margin", "cosine", "least_squares"):
        model = PostHocCBM(
            ConceptBank(bank.names, bank.vectors),
            lam=0.02,
            n_lams=5,
            residual="orthogonal",
            projection=projection,
        ).fit(X, y)
        moved = X + np.random.default_rng(0).normal(size=(300, 3)) @ bank.vectors
        np.testing.assert_allclose(
            model.residual_.decision(moved), model.residual_.decision(X), atol=1e-9
        )
    assert np.abs(model.residual_.decision(X)).max() > 0.1


def test_an_orthogonal_residual_tells_what_it_does_not_promise(mixed, bank):
    record = hybrid(bank, *mixed, "orthogonal").residual_.record()
    assert "geometric overlap only" in record["erased"][0]["guarantee"]
    assert record["erased"][0]["dimensions_removed"] == 3
    assert (
        "linear reader"
        in hybrid(bank, *mixed, "erase").residual_.record()["erased"][0]["guarantee"]
    )


def test_an_erased_residual_is_uncorrelated_with_every_score(mixed, bank):
    X, y = mixed
    weight = np.random.default_rng(0).uniform(0.2, 3.0, 300)
    model = PostHocCBM(bank, lam=0.02, n_lams=5, residual="erase").fit(X, y, sample_weight=weight)
    scores, added = model.transform(X), model.residual_.decision(X)
    shares = weight / weight.sum()
    scores, added = scores - shares @ scores, added - shares @ added
    covariance = (added * shares[:, None]).T @ scores
    assert np.abs(covariance / scores.std(axis=0) / added.std(axis=0)[:, None]).max() < 1e-8


@pytest.mark.parametrize("kind", ["orthogonal", "erase"])
def test_nothing_left_to_read_is_refused(mixed, kind):
    X, y = mixed
    full = ConceptBank([f"c{j}" for j in range(10)], np.random.default_rng(0).normal(size=(10, 8)))
    for bank in (full, None):
        with pytest.raises(InputError, match=r"all 8 dimensions .* so nothing is left"):
            hybrid(bank, X, y, kind)


@pytest.mark.parametrize("kind", LINEAR)
def test_weights_count_as_repeated_rows(mixed, bank, kind):
    X, y = mixed
    times = np.random.default_rng(0).integers(0, 4, len(X))
    repeated = np.repeat(np.arange(len(X)), times)
    logits = np.random.default_rng(1).normal(size=(300, 3))

    def fitted(rows, weight):
        return fit_residual(
            X[rows], y[rows], logits[rows], kind=kind, family="multinomial", weight_decay=0.05,
            vectors=bank.vectors, scores=X[rows, :2] if kind == "erase" else None,
            sample_weight=weight,
        )  # fmt: skip

    np.testing.assert_allclose(
        fitted(np.arange(300), times).decision(X), fitted(repeated, None).decision(X), atol=2e-4
    )


def test_scores_can_be_erased_from_what_any_kind_reads(mixed, bank):
    X, y = mixed
    model = hybrid(bank, X, y, "none")
    score = model.transform(X)[:, 1]
    for kind in ("linear", "orthogonal", "mlp"):
        guarded = model.refit_residual(X, y, kind=kind, erase=["two"])
        read = guarded.residual_.reading.apply(X)
        alike = np.abs((read - read.mean(axis=0)).T @ (score - score.mean())) / 300 / score.std()
        assert alike.max() < 1e-8
        assert guarded.residual_.kind == kind
    other = model.transform(X)[:, 0]
    free = model.refit_residual(X, y, erase=["two"]).residual_.reading.apply(X)
    assert np.abs(np.corrcoef(free.T, other)[-1, :-1]).max() > 0.1


def test_a_residual_is_fitted_on_the_head_as_it_is_now(mixed, bank):
    X, y = mixed
    model = hybrid(bank, X, y, "linear")
    with pytest.warns(UserWarning, match="fitted before this edit"):
        edited = model.edit(pcbm.EditPlan().zero("one"))
    again = edited.refit_residual(X, y)
    reference = fit_residual(
        X, y, edited.without_residual().decision_function(X), family="multinomial"
    )
    np.testing.assert_allclose(again.residual_.decision(X), reference.decision(X), atol=1e-9)
    np.testing.assert_array_equal(again.coef_, edited.coef_)
    np.testing.assert_array_equal(edited.residual_.coef, model.residual_.coef)


def test_a_refit_may_lack_a_class_and_refuses_a_foreign_one(mixed, bank):
    X, y = mixed
    model = hybrid(bank, X, y, "none")
    kept = y != "b"
    found = model.refit_residual(X[kept], y[kept], kind="mlp").residual_.decision(X)
    assert found.shape == (300, 3)
    with pytest.raises(InputError, match="y holds 'zebra', which is no class of the head"):
        model.refit_residual(X, np.where(y == "a", "zebra", y))
    with pytest.raises(InputError, match=r"no concept 'tow': did you mean 'two'\?"):
        model.refit_residual(X, y, erase=["tow"])
    with pytest.raises(InputError, match="300 activations but 299 labels"):
        model.refit_residual(X, y[1:])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"kind": "liner"}, r"residual 'liner' is unknown: did you mean 'linear'\?"),
        ({"kind": "orthogonal"}, "residual 'orthogonal' was asked for without vectors"),
        ({"kind": "erase"}, "residual 'erase' was asked for without scores"),
        ({"family": "binomial"}, "there are 3 classes but logits for 2"),
        ({"family": "gaussian"}, "y has 1 columns but the logits have 3"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(mixed, settings, message):
    X, y = mixed
    if settings.get("family") == "gaussian":
        y = np.arange(300.0)
    with pytest.raises(InputError, match=message):
        fit_residual(X, y, np.zeros((300, 3)), **{"family": "multinomial", **settings})


def test_parts_of_unequal_length_are_refused(mixed):
    X, y = mixed
    logits = np.zeros((300, 3))
    for part, message in (
        ((X, y[1:], logits), "300 activations but 299 labels"),
        ((X, y, logits[1:]), "300 activations but 299 rows of logits"),
    ):
        with pytest.raises(InputError, match=message):
            fit_residual(*part, family="multinomial")
    with pytest.raises(InputError, match="300 activations but 2 rows of scores"):
        fit_residual(X, y, logits, family="multinomial", scores=X[:2])
    with pytest.raises(InputError, match="8 columns but the concepts live in 5 dimensions"):
        fit_residual(X, y, logits, family="multinomial", kind="orthogonal", vectors=np.eye(2, 5))


def test_an_unknown_stored_kind_is_refused():
    with pytest.raises(InputError, match="the residual 'forest' is unknown: use a newer pcbm"):
        load_residual({}, {"kind": "forest"})


def test_a_linear_residual_of_an_earlier_run_is_read():
    arrays = {
        "coef": np.ones((1, 2)), "intercept": np.zeros(1), "mean": np.zeros(2), "scale": np.ones(2),
    }  # fmt: skip
    found = load_residual(arrays, {"kind": "linear", "weight_decay": 0.1})
    np.testing.assert_array_equal(found.decision(np.array([[1.0, 2.0]])), [[3.0]])
