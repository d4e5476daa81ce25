"""A hub of one process: the few addresses that uploading and fetching a repository of files need.

It speaks to the real client of huggingface_hub over HTTP on 127.0.0.1. What the real hub does
beyond that (accounts, large files, limits) it does not know.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "a" * 40


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_):
        pass

    def answer(self, value, code=200, **headers):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(code)
        for name, text in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(text))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = self.path.partition("?")[0]
        self.server.asked.append(("POST", asked))
        if asked == "/api/repos/create":
            owner, name = (json.loads(body).get(key) for key in ("organization", "name"))
            self.server.files = {}
            return self.answer({"url": f"{self.server.address}/{owner}/{name}"})
        if asked == "/api/validate-yaml":
            self.server.card = json.loads(body)["content"]
            return self.answer({"errors": [], "warnings": []})
        if "/preupload/" in asked:
            paths = [file["path"] for file in json.loads(body)["files"]]
            files = [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in paths]
            return self.answer({"files": files})
        if "/commit/" in asked:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.server.files[line["value"]["path"]] = content
            url = f"{self.server.address}/user/name/commit/{COMMIT}"
            return self.answer({"success": True, "commitOid": COMMIT, "commitUrl": url})
        return self.answer({"error": "unknown"}, 404)

    def do_GET(self):
        asked = self.path.partition("?")[0]
        self.server.asked.append((self.command, asked))
        if asked.startswith("/api/models/user/name/tree/"):
            listed = [
                {"type": "file", "path": p, "size": len(c), "oid": hashlib.sha1(c).hexdigest()}
                for p, c in self.server.files.items()
            ]
            return self.answer(listed)
        if asked.startswith("/api/models/user/name"):
            siblings = [{"rfilename": path} for path in self.server.files]
            return self.answer({"id": "user/name", "sha": COMMIT, "siblings": siblings})
        path = asked.rpartition("/")[2]
        if asked.startswith("/user/name/resolve/") and path in self.server.files:
            content = self.server.files[path]
            tag = f'"{hashlib.sha1(content).hexdigest()}"'
            return self.answer(content, ETag=tag, X_Repo_Commit=COMMIT)
        return self.answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET


class Hub(ThreadingHTTPServer):
    """Holds the files of the one repository, and what was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.card = ""
        self.address = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def local_hub() -> Iterator[Hub]:
    """Serve an empty hub while the block runs."""
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
