"""A stand-in for the Weights & Biases server: enough of its API for runs to start, resume, log and finish."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WandbServer(ThreadingHTTPServer):
    """Keeps the rows of every run it is told of.

    Attributes
    ----------
    rows : dict
        History of every run by its id, in the order of arrival.
    bodies : list of str
        Every request body, to look for what must never be sent.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.bodies: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about clients that hang up."""

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Answer a GraphQL operation."""
        name = str(variables.get("name") or "")
        if operation == "RunResumeStatus":
            return {"model": _project() | {"bucket": self._status(name)}}
        if operation == "UpsertBucket":
            new = name not in self.rows
            self.rows.setdefault(name, [])
            return {"upsertBucket": {"bucket": _bucket(name), "inserted": new}}
        if operation == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.url}/upload/{file}"} for file in variables.get("files", [])]
            return {"createRunFiles": {"runID": name, "uploadHeaders": [], "files": files}}
        if operation == "Viewer":
            return {"viewer": {"id": "u", "entity": "somebody", "username": "somebody", "teams": {"edges": []}}}
        return {}

    def stream(self, path: str, files: dict[str, Any]) -> None:
        """Take lines of a run's history."""
        run = path.split("/")[-2]
        lines = files.get("wandb-history.jsonl", {}).get("content", [])
        self.rows.setdefault(run, []).extend(json.loads(line) for line in lines)

    def _status(self, name: str) -> dict[str, Any] | None:
        if name not in self.rows:
            return None
        rows, then = self.rows[name], "2026-01-01T00:00:00"
        tail = json.dumps([json.dumps(row) for row in rows[-1:]])
        return _bucket(name) | {
            "summaryMetrics": "{}",
            "logLineCount": 0,
            "eventsLineCount": 0,
            "historyLineCount": len(rows),
            "historyTail": tail,
            "eventsTail": "[]",
            "tags": [],
            "wandbConfig": '{"t": 1}',
            "createdAt": then,
            "startedAt": then,
            "heartbeatAt": then,
        }


def _project() -> dict[str, Any]:
    return {"id": "p", "name": "alloop", "entity": {"id": "e", "name": "somebody"}}


def _bucket(name: str) -> dict[str, Any]:
    return {
        "id": f"bucket-{name}",
        "name": name,
        "displayName": name,
        "description": None,
        "config": "{}",
        "sweepName": None,
        "historyLineCount": 0,
        "project": _project(),
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WandbServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._reply({})

    def do_PUT(self) -> None:
        self._body()
        self._reply({})

    def do_POST(self) -> None:
        body = self._body()
        if not body.startswith("{"):
            return self._reply({})
        message = json.loads(body)
        if self.path.endswith("/file_stream"):
            self.server.stream(self.path, message.get("files") or {})
            return self._reply({})
        named = re.search(r"(?:query|mutation)\s+(\w+)", message.get("query", ""))
        data = self.server.answer(named.group(1) if named else "", message.get("variables") or {})
        return self._reply({"data": data})

    def _body(self) -> str:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        text = body.decode(errors="replace")
        self.server.bodies.append(text)
        return text

    def _reply(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving() -> Iterator[WandbServer]:
    """Run a server for the length of a ``with`` block."""
    server = WandbServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
