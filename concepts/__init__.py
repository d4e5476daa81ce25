"""Concept banks: named directions in a backbone's activation space."""

if __name__ != "pcbm.concepts":
    raise ImportError("this folder is the package 'pcbm.concepts': write  import pcbm.concepts")

from pcbm.concepts.bank import ConceptBank
from pcbm.concepts.cav import Cav, fit_cav, fit_cavs, fit_cavs_of_rows, held_out_examples
from pcbm.concepts.combine import filter_bank, merge_banks
from pcbm.concepts.folders import bank_from_folder
from pcbm.concepts.labels import bank_from_csv
from pcbm.concepts.paper import PaperCav, paper_cavs
from pcbm.concepts.resolve import resolve_concepts
from pcbm.concepts.text import IMAGE_TEMPLATES, SENTENCE_TEMPLATES, embed_words
from pcbm.concepts.words import ConceptWords, read_concepts

__all__ = [
    "IMAGE_TEMPLATES",
    "SENTENCE_TEMPLATES",
    "Cav",
    "ConceptBank",
    "ConceptWords",
    "PaperCav",
    "bank_from_csv",
    "bank_from_folder",
    "embed_words",
    "filter_bank",
    "fit_cav",
    "fit_cavs",
    "fit_cavs_of_rows",
    "held_out_examples",
    "merge_banks",
    "paper_cavs",
    "read_concepts",
    "resolve_concepts",
]
