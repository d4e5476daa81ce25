"""Paper mode: the settings of the official code of post-hoc CBMs, which stop before convergence.

``train_pcbm.py`` of that code fits one strength by

    SGDClassifier(random_state=seed, loss="log_loss", alpha=lam, l1_ratio=0.99, verbose=0,
                  penalty="elasticnet", max_iter=10000)

to concept scores as they are, NOT standardised. Each class is a logistic regression against the
rest: for two classes the binomial objective, for more the multilabel objective of the class
indicators, and not the softmax. Its ``--lam`` is ``alpha`` and equals our lam; its default is 1e-5,
its README uses 2e-4. The paper writes the penalty as ``lambda / (N_c K) Omega`` with N_c concepts
and K classes: our lam is the paper's lambda divided by both. SGDClassifier ends once the mean loss
of an epoch has not fallen by 1e-3 for five epochs, which is far from the optimum.

Yuksekgonul, Wang, Zou, "Post-hoc Concept Bottleneck Models", ICLR 2023 (arXiv 2205.15480).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import SGDClassifier

from pcbm.errors import InputError
from pcbm.heads.certificates import evaluate_path
from pcbm.heads.inputs import check_lams, check_scores, check_target, check_weights
from pcbm.heads.solutions import Path, sparse_rows

Array = NDArray[np.float64]

MAX_ITER = 10_000  # epochs of the official code


def paper_path(
    Z: ArrayLike,
    y: ArrayLike,
    lams: ArrayLike | None,
    *,
    family: str,
    l1_ratio: float,
    sample_weight: ArrayLike | None,
    seed: int,
) -> Path:
    """Fit one strength as the official code does.

    Parameters
    ----------
    Z : (n, K) scores, not standardised
    y : (n,) labels
    lams : one strength, the official code's ``--lam``
    family : "multinomial" or "binomial"; the rows of the former are one-versus-rest
    l1_ratio, sample_weight, seed
        As for `elastic_net_path`; the official code has .99, none and 42.

    Returns
    -------
    Path
        Of one point. ``kkt``, ``objective`` and ``deviance`` are those of the one-versus-rest
        objective, summed over the classes.
    """
    if lams is None or np.size(lams) != 1:
        raise InputError(
            "solver='sgd' fits one strength: give lams=[lam], the official code's --lam (its "
            "default is 1e-5, its README uses 2e-4)"
        )
    scores = check_scores(Z)
    labels = check_target(y, len(scores))
    weights = check_weights(sample_weight, len(scores))
    there = weights > 0
    scores, labels, weights = scores[there], labels[there], weights[there]
    classes = np.unique(labels)
    if labels.ndim != 1 or len(classes) < 2 or (len(classes) == 2) != (family == "binomial"):
        raise InputError(
            f"solver='sgd' with family={family!r} was given {len(classes)} classes in y of shape "
            f"{labels.shape}: give (n,) labels, two classes for binomial and more for multinomial"
        )
    (lam,) = check_lams(lams)
    classifier = SGDClassifier(
        random_state=seed,
        loss="log_loss",
        alpha=lam,
        l1_ratio=l1_ratio,
        verbose=0,
        penalty="elasticnet",
        max_iter=MAX_ITER,
    )
    classifier.fit(
        scores, labels, sample_weight=None if sample_weight is None else weights * len(weights)
    )
    binary = family == "binomial"
    path = evaluate_path(
        scores,
        labels if binary else (labels[:, None] == classes).astype(int),
        [lam],
        [classifier.coef_],
        [classifier.intercept_],
        family="binomial" if binary else "multilabel",
        l1_ratio=l1_ratio,
        sample_weight=weights,
        n_iter=[int(classifier.n_iter_)],
    )
    return replace(path, family=family, classes=classes, solver="sgd")


def on_standardised(path: Path, mean: Array, scale: Array) -> Path:
    """Return a path for columns ``z`` as the same predictors of ``(z - mean) / scale``.

    What was measured of it (``kkt``, ``objective``, ``deviance``) stays that of the columns as
    they were: the penalty was put on their coefficients.
    """
    coefs = path.coefs
    intercepts = path.intercepts + coefs @ mean
    return replace(path, sparse=sparse_rows(coefs * scale), intercepts=intercepts)
