"""The whole audit: planted faults are named, a clean model is not accused."""

from __future__ import annotations

import numpy as np
import pytest
from cued import Rows, draw, fit, pairs

from pcbm import EditPlan, PostHocCBM
from pcbm.audit import Evidence, accuracy_gap, audit_model, group_gap
from pcbm.concepts import ConceptBank
from pcbm.errors import InputError


def evidence(shadow: float = 0.0, **changes: object) -> Evidence:
    one, other = draw(500, seed=5, shadow=shadow), draw(500, seed=6, tied=0.1, shadow=shadow)
    given = {
        "X": one.X,
        "y": one.y,
        "present": one.present,
        "present_from": "the test",
        "pairs": (*pairs(shadow=shadow), None),
        "shifted": (other.X, other.y),
    }
    return Evidence(**(given | changes))  # type: ignore[arg-type]


def test_a_clean_model_is_not_accused(bank: ConceptBank) -> None:
    trained = fit(bank, draw())
    clean = trained.with_head(np.array([[1.5, 0.0, 0.0, 0.0]]), np.zeros(1))
    found = audit_model(clean, "cue", evidence())
    assert found["findings"] == ["no sign of 'cue' was found in what could be measured"]
    assert found["paired"]["before"] is None
    low, high = found["reliance"]["shifted"]["now"]["interval"]
    assert low < 0 < high


def test_a_residual_that_took_over_is_named_and_the_edit_is_no_evidence(bank: ConceptBank) -> None:
    rows = draw()
    hybrid = fit(bank, rows).edit(EditPlan().zero("cue")).refit_residual(rows.X, rows.y)
    found = audit_model(hybrid, "cue", evidence())
    told = " ".join(found["findings"])
    assert "moves the residual toward 'dog' by +" in told
    assert "the residual still orders by 'cue'" in told
    assert "moves the concept part" not in told
    assert any("no evidence that the residual" in note for note in found["notes"])
    assert found["within_class"]["now"]["residual"]["p_value"] <= 0.05


def test_a_correlated_concept_that_carries_the_cue_is_named(bank: ConceptBank) -> None:
    rows = draw(shadow=0.8)
    trained = fit(bank, rows).with_head(np.array([[1.0, 1.0, 0.8, 0.0]]), np.zeros(1))
    edited = trained.edit(EditPlan().zero("cue"))
    found = audit_model(edited, "cue", evidence(shadow=0.8), before=trained)
    now, before = found["paired"]["now"], found["paired"]["before"]
    assert 0 < now["toward"]["dog"]["total"]["mean"] < before["toward"]["dog"]["total"]["mean"]
    assert any("moves the model toward 'dog' by +" in text for text in found["findings"])
    assert found["notes"] == []


def test_over_correction_is_named(bank: ConceptBank) -> None:
    rows = draw(shadow=0.8)
    trained = fit(bank, rows).with_head(np.array([[0.7, 2.5, -1.5, 0.0]]), np.zeros(1))
    edited = trained.edit(EditPlan().zero("cue"))
    found = audit_model(edited, "cue", evidence(shadow=0.8), before=trained)
    warned = [text for text in found["findings"] if text.startswith("over-correction")]
    assert len(warned) == 3  # by response, by shifted rows, by groups
    assert "rows the concept helps minus rows it misleads" in warned[-1]
    for gap in found["reliance"].values():
        assert gap["before"]["value"] > 0 > gap["now"]["value"]


def test_a_repaired_model_is_not_called_over_corrected(bank: ConceptBank) -> None:
    trained = fit(bank, draw())
    repaired = trained.with_head(np.array([[1.5, 0.0, 0.0, 0.0]]), np.zeros(1))
    below = warned = 0
    for seed in range(12):
        rows, turned = draw(200, seed=seed), draw(200, tied=0.1, seed=100 + seed)
        evidence = Evidence(rows.X, rows.y, rows.present, shifted=(turned.X, turned.y))
        found = audit_model(repaired, "cue", evidence, before=trained, repeats=1)
        for gap in found["reliance"].values():
            below += gap["now"]["value"] < -0.005
            warned += len(gap["warnings"])
    # A reliance of zero is below zero every other time; one side of a 95 % interval errs rarely.
    assert below >= 6
    assert warned <= 2


def test_many_classes_accuse_no_model_by_being_many() -> None:
    rng = np.random.default_rng(0)
    y = np.resize([f"class {j}" for j in range(10)], 200)
    model = PostHocCBM(lam=0.1, n_lams=5).fit(rng.normal(size=(200, 6)), y)
    model = model.with_head(rng.normal(size=(10, 6)) * (np.arange(6) > 0), np.zeros(10))
    accused, some_interval = 0, 0
    for seed in range(60):
        noise = np.random.default_rng(seed)
        lacking = noise.normal(size=(80, 6))
        having = lacking + noise.normal(size=(80, 6))  # a change that means nothing
        evidence = Evidence(
            lacking, y[:80], present=np.arange(80) % 2 > 0, pairs=(having, lacking, None)
        )
        found = audit_model(model, "x0", evidence, repeats=1)
        accused += any("put into the same inputs" in text for text in found["findings"])
        spans = [one["total"]["interval"] for one in found["paired"]["now"]["toward"].values()]
        some_interval += any(low > 0 or high < 0 for low, high in spans)
    # At p = .05 more than 7 of 60 come by chance once in a hundred times.
    assert accused <= 7
    assert some_interval > 15


def test_a_concept_that_was_not_removed_is_named(bank: ConceptBank) -> None:
    trained = fit(bank, draw())
    found = audit_model(trained, "cue", evidence())
    assert found["findings"][0] == "the head has coefficients of 'cue': it was not removed"
    with pytest.raises(InputError, match="no concept 'cues': did you mean 'cue'"):
        audit_model(trained, "cues", evidence())


def test_a_concept_is_followed_through_renames_and_merges(bank: ConceptBank) -> None:
    trained = fit(bank, draw())
    renamed = trained.edit(EditPlan().rename("cue", "frame").rename("shape", "cue"))
    for name in ("frame", "shape"):
        found = audit_model(renamed, name, evidence(), before=trained, repeats=19)
        assert found["coef"]["before"] == found["coef"]["now"] != [0.0]
        assert f"{name!r}: it was not removed" in found["findings"][0]
    assert (
        "'cue' is called, or is part of, 'frame' after the edits"
        in audit_model(renamed, "frame", evidence(), before=trained, repeats=19)["notes"]
    )
    train = draw()
    plan = EditPlan().rename("cue", "frame").merge(["frame", "shadow"], "both")
    merged, _ = plan.step(trained, train=(train.X, train.y))
    found = audit_model(merged, "cue", evidence(), before=trained, repeats=19)
    both = merged.concept_names_.index("both")
    assert found["coef"]["now"] == [merged.coef_[0, both]]
    found = audit_model(merged, "both", evidence(), before=trained, repeats=19)
    assert found["coef"]["before"] is None
    assert "'both' was no concept of its own before the edits" in found["notes"]


def test_too_few_permutations_acquit_no_one(bank: ConceptBank) -> None:
    trained = fit(bank, draw())
    clean = trained.with_head(np.array([[1.5, 0.0, 0.0, 0.0]]), np.zeros(1))
    only = evidence(pairs=None, shifted=None, present=None)
    found = audit_model(clean, "cue", only, repeats=9)
    assert found["findings"][0].startswith("nothing could be measured")
    assert "with 9 permutations p is 0.1 at least" in found["notes"][0]
    assert audit_model(clean, "cue", only, repeats=19)["findings"][0].startswith("no sign of 'cue'")


def test_what_lacks_its_data_is_not_measurable_and_says_why(bank: ConceptBank) -> None:
    trained = fit(bank, draw())
    found = audit_model(trained, "cue", evidence(pairs=None, shifted=None, present=None))
    assert "no pairs were given" in found["paired"]["not_measurable"]
    assert "no shifted data" in found["reliance"]["shifted"]["not_measurable"]
    assert "nothing says which rows" in found["reliance"]["groups"]["not_measurable"]
    assert "own score" in found["within_class"]["of"]
    never = trained.with_head(np.array([[1.0, 0, 0, 0]]), np.zeros(1))
    found = audit_model(never, "cue", evidence())
    assert "never used" in found["reliance"]["groups"]["not_measurable"]
    rows = draw(80)
    same = evidence(X=rows.X, y=rows.y, present=rows.y == "dog")
    found = audit_model(trained, "cue", same)
    assert "the same in all rows" in found["within_class"]["not_measurable"]
    assert "no class has rows" in found["reliance"]["groups"]["not_measurable"]


def test_gaps_are_what_a_hand_counts(bank: ConceptBank) -> None:
    model = fit(bank, draw())
    one, other = draw(200, seed=7), draw(300, seed=8, tied=0.1)
    found = accuracy_gap(model, (one.X, one.y), (other.X, other.y))
    wanted = model.score(one.X, one.y) - model.score(other.X, other.y)
    assert found["value"] == pytest.approx(wanted)
    hit = model.predict(one.X) == one.y

    def rate(name: str, present: bool) -> float:
        return float(hit[(one.y == name) & (one.present == present)].mean())

    gaps = {"cat": rate("cat", False) - rate("cat", True), "dog": rate("dog", True)}
    gaps["dog"] -= rate("dog", False)
    grouped = group_gap(model, one.X, one.y, one.present, "dog")
    assert grouped["by_class"] == pytest.approx(gaps)
    assert grouped["value"] == pytest.approx(np.mean(list(gaps.values())))
    turned = group_gap(model, one.X, one.y, one.present, "cat")
    assert turned["value"] == pytest.approx(-grouped["value"])


def test_three_classes_and_numbers_are_audited_as_far_as_they_can(bank: ConceptBank) -> None:
    rows: Rows = draw(seed=3)
    y = np.where(rows.X[:, 3] > 1, "emu", rows.y)
    model = fit(bank, Rows(rows.X, y, rows.present))
    found = audit_model(model, "cue", evidence(y=np.resize(y, 500)))
    assert set(found["paired"]["now"]["toward"]) == {"cat", "dog", "emu"}
    assert found["reliance"]["groups"]["now"]["favoured"] == "dog"

    from pcbm import PostHocCBMRegressor

    number = PostHocCBMRegressor(bank, lam=0.01, n_lams=5).fit(rows.X, rows.X[:, 0] + rows.present)
    found = audit_model(number, "cue", evidence(y=np.zeros(500)))
    assert found["paired"]["now"]["flips"] is None
    assert found["paired"]["now"]["toward"]["prediction"]["total"]["mean"] > 0.3
    assert "no true class" in found["within_class"]["not_measurable"]
    assert "not for regression" in found["reliance"]["shifted"]["not_measurable"]
