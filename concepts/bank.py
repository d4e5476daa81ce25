"""The concept bank: K named directions in one backbone's activation space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pcbm.concepts import storage
from pcbm.concepts.cav import HELD_OUT, Cav, fit_cavs
from pcbm.concepts.checks import about, check_direction_rows, check_names, json_copy
from pcbm.concepts.text import embed_words, flatten_words
from pcbm.errors import InputError, near
from pcbm.notebook import table

if TYPE_CHECKING:
    from pcbm.backbones import Backbone

SHOWN = 20  # concepts in a notebook


class ConceptBank:
    """K named directions with intercepts, and where they come from.

    Concept k is the direction ``vectors[k]`` (d,) and the number ``intercepts[k]``: the half-space
    ``vectors[k] @ f + intercepts[k] > 0`` is where the concept is present.

    Parameters
    ----------
    names : sequence of str, length K
        Any strings, each once.
    vectors : array-like (K, d)
        Finite, no row zero. Their lengths do not matter to any projection.
    intercepts : array-like (K,), optional
        Zero by default.
    source : str or sequence of K str
        ``"text"``, ``"cav"``, ``"imported"``, or another word for how the concepts were made.
    stats : mapping of str to mapping, optional
        Figures per concept, as JSON numbers; see `pcbm.concepts.fit_cav` for those of CAVs.
    record : dict, optional
        What the backbone says of itself (`Backbone.record`); holds the fingerprint.
    text_mean : array-like (d,), optional
        Mean of the unit text embeddings of all words that the bank was made from;
        ``projection="centred"`` subtracts it.
    extra : dict, optional
        Further JSON values: templates and words of a text bank, notes of its making.

    Examples
    --------
    >>> bank = ConceptBank(["stripes", "metal"], [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    >>> bank
    ConceptBank(2 concepts in 3 dimensions, imported, no backbone recorded: 'stripes', 'metal')
    >>> bank.index("metal")
    1
    """

    def __init__(
        self,
        names: Sequence[str],
        vectors: ArrayLike,
        intercepts: ArrayLike | None = None,
        *,
        source: str | Sequence[str] = "imported",
        stats: Mapping[str, Mapping[str, Any]] | None = None,
        record: Mapping[str, Any] | None = None,
        text_mean: ArrayLike | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.names = check_names(names)
        self._row_of = {name: row for row, name in enumerate(self.names)}
        count = len(self.names)
        self.vectors = check_direction_rows(vectors, self.names)
        offsets = np.zeros(count) if intercepts is None else intercepts
        self.intercepts = _finite_vector(offsets, count, "intercepts", "one number a concept")
        self.text_mean = (
            None
            if text_mean is None
            else _finite_vector(text_mean, self.dim, "text_mean", "one number a dimension")
        )
        self.sources = [source] * count if isinstance(source, str) else [str(s) for s in source]
        if len(self.sources) != count:
            raise InputError(
                f"{len(self.sources)} sources are given for {count} concepts: give one, or one each"
            )
        self.stats: dict[str, dict[str, Any]] = json_copy(stats or {}, "stats")
        for name in self.stats:
            self.index(name)
        self.record: dict[str, Any] | None = None if record is None else json_copy(record, "record")
        self.extra: dict[str, Any] = json_copy(extra or {}, "extra")

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        shown = ", ".join(repr(name) for name in self.names[:5])
        more = f", ... {len(self) - 5} more" if len(self) > 5 else ""
        made_on = f"backbone {self.record.get('spec')}" if self.record else "no backbone recorded"
        plural = "" if len(self) == 1 else "s"
        return (
            f"ConceptBank({len(self)} concept{plural} in {self.dim} dimensions, {self.source}, "
            f"{made_on}: {shown}{more})"
        )

    def _repr_html_(self) -> str:
        """Return the concepts as a table for notebooks: names, sources and figures."""
        measured = [key for key in ("auc", "balanced_accuracy") if self._knows(key)]
        rows = [
            (name, source, *(_told(self.stats.get(name, {}).get(key)) for key in measured))
            for name, source in zip(self.names[:SHOWN], self.sources, strict=False)
        ]
        made_on = f"backbone {self.record.get('spec')}" if self.record else "no backbone recorded"
        title = f"{len(self)} concepts in {self.dim} dimensions, {made_on}"
        more = [f"{len(self) - SHOWN} more concepts."] if len(self) > SHOWN else []
        notes = [f"{len(self.notes)} notes: see bank.notes."] if self.notes else []
        columns = ("concept", "source", *(key.replace("_", " ") for key in measured))
        return table(title, columns, rows, " ".join(more + notes))

    def _knows(self, key: str) -> bool:
        return any(key in figures for figures in self.stats.values())

    @property
    def dim(self) -> int:
        """Dimension d of the activation space."""
        return int(self.vectors.shape[1])

    @property
    def source(self) -> str:
        """The source that all concepts share, or ``"mixed"``."""
        return self.sources[0] if len(set(self.sources)) == 1 else "mixed"

    @property
    def fingerprint(self) -> str | None:
        """Fingerprint of the backbone, layer and pooling the directions live in, if recorded."""
        return self.record.get("fingerprint") if self.record else None

    @property
    def notes(self) -> list[str]:
        """What a user should know of how the bank was made: weak probes, dropped words, ..."""
        return list(self.extra.get("notes", []))

    def index(self, name: str) -> int:
        """Return the row of a concept; an unknown name raises InputError with near matches."""
        if name not in self._row_of:
            raise InputError(f"the bank has no concept {name!r}: {near(str(name), self.names)}")
        return self._row_of[name]

    def select(self, names: Sequence[str]) -> ConceptBank:
        """Return a bank of the named concepts, in the order given.

        ``text_mean`` and ``extra`` stay as they are, but for notes about concepts left out.
        """
        if isinstance(names, str):
            raise InputError(f"select() got the string {names!r}: give a list of concept names")
        rows = [self.index(name) for name in names]
        wanted = set(names)
        gone = tuple(about(name, "") for name in self.names if name not in wanted)
        extra = dict(self.extra)
        if "notes" in extra:
            extra["notes"] = [note for note in self.notes if not note.startswith(gone)]
        return ConceptBank(
            names,
            self.vectors[rows],
            self.intercepts[rows],
            source=[self.sources[row] for row in rows],
            stats={name: self.stats[name] for name in names if name in self.stats},
            record=self.record,
            text_mean=self.text_mean,
            extra=extra,
        )

    def save(self, path: str | Path) -> None:
        """Write the bank as one ``.safetensors`` file, the same bytes for the same bank."""
        arrays = {"vectors": self.vectors, "intercepts": self.intercepts}
        if self.text_mean is not None:
            arrays["text_mean"] = self.text_mean
        facts = {
            "names": self.names,
            "sources": self.sources,
            "stats": self.stats,
            "record": self.record,
            "extra": self.extra,
        }
        storage.write_bank(Path(path), arrays, facts)

    @classmethod
    def load(cls, path: str | Path) -> ConceptBank:
        """Read a bank that `save` wrote; any other file raises InputError."""
        arrays, facts = storage.read_bank(Path(path))
        try:
            return cls(
                facts["names"],
                arrays["vectors"],
                arrays["intercepts"],
                source=facts["sources"],
                stats=facts["stats"],
                record=facts["record"],
                text_mean=arrays.get("text_mean"),
                extra=facts["extra"],
            )
        except InputError as error:
            raise InputError(f"{path} is a damaged concept bank: {error}") from None

    @classmethod
    def from_text(
        cls,
        words: Sequence[str] | Mapping[str, Sequence[str]],
        backbone: Backbone,
        templates: Sequence[str] | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> ConceptBank:
        """Make a bank from words, through the backbone's text tower.

        The direction of a word is the mean of the unit embeddings of its templates, scaled to unit
        length; intercepts are zero. See `pcbm.concepts.embed_words`.

        Parameters
        ----------
        words : sequence of str, or mapping of class name to words
            Each word becomes a concept of that name. With a mapping, a word of several classes
            becomes one concept, and the mapping is kept in ``extra["classes"]``.
        backbone : Backbone
            Must have a text tower.
        templates : sequence of str, optional
            Sentences with a ``{}`` where the word goes; by default
            `pcbm.concepts.IMAGE_TEMPLATES` for images and the plain word for text.
        progress : callable, optional
            Called with (sentences done, sentences in all).

        Raises
        ------
        InputError
            No text tower, no words, a word twice, a template without ``{}``.
        """
        flat = check_names(flatten_words(words))
        embedded = embed_words(flat, backbone, templates, progress=progress)
        extra: dict[str, Any] = {
            "templates": embedded.templates,
            "words": flat,
            "notes": embedded.notes,
        }
        if isinstance(words, Mapping):
            extra["classes"] = {str(key): list(value) for key, value in words.items()}
        return cls(
            flat,
            embedded.vectors,
            source="text",
            record=backbone.record,
            text_mean=embedded.mean,
            extra=extra,
        )

    @classmethod
    def from_examples(
        cls,
        examples: Mapping[str, tuple[ArrayLike, ArrayLike]],
        *,
        record: Mapping[str, Any] | None = None,
        learner: str = "svm",
        penalty: float | None = None,
        held_out: float = HELD_OUT,
        seed: int = 0,
    ) -> ConceptBank:
        """Make a bank of concept activation vectors: one linear probe per concept.

        Parameters
        ----------
        examples : mapping of str to (positives, negatives)
            Activations with and without the concept, arrays (n_positive, d) and (n_negative, d).
        record : dict, optional
            The record of the backbone that made the activations.
        learner, penalty, held_out, seed
            See `pcbm.concepts.fit_cav`.

        Raises
        ------
        InputError
            Fewer than two different examples on a side, NaN or infinity, unequal dimensions.

        Notes
        -----
        The probe, the choice of C and the figures are described at `pcbm.concepts.fit_cav`; what
        is doubtful (figures near chance, few examples) stands in `notes`.
        """
        check_names(list(examples))
        probe: dict[str, Any] = {"learner": learner, "penalty": penalty}
        probe |= {"held_out": held_out, "seed": seed}
        return cls.from_cavs(fit_cavs(examples, **probe), record=record, extra={"probe": probe})

    @classmethod
    def from_cavs(
        cls,
        cavs: Mapping[str, Cav],
        *,
        record: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> ConceptBank:
        """Make a bank of fitted probes (`pcbm.concepts.fit_cavs`); their notes join ``extra``'s."""
        facts = dict(extra or {})
        notes = [*facts.get("notes", []), *(note for cav in cavs.values() for note in cav.notes)]
        facts["notes"] = notes
        return cls(
            list(cavs),
            np.stack([cav.vector for cav in cavs.values()]),
            np.array([cav.intercept for cav in cavs.values()]),
            source="cav",
            stats={name: cav.stats for name, cav in cavs.items()},
            record=record,
            extra=facts,
        )


def _told(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _finite_vector(values: ArrayLike, length: int, what: str, meaning: str) -> np.ndarray:
    vector = np.array(values, dtype=np.float64)
    if vector.shape != (length,):
        raise InputError(f"{what} has shape {vector.shape}, expected ({length},): give {meaning}")
    if not np.isfinite(vector).all():
        raise InputError(f"{what} holds NaN or infinite values: give finite numbers")
    vector.flags.writeable = False
    return vector
