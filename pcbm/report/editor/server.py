"""Serving a report to one browser on this machine, and evaluating its edits on all rows.

The server listens on 127.0.0.1 alone. Whoever knows the token may use it: other users of the
machine do not, and neither do other pages in the same browser (no CORS; Host and Origin are
checked, so that a name that is pointed at 127.0.0.1 does not help them).
"""

from __future__ import annotations

import errno
import hmac
import json
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pcbm.errors import InputError

ADDRESS = "127.0.0.1"
NAMES = (ADDRESS, "localhost")
MOST_BYTES = 2**20  # of a plan
SECONDS = 60  # to send a request in
TOKEN = "X-Pcbm-Token"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Answer = Callable[[str], dict[str, Any]]


class ReportServer(ThreadingHTTPServer):
    """A server of one page, open from the start; `run` answers until it is interrupted.

    Parameters
    ----------
    page : str
        The HTML.
    answer : callable (text of a plan) -> JSON object, optional
        Called for one plan at a time; what it refuses with InputError goes back as ``error``.
    port : int
        0 takes a free one.

    Attributes
    ----------
    url : str
        Where the page is, with the token.

    Raises
    ------
    InputError
        The port is taken, or may not be opened.
    """

    daemon_threads = True

    def __init__(self, page: str, answer: Answer | None = None, *, port: int = 0) -> None:
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            reasons = {errno.EADDRINUSE: "is in use", errno.EACCES: "may not be opened"}
            if error.errno not in reasons:
                raise
            raise InputError(
                f"port {port} {reasons[error.errno]}: give another --port, or leave it out for a "
                "free one"
            ) from None
        self.page = page.encode("utf-8")
        self.answer = answer
        self.turn = Lock()
        self.token = secrets.token_urlsafe(24)
        self.hosts = {f"{name}:{self.server_port}" for name in NAMES}
        self.url = f"http://{ADDRESS}:{self.server_port}/?token={self.token}"

    def run(self) -> None:
        """Answer until Control+C, which is passed on once the port is closed."""
        with self:
            self.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    server: ReportServer
    server_version, sys_version = "pcbm", ""
    timeout = SECONDS

    def do_GET(self) -> None:
        """Give the page to whoever has the token."""
        parts = urlsplit(self.path)
        given = parse_qs(parts.query).get("token", [])
        if not self._from_here() or not self._knows(given):
            return self._say(HTTPStatus.FORBIDDEN, "open the whole address that pcbm printed")
        if parts.path != "/":
            return self._say(HTTPStatus.NOT_FOUND, "there is one page only")
        return self._send(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)

    def do_POST(self) -> None:
        """Evaluate a plan on all rows."""
        if not self._from_here() or not self._knows(self.headers.get_all(TOKEN, [])):
            return self._say(HTTPStatus.FORBIDDEN, "the token is missing or wrong: reload the page")
        if urlsplit(self.path).path != "/evaluate" or self.server.answer is None:
            return self._say(HTTPStatus.NOT_FOUND, "there is nothing to ask here")
        if self.headers.get_content_type() != "application/json":
            return self._say(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a plan is JSON")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            return self._say(HTTPStatus.LENGTH_REQUIRED, "say how long the plan is")
        if int(length) > MOST_BYTES:
            return self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the plan is too long")
        return self._evaluate(self.rfile.read(int(length)))

    def _evaluate(self, body: bytes) -> None:
        assert self.server.answer is not None
        try:
            with self.server.turn:
                found = self.server.answer(body.decode("utf-8"))
        except (InputError, UnicodeDecodeError) as error:
            return self._say(HTTPStatus.BAD_REQUEST, str(error))
        except Exception as error:
            text = f"unexpected {type(error).__name__}: {error}"
            return self._say(HTTPStatus.INTERNAL_SERVER_ERROR, text)
        return self._json(HTTPStatus.OK, found)

    def _from_here(self) -> bool:
        """Return whether the browser believes to talk to this server, from a page of its own."""
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        known = {f"http://{host}" for host in self.server.hosts}
        return len(hosts) == 1 and hosts[0] in self.server.hosts and set(origins) <= known

    def _knows(self, given: list[str]) -> bool:
        return len(given) == 1 and hmac.compare_digest(
            given[0].encode("utf-8", "replace"), self.server.token.encode()
        )

    def _say(self, status: HTTPStatus, text: str) -> None:
        self._json(status, {"error": text})

    def _json(self, status: HTTPStatus, value: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(value, allow_nan=False).encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal quiet: the person looks at the browser."""
