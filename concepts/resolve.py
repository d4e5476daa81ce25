"""One entry for everything a user may give as concepts: a bank, words, folders, a label table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pcbm.activations import ActivationSet
from pcbm.backbones import check_same_backbone
from pcbm.concepts import storage
from pcbm.concepts.bank import ConceptBank
from pcbm.concepts.folders import bank_from_folder
from pcbm.concepts.labels import bank_from_csv
from pcbm.concepts.words import read_concepts
from pcbm.errors import InputError

if TYPE_CHECKING:
    from pcbm.backbones import Backbone

WORDS = (".txt", ".json")
LABELS = ".csv"
_FORMS = (
    "a bank .safetensors, words in .txt or .json, a folder of example folders, or a .csv of "
    "concept labels"
)


def resolve_concepts(
    source: str | Path,
    backbone: Backbone | None,
    acts: ActivationSet | None = None,
    *,
    templates: Sequence[str] | None = None,
    learner: str = "svm",
    penalty: float | None = None,
    seed: int = 0,
    batch_size: int = 64,
    skip_unreadable: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ConceptBank, list[str]]:
    """Return the bank that a concept source stands for, and notes for the user.

    Parameters
    ----------
    source : path
        A bank ``.safetensors``; words in ``.txt`` or ``.json`` (see `read_concepts`), embedded by
        the backbone's text tower; a folder of examples (see `bank_from_folder`); or a ``.csv`` of
        concept labels of the rows in ``acts`` (see `bank_from_csv`).
    backbone : Backbone or None
        Needed for words and folders.
    acts : ActivationSet, optional
        The training activations: needed for labels, otherwise the bank is checked against them.
    templates : sequence of str, optional
        For words only.
    learner, penalty
        For examples and labels only, see `pcbm.concepts.fit_cav`.
    seed, batch_size, skip_unreadable, progress
        Passed to the maker of the bank.

    Raises
    ------
    InputError
        No such source, another form, no backbone where one is needed, another fingerprint or
        dimension than the backbone's or the activations', and what the makers refuse.
    """
    path = Path(source)
    suffix = path.suffix.casefold()
    if not path.exists():
        raise InputError(f"the concepts {path} do not exist: give {_FORMS}")
    if templates is not None and (path.is_dir() or suffix not in WORDS):
        raise InputError(f"templates are for words, but {path} is none of {', '.join(WORDS)}")
    notes: list[str] = []
    if path.is_dir():
        bank = bank_from_folder(
            path,
            _needed(backbone, path),
            learner=learner,
            penalty=penalty,
            seed=seed,
            batch_size=batch_size,
            skip_unreadable=skip_unreadable,
            progress=progress,
        )
    elif suffix in WORDS:
        found = read_concepts(path)
        notes += found.notes
        words = found.words if found.classes is None else found.classes
        bank = ConceptBank.from_text(words, _needed(backbone, path), templates, progress=progress)
    elif suffix == LABELS:
        if acts is None:
            raise InputError(
                f"the concept labels {path} need the activations of the data they label"
            )
        bank = bank_from_csv(
            path, acts, learner=learner, penalty=penalty, seed=seed, progress=progress
        )
    elif suffix == storage.SUFFIX:
        bank = ConceptBank.load(path)
    else:
        raise InputError(f"{path} is no form of concepts: give {_FORMS}")
    _check_fits(bank, backbone, acts, path)
    return bank, notes + bank.notes


def _needed(backbone: Backbone | None, path: Path) -> Backbone:
    if backbone is None:
        raise InputError(
            f"{path} has to be embedded and no backbone is known: name a --backbone, or give a bank"
        )
    return backbone


def _check_fits(
    bank: ConceptBank, backbone: Backbone | None, acts: ActivationSet | None, path: Path
) -> None:
    what = f"the concepts {path}"
    if backbone is not None:
        check_same_backbone(backbone.record, bank.record, what)
        _check_dim(bank, backbone.dim, f"the backbone {backbone.spec}", what)
    if acts is not None:
        check_same_backbone(acts.record, bank.record, what)
        _check_dim(bank, int(acts.X.shape[1]), "the data's activations", what)


def _check_dim(bank: ConceptBank, dim: int, whose: str, what: str) -> None:
    if bank.dim != dim:
        raise InputError(
            f"{what} have {bank.dim} dimensions and {whose} {dim}: "
            "use one backbone, layer and pooling for both"
        )
