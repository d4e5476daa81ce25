"""Pictures of features in two dimensions, along checkpoints or layers, in one frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.rotations import in_frame
from pcbm.analysis.sides import centred, side
from pcbm.errors import InputError, near, need

METHODS = ("pca", "tsne", "umap")
NEIGHBOURS = {"tsne": 30, "umap": 15}  # perplexity, n_neighbors; fewer where rows are few
KEPT = 50  # principal components that t-SNE and UMAP see
TSNE_START = 1e-4  # spread of the starting points, as scikit-learn's own start has it
UMAP_START = 10.0
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Layout:
    """The rows of one table as points.

    Attributes
    ----------
    name : str
        Of the checkpoint or layer.
    points : ndarray, shape (n, 2)
        Centred, with a root mean square distance of 1 from the centre.
    scale : float
        That distance before, in the units of the method.
    explained : float or None
        PCA: share of the variance that the two components hold.
    """

    name: str
    points: np.ndarray
    scale: float
    explained: float | None = None


def layouts(
    tables: Mapping[str, ArrayLike],
    method: str = "pca",
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Layout]:
    """Return a picture of each table, in one frame.

    Layouts know no up and down: each is turned (rotated, mirrored) so that its rows lie as near as
    possible to those of the one before, and t-SNE and UMAP start from the one before. What moves
    from picture to picture is then what changed. t-SNE and UMAP see the first 50 principal
    components; distances between their clusters mean little.

    Parameters
    ----------
    tables : mapping of str to array-like (n, d)
        Checkpoints or layers in their order, all on the same rows; d may differ.
    method : {"pca", "tsne", "umap"}
    seed : int
        Of t-SNE and UMAP.
    progress : callable, optional
        Called with the tables done and the tables in all.

    Raises
    ------
    InputError
        Another method, no table, different rows, fewer than 4, a constant table.
    MissingExtraError
        UMAP without umap-learn: ``pip install 'pcbm[umap]'``.

    References
    ----------
    van der Maaten, Hinton, "Visualizing data using t-SNE", JMLR 9 (2008). McInnes, Healy,
    Melville, "UMAP: uniform manifold approximation and projection", arXiv 1802.03426.
    """
    check_method(method)
    if not tables:
        raise InputError("a layout was given no table: give at least one")
    found: list[Layout] = []
    for name, table in tables.items():
        values = side(table, f"the layout of {name!r}")
        if found and len(values) != len(found[0].points):
            raise InputError(
                f"the layout was given {len(found[0].points)} and {len(values)} rows "
                f"({found[0].name!r} and {name!r}): give the same rows of each"
            )
        found.append(_layout(name, values, method, found[-1].points if found else None, seed))
        if progress:
            progress(len(found), len(tables))
    return found


def check_method(method: str) -> None:
    """Raise InputError for another method, or for one whose package is not installed."""
    if method not in METHODS:
        raise InputError(f"there is no layout {method!r}: {near(method, METHODS)}")
    if method == "umap":
        need("umap", "umap")


def _layout(
    name: str, values: np.ndarray, method: str, before: np.ndarray | None, seed: int
) -> Layout:
    components, explained = _components(values, name)
    if method == "pca":
        points = components[:, :2]
    else:
        start = components[:, :2] if before is None else before
        points = (_tsne if method == "tsne" else _umap)(components, start / start.std(), seed)
    points = points - points.mean(axis=0)
    scale = float(np.sqrt(np.square(points).sum(axis=1).mean()))
    points = points / scale
    if before is not None:
        left, _, right = np.linalg.svd(points.T @ before)
        points = points @ left @ right
    return Layout(name, points, scale, explained if method == "pca" else None)


def _components(values: np.ndarray, name: str) -> tuple[np.ndarray, float]:
    """Return rows on their first principal components, two at least, and the share of two."""
    A = centred(values)
    if A.shape[1] > len(A):
        A = in_frame(A)
    _, axes = np.linalg.eigh(A.T @ A)
    axes = axes[:, ::-1][:, :KEPT]
    # The sign of an axis is free: its largest weight is positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    found = A @ axes
    if found.shape[1] < 2:
        found = np.column_stack([found, np.zeros(len(found))])
    total = np.square(A).sum()
    if total == 0:
        raise InputError(f"the layout of {name!r} was given a constant table: leave it out")
    return found, float(np.square(found[:, :2]).sum() / total)


def _tsne(components: np.ndarray, start: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    perplexity = min(NEIGHBOURS["tsne"], (len(components) - 1) / 3)
    model = TSNE(
        2, perplexity=perplexity, init=(TSNE_START * start).astype(np.float32), random_state=seed
    )
    points: np.ndarray = model.fit_transform(components)
    return points.astype(np.float64)


def _umap(components: np.ndarray, start: np.ndarray, seed: int) -> np.ndarray:
    umap: Any = need("umap", "umap")
    model = umap.UMAP(
        n_neighbors=min(NEIGHBOURS["umap"], len(components) - 1),
        init=(UMAP_START * start / np.abs(start).max()).astype(np.float32),
        random_state=seed,
        n_jobs=1,  # what a seed needs; anything else warns
    )
    points: np.ndarray = model.fit_transform(components)
    return points.astype(np.float64)
