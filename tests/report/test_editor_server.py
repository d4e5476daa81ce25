"""The server of a report: one page, for whoever has the token, evaluated on all rows."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import editing_page
import numpy as np
import pytest

from pcbm.editing import EditPlan, PageFigure, PageRecord, evaluate_edit
from pcbm.errors import InputError
from pcbm.report.editor import ReportServer, check_page, evaluator, fingerprint, verdict

PAGE = "<!DOCTYPE html><title>x</title>"
Ask = Callable[..., tuple[int, Any, dict[str, str]]]


@pytest.fixture(scope="module")
def server() -> Iterator[ReportServer]:
    found = ReportServer(PAGE, evaluator(*editing_page.example("multiclass")))
    thread = threading.Thread(target=found.run)
    thread.start()
    yield found
    found.shutdown()
    thread.join()


@pytest.fixture
def ask(server: ReportServer) -> Ask:
    """Return a function that sends one request and returns status, body and headers."""

    def send(
        method: str, path: str, body: str | bytes | None = None, **changed: str | None
    ) -> tuple[int, Any, dict[str, str]]:
        headers: dict[str, str | None] = {
            "Host": f"127.0.0.1:{server.server_port}",
            "Content-Type": "application/json",
            "X-Pcbm-Token": server.token,
        }
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        connection.putrequest(method, path, skip_host=True)
        content = body.encode() if isinstance(body, str) else body
        if content is not None and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(content))
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(content)
        answer = connection.getresponse()
        text = answer.read().decode()
        kind = answer.headers["Content-Type"]
        return answer.status, json.loads(text) if "json" in kind else text, dict(answer.headers)

    return send


def test_the_page_is_for_the_token_alone(server: ReportServer, ask: Ask) -> None:
    status, text, headers = ask("GET", f"/?token={server.token}", X_Pcbm_Token=None)
    assert (status, text) == (200, PAGE)
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Python" not in headers["Server"]
    token = server.token
    for query in ("", "token=", f"token={token}x", f"token={token[:-1]}", "token=%ff%C3%A9",
                  f"token={token}&token={token}"):  # fmt: skip
        status, answer, _ = ask("GET", f"/?{query}")
        assert status == 403, query
        assert "open the whole address" in answer["error"]
    assert ask("GET", f"/other?token={server.token}")[0] == 404
    assert server.url.startswith("http://127.0.0.1:")
    assert len(server.token) >= 32


def test_other_hosts_and_origins_are_refused(server: ReportServer, ask: Ask) -> None:
    plan, path = EditPlan().zero("concept 0").to_json(), f"/?token={server.token}"
    port = server.server_port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", None):
        assert ask("GET", path, Host=host)[0] == 403, host
        assert ask("POST", "/evaluate", plan, Host=host)[0] == 403, host
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", "http://127.0.0.1"):
        assert ask("POST", "/evaluate", plan, Origin=origin)[0] == 403, origin
    for name in ("127.0.0.1", "localhost"):
        own = f"{name}:{port}"
        assert ask("POST", "/evaluate", plan, Host=own, Origin=f"http://{own}")[0] == 200


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"X_Pcbm_Token": None}, 403),
        ({"X_Pcbm_Token": "wrong"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": None}, 415),
        ({"Content_Length": None}, 411),
        ({"Content_Length": "-1"}, 411),
        ({"Content_Length": "9999999"}, 413),
    ],
)
def test_requests_that_no_page_of_ours_sends_are_refused(
    ask: Ask, changed: dict[str, str | None], status: int
) -> None:
    found, answer, headers = ask("POST", "/evaluate", "{}", **changed)
    assert found == status
    assert set(answer) == {"error"}
    assert "Access-Control-Allow-Origin" not in headers


def test_a_plan_is_evaluated_on_all_rows(ask: Ask) -> None:
    run, cases = editing_page.example("multiclass")
    plan = EditPlan().zero("concept 0").scale("concept 1", 0.5, ["ant"])
    status, answer, _ = ask("POST", "/evaluate", plan.to_json())
    assert status == 200
    edited, _ = plan.step(run.model)
    expected = evaluate_edit(run.model, edited, cases.acts.X, cases.y, cases.acts.group)
    for key in ("before", "after", "changed"):
        assert answer[key] == json.loads(json.dumps(expected[key]))
    assert (answer["n"], answer["figures"]) == (300, [])
    figure = PageFigure("all", None, "accuracy", 1.0, expected["after"]["accuracy"], (0.1, 0.2))
    page = PageRecord(fingerprint(run.model), 300, "", (figure,), 0.1, (0.0, 0.2))
    _, answer, _ = ask("POST", "/evaluate", plan.seen(page).to_json())
    assert answer["figures"][0]["inside"] is True
    assert answer["figures"][0]["all"] == expected["after"]["accuracy"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("no json", "the plan is not JSON"),
        (b"\xff\xfe", "decode"),
        ("[]", "is a JSON list"),
        (EditPlan().zero("concept 9").to_json(), "no concept 'concept 9'"),
        (EditPlan().zero("concept 0", ["dog"]).to_json(), "no class 'dog'"),
        (EditPlan().zero("concept 0").followed_by(refit=True).to_json(), "which needs training"),
    ],
)
def test_what_is_no_plan_for_this_run_is_refused_in_words(
    ask: Ask, body: str | bytes, told: str
) -> None:
    status, answer, _ = ask("POST", "/evaluate", body)
    assert status == 400
    assert told in answer["error"]


def test_other_methods_and_paths_do_nothing(server: ReportServer, ask: Ask) -> None:
    assert ask("POST", "/", "{}")[0] == 404
    for method in ("PUT", "DELETE", "OPTIONS"):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        connection.request(method, f"/?token={server.token}")
        answer = connection.getresponse()
        assert answer.status == 501
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_without_an_editor_is_served_and_evaluates_nothing() -> None:
    plain = ReportServer(PAGE)
    thread = threading.Thread(target=plain.run)
    thread.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", plain.server_port, timeout=30)
        headers = {"X-Pcbm-Token": plain.token, "Content-Type": "application/json"}
        connection.request("POST", "/evaluate", "{}", headers)
        assert connection.getresponse().status == 404
    finally:
        plain.shutdown()
        thread.join()


def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError) as caught:
            ReportServer(PAGE, port=port)
    assert str(caught.value) == (
        f"port {port} is in use: give another --port, or leave it out for a free one"
    )


def evaluation(accuracy: float, interval: tuple[float, float], n: int) -> dict[str, Any]:
    """Return what `check_page` reads of an evaluation."""
    one = {"accuracy": accuracy, "n": n}
    after = {**one, "per_group": {"a": one}, "per_class": {"x": one}}
    triple = {"after": list(interval)}
    return {
        "after": after,
        "intervals": {"accuracy": triple, "per_group": {"a": triple}, "per_class": {"x": triple}},
    }


def page_of(after: float, interval: tuple[float, float], sample: int) -> PageRecord:
    kinds = (("all", None), ("group", "a"), ("class", "x"), ("group", "not there"))
    figures = tuple(PageFigure(of, name, "accuracy", 0.5, after, interval) for of, name in kinds)
    return PageRecord("", sample, "", figures, 0.1, (0.0, 0.2))


@pytest.mark.parametrize(
    ("accuracy", "sample", "own_rows", "inside"),
    [
        (0.79, 100, True, True),  # in the interval of a sample
        (0.86, 100, True, False),
        (0.80, 1000, True, True),  # the page held every row, so nothing may differ
        (0.79, 1000, True, False),
        (0.801, 1000, True, True),  # but for one row at a tie
        (0.86, 100, False, True),  # other rows: both are uncertain
        (0.91, 100, False, False),
    ],
)
def test_figures_of_a_page_agree_within_what_was_said(
    accuracy: float, sample: int, own_rows: bool, inside: bool
) -> None:
    reach = (accuracy - 0.05, accuracy + 0.05)
    found = check_page(
        page_of(0.80, (0.75, 0.85), sample), evaluation(accuracy, reach, 1000), own_rows=own_rows
    )
    assert [one.figure.name for one in found] == [None, "a", "x"]
    assert {one.inside for one in found} == {inside}
    said, warning = verdict(found, "some rows")
    assert said == f"{3 if inside else 0} of 3 figures of the page hold on some rows"
    assert (warning is None) is inside
    if warning is not None:
        assert "accuracy of group 'a': 0.800 (0.750 to 0.850) in the page" in warning


def test_regressions_are_checked_too() -> None:
    run, cases = editing_page.example("regression")
    plan = EditPlan().zero("concept 0")
    edited, _ = plan.step(run.model)
    found = evaluate_edit(run.model, edited, cases.acts.X, cases.y, cases.acts.group)
    value = found["after"]["rmse"]
    group = next(iter(found["after"]["per_group"]))
    figures = (
        PageFigure("all", None, "rmse", 0.1, value, (value, value)),
        PageFigure("all", None, "r2", 0.1, found["after"]["r2"] - 0.2, (0.0, 0.1)),
        PageFigure("group", group, "rmse", 0.1, found["after"]["per_group"][group]["rmse"], (0, 1)),
    )
    page = PageRecord("", len(cases), "", figures, 0.1, (0.0, 0.2))
    assert [one.inside for one in check_page(page, found, own_rows=True)] == [True, False, True]
    assert np.isfinite([one.all for one in check_page(page, found, own_rows=False)]).all()
