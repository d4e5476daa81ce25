"""The sample explanations of a report: which rows to show, and the input itself beside them."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from pcbm.activations import Dataset
from pcbm.activations.images import UnreadableError, open_image
from pcbm.explain import explain_samples

KINDS = {
    "typical": "Right, with the usual margin",
    "usual": "With the usual margin",  # rows without labels are neither right nor wrong
    "extreme": "With the largest margins",  # of a regression
    "wrong": "Wrong, and most sure of it",
    "close": "Close to the boundary",
}
EACH = 4
THUMBNAIL = 192  # pixels on the longer side; drawn at half that, so that dense screens stay sharp
LONGEST_TEXT = 600
SEARCHED = 5_000


@dataclass(frozen=True)
class Sample:
    """One explained row.

    Attributes
    ----------
    kind : {"typical", "usual", "extreme", "wrong", "close"}
        Why it is shown.
    record : dict
        As `pcbm.explain.explain_samples` gives it.
    truth : str or None
        The given label, where there is one.
    image : str or None
        A ``data:`` URI.
    text : str or None
    """

    kind: str
    record: dict[str, Any]
    truth: str | None = None
    image: str | None = None
    text: str | None = None


def choose_samples(
    model: Any,
    X: Any,
    data: Dataset,
    y: np.ndarray | None = None,
    *,
    each: int = EACH,
    seed: int = 0,
) -> list[Sample]:
    """Choose rows that show how the model decides, and explain them.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Fitted.
    X : array-like of shape (n, d)
        Activations of the rows of ``data``.
    data : Dataset
        The inputs; images become thumbnails, texts are shown.
    y : ndarray, optional
        The labels, in the form ``model.predict`` returns. Without them no row counts as wrong.
    each : int
        How many rows of each kind.
    seed : int
        Draws the rows that are looked at, where there are more than 5,000.

    Returns
    -------
    list of Sample
        Typical ones have the margins nearest to the median of the right rows, wrong ones the
        largest margins of the wrong rows, close ones the smallest margins of the rest. Rows
        without labels are usual in place of typical; a regression shows its largest margins alone.
    """
    n = len(data)
    rows = np.arange(n)
    if n > SEARCHED:
        rows = np.sort(np.random.default_rng(seed).choice(n, SEARCHED, replace=False))
    activations = np.asarray(X[rows])
    truth = None if y is None else np.asarray(y)[rows]
    certainty = np.abs(model.explain(activations).margin)
    predicted = np.asarray(model.predict(activations))
    right = np.ones(len(rows), bool) if truth is None else _equal(predicted, truth)
    chosen = _choose(certainty, right, predicted, each, graded=hasattr(model, "predict_proba"))
    if truth is None:
        chosen = [(i, "usual" if kind == "typical" else kind) for i, kind in chosen]
    index = np.array([i for i, _ in chosen], dtype=int)
    records = explain_samples(model, activations[index], data.ids[rows[index]])
    return [
        _sample(kind, record, data, int(rows[i]), _truth(model, truth, i))
        for (i, kind), record in zip(chosen, records, strict=True)
    ]


def _choose(
    certainty: np.ndarray, right: np.ndarray, labels: np.ndarray, each: int, *, graded: bool
) -> list[tuple[int, str]]:
    """Return (row, kind), no row twice."""
    if not graded:  # a regression is neither right nor wrong, and has no boundary
        return [(int(i), "extreme") for i in np.argsort(certainty, kind="stable")[::-1][:each]]
    chosen: dict[int, str] = {}
    usual = np.abs(certainty - np.median(certainty[right])) if right.any() else certainty
    orders: dict[str, Any] = {
        "typical": _one_of_each([i for i in np.argsort(usual, kind="stable") if right[i]], labels),
        "wrong": _one_of_each(
            [i for i in np.argsort(-certainty, kind="stable") if not right[i]], labels
        ),
        "close": np.argsort(certainty, kind="stable"),
    }
    for kind, order in orders.items():
        fresh = [int(i) for i in order if int(i) not in chosen][:each]
        chosen |= dict.fromkeys(fresh, kind)
    return list(chosen.items())


def _one_of_each(order: list[int], labels: np.ndarray) -> list[int]:
    """Put the first row of every label in front, so that few rows show many labels."""
    first: dict[Any, int] = {}
    for i in order:
        first.setdefault(str(labels[i]), i)
    return list(dict.fromkeys([*first.values(), *order]))


def _sample(
    kind: str, record: dict[str, Any], data: Dataset, row: int, truth: str | None
) -> Sample:
    if data.kind == "image":
        return Sample(kind, record, truth, image=thumbnail(data.inputs[row], record["id"]))
    if data.kind == "text":
        text = str(data.inputs[row])
        short = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip() + " …"
        return Sample(kind, record, truth, text=short)
    return Sample(kind, record, truth)


def thumbnail(item: Any, name: str) -> str | None:
    """Return a small picture as a ``data:`` URI; None when the image cannot be read."""
    try:
        image = open_image(item, name)
    except UnreadableError:
        return None
    file = io.BytesIO()
    if max(image.size) <= THUMBNAIL // 2:
        image.save(file, "PNG", optimize=True)  # small pictures would suffer from JPEG most
        kind = "png"
    else:
        image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
        image.save(file, "JPEG", quality=82)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def _equal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    same = a == b
    return same.all(axis=1) if same.ndim == 2 else same


def _truth(model: Any, y: np.ndarray | None, place: int) -> str | None:
    """Return a row's label in the words in which the prediction stands."""
    if y is None:
        return None
    classes = getattr(model, "classes_", None)
    if y.ndim == 2 and classes is not None:
        present = [str(name) for name, one in zip(classes, y[place], strict=True) if one]
        return "; ".join(present) or "none"
    value = y[place]
    return f"{value:g}" if isinstance(value, np.floating) else str(value)
