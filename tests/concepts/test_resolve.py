from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from pcbm.activations import ActivationSet
from pcbm.concepts import ConceptBank, resolve_concepts
from pcbm.errors import InputError


def acts(dim: int, record: dict | None = None, n: int = 40) -> ActivationSet:
    X = np.random.default_rng(0).standard_normal((n, dim)).astype(np.float32)
    return ActivationSet(X=X, ids=np.arange(n).astype(str), record=record)


def test_word_files_become_text_banks_with_the_readers_notes(tmp_path: Path, tiny_clip) -> None:
    path = tmp_path / "words.txt"
    path.write_text("red\n\nblue\nred\n", encoding="utf-8")
    bank, notes = resolve_concepts(path, tiny_clip, templates=["a {}"])
    assert bank.names == ["red", "blue"] and bank.extra["templates"] == ["a {}"]
    assert [note.removeprefix(f"{path}: ") for note in notes] == [
        "1 blank line(s) or word(s) dropped",
        "repeated words kept once: 'red'",
    ]
    listed = tmp_path / "words.json"
    listed.write_text(json.dumps({"x": ["red"], "y": ["blue"]}), encoding="utf-8")
    bank, notes = resolve_concepts(str(listed), tiny_clip, acts(64, tiny_clip.record))
    assert bank.names == ["red", "blue"] and notes == []
    assert bank.extra["classes"] == {"x": ["red"], "y": ["blue"]}


def test_a_saved_bank_is_loaded_with_its_notes(tmp_path: Path, tiny_clip) -> None:
    path = tmp_path / "b.safetensors"
    ConceptBank(["a"], np.ones((1, 64)), record=tiny_clip.record, extra={"notes": ["n"]}).save(path)
    for backbone, data in ((tiny_clip, None), (None, acts(64)), (None, acts(64, tiny_clip.record))):
        bank, notes = resolve_concepts(path, backbone, data)
        assert bank.names == ["a"] and notes == ["n"]


def test_folders_and_label_tables_become_probes(tmp_path: Path, paint, tiny_clip) -> None:
    paint(tmp_path / "examples" / "red", (220, 30, 30), 10)
    paint(tmp_path / "examples" / "blue", (30, 30, 220), 10)
    seen: list[int] = []
    bank, _ = resolve_concepts(
        tmp_path / "examples",
        tiny_clip,
        batch_size=8,
        progress=lambda done, total: seen.append(done),
    )
    assert bank.names == ["blue", "red"] and bank.source == "cav" and seen == [8, 16, 20]
    data = acts(5)
    rows = [f"{i},{int(data.X[i, 2] > 0)}" for i in range(40)]
    (tmp_path / "c.csv").write_text("\n".join(["id,third", *rows]), encoding="utf-8")
    bank, notes = resolve_concepts(tmp_path / "c.csv", None, data, seed=2)
    assert np.abs(bank.vectors[0]).argmax() == 2 and bank.extra["probe"]["seed"] == 2
    assert notes == bank.notes


def test_a_bank_of_another_backbone_or_width_is_refused(tmp_path: Path, tiny_clip) -> None:
    path = tmp_path / "b.safetensors"
    other = {**tiny_clip.record, "fingerprint": "0123", "layer": "visual.layer2"}
    ConceptBank(["a"], np.ones((1, 64)), record=other).save(path)
    named = f"another backbone: fingerprint 0123.*{tiny_clip.fingerprint}"
    with pytest.raises(InputError, match=named):
        resolve_concepts(path, tiny_clip)
    with pytest.raises(InputError, match=named):
        resolve_concepts(path, None, acts(64, tiny_clip.record))
    ConceptBank(["a"], np.ones((1, 5))).save(path)
    with pytest.raises(InputError, match=r"5 dimensions and the backbone demo:tiny-clip 64"):
        resolve_concepts(path, tiny_clip)
    with pytest.raises(InputError, match=r"5 dimensions and the data's activations 7"):
        resolve_concepts(path, None, acts(7))


def test_words_of_a_backbone_must_fit_given_activations(tmp_path: Path, tiny_clip) -> None:
    path = tmp_path / "words.txt"
    path.write_text("red\nblue\n", encoding="utf-8")
    with pytest.raises(InputError, match="64 dimensions and the data's activations 7"):
        resolve_concepts(path, tiny_clip, acts(7))
    assert resolve_concepts(path, tiny_clip, acts(64))[0].dim == 64


def test_sources_that_are_no_concepts_are_refused(tmp_path: Path, tiny_clip) -> None:
    for name in ("words.txt", "labels.csv", "words.xlsx", "b.safetensors"):
        (tmp_path / name).write_text("red\n", encoding="utf-8")
    cases = [
        ("missing.txt", None, None, "do not exist: give a bank .safetensors"),
        ("words.xlsx", tiny_clip, None, "is no form of concepts: give a bank .safetensors"),
        ("words.txt", None, None, "no backbone is known: name a --backbone"),
        ("labels.csv", tiny_clip, None, "need the activations of the data they label"),
        ("b.safetensors", tiny_clip, None, "is not a safetensors file"),
        ("b.safetensors", tiny_clip, ["a {}"], "templates are for words"),
        (".", tiny_clip, ["a {}"], "templates are for words"),
    ]
    for name, backbone, templates, message in cases:
        with pytest.raises(InputError, match=re.escape(message)) as caught:
            resolve_concepts(tmp_path / name, backbone, templates=templates)
        assert "\n" not in str(caught.value)
