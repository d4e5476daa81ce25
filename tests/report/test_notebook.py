"""What notebooks show of models, banks, plans and runs: short, escaped, beside scikit-learn."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
import sklearn
from every_kind import fit, rows
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pcbm import EditPlan, SparseLinearHead
from pcbm.model import Run
from pcbm.notebook import table, text


class Reader(HTMLParser):
    """Collects the elements, their attributes and the texts of HTML."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), set(), []
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.texts.append(data)


def own(markup):
    """Return what pcbm adds after scikit-learn's part."""
    return markup[markup.index('<div class="pcbm">') :]


def test_a_fitted_model_shows_its_strongest_concepts_after_scikit_learns_part():
    model = fit()
    markup = model._repr_html_()
    assert markup.index("sk-estimator") < markup.index('<div class="pcbm">')
    words = Reader(own(markup)).texts
    assert {"ant", "bee", "cat"} <= set(words)
    strongest = model.concept_names_[abs(model.coef_[0]).argmax()]
    assert any(word.startswith(strongest) for word in words)


def test_a_binary_model_says_what_negative_argues_for():
    assert "Negative argues for no." in Reader(own(fit("binary")._repr_html_())).texts


def test_before_a_fit_there_is_scikit_learns_part_alone():
    for model in (clone(fit()), SparseLinearHead()):
        assert "sk-estimator" in model._repr_html_()
        assert 'class="pcbm"' not in model._repr_html_()


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_every_head_and_model_is_shown_as_a_mime_bundle_too(task):
    for model in (fit(task), fit(task).head_):
        bundle = model._repr_mimebundle_()
        assert bundle["text/plain"] == repr(model)
        assert 'class="pcbm"' in bundle["text/html"]


def test_scikit_learns_choice_of_text_is_kept():
    with sklearn.config_context(display="text"):
        assert not hasattr(fit(), "_repr_html_")
        assert set(fit()._repr_mimebundle_()) == {"text/plain"}


def test_a_pipeline_shows_the_model_as_one_of_its_steps():
    y = rows()[:, 0] > 2
    pipeline = make_pipeline(StandardScaler(), SparseLinearHead(lam=0.1, n_lams=3)).fit(rows(), y)
    assert "SparseLinearHead" in pipeline._repr_html_()


def test_hostile_names_are_only_text(hostile_run):
    bank, plan = hostile_run.model.bank, EditPlan().zero("</td><script>alert(1)</script>")
    plan = plan.signed(author="<img src=x onerror=alert(1)>")
    for thing in (hostile_run, bank, plan):
        found = Reader(thing._repr_html_())
        assert found.tags <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "bdi"}
        assert found.attributes <= {"class", "style", "title"}
    names = [bdi for bdi in Reader(bank._repr_html_()).texts if bdi in bank.names]
    assert len(names) >= 5
    assert "</script><img" not in own(hostile_run.model._repr_html_())


def test_a_run_says_what_it_is_in_one_line(edited_zoo):
    fitted = edited_zoo.metrics["as_fitted"]["accuracy"]["test"]
    assert repr(edited_zoo) == (
        f"Run('runs/zoo': multiclass, 3 classes, 5 concepts, NEC {edited_zoo.metrics['nec']:.4g}, "
        f"test accuracy {fitted:.4f}, 1 edit since)"
    )
    assert repr(Run.of_model(fit("regression"))).endswith("test r2 not measured)")


def test_a_run_shows_its_figures_beside_the_controls(edited_zoo):
    words = Reader(edited_zoo._repr_html_()).texts
    metrics = edited_zoo.metrics
    assert f"{metrics['controls']['full_probe']:.4f}" in words
    assert f"{metrics['evaluation']['accuracy']:.4f}" in words  # after the edit
    assert any(word.startswith("Read first: accuracy is no evidence") for word in words)


def test_a_plan_is_short():
    plan = EditPlan().zero("fur").scale("wet", 0.5, classes=["cat"]).followed_by(refit=True)
    assert repr(plan) == "EditPlan(zero 'fur'; scale 'wet' by 0.5 for 'cat'; refit)"
    assert repr(EditPlan()) == "EditPlan(no edits)"


def test_cells_are_escaped_and_shortened():
    assert text("a\x00<") == "<bdi>a\ufffd&lt;</bdi>"
    long = text("x" * 500)
    assert long.count("x") == 500 + 159 and "…" in long
    assert "<b>" not in table("<b>", ["<b>"], [["<b>"]], "<b>").replace("<b><bdi>", "")
