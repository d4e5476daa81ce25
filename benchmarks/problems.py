"""The problems: correlated concept scores of overlapping classes, drawn from a seed.

Activations of a vision-language model lie in a narrow cone, their noise has a few strong
directions, and class means and concept directions share a low-dimensional space of meanings.
The generator has these three properties; ``spread`` sets how far the classes lie apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

L1_RATIO = 0.99
N_LAMS = 50
LAM_MIN_RATIO = 1e-3
DIM = 512  # of the activations the scores are taken from
MEANINGS = 64  # dimensions that class means and concepts share
CONE = 1.5  # length of the mean activation, in units of the noise


@dataclass(frozen=True)
class Spec:
    """A problem: its size, how it is drawn, and who runs on it.

    Parameters
    ----------
    name : str
    n, width, classes : int
        Rows, concepts K, classes C; 0 for data that is read.
    spread : float
        Distance of the class means; smaller = more overlap.
    family : {"multinomial", "grouped", "binomial"}
    points : int
        The grid's first points that are fitted.
    peers : bool
        Whether peers run too.
    reference_tol : float
        Tolerance of our run that gives the lower bound of the optimum.
    strict : bool
        Whether R runs at thresh 1e-12 as a second reference.
    """

    name: str
    n: int
    width: int
    classes: int
    spread: float
    family: str = "multinomial"
    points: int = N_LAMS
    peers: bool = True
    reference_tol: float = 1e-6
    strict: bool = False


@dataclass(frozen=True)
class Problem:
    """Standardised scores (n, K), labels (n,) from 0, and how they are to be fitted."""

    spec: Spec
    scores: Array
    labels: NDArray[np.int64]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1

    @property
    def rows(self) -> int:
        """Number of coefficient rows: one for two classes of family binomial."""
        return 1 if self.spec.family == "binomial" else self.classes

    @property
    def nbytes(self) -> int:
        """Bytes of the scores and labels as every solver gets them."""
        return self.scores.nbytes + self.labels.nbytes


SPECS = {
    spec.name: spec
    for spec in (
        Spec("A", 50_000, 170, 10, 0.12),
        Spec("A1", 10_000, 170, 10, 0.12),
        Spec("B", 50_000, 128, 100, 0.2, reference_tol=1e-4),
        Spec("C", 6_000, 112, 200, 0.25),
        Spec("D", 200_000, 500, 100, 0.2, peers=False, reference_tol=1e-3),
        Spec("D10", 200_000, 500, 100, 0.2, points=10, reference_tol=1e-4),
        Spec("E", 10_000, 200, 2, 0.06, family="binomial", strict=True),
        Spec("G", 10_000, 170, 10, 0.12, family="grouped"),
        Spec("S", 3_000, 60, 8, 0.15, strict=True),
        Spec("agnews", 0, 0, 0, 0.0),
        Spec("tiny", 400, 12, 4, 0.3, points=12, strict=True),
        Spec("tiny-binomial", 400, 12, 2, 0.3, family="binomial", points=12, strict=True),
        Spec("tiny-grouped", 400, 12, 4, 0.3, family="grouped", points=12, strict=True),
    )
}
FULL = ("A", "A1", "B", "C", "D", "D10", "E", "G", "S", "agnews")
QUICK = ("tiny", "tiny-binomial", "tiny-grouped")


def draw(spec: Spec, seed: int = 0) -> Problem:
    """Return the problem of a specification; the same seed gives the same bytes."""
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((MEANINGS, DIM)) / DIM**0.5
    means = spec.spread * rng.standard_normal((spec.classes, MEANINGS)) @ basis / MEANINGS**0.5
    cone = CONE * rng.standard_normal(DIM) / DIM**0.5
    sizes = 1 / np.sqrt(1 + np.arange(DIM) / 16)
    turn = np.linalg.qr(rng.standard_normal((DIM, DIM)))[0]
    noise = (turn * (sizes / np.linalg.norm(sizes))).T
    concepts = rng.standard_normal((spec.width, DIM)) + 0.5 * rng.standard_normal(DIM)
    concepts = concepts / DIM**0.5
    concepts += rng.standard_normal((spec.width, MEANINGS)) @ basis / MEANINGS**0.5
    concepts /= np.linalg.norm(concepts, axis=1, keepdims=True)
    labels = rng.integers(0, spec.classes, spec.n)
    labels[: spec.classes] = np.arange(spec.classes)
    scores = np.empty((spec.n, spec.width))
    for first in range(0, spec.n, 20_000):
        part = slice(first, first + 20_000)
        rows = means[labels[part]] + cone
        rows += rng.standard_normal(rows.shape) @ noise
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        scores[part] = rows @ concepts.T
    return Problem(spec, standardised(scores), labels)


def standardised(scores: Array) -> Array:
    """Return the columns with mean 0 and 1/n variance 1."""
    centred = scores - scores.mean(axis=0)
    return centred / centred.std(axis=0)


def training_accuracy(problem: Problem) -> float:
    """Return the training accuracy of a least-squares classifier, nearly unpenalised."""
    scores, n = problem.scores, len(problem.labels)
    target = np.eye(problem.classes)[problem.labels]
    gram = scores.T @ scores + 1e-3 * n * np.eye(scores.shape[1])
    coef = np.linalg.solve(gram, scores.T @ (target - target.mean(axis=0)))
    guesses = (scores @ coef + target.mean(axis=0)).argmax(axis=1)
    return float((guesses == problem.labels).mean())


def grid(problem: Problem) -> Array:
    """Return the strengths: from the least at which all coefficients are zero down to 1e-3 of it.

    Computed here and given to every solver, so that all fit the same penalties.
    """
    classes = problem.classes
    target = np.eye(classes)[problem.labels]
    slopes = (target - target.mean(axis=0)).T @ problem.scores / len(target)
    sizes = np.abs(slopes).max(axis=0)
    if problem.spec.family == "grouped":
        sizes = np.linalg.norm(slopes, axis=0)
    steps = np.exp(np.linspace(0, np.log(LAM_MIN_RATIO), N_LAMS))
    return float(sizes.max()) / L1_RATIO * steps[: problem.spec.points]
