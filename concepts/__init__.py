"""Concept banks: named directions in a backbone's activation space."""

if __name__ != "pcbm.concepts":
    raise ImportError("this folder is the package 'pcbm.concepts': write  import pcbm.concepts")

from pcbm.concepts.bank import ConceptBank
from pcbm.concepts.cav import Cav, fit_cav, fit_cavs, held_out_rows
from pcbm.concepts.text import IMAGE_TEMPLATES, SENTENCE_TEMPLATES, embed_words

__all__ = [
    "IMAGE_TEMPLATES",
    "SENTENCE_TEMPLATES",
    "Cav",
    "ConceptBank",
    "embed_words",
    "fit_cav",
    "fit_cavs",
    "held_out_rows",
]
