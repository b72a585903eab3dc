"""A Kubernetes API that keeps its pods in memory, and a login to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml


def kubeconfig(home: Path, monkeypatch: pytest.MonkeyPatch, server: str = "http://127.0.0.1:9") -> Path:
    """Write a kubeconfig for a server, let the client find it, and return its path."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    return path


@contextmanager
def serving() -> Iterator[tuple[str, dict[str, Any]]]:
    """Serve the part of the API that concerns pods; give its address and its pods by name."""
    pods: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/pods/")[2].partition("?")[0]
            found = pods.get(name)
            listing = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": list(pods.values())}
            self._answer(listing if self.path.partition("?")[0].endswith("/pods") else found)

        def do_POST(self) -> None:
            pod = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            pod["status"] = {"phase": "Running"}
            pods[pod["metadata"]["name"]] = pod
            self._answer(pod)

        def do_DELETE(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(pods.pop(self.path.rpartition("/")[2].partition("?")[0], None))

        def _answer(self, content: Any) -> None:
            body = json.dumps(content or {"kind": "Status", "reason": "NotFound"}).encode()
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", pods
    finally:
        server.shutdown()
        server.server_close()
