"""``open_clip:MODEL/PRETRAINED``, ``.../CHECKPOINT`` and ``open_clip:local-dir:DIRECTORY``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from torch import Tensor, nn

from pcbm.backbones.fetch import loading
from pcbm.backbones.from_timm import token_rule as timm_token_rule
from pcbm.backbones.pooling import TokenRule
from pcbm.backbones.spec import existing_path, looks_like_path
from pcbm.backbones.tower import Tower, as_rgb, as_text, stack
from pcbm.backbones.weights import one_line, read_checkpoint
from pcbm.errors import InputError, near

LOCAL_DIR = "local-dir:"
HUB = "hf-hub:"


def load(what: str, spec: str) -> Tower:
    """Load an OpenCLIP model: images through its image tower, words through its text tower."""
    name, pretrained, folder = _resolve(what, spec)
    with loading(spec, "open_clip:MODEL/CHECKPOINT or open_clip:local-dir:DIRECTORY"):
        model = open_clip.create_model(
            name,
            pretrained=pretrained,
            force_quick_gelu=_trained_with_quick_gelu(name, pretrained),
            require_pretrained=True,
            weights_only=True,
        )
        architecture = dict(open_clip.get_model_config(name) or {})
    if _trained_with_quick_gelu(name, pretrained):
        architecture["quick_gelu"] = True
    transform = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
    tokenizer, no_text = _tokenizer(name, folder, model, architecture)
    return clip_tower(
        f"open_clip:{name}" + (f"/{pretrained}" if pretrained else ""),
        model,
        transform,
        tokenizer,
        architecture=_text_of(architecture),
        preprocess=json.dumps(model.visual.preprocess_cfg, sort_keys=True),
        no_text=no_text,
    )


def clip_tower(
    spec: str,
    model: Any,
    transform: Callable[[Any], Tensor],
    tokenizer: Callable[[Sequence[str]], Tensor] | None,
    *,
    architecture: str,
    preprocess: str,
    no_text: str,
) -> Tower:
    """Wrap an OpenCLIP model, its validation transform and its tokenizer.

    Embeddings are those of ``encode_image`` and ``encode_text``, not normalised.
    """

    def encode_text(texts: Sequence[str], device: torch.device) -> Tensor:
        assert tokenizer is not None
        tokens = tokenizer([as_text(text) for text in texts])
        return model.encode_text(tokens.to(device))

    return Tower(
        spec=spec,
        module=model,
        kind="image",
        prepare=lambda item: transform(as_rgb(item)),
        collate=stack,
        embed=model.encode_image,
        architecture=architecture,
        preprocess=preprocess,
        tokens=_token_rule(model.visual),
        encode_text=None if tokenizer is None else encode_text,
        no_text=no_text,
        packages=("open_clip_torch", "torch"),
    )


def _resolve(what: str, spec: str) -> tuple[str, str | None, Path | None]:
    """Return OpenCLIP's model name, its ``pretrained`` argument and the local directory."""
    if what.startswith(LOCAL_DIR):
        folder = existing_path(what.removeprefix(LOCAL_DIR), spec)
        if not (folder / "open_clip_config.json").is_file():
            raise InputError(f"{spec}: {folder} has no open_clip_config.json: check the directory")
        return f"{LOCAL_DIR}{folder}", None, folder
    if what.startswith(HUB):
        return what, None, None
    model, _, pretrained = what.partition("/")
    if model not in open_clip.list_models():
        raise InputError(
            f"unknown open_clip model {model!r}: {near(model, open_clip.list_models())}"
        )
    tags = open_clip.list_pretrained_tags_by_model(model)
    if not pretrained:
        some = ", ".join(tags[:5]) or "a checkpoint file"
        raise InputError(
            f"{spec} names no weights: expected open_clip:{model}/PRETRAINED, as {some}"
        )
    if Path(pretrained).expanduser().is_file():
        path = existing_path(pretrained, spec)
        read_checkpoint(path)
        return model, str(path), None
    if pretrained in tags:
        return model, pretrained, None
    if looks_like_path(pretrained):
        existing_path(pretrained, spec)
        raise InputError(f"{spec}: {pretrained} is no file: expected a checkpoint")
    raise InputError(
        f"{spec}: unknown weights {pretrained!r} for {model}, and no such file: "
        f"{near(pretrained, tags)}"
    )


def _trained_with_quick_gelu(name: str, pretrained: str | None) -> bool:
    """Tell whether these published weights were trained with QuickGELU.

    OpenCLIP itself only warns when the model's configuration says otherwise, and then computes
    other embeddings than the ones that were trained.
    """
    if pretrained is None:
        return False
    return bool((open_clip.get_pretrained_cfg(name, pretrained) or {}).get("quick_gelu", False))


def _text_of(architecture: dict[str, Any]) -> str:
    """Return a model configuration as text, without what depends on paths."""
    kept = {
        key: dict(value) if isinstance(value, dict) else value
        for key, value in architecture.items()
    }
    if isinstance(kept.get("text_cfg"), dict):
        kept["text_cfg"].pop("tokenizer_kwargs", None)
    return json.dumps(kept, sort_keys=True)


def _token_rule(visual: nn.Module) -> TokenRule:
    trunk = getattr(visual, "trunk", None)
    if trunk is not None:
        return timm_token_rule(trunk)
    pool = getattr(visual, "pool_type", None)
    if pool is None:
        return TokenRule()
    return TokenRule({"tok": "cls", "avg": "patches"}.get(pool, "mean"), prefix=1)  # type: ignore[arg-type]


def _tokenizer(
    name: str, folder: Path | None, model: nn.Module, architecture: dict[str, Any]
) -> tuple[Callable[..., Tensor] | None, str]:
    """Return the tokenizer, or None and the reason why words cannot be embedded.

    OpenCLIP gives its standard vocabulary of 49,408 words to any model without a tokenizer of its
    own, so the vocabulary is checked against the rows of the token embedding.
    """
    try:
        tokenizer = open_clip.get_tokenizer(name, **_merges(folder, architecture))
    except Exception as error:
        # The tokenizer may have to be downloaded; images can be embedded without it.
        return None, f"its tokenizer could not be loaded ({one_line(error)})"
    words, rows = _vocabulary(tokenizer), _embedding_rows(model)
    exact = isinstance(tokenizer, open_clip.SimpleTokenizer)
    if rows is not None and (words > rows or (exact and words != rows)):
        return None, (
            f"its tokenizer has {words} words but its text tower {rows}: put the merges file that "
            "it was trained with (one *.txt.gz) into the directory, or name it as "
            "text_cfg.tokenizer_kwargs.bpe_path in open_clip_config.json"
        )
    return tokenizer, ""


def _merges(folder: Path | None, architecture: dict[str, Any]) -> dict[str, str]:
    """Return the ``bpe_path`` of a local directory's own merges file, where there is one."""
    text = architecture.get("text_cfg", {})
    if folder is None or text.get("hf_tokenizer_name"):
        return {}
    named = text.get("tokenizer_kwargs", {}).get("bpe_path")
    if named:
        return {"bpe_path": str(folder / named)}
    found = sorted(folder.glob("*.txt.gz"))
    return {"bpe_path": str(found[0])} if len(found) == 1 else {}


def _vocabulary(tokenizer: Any) -> int:
    inner = getattr(tokenizer, "tokenizer", None)
    return len(inner) if inner is not None else int(tokenizer.vocab_size)


def _embedding_rows(model: Any) -> int | None:
    text = getattr(model, "text", model)
    table = getattr(text, "token_embedding", None)
    if table is None and hasattr(getattr(text, "transformer", None), "get_input_embeddings"):
        table = text.transformer.get_input_embeddings()
    return None if table is None else int(table.weight.shape[0])
