"""``torch.export``: backbone, projection, head and residual as one program for images."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pcbm.backbones import Backbone
from pcbm.backbones.weights import one_line
from pcbm.errors import InputError
from pcbm.export.check import TOLERANCE, compared
from pcbm.export.parts import expected_outputs, labels_of, parts_of
from pcbm.export.torch_module import ConceptModule
from pcbm.files import refuse_existing, write_bytes

LABELS = "pcbm.json"  # of the program's extra files
INPUT = "images"
INSTEAD = "export the part after the backbone with --format onnx"
FIX = {
    False: "export with --float64 (in Python float64=True), or " + INSTEAD,
    True: INSTEAD,
}


class Served(nn.Module):
    """Backbone and concept model in one: prepared images to the model's outputs."""

    def __init__(self, backbone: Backbone, model: ConceptModule) -> None:
        super().__init__()
        self.backbone, self.model = backbone.as_module(), model

    def forward(self, images: Any) -> dict[str, Tensor]:
        """Return the model's outputs for a batch, as `pcbm.backbones.Backbone.collate` makes it."""
        return self.model(self.backbone(images))


def export_torch(
    model: Any,
    backbone: Backbone,
    items: Sequence[Any],
    out: str | Path,
    *,
    float64: bool = False,
    config: Mapping[str, Any] | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write backbone and model as one ``.pt2`` program, once it gives what the two give.

    The program is read back and compared on the given images, as one batch and one by one. Weights
    that play no part (a text tower) are left out, and so is the preprocessing, which is no part of
    a network: the metadata describes it.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
    backbone : Backbone
        Of images, on the CPU in float32.
    items : sequence of PIL images
        At least two. They fix the size of the input; the number of images stays free.
    out : path
    float64 : bool
        Compute the concept model in double precision; the backbone stays as it is.
    config : dict, optional
        ``config.json`` of the run.
    force : bool
        Replace an existing file.

    Returns
    -------
    dict
        As `pcbm.export.export_onnx`; ``inputs`` holds the shape of a prepared image.

    Raises
    ------
    InputError
        The backbone reads texts, ``torch.export`` cannot follow it, the program differs from the
        model, the file exists. Nothing was written then.
    """
    refuse_existing(Path(out), force=force)
    prepared, batch = _batch(backbone, items)
    dtype = torch.float64 if float64 else torch.float32
    parts = parts_of(model)
    served = Served(backbone, ConceptModule(parts, dtype)).eval()
    with _refused(backbone):
        content = _program(served, batch, {LABELS: _labels(model, config)})
        again = torch.export.load(io.BytesIO(content)).module()
        found = [again(batch), *(again(backbone.collate([item])) for item in prepared)]
    # In batches of the same size: a backbone's sums differ in their last digits between sizes.
    sets = [prepared, *([item] for item in prepared)]
    differences = [
        compared(
            expected_outputs(model, backbone.forward(rows)),
            {name: value.numpy() for name, value in each.items()},
            fix=FIX[float64],
        )
        for rows, each in zip(sets, found, strict=True)
    ]
    write_bytes(Path(out), content)
    shapes = pytree.tree_map(lambda tensor: list(tensor.shape[1:]), batch)
    return {
        "out": str(out),
        "format": "torch",
        "bytes": len(content),
        "precision": "float64" if float64 else "float32",
        "inputs": {INPUT: shapes},
        "outputs": parts.outputs,
        "check": {
            "rows": len(prepared),
            "real": True,
            "tolerance": TOLERANCE,
            "largest_difference": {
                name: max(each[name] for each in differences) for name in parts.outputs
            },
        },
    }


def _batch(backbone: Backbone, items: Sequence[Any]) -> tuple[list[Any], Any]:
    """Return prepared images and the batch they make; refuse what cannot be exported."""
    if backbone.kind != "image":
        raise InputError(
            f"{backbone.name} reads texts, and a tokenizer cannot be exported: {INSTEAD}"
        )
    if len(items) < 2:
        raise InputError(
            f"{len(items)} images were given to compare on: give two or more, so that the number "
            "of images can stay free"
        )
    prepared = [backbone.prepare(item) for item in items]
    return prepared, backbone.collate(prepared)


def _program(served: nn.Module, batch: Any, extra: Mapping[str, str]) -> bytes:
    """Return the exported program as bytes, without what its outputs do not need."""
    count = torch.export.Dim("n", min=1)
    shapes = pytree.tree_map(lambda tensor: {0: count}, batch)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(served, (batch,), dynamic_shapes=(shapes,), strict=False)
        _prune(program)
        program.example_inputs = None  # somebody's images have no place in the file
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # nor have the folders of this machine
        file = io.BytesIO()
        torch.export.save(program, file, extra_files=dict(extra))
    return file.getvalue()


def _prune(program: torch.export.ExportedProgram) -> None:
    """Take out, in place, steps behind the layer that is read, and weights that nothing reads."""
    program.graph.eliminate_dead_code()
    signature, state = program.graph_signature, program.state_dict
    held = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    idle = [n for n in program.graph.nodes if n.op == "placeholder" and not n.users]
    for node in idle:
        if node.name in held:
            state.pop(held[node.name], None)
            specs = signature.input_specs
            specs[:] = [spec for spec in specs if spec.arg.name != node.name]
            program.graph.erase_node(node)
    program.graph_module.recompile()


def _labels(model: Any, config: Mapping[str, Any] | None) -> str:
    """Return names and origin as one JSON object."""
    labels = labels_of(model, config)
    return json.dumps({key: json.loads(value) for key, value in labels.items()}, ensure_ascii=False)


@contextmanager
def _refused(backbone: Backbone) -> Iterator[None]:
    """Turn whatever ``torch.export`` raises for a network it cannot follow into one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"torch.export cannot take {backbone.name} ({one_line(error)}): {INSTEAD}"
        ) from error
