from __future__ import annotations

import numpy as np
import pytest

from pcbm.concepts import ConceptBank, filter_bank, merge_banks
from pcbm.errors import InputError

RECORD = {"spec": "x:y", "fingerprint": "abc"}
CAVS = ConceptBank(
    ["good", "weak", "fair"],
    np.eye(4)[:3],
    [1.0, 2, 3],
    source="cav",
    stats={"good": {"auc": 0.95}, "weak": {"auc": 0.55}, "fair": {"auc": 0.7}},
    record=RECORD,
    extra={"notes": ["weak is weak"]},
)


def words(names: list[str], start: int, templates: list[str] | None = None) -> ConceptBank:
    vectors = np.eye(6)[start : start + len(names), :4] + 0.1
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    extra = {"templates": templates or ["{}"], "words": names}
    return ConceptBank(names, unit, source="text", text_mean=unit.mean(axis=0), extra=extra)


def test_merging_keeps_every_concept_with_what_belongs_to_it() -> None:
    text = words(["red", "blue"], 0)
    merged = merge_banks([text, CAVS])
    assert merged.names == ["red", "blue", "good", "weak", "fair"]
    assert np.array_equal(merged.vectors, np.concatenate([text.vectors, CAVS.vectors]))
    assert merged.intercepts.tolist() == [0, 0, 1, 2, 3]
    assert merged.sources == ["text"] * 2 + ["cav"] * 3 and merged.source == "mixed"
    assert merged.stats == CAVS.stats and merged.fingerprint == "abc"
    assert merged.notes == ["weak is weak"] and merged.text_mean is None


def test_text_banks_of_the_same_templates_keep_the_mean_over_all_words() -> None:
    one, two = words(["red", "blue"], 0), words(["dots"], 2)
    merged = merge_banks([one, two])
    assert np.allclose(merged.text_mean, merged.vectors.mean(axis=0))
    assert merged.extra["words"] == ["red", "blue", "dots"]
    assert merge_banks([one, words(["dots"], 2, ["a {}"])]).text_mean is None


def test_banks_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(InputError, match="no banks were given"):
        merge_banks([])
    with pytest.raises(InputError, match="bank 2 has 3 dimensions and bank 1 has 4"):
        merge_banks([CAVS, ConceptBank(["x"], [[1, 0, 0]])])
    with pytest.raises(InputError, match="bank 2 repeats 'weak' of an earlier bank"):
        merge_banks([CAVS, ConceptBank(["weak"], [[1, 0, 0, 0]])])
    other = ConceptBank(["x"], [[1, 0, 0, 0]], record={"spec": "x:z", "fingerprint": "def"})
    with pytest.raises(InputError, match=r"bank 3 belongs to another backbone.*def.*abc"):
        merge_banks([words(["red"], 0), CAVS, other])


def test_filtering_by_name_auc_and_cosine() -> None:
    kept, notes = filter_bank(CAVS, min_auc=0.7)
    assert kept.names == ["good", "fair"] and notes == ["'weak' dropped: held-out AUC 0.550 < 0.7"]
    assert filter_bank(CAVS, keep=["fair", "good"])[0].names == ["good", "fair"]
    assert filter_bank(CAVS, drop=["good"])[0].names == ["weak", "fair"]
    vectors = [[1, 0, 0], [-1, 0.1, 0], [0, 1, 0], [0.1, 1, 0], [0, 0.9, 0.1]]
    near, notes = filter_bank(ConceptBank(list("abcde"), vectors), max_cosine=0.9)
    assert near.names == ["a", "c"]
    assert notes == [
        "'b' dropped: cosine -0.995 with 'a'",
        "'d' dropped: cosine 0.995 with 'c'",
        "'e' dropped: cosine 0.994 with 'c'",
    ]


def test_a_concept_near_a_dropped_one_only_stays() -> None:
    angles = np.deg2rad([0, 20, 40])
    bank = ConceptBank(list("abc"), np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert filter_bank(bank, max_cosine=0.9)[0].names == ["a", "c"]


def test_filters_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="no concept 'goood': did you mean 'good'"):
        filter_bank(CAVS, keep=["goood"])
    with pytest.raises(InputError, match="no concept 'xyz'"):
        filter_bank(CAVS, drop=["xyz"])
    with pytest.raises(InputError, match="the filter leaves no concept"):
        filter_bank(CAVS, min_auc=0.99)
    with pytest.raises(InputError, match="min_auc needs a held-out AUC, which 'red' has not"):
        filter_bank(merge_banks([CAVS, words(["red"], 0)]), min_auc=0.9)
    for options in ({"min_auc": 1.5}, {"max_cosine": 0.0}, {"max_cosine": 1.0}):
        with pytest.raises(InputError, match="give a number"):
            filter_bank(CAVS, **options)
