import numpy as np
import pytest

from pcbm import EditPlan, PostHocCBM, show
from pcbm.concepts import ConceptBank
from pcbm.editing import evaluate_edit
from pcbm.errors import InputError


@pytest.fixture
def model():
    X = np.random.default_rng(0).normal(size=(300, 3))
    y = np.array(["ant", "bee", "cat"])[X.argmax(axis=1)]
    bank = ConceptBank(["one", "two</iframe>", "three"], np.eye(3))
    return PostHocCBM(bank, lam=0.05, n_lams=5).fit(X, y)


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


def test_a_head_alone_is_shown_like_a_model(model):
    rows = show(model.head_).data()
    assert [row["coef"] for row in rows] == [row["coef"] for row in show(model).data()]
    assert {row["concept"] for row in rows} == {"x0", "x1", "x2"}


def test_a_bank_and_a_plan_are_shown(model, tmp_path):
    bank, plan = show(model.bank), show(EditPlan().zero("one", classes=["ant"]))
    assert [row["name"] for row in bank.data()] == model.bank.names
    assert "two&lt;/iframe&gt;" in bank._repr_html_()
    assert plan.data()["edits"][0]["op"] == "zero"
    assert repr(plan) == "EditPlan(zero 'one' for 'ant')"
    bank.save(tmp_path / "bank.html")
    assert (tmp_path / "bank.html").read_text().startswith("<!doctype html>")


def test_an_evaluation_is_shown_with_its_classes(model):
    X = np.random.default_rng(1).normal(size=(60, 3))
    y = np.array(["ant", "bee", "cat"])[X.argmax(axis=1)]
    after = model.edit(EditPlan().zero("one"))
    record = evaluate_edit(model, after, X, y)
    view = show(record)
    assert view.data() == record
    before, later = (record[side]["accuracy"] for side in ("before", "after"))
    assert f"accuracy: {before:.4f} → {later:.4f}" in repr(view).splitlines()
    assert f"{later:.4f}" in view._repr_html_()
    alone = repr(show(record["before"])).splitlines()
    assert f"accuracy: {before:.4f}" in alone and any(
        line.startswith("class ant") for line in alone
    )


def test_other_things_are_refused():
    with pytest.raises(InputError, match="show was given a list: give a fitted model, a run"):
        show([])
