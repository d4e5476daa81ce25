"""The Markdown summary: the run's figures, and names that stay names."""

from __future__ import annotations

import html

import pytest
from every_kind import fit
from markdown_it import MarkdownIt

from pcbm.model import Run
from pcbm.model.markdown import code, plain
from pcbm.report import render_markdown
from pcbm.report.figures import percent


def rendered(text):
    """Return the HTML that a CommonMark reader with tables makes of it."""
    return MarkdownIt("commonmark").enable("table").render(text)


def escaped(name):
    return html.escape(name, quote=False).replace('"', "&quot;")


def test_figures_are_those_of_the_metrics(edited_zoo):
    text, metrics = render_markdown(edited_zoo), edited_zoo.metrics
    fitted = metrics["as_fitted"]["accuracy"]
    assert f"| Accuracy as fitted | {percent(fitted['test'])} |" in text
    first, (second,) = edited_zoo.edits[0]["evaluation"], edited_zoo.edits[0]["evaluation"]["also"]
    for record in (first, second):
        before, after = (percent(record[side]["accuracy"]) for side in ("before", "after"))
        assert f"| Accuracy | {before} | {after} |" in text
    assert all(f"| `{name}` | " in text for name in ("bird", "car", "zebra"))


def test_warnings_come_before_the_figures(edited_zoo):
    text = render_markdown(edited_zoo)
    assert 0 < text.index("**Read first**") < text.index("| figure | value |")
    assert "accuracy is no evidence" in text.lower()


def test_what_was_not_measured_says_so():
    text = render_markdown(Run.of_model(fit()))
    assert "| Test accuracy | not measured | not measured on train |" in text
    assert "Not tested against random directions" in text


def test_a_binary_head_names_both_sides():
    text = render_markdown(Run.of_model(fit("binary")))
    assert "| `yes` |" in text and "Negative weights argue for `no`." in text


def test_hostile_names_stay_text(hostile_run):
    page = rendered(render_markdown(hostile_run))
    for tag in ("<script", "<img", "<svg", "<b>", "<style", "<a "):
        assert tag not in page
    for name in hostile_run.model.concept_names_[:3]:
        assert f"<code>{escaped(name)}</code>" in page
    cells = [line.count("<td") for line in page.split("<tr>") if "<td" in line]
    assert set(cells) == {2, 3, 4}  # no name ends its cell


def test_nobody_is_called_and_no_issue_is_named(edited_zoo):
    text = render_markdown(edited_zoo, title="@someone fixed #12")
    assert text.startswith("## @<!-- -->someone fixed \\#<!-- -->12\n")


@pytest.mark.parametrize(
    "name",
    ["a`b", "``", "`a", "a|b", "<b>", "*x*", "[a](b)", "a\\", "&amp;", "~~a~~", "_a_", "# a"],
)
def test_a_name_reads_as_itself(name):
    shown = escaped(name)
    table = f"| h |\n|---|\n| {code(name)} |\n"
    assert f"<td><code>{shown}</code></td>" in rendered(table)
    assert rendered(f"x {plain(name)}") == f"<p>x {shown}</p>\n"


def test_the_same_run_gives_the_same_text(edited_zoo):
    assert render_markdown(edited_zoo) == render_markdown(edited_zoo)
