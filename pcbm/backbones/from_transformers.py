"""``transformers:NAME-or-directory``: vision models, text models, and models with both towers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pcbm.backbones.fetch import loading
from pcbm.backbones.pooling import TokenRule
from pcbm.backbones.spec import existing_path, looks_like_path
from pcbm.backbones.tokens import tokenizer_text, vocabulary_fault
from pcbm.backbones.tower import Tower, as_rgb, as_text, stack
from pcbm.backbones.weights import one_line
from pcbm.errors import InputError, need

INSTEAD = "transformers:DIRECTORY (as written by save_pretrained)"
PACKAGES = ("transformers", "torch")
_UNSTABLE = {"_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures"}


def load(what: str, spec: str) -> Tower:
    """Load a model; what it embeds follows from its main input and from its towers."""
    library = need("transformers", "hf")
    if looks_like_path(what) or Path(what).is_dir():
        what = str(existing_path(what, spec))
    canonical = f"transformers:{what}"
    with loading(spec, INSTEAD):
        model, info = library.AutoModel.from_pretrained(what, output_loading_info=True)
    _check_complete(model, info, spec)
    if hasattr(model, "get_image_features") and hasattr(model, "get_text_features"):
        return _two_towers(library, model, what, canonical)
    if model.main_input_name == "pixel_values":
        return _vision(library, model, what, canonical)
    if model.main_input_name == "input_ids":
        return _text(library, model, what, canonical)
    raise InputError(f"{spec} takes {model.main_input_name}: expected a model of images or texts")


def _check_complete(model: Any, info: Mapping[str, Any], spec: str) -> None:
    """Refuse weights that the library made up because the checkpoint lacks them.

    A missing pooler is common (checkpoints of classifiers have none) and is taken off, so that
    neither the embedding nor the fingerprint holds random numbers.
    """
    own = {name for name, _ in model.named_parameters()}
    missing = sorted(own & set(info["missing_keys"]))
    if missing and all(name.startswith("pooler.") for name in missing):
        model.pooler = None
    elif missing:
        raise InputError(
            f"{spec} lacks {len(missing)} of its weights (first {missing[0]!r}): "
            "give a complete checkpoint"
        )


def _two_towers(library: Any, model: Any, what: str, spec: str) -> Tower:
    """Wrap a CLIP-like model: joint image and text space, not normalised."""
    processor = _processor(library, what, spec)
    length = model.config.text_config.max_position_embeddings
    tokenizer, no_text = None, ""
    try:
        tokenizer = library.AutoTokenizer.from_pretrained(what)
    except Exception as error:
        # Images can be embedded without a tokenizer.
        no_text = f"its tokenizer could not be loaded ({one_line(error)})"
    else:
        no_text = vocabulary_fault(tokenizer, model.config.text_config.vocab_size) or ""

    def encode_text(texts: Sequence[str], device: torch.device) -> Tensor:
        assert tokenizer is not None
        # SigLIP was trained on texts padded to full length; for CLIP it makes no difference.
        tokens = tokenizer(
            [as_text(text) for text in texts],
            padding="max_length",
            truncation=True,
            max_length=length,
            return_tensors="pt",
        )
        return _pooled(model.get_text_features(**tokens.to(device)))

    return Tower(
        spec=spec,
        module=model,
        kind="image",
        prepare=lambda item: _pixels(processor, item),
        collate=stack,
        embed=lambda batch: _pooled(model.get_image_features(**batch)),
        architecture=_config_text(model),
        preprocess=_processor_text(processor),
        tokens=_token_rule(model),
        encode_text=None if no_text else encode_text,
        no_text=no_text,
        packages=PACKAGES,
    )


def _vision(library: Any, model: Any, what: str, spec: str) -> Tower:
    processor = _processor(library, what, spec)
    return Tower(
        spec=spec,
        module=model,
        kind="image",
        prepare=lambda item: _pixels(processor, item),
        collate=stack,
        embed=lambda batch: _pooled(model(**batch)),
        architecture=_config_text(model),
        preprocess=_processor_text(processor),
        tokens=_token_rule(model),
        packages=PACKAGES,
    )


def _text(library: Any, model: Any, what: str, spec: str) -> Tower:
    """Wrap a text model: its last hidden states, averaged over the real tokens."""
    with loading(spec, INSTEAD):
        tokenizer = library.AutoTokenizer.from_pretrained(what)
    fault = vocabulary_fault(tokenizer, model.config.vocab_size)
    if fault:
        raise InputError(f"{spec} cannot be used: {fault}")
    tokenizer.padding_side = "right"  # so that token 0 is the first one, whatever the batch
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    length = _text_length(tokenizer, model.config)
    run = model.get_encoder() if model.config.is_encoder_decoder else model

    def collate(texts: Sequence[str], device: torch.device) -> dict[str, Tensor]:
        tokens = tokenizer(
            list(texts), padding=True, truncation=True, max_length=length, return_tensors="pt"
        )
        return dict(tokens.to(device))

    return Tower(
        spec=spec,
        module=model,
        kind="text",
        prepare=as_text,
        collate=collate,
        embed=lambda batch: run(**batch).last_hidden_state,
        architecture=_config_text(model),
        preprocess=tokenizer_text(tokenizer, {"max_length": length}),
        mask=lambda batch: batch.get("attention_mask"),
        packages=PACKAGES,
    )


def _text_length(tokenizer: Any, config: Any) -> int | None:
    """Return the longest text in tokens; None when neither tokenizer nor model has a limit."""
    positions = getattr(config, "max_position_embeddings", None)
    if tokenizer.model_max_length < 10**9:
        own = int(tokenizer.model_max_length)
        return own if positions is None else min(own, positions)
    # Models of the RoBERTa family spend two positions on their padding offset.
    return None if positions is None else positions - 2


def _processor(library: Any, what: str, spec: str) -> Any:
    with loading(spec, INSTEAD):
        return library.AutoImageProcessor.from_pretrained(what)


def _pixels(processor: Any, item: Any) -> dict[str, Tensor]:
    return {
        key: torch.as_tensor(value)[0]
        for key, value in processor(images=as_rgb(item), return_tensors="pt").items()
    }


def _pooled(output: Any) -> Tensor:
    """Return the pooled output, or the tokens when the model does not pool."""
    if isinstance(output, Tensor):
        return output
    pooled = getattr(output, "pooler_output", None)
    return output.last_hidden_state if pooled is None else pooled


def _token_rule(model: Any) -> TokenRule:
    """Return how a vision model pools its tokens: its class token where it has one."""
    names = [name for name, _ in model.named_parameters()]
    has_class = any(name.endswith(("cls_token", "class_embedding")) for name in names)
    if not has_class:
        return TokenRule("mean", prefix=0)
    if getattr(model.config, "use_mean_pooling", False):
        return TokenRule("patches", prefix=1)
    return TokenRule("cls", prefix=1)


def _config_text(model: Any) -> str:
    return json.dumps(_stable(model.config.to_diff_dict()), sort_keys=True)


def _processor_text(processor: Any) -> str:
    settings = _stable(processor.to_dict())
    return json.dumps({"class": type(processor).__name__, **settings}, sort_keys=True, default=str)


def _stable(value: Any) -> Any:
    """Drop what depends on paths and versions from a configuration."""
    if isinstance(value, Mapping):
        return {key: _stable(part) for key, part in value.items() if key not in _UNSTABLE}
    return value
