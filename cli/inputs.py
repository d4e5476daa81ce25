"""From what the user names - DATA, a backbone, concepts, a RUN - to what the library works on.

Backbone, layer and pooling are asked for once: stores, banks and runs record them, later commands
take them from there, and a backbone given beside a record must have the recorded fingerprint.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcbm.cli.options import BackboneChoice, Common
from pcbm.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from pcbm.activations import ActivationSet, Dataset
    from pcbm.backbones import Backbone

NONE = "none"
EXAMPLES = {
    "image": "open_clip:ViT-B-32/laion2b_s34b_b79k",
    "text": "sentence_transformers:all-MiniLM-L6-v2",
}
SPLITS = ("all", "train", "val", "test")


def load_chosen(choice: BackboneChoice, common: Common) -> Backbone | None:
    """Return the backbone that was named; None for ``none`` and where no name was given."""
    from pcbm.backbones import load_backbone

    if choice.spec is None:
        option = "--layer" if choice.layer is not None else "--pool"
        if choice.layer is not None or choice.pool is not None:
            raise InputError(f"{option} was given without a backbone: add --backbone")
        return None
    return load_backbone(
        choice.spec,
        layer=choice.layer,
        pool=choice.pool,
        device=common.device,
        dtype=choice.dtype,
    )


def read(path: str, common: Common) -> Dataset:
    """Read DATA and pass on what the reader has to say."""
    from pcbm.activations import read_data

    data = read_data(path)
    for note in data.notes:
        common.note(note)
    return data


def backbone_for(
    data: Dataset,
    choice: BackboneChoice,
    record: dict[str, Any] | None,
    common: Common,
) -> Backbone | None:
    """Return the backbone that turns DATA into activations; None when it holds them already.

    Parameters
    ----------
    data : Dataset
    choice : BackboneChoice
        What the user named; it beats the record, and must agree with it.
    record : dict or None
        What a bank or run was made with.
    common : Common

    Raises
    ------
    InputError
        Inputs without any backbone, or another backbone than the recorded one.
    """
    from pcbm.backbones import check_same_backbone, reload_backbone

    if data.kind == "array":
        if record is not None and data.record is not None:
            check_same_backbone(record, data.record, f"the store {data.source}")
        return None
    backbone = load_chosen(choice, common)
    if backbone is not None and record is not None:
        check_same_backbone(record, backbone.record, f"--backbone {choice.spec}")
    if backbone is None and record is not None and choice.spec != NONE:
        backbone = reload_backbone(record, device=common.device)
    if backbone is None:
        raise InputError(
            f"{data.source} holds {data.kind}s and no backbone is known for them: "
            f"add --backbone, such as --backbone {EXAMPLES[data.kind]}"
        )
    return backbone


def activations(
    data: Dataset, backbone: Backbone | None, choice: BackboneChoice, common: Common
) -> ActivationSet:
    """Return the activations of DATA, from the cache where it has them."""
    from pcbm.activations import activations_for

    with common.progress("activations") as progress:
        acts = activations_for(
            data,
            backbone,
            batch_size=choice.batch_size,
            skip_unreadable=choice.skip_unreadable,
            progress=progress,
        )
    for note in acts.notes:
        if note not in data.notes:
            common.note(note)
    if backbone is None or data.kind == "array":
        return acts
    # The cache may know the same weights under another name or path; this run's are the ones to
    # record, because later commands load them from there.
    return replace(acts, record=backbone.record)


def marks_test(data: ActivationSet | Dataset) -> bool:
    """Return whether the data says itself which rows are for testing."""
    return data.split is not None and bool((data.split == "test").any())


def split_part(
    data: ActivationSet | Dataset, split: str | None, *, default_test: bool
) -> tuple[np.ndarray, str]:
    """Return the rows a command works on, and the name of the split they are.

    Without ``--split``, judging commands (``default_test``) take the test rows where DATA tells
    them apart, because a model is not judged on the rows it was fitted on; others take all rows.
    """
    import numpy as np

    if split is not None and split not in SPLITS:
        raise InputError(f"--split was given as {split!r}: it is one of {', '.join(SPLITS)}")
    if split is None:
        split = "test" if default_test and marks_test(data) else "all"
    if split == "all":
        return np.arange(len(data)), split
    if data.split is None or not (data.split == split).any():
        raise InputError(f"--split {split} was asked for, but the data marks no rows as {split!r}")
    return np.flatnonzero(data.split == split), split


def fitted_rows_warning(run: Any, data: Dataset) -> list[str]:
    """Return a warning where DATA to judge on holds the rows that a run was fitted on."""
    recorded = (run.config["data"] or {}).get("content")
    if marks_test(data) or recorded is None or recorded != data.content_hash():
        return []
    return [
        f"{data.source} is the data of the fit, its training rows included, so these figures "
        "are no test: mark test rows in a split column, or give other data"
    ]


def training_rows(run: Any, data: Dataset, acts: ActivationSet) -> tuple[np.ndarray, str | None]:
    """Return the rows of DATA that a run may learn from again, and a note where that is a choice.

    Rows marked as test are left out. In the data of the fit, without marks, so are the rows that
    the fit drew for its test: the same ones, drawn again.
    """
    import numpy as np

    from pcbm.activations import resolve_task, split_rows

    every = np.arange(len(acts))
    if marks_test(acts) and acts.split is not None:
        return np.flatnonzero(acts.split != "test"), None
    recorded, settings = run.config["data"] or {}, run.config["settings"]
    share = recorded.get("test_size")
    if share is None or recorded.get("content") != data.content_hash():
        return every, None
    labels = resolve_task(acts.y, settings.get("task", "auto"), label_names=acts.label_names)
    rows, held_out = split_rows(labels, None, share, settings.get("seed", 0))
    if len(rows) != run.metrics["n_train"]:
        raise InputError(
            f"{data.source} is the data of the fit, but the {run.metrics['n_train']} rows it was "
            f"fitted on cannot be drawn again (now {len(rows)}): mark test rows in a split column"
        )
    return rows, (
        f"{data.source} is the data of the fit: the {len(rows):,} rows it was fitted on are used, "
        f"not the {len(held_out):,} it was tested on"
    )


def activations_like(
    run: Any, run_folder: Path, data: Dataset, choice: BackboneChoice, common: Common
) -> ActivationSet:
    """Return the activations of DATA under a run's backbone; their width must be the model's."""
    if data.kind == "array" and choice.spec not in (None, NONE):
        common.note(f"--backbone was not needed: {data.source} holds activations already")
    record = run.config["backbone"]
    backbone = backbone_for(data, choice, record, common)
    acts = activations(data, backbone, choice, common)
    expected = int(run.model.n_features_in_)
    if acts.X.shape[1] != expected:
        raise InputError(
            f"{data.source} has activations of {acts.X.shape[1]} dimensions, the run {run_folder} "
            f"was fitted on {expected}: use the same backbone, layer and pooling"
        )
    return acts
