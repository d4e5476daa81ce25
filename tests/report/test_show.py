import numpy as np
import pytest

from pcbm import PostHocCBM, show
from pcbm.concepts import ConceptBank
from pcbm.errors import InputError


@pytest.fixture
def model():
    X = np.random.default_rng(0).normal(size=(300, 3))
    y = np.array(["ant", "bee", "cat"])[X.argmax(axis=1)]
    bank = ConceptBank(["one", "two</iframe>", "three"], np.eye(3))
    return PostHocCBM(bank, lam=0.05).fit(X, y)


def test_data_holds_every_coefficient_that_is_not_zero(model):
    rows = show(model).data()
    assert len(rows) == np.count_nonzero(model.coef_)
    table = {(row["class"], row["concept"]): row["coef"] for row in rows}
    assert table["ant", "one"] == model.coef_[0, 0]


def test_text_names_the_strongest_concept_of_each_class_first(model):
    lines = repr(show(model)).splitlines()
    assert [line.split(" ")[1] for line in lines] == ["one", "two</iframe>", "three"]


def test_notebooks_get_the_report_in_a_frame_that_names_cannot_leave(model):
    page = show(model)._repr_html_()
    assert page.count("<") == 2 and page.endswith("</iframe>")
    assert 'sandbox=""' in page


def test_a_saved_view_is_the_report_and_is_not_overwritten(model, tmp_path):
    model.save(tmp_path / "run")
    show(tmp_path / "run").save(tmp_path / "report.html")
    assert "two&lt;/iframe&gt;" in (tmp_path / "report.html").read_text()
    with pytest.raises(InputError, match="exists already"):
        show(tmp_path / "run").save(tmp_path / "report.html")


def test_other_things_are_refused():
    with pytest.raises(InputError, match="show was given a list: give a fitted PostHocCBM"):
        show([])
