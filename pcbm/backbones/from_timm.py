"""``timm:NAME`` (weights by name) and ``timm:NAME@CHECKPOINT`` (weights from a file)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from pcbm.backbones.fetch import loading
from pcbm.backbones.pooling import TokenRule
from pcbm.backbones.spec import existing_path
from pcbm.backbones.tower import Tower, as_rgb, stack
from pcbm.backbones.weights import load_weights, read_checkpoint
from pcbm.errors import InputError, near, need

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = ("hf-hub:", "local-dir:")


def load(what: str, spec: str) -> Tower:
    """Load a timm model; its embedding is what its classifier would get (pre-logits)."""
    timm = need("timm", "timm")
    name, _, checkpoint = what.partition("@")
    if name.startswith("local-dir:"):
        name = f"local-dir:{existing_path(name.removeprefix('local-dir:'), spec)}"
    elif not name.startswith(SOURCES):
        _check_name(timm, name, spec, tagged=not checkpoint)
    path = existing_path(checkpoint, spec) if checkpoint else None
    if path:
        model: Any = _from_checkpoint(timm, name, path, spec)
    else:
        with loading(spec, "timm:NAME@CHECKPOINT or timm:local-dir:DIRECTORY"):
            model = timm.create_model(name, pretrained=True)
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    return Tower(
        spec=f"timm:{name}" + (f"@{path}" if path else ""),
        module=model,
        kind="image",
        prepare=lambda item: transform(as_rgb(item)),
        collate=stack,
        embed=lambda batch: pre_logits(model, batch),
        architecture=str(model.pretrained_cfg.get("architecture") or name.partition(".")[0]),
        preprocess=json.dumps(config, sort_keys=True),
        run=model,
        tokens=token_rule(model),
        packages=("timm", "torch"),
    )


def pre_logits(model: Any, batch: Tensor) -> Tensor:
    """Return what the classifier of a timm model would get, shape (n, d)."""
    return model.forward_head(model.forward_features(batch), pre_logits=True)


def token_rule(model: nn.Module) -> TokenRule:
    """Return how a timm model pools its tokens; attention pooling fits its last layer only."""
    pool = getattr(model, "global_pool", None)
    prefix = getattr(model, "num_prefix_tokens", None)
    if pool == "token" and prefix:
        return TokenRule("cls", prefix)
    if isinstance(pool, str) and pool.startswith("avg") and prefix:
        return TokenRule("patches", prefix)
    return TokenRule("mean", prefix)


def _check_name(timm: Any, name: str, spec: str, *, tagged: bool) -> None:
    base, _, tag = name.partition(".")
    if base not in timm.list_models():
        raise InputError(f"unknown timm model {base!r}: {near(base, timm.list_models())}")
    names = timm.list_pretrained(f"{base}*")
    tags = [known.partition(".")[2] for known in names if known.partition(".")[0] == base]
    if tag and tag not in tags:
        raise InputError(f"{spec}: {base} has no weights {tag!r}: {near(tag, tags)}")
    if tagged and not tags:
        raise InputError(f"{spec}: timm publishes no weights for it: give timm:{base}@CHECKPOINT")


def _from_checkpoint(timm: Any, name: str, path: Path, spec: str) -> nn.Module:
    """Build the model with as many classes as the checkpoint has, then load every weight."""
    state = read_checkpoint(path)
    with loading(spec, "timm:NAME@CHECKPOINT"):
        head = timm.create_model(name, pretrained=False).pretrained_cfg.get("classifier")
        head = head[0] if isinstance(head, tuple | list) else head
        rows = state.get(f"{head}.weight")
        model = timm.create_model(
            name, pretrained=False, num_classes=0 if rows is None else rows.shape[0]
        )
    load_weights(model, state, path, spec)
    return model
