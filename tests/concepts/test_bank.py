from __future__ import annotations

import copy
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcbm.concepts import ConceptBank
from pcbm.errors import InputError
from pcbm.files import save_tensors

V = np.array([[1.0, 0.0, 2.0], [0.0, -3.0, 0.5]])


def full_bank() -> ConceptBank:
    return ConceptBank(
        ["stripes", "metal"],
        V,
        [0.25, -1.0],
        source=["text", "cav"],
        stats={"metal": {"auc": 0.9, "n_train": 12}},
        record={"spec": "x:y", "fingerprint": "abc"},
        text_mean=[0.1, 0.2, 0.3],
        extra={"templates": ["a photo of {}"], "notes": ["look"]},
    )


def test_saving_and_loading_keeps_every_part_exactly(tmp_path: Path) -> None:
    bank = full_bank()
    bank.save(tmp_path / "b.safetensors")
    back = ConceptBank.load(tmp_path / "b.safetensors")
    assert back.names == ["stripes", "metal"]
    assert back.sources == ["text", "cav"] and back.source == "mixed"
    assert back.stats == bank.stats and back.record == bank.record and back.extra == bank.extra
    assert back.fingerprint == "abc" and back.notes == ["look"]
    for name in ("vectors", "intercepts", "text_mean"):
        saved, loaded = getattr(bank, name), getattr(back, name)
        assert loaded.dtype == np.float64 and np.array_equal(saved, loaded)


def test_equal_banks_are_saved_as_equal_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.safetensors" for i in range(3)]
    full_bank().save(paths[0])
    full_bank().save(paths[1])
    ConceptBank.load(paths[0]).save(paths[2])
    assert len({path.read_bytes() for path in paths}) == 1


@settings(deadline=None, derandomize=True)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, unique=True))
def test_any_unicode_names_survive_a_round_trip(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = tmp_path_factory.mktemp("names") / "b.safetensors"
    bank = ConceptBank(names, np.ones((len(names), 2)), stats={names[-1]: {"auc": 1.0}})
    bank.save(path)
    back = ConceptBank.load(path)
    assert back.names == names and back.stats == {names[-1]: {"auc": 1.0}}
    assert [back.index(name) for name in names] == list(range(len(names)))


def test_the_bank_does_not_share_memory_with_its_maker_and_cannot_be_written_to() -> None:
    vectors = V.copy()
    bank = ConceptBank(["a", "b"], vectors)
    vectors[:] = 0
    assert np.array_equal(bank.vectors, V)
    with pytest.raises(ValueError, match="read-only"):
        bank.vectors[0, 0] = 5
    assert copy.deepcopy(bank).names == ["a", "b"]


def test_select_keeps_what_belongs_to_the_concepts_in_the_order_asked_for() -> None:
    bank = full_bank()
    chosen = bank.select(["metal"])
    assert chosen.names == ["metal"] and chosen.source == "cav"
    assert np.array_equal(chosen.vectors, V[1:]) and chosen.intercepts.tolist() == [-1.0]
    assert chosen.stats == {"metal": {"auc": 0.9, "n_train": 12}}
    assert chosen.fingerprint == "abc" and np.array_equal(chosen.text_mean, bank.text_mean)
    assert bank.select(["metal", "stripes"]).names == ["metal", "stripes"]
    assert bank.select(["stripes"]).stats == {}


def test_select_drops_the_notes_about_concepts_that_are_left_out() -> None:
    notes = ["concept 'a': weak", "concept 'ab': few", "two blanks dropped"]
    bank = ConceptBank(["a", "ab", "c"], np.eye(3), extra={"notes": notes})
    assert bank.select(["ab", "c"]).notes == notes[1:]
    assert bank.select(["c"]).notes == notes[2:]


def test_the_representation_tells_size_source_backbone_and_first_names() -> None:
    assert repr(full_bank()) == (
        "ConceptBank(2 concepts in 3 dimensions, mixed, backbone x:y: 'stripes', 'metal')"
    )
    many = ConceptBank([f"c{i}" for i in range(9)], np.eye(9))
    assert repr(many).endswith("'c3', 'c4', ... 4 more)") and len(many) == 9


def test_an_unknown_concept_is_refused_with_near_matches() -> None:
    with pytest.raises(InputError, match=r"no concept 'stripe': did you mean 'stripes'\?"):
        full_bank().index("stripe")
    with pytest.raises(InputError, match="did you mean 'metal'"):
        full_bank().select(["stripes", "Metall"])
    with pytest.raises(InputError, match="give a list of concept names"):
        full_bank().select("metal")


@pytest.mark.parametrize(
    ("names", "vectors", "options", "message"),
    [
        ([], np.empty((0, 2)), {}, "no concepts were given"),
        ("ab", V, {}, "the string 'ab': give a list of strings"),
        (["a", 3], V, {}, "concept name 3 is of type int"),
        (["a", "a"], V, {}, "'a' named more than once"),
        (["a", "\udce9"], V, {}, "no valid Unicode"),
        (["a"], V, {}, r"shape \(2, 3\), expected \(1, d\)"),
        (["a", "b"], V[0], {}, r"shape \(3,\), expected \(2, d\)"),
        (["a", "b"], [["x", "y"], ["z", "w"]], {}, "no array of numbers"),
        (["a", "b"], [[1.0], [1.0, 2.0]], {}, "no array of numbers"),
        (["a", "b"], [[1.0, np.nan], [1, 1]], {}, "vector of 'a' holds NaN or infinite"),
        (["a", "b"], [[1.0, 1], [np.inf, 1]], {}, "vector of 'b' holds NaN or infinite"),
        (["a", "b"], [[1.0, 1], [0, 0]], {}, "vector of 'b' is zero"),
        (["a", "b"], V, {"intercepts": [1.0]}, r"intercepts has shape \(1,\), expected \(2,\)"),
        (["a", "b"], V, {"intercepts": [1.0, np.nan]}, "intercepts holds NaN"),
        (["a", "b"], V, {"text_mean": [1.0]}, r"text_mean has shape \(1,\), expected \(3,\)"),
        (["a", "b"], V, {"source": ["text"]}, "1 sources are given for 2 concepts"),
        (["a", "b"], V, {"stats": {"c": {}}}, "no concept 'c'"),
        (["a", "b"], V, {"stats": {"a": {"auc": np.nan}}}, "stats must hold plain JSON"),
        (["a", "b"], V, {"extra": {"x": object()}}, "extra must hold plain JSON"),
    ],
)
def test_what_makes_no_bank_is_refused(names, vectors, options, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ConceptBank(names, vectors, **options)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_banks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be saved as .*bank\.npz"):
        full_bank().save(tmp_path / "bank.npz")
    with pytest.raises(InputError, match="is not a file"):
        ConceptBank.load(tmp_path / "missing.safetensors")
    noise = tmp_path / "noise.safetensors"
    noise.write_bytes(b"these are no tensors at all")
    with pytest.raises(InputError, match="is not a safetensors file"):
        ConceptBank.load(noise)
    other = tmp_path / "other.safetensors"
    save_tensors(other, {"X": V}, {"format": "something else"})
    with pytest.raises(InputError, match=r"no concept bank \(it holds X\)"):
        ConceptBank.load(other)


def test_damaged_and_later_banks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    facts = {"format": "pcbm.ConceptBank", "version": 1, "names": ["a", "b"], "sources": ["x", "x"]}
    facts |= {"stats": {}, "record": None, "extra": {}}
    arrays = {"vectors": V, "intercepts": np.zeros(2)}
    cases = [
        (arrays, facts | {"version": 2}, "version 2, this pcbm reads version 1"),
        (arrays, facts | {"names": "ab"}, "damaged concept bank (no names)"),
        ({"vectors": V}, facts, "damaged concept bank (no intercepts)"),
        (arrays, facts | {"names": ["a"]}, "damaged concept bank: the concept vectors have shape"),
    ]
    for tensors, metadata, message in cases:
        save_tensors(path, tensors, metadata)
        with pytest.raises(InputError, match=re.escape(message)):
            ConceptBank.load(path)
