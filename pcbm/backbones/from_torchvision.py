"""``torchvision:NAME/WEIGHTS`` (an entry of its weights enumeration) or ``.../CHECKPOINT``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torchvision
from torch import nn

from pcbm.backbones.fetch import loading
from pcbm.backbones.pooling import TokenRule
from pcbm.backbones.spec import existing_path, looks_like_path
from pcbm.backbones.tower import Tower, as_rgb, stack
from pcbm.backbones.weights import load_weights, read_checkpoint, without_addresses
from pcbm.errors import InputError, near


def load(what: str, spec: str) -> Tower:
    """Load a torchvision classifier; its output is the logits, its layers hold the features."""
    models = torchvision.models
    name, _, weights = what.partition("/")
    names = models.list_models(module=models)
    if name not in names:
        raise InputError(f"unknown torchvision model {name!r}: {near(name, names)}")
    entries = models.get_model_weights(name)
    known = list(entries.__members__)
    if not weights:
        raise InputError(
            f"{spec} names no weights: expected torchvision:{name}/WEIGHTS, "
            f"as {', '.join(known)} or a checkpoint file"
        )
    if weights in known:
        entry = entries[weights]
        with loading(spec, f"torchvision:{name}/CHECKPOINT"):
            model = models.get_model(name, weights=entry)
    elif looks_like_path(weights) or Path(weights).is_file():
        entry = entries.DEFAULT
        weights = str(existing_path(weights, spec))
        model = _from_checkpoint(name, Path(weights), spec)
    else:
        raise InputError(
            f"{spec}: unknown weights {weights!r}, and no such file: {near(weights, known)}"
        )
    transform = entry.transforms()
    return Tower(
        spec=f"torchvision:{name}/{weights}",
        module=model,
        kind="image",
        prepare=lambda item: transform(as_rgb(item)),
        collate=stack,
        embed=model,
        architecture=name,
        preprocess=without_addresses(" ".join(repr(transform).split())),
        # Its vision transformers classify by their class token; Swin has maps, not tokens.
        tokens=TokenRule("cls", 1) if hasattr(model, "class_token") else TokenRule("mean", 0),
        packages=("torchvision", "torch"),
    )


def _from_checkpoint(name: str, path: Path, spec: str) -> nn.Module:
    """Build the model with as many classes as the checkpoint has, then load every weight."""
    state = read_checkpoint(path)
    model: Any = torchvision.models.get_model(name, weights=None)
    head = [key for key in model.state_dict() if key.endswith(".weight")][-1]
    rows = state.get(head)
    if rows is not None and rows.shape[0] != model.state_dict()[head].shape[0]:
        model = torchvision.models.get_model(name, weights=None, num_classes=rows.shape[0])
    load_weights(model, state, path, spec)
    return model
