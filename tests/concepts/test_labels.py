from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcbm.activations import ActivationSet
from pcbm.concepts import bank_from_csv, fit_cav
from pcbm.errors import InputError

RNG = np.random.default_rng(0)
N = 80
X = RNG.standard_normal((N, 6))
STRIPES = X[:, 0] > 0
METAL = X[:, 1] + X[:, 2] > 0


def acts(split: np.ndarray | None = None) -> ActivationSet:
    ids = np.array([f"img/{row}.png" for row in range(N)])
    return ActivationSet(X=X, ids=ids, split=split, record={"spec": "x:y", "fingerprint": "abc"})


def write(path: Path, rows: list[int], metal: list[str] | None = None) -> Path:
    lines = ["id,stripes,metal"]
    for number, row in enumerate(rows):
        cell = str(int(METAL[row])) if metal is None else metal[number]
        lines.append(f"img/{row}.png,{int(STRIPES[row])},{cell}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rows_are_matched_by_id_in_any_order(tmp_path: Path) -> None:
    order = RNG.permutation(N).tolist()
    bank = bank_from_csv(write(tmp_path / "c.csv", order), acts(), seed=1)
    assert bank.names == ["stripes", "metal"] and bank.fingerprint == "abc" and not bank.notes
    Z = X[order]
    expected = fit_cav(Z[STRIPES[order]], Z[~STRIPES[order]], seed=1)
    assert np.array_equal(bank.vectors[0], expected.vector)
    assert bank.stats["stripes"] == expected.stats
    cosine = bank.vectors[1] @ [0, 1, 1, 0, 0, 0] / np.linalg.norm(bank.vectors[1]) / np.sqrt(2)
    assert cosine > 0.9


def test_blank_cells_mean_not_known(tmp_path: Path) -> None:
    cells = [str(int(METAL[row])) if row < 60 else "" for row in range(N)]
    bank = bank_from_csv(write(tmp_path / "c.csv", list(range(N)), cells), acts())
    stats = bank.stats["metal"]
    assert stats["n_positive"] + stats["n_negative"] == 60
    assert stats["n_positive"] == METAL[:60].sum()
    assert bank.stats["stripes"]["n_positive"] == STRIPES.sum()


def test_test_rows_are_not_learnt_from(tmp_path: Path) -> None:
    split = np.where(np.arange(N) < 50, "train", "test")
    path = write(tmp_path / "c.csv", list(range(N)))
    bank = bank_from_csv(path, acts(split))
    alone = bank_from_csv(write(tmp_path / "d.csv", list(range(50))), acts().take(range(50)))
    assert np.array_equal(bank.vectors, alone.vectors)
    assert bank.notes[0] == "c.csv: 30 of 80 ids are not among the training rows; not used"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,stripes\nimg/0.png,1\n", "has no column 'id'"),
        ("id\nimg/0.png\n", "has no concept column beside 'id'"),
        ("id,stripes\nimg/0.png,yes\n", "column 'stripes', id 'img/0.png' holds 'yes'"),
        ("id,stripes\nimg/0.png,2\n", "holds '2': concept columns hold 1, 0 or nothing"),
        ("id,stripes\nimg/0.png,1\nimg/0.png,0\n", "has the id 'img/0.png' twice"),
        ("id,stripes\nother,1\n", "shares no id with the 80 training rows (it starts with 'other'"),
        ("id,stripes\nimg/0.png,1\nimg/1.png,1\n", "'stripes' has 0 different negative example"),
        ("", "is empty"),
        ("id;stripes\na;1\n", "separated by semicolons"),
    ],
)
def test_tables_that_are_no_concept_labels_are_refused(tmp_path, text, message) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        bank_from_csv(path, acts())
    assert message in str(caught.value) and "\n" not in str(caught.value)
