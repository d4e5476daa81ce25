from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from pcbm.concepts import ConceptBank
from pcbm.errors import InputError
from pcbm.projection import PROJECTIONS, Projection, fit_projection
from pcbm.projection import projection as module

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 7)) + 0.5
V = RNG.standard_normal((4, 7))
B = np.array([0.5, -1.0, 2.0, 0.0])
NAMES = list("abcd")
UNIT = V / np.linalg.norm(V, axis=1, keepdims=True)


def bank(vectors: np.ndarray = V, intercepts: np.ndarray | None = None) -> ConceptBank:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"c{i}" for i in range(len(vectors))]
    return ConceptBank(names, vectors, intercepts, text_mean=unit.mean(axis=0))


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def standardised(S: np.ndarray) -> np.ndarray:
    return (S - S.mean(axis=0)) / S.std(axis=0)


def test_the_names_of_the_kinds_are_the_promised_ones() -> None:
    assert PROJECTIONS == ("margin", "cosine", "centred", "least_squares")


def test_margin_is_the_signed_distance_to_the_probes_boundary() -> None:
    scores = fit_projection(X, bank(intercepts=B)).transform(X)
    expected = [[(v @ f + b) / np.linalg.norm(v) for v, b in zip(V, B, strict=True)] for f in X]
    assert np.allclose(scores, expected, atol=1e-12)
    one = ConceptBank(["x"], [[0.0, 2.0]], [-6.0])
    assert fit_projection([[0.0, 0.0]], one).transform([[9.0, 3.0], [0.0, 5.0]]).tolist() == [
        [0],
        [2],
    ]


def test_margin_and_the_papers_form_are_equal_once_standardised() -> None:
    margin = fit_projection(X, bank(intercepts=B), "margin").transform(X)
    paper = X @ V.T / (np.linalg.norm(V, axis=1) ** 2)
    assert not np.allclose(margin, paper)
    assert np.allclose(standardised(margin), standardised(paper), atol=1e-12)


def test_cosine_is_the_cosine() -> None:
    scores = fit_projection(X, bank(), "cosine").transform(X)
    assert np.allclose(scores, unit(X) @ UNIT.T, atol=1e-12)
    assert np.allclose(fit_projection(X, bank(), "cosine").transform(5 * X), scores, atol=1e-12)


def test_centred_is_the_cosine_of_both_sides_less_their_means() -> None:
    images = unit(X) - unit(X).mean(axis=0)
    words = UNIT - UNIT.mean(axis=0)
    fitted = fit_projection(X, bank(), "centred")
    assert np.allclose(fitted.transform(X), unit(images) @ unit(words).T, atol=1e-12)
    # The mean of the training rows is learnt, not taken anew from the rows at hand.
    assert np.allclose(fitted.transform(X[:3]), fitted.transform(X)[:3], atol=1e-12)


def test_least_squares_gives_the_coordinates_that_leave_the_smallest_rest() -> None:
    coordinates = fit_projection(X, bank(), "least_squares").transform(X)
    expected = np.linalg.lstsq(UNIT.T, X.T, rcond=None)[0].T
    assert np.allclose(coordinates, expected, atol=1e-10)
    rest = X - coordinates @ UNIT
    assert np.abs(rest @ UNIT.T).max() < 1e-10


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_the_lengths_of_concept_vectors_do_not_matter(kind: str) -> None:
    lengths = np.array([1e-3, 1.0, 7.0, 1e4])
    plain, scaled = bank(intercepts=B), bank(V * lengths[:, None], B * lengths)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = fit_projection(X, plain, kind).transform(X)
        second = fit_projection(X, scaled, kind).transform(X)
    assert np.allclose(first, second, atol=1e-10)


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_rotating_activations_and_concepts_together_changes_nothing(kind: str) -> None:
    Q = np.linalg.qr(np.random.default_rng(3).standard_normal((7, 7)))[0]
    plain = fit_projection(X, bank(), kind).transform(X)
    turned = fit_projection(X @ Q, bank(V @ Q), kind).transform(X @ Q)
    assert np.allclose(plain, turned, atol=1e-10)


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_a_repeated_concept_gets_the_same_score(kind: str) -> None:
    twice = ConceptBank([*NAMES, "again"], V[[0, 1, 2, 3, 1]], text_mean=UNIT.mean(axis=0))
    scores = fit_projection(X, twice, kind).transform(X)
    assert np.allclose(scores[:, 4], scores[:, 1], atol=1e-10)
    alone = fit_projection(X, bank(), kind).transform(X)
    share = np.array([1, 0.5 if kind == "least_squares" else 1, 1, 1])
    assert np.allclose(scores[:, :4], alone * share, atol=1e-10)


def test_more_concepts_than_dimensions_give_finite_smallest_coordinates() -> None:
    many = np.random.default_rng(4).standard_normal((20, 7))
    coordinates = fit_projection(X, bank(many), "least_squares").transform(X)
    directions = unit(many)
    assert np.allclose(coordinates @ directions, X, atol=1e-9)
    expected = np.linalg.lstsq(directions.T, X.T, rcond=None)[0].T
    assert np.allclose(coordinates, expected, atol=1e-9)


def test_concepts_that_differ_by_rounding_do_not_blow_up_least_squares() -> None:
    close = np.concatenate([V, V[:1] * (1 + 1e-8 * np.arange(7))])
    assert np.abs(fit_projection(X, bank(close), "least_squares").transform(X)).max() < 100


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_memory_mapped_float32_rows_are_read_in_blocks_into_float64(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "x.npy", X.astype(np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    whole = fit_projection(np.asarray(mapped), bank(), kind).transform(np.asarray(mapped))
    monkeypatch.setattr(module, "_BLOCK_NUMBERS", 7 * 8)
    in_blocks = fit_projection(mapped, bank(), kind).transform(mapped)
    assert in_blocks.dtype == np.float64 and np.allclose(whole, in_blocks, atol=1e-12)


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_rows_without_direction_score_finitely(kind: str) -> None:
    fitted = fit_projection(X, bank(), kind)
    assert np.isfinite(fitted.transform(np.zeros((2, 7)))).all()
    cosine = fit_projection(X, bank(), "cosine")
    assert cosine.transform(np.zeros((1, 7))).tolist() == [[0.0] * 4]


def test_the_fields_alone_rebuild_a_projection() -> None:
    fitted = fit_projection(X, bank(), "centred")
    again = Projection(fitted.kind, fitted.matrix, fitted.offset, fitted.shift, fitted.normalise)
    assert np.array_equal(again.transform(X), fitted.transform(X))


@pytest.mark.parametrize("kind", PROJECTIONS[1:])
def test_kinds_that_use_no_intercepts_say_so(kind: str) -> None:
    with pytest.warns(UserWarning, match=f"'{kind}' does not use the bank's intercepts"):
        with_them = fit_projection(X, bank(intercepts=B), kind).transform(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        without = fit_projection(X, bank(), kind).transform(X)
    assert np.array_equal(with_them, without)


def test_what_cannot_be_projected_is_refused() -> None:
    with pytest.raises(InputError, match=r"unknown projection 'centered': did you mean 'centred'"):
        fit_projection(X, bank(), "centered")
    with pytest.raises(InputError, match="5 columns but the bank's concepts live in 7"):
        fit_projection(X[:, :5], bank())
    with pytest.raises(InputError, match="5 columns but the concepts live in 7"):
        fit_projection(X, bank()).transform(X[:, :5])
    with pytest.raises(InputError, match=r"shape \(7,\), expected \(n, d\)"):
        fit_projection(X, bank()).transform(X[0])
    with pytest.raises(InputError, match=r"shape \(0, 7\), expected \(n, d\) with at least a row"):
        fit_projection(X[:0], bank())
    imported = ConceptBank(NAMES, V, source="cav")
    with pytest.raises(InputError, match=r"'centred' needs the mean text embedding.* source 'cav'"):
        fit_projection(X, imported, "centred")
    alone = ConceptBank(["a"], UNIT[:1], text_mean=UNIT[0])
    with pytest.raises(InputError, match="equal to the mean text embedding"):
        fit_projection(X, alone, "centred")
