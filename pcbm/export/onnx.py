"""ONNX: projection, head and residual as one small graph from activations to probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm._version import __version__
from pcbm.errors import need
from pcbm.export.check import TOLERANCE, compared, drawn_activations, some_rows
from pcbm.export.parts import (
    ACTIVATIONS,
    LOGITS,
    PREDICTIONS,
    PROBABILITIES,
    SCORES,
    Parts,
    expected_outputs,
    labels_of,
    parts_of,
)
from pcbm.files import refuse_existing, write_bytes
from pcbm.projection import Projection
from pcbm.residual import Reading

OPSET = 18  # the first whose reductions take their axes as an input, as all later ones do
IR_VERSION = 8  # the oldest that may carry it, so that older runtimes read the file
EXTRA = "onnx"
FIX = {
    False: "export with --float64 (in Python float64=True)",
    True: "activations this large lose too much in float32; use the model in Python",
}


class Graph:
    """Nodes and constants in the order they are added; every step returns its result's name.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Of every constant, and of the arithmetic.
    """

    def __init__(self, dtype: str) -> None:
        self._onnx = need("onnx", EXTRA)
        self.dtype = np.dtype(dtype)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: ArrayLike) -> str:
        """Add an array in the graph's own number format."""
        return self._stored(np.asarray(value, dtype=self.dtype))

    def integers(self, *values: int) -> str:
        """Add a list of whole numbers, such as axes."""
        return self._stored(np.asarray(values, dtype=np.int64))

    def add(
        self, op: str, *inputs: str, to: str | None = None, given: Mapping[str, int] | None = None
    ) -> str:
        """Add a node with one output, named ``to``, and its attributes ``given``."""
        name = to or f"t{len(self.nodes)}"
        node = self._onnx.helper.make_node(op, list(inputs), [name], **(given or {}))
        self.nodes.append(node)
        return name

    def cast(self, value: str, dtype: str, to: str | None = None) -> str:
        """Add a change of the number format; nothing changes where it is that already."""
        if np.dtype(dtype) == self.dtype == np.float32:
            return value if to is None else self.add("Identity", value, to=to)
        kind = int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
        return self.add("Cast", value, to=to, given={"to": kind})

    def _stored(self, array: NDArray) -> str:
        name = f"c{len(self.constants)}"
        # In C order: the file holds rows one after another.
        self.constants.append(self._onnx.numpy_helper.from_array(np.array(array, order="C"), name))
        return name


def onnx_bytes(
    model: Any, *, float64: bool = False, config: Mapping[str, Any] | None = None
) -> bytes:
    """Return a fitted model as the bytes of an ONNX file, the same for the same model.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
    float64 : bool
        Compute in double precision. Input and outputs are float32 in either case.
    config : dict, optional
        ``config.json`` of the run; its backbone is named in the metadata.

    Returns
    -------
    bytes
        Input ``activations`` (n, d). Outputs ``logits`` (n, C), or (n, 1) for two classes
        (positive = the second), ``probabilities`` (n, C), ``scores`` (n, K); a regression has
        ``predictions`` (n, C) and ``scores``.

    Raises
    ------
    MissingExtraError
        The package onnx is not installed.
    """
    onnx, parts = need("onnx", EXTRA), parts_of(model)
    graph = Graph("float64" if float64 else "float32")
    for name, value in _results(graph, parts).items():
        graph.cast(value, "float32", to=name)
    single, shape = onnx.TensorProto.FLOAT, onnx.helper.make_tensor_value_info
    proto = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "concept_model",
            [shape(ACTIVATIONS, single, ["n", parts.width])],
            [shape(name, single, ["n", width]) for name, width in parts.outputs.items()],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="pcbm",
        producer_version=__version__,
    )
    onnx.helper.set_model_props(proto, labels_of(model, config))
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


def _results(graph: Graph, parts: Parts) -> dict[str, str]:
    """Add the whole way from activations to outputs; return the name behind each output."""
    f = graph.cast(ACTIVATIONS, graph.dtype.name)
    scores = f if parts.projection is None else _scores(graph, parts.projection, f)
    z = graph.add("Sub", scores, graph.constant(parts.mean))
    z = graph.add("Div", z, graph.constant(parts.scale))
    logits = _affine(graph, z, parts.coef, parts.intercept)
    if parts.reading is not None:
        added = _read(graph, parts.reading, f)
        for i, (matrix, vector) in enumerate(parts.layers):
            added = added if i == 0 else graph.add("Relu", added)
            added = _affine(graph, added, matrix, vector)
        logits = graph.add("Add", logits, added)
    if parts.family == "gaussian":
        return {PREDICTIONS: logits, SCORES: scores}
    return {LOGITS: logits, PROBABILITIES: _link(graph, parts.family, logits), SCORES: scores}


def _affine(graph: Graph, rows: str, matrix: NDArray, vector: NDArray) -> str:
    product = graph.add("MatMul", rows, graph.constant(matrix.T))
    return graph.add("Add", product, graph.constant(vector))


def _scores(graph: Graph, projection: Projection, f: str) -> str:
    """Add ``N(N(f) - shift) matrix + offset``, see `pcbm.projection.Projection`."""
    rows = _unit(graph, f) if projection.normalise else f
    if projection.shift is not None:
        rows = graph.add("Sub", rows, graph.constant(projection.shift))
        rows = _unit(graph, rows) if projection.normalise else rows
    return _affine(graph, rows, projection.matrix.T, projection.offset)


def _unit(graph: Graph, rows: str) -> str:
    """Add the scaling of rows to unit length; zero rows stay zero."""
    lengths = graph.add("ReduceL2", rows, graph.integers(1))
    is_zero = graph.add("Equal", lengths, graph.constant(0.0))
    return graph.add("Div", rows, graph.add("Where", is_zero, graph.constant(1.0), lengths))


def _read(graph: Graph, reading: Reading, f: str) -> str:
    """Add what the residual reads, see `pcbm.residual.Reading`."""
    for each in reading.erased:
        off = graph.add("Sub", f, graph.constant(each.centre))
        part = graph.add("MatMul", off, graph.constant(each.left))
        f = graph.add("Sub", f, graph.add("MatMul", part, graph.constant(each.right)))
    centred = graph.add("Sub", f, graph.constant(reading.mean))
    return graph.add("Div", centred, graph.constant(reading.scale))


def _link(graph: Graph, family: str, logits: str) -> str:
    if family in ("multinomial", "grouped"):
        return graph.add("Softmax", logits, given={"axis": 1})
    if family == "multilabel":
        return graph.add("Sigmoid", logits)
    both = (graph.add("Sigmoid", graph.add("Neg", logits)), graph.add("Sigmoid", logits))
    return graph.add("Concat", *both, given={"axis": 1})


def run_onnx(content: bytes, X: ArrayLike) -> dict[str, NDArray]:
    """Return the outputs of an ONNX file on activations (n, d), from onnxruntime on the CPU."""
    runtime = need("onnxruntime", EXTRA)
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {ACTIVATIONS: np.asarray(X, dtype=np.float32)})
    return dict(zip(names, found, strict=True))


def export_onnx(
    model: Any,
    out: str | Path,
    X: Any = None,
    *,
    float64: bool = False,
    config: Mapping[str, Any] | None = None,
    force: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
    """Write a fitted model as an ONNX file, once onnxruntime gives what the model gives.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
    out : path
    X : array-like, shape (n, d), optional
        Real activations to compare on, at most 1,000 of their rows; without them on 256 drawn ones,
        see `drawn_activations`.
    float64, config
        See `onnx_bytes`.
    force : bool
        Replace an existing file.
    seed : int
        Of the drawn rows.

    Returns
    -------
    dict
        ``out``, ``format``, ``bytes``, ``precision``, ``inputs`` and ``outputs`` (name -> columns),
        ``check``: ``rows``, ``real``, ``tolerance``, ``largest_difference`` of each output.

    Raises
    ------
    InputError
        The file exists, or an output differs by more than 1e-5 of its largest value (of 1 where
        that is larger). Nothing was written then.
    """
    refuse_existing(Path(out), force=force)
    need("onnxruntime", EXTRA)
    parts = parts_of(model)
    content = onnx_bytes(model, float64=float64, config=config)
    rows = drawn_activations(parts, seed=seed) if X is None else some_rows(X, seed=seed)
    rows = np.asarray(rows, dtype=np.float32)
    check = compared(expected_outputs(model, rows), run_onnx(content, rows), fix=FIX[float64])
    write_bytes(Path(out), content)
    return {
        "out": str(out),
        "format": "onnx",
        "bytes": len(content),
        "precision": "float64" if float64 else "float32",
        "inputs": {ACTIVATIONS: parts.width},
        "outputs": parts.outputs,
        "check": {
            "rows": len(rows),
            "real": X is not None,
            "tolerance": TOLERANCE,
            "largest_difference": check,
        },
    }
