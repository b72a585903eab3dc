"""A stand-in for the Weights & Biases server: enough of its API for runs to start, resume, log and finish."""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
import time
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
    runs : dict
        What was last said of every run by its id: group, job type, tags, notes.
    alerts : list of dict
        Alerts in the order of arrival: title, text, severity.
    artifacts : list of dict
        Versions of artifacts in the order in which they were created; `state` says whether all files arrived.
    used : list of tuple
        Run and name of the artifact, each time a run said that an artifact went into it.
    files : dict
        Content of every file that was uploaded, by its name in the artifact.
    uploads : list of str
        Names of the artifact files in the order in which they were uploaded.
    views : list of dict
        Layouts that were saved.
    silent : bool
        Set: from now on no request is answered.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.bodies: list[str] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.alerts: list[dict[str, Any]] = []
        self.artifacts: list[dict[str, Any]] = []
        self.used: list[tuple[str, str]] = []
        self.files: dict[str, bytes] = {}
        self.uploads: list[str] = []
        self.views: list[dict[str, Any]] = []
        self.silent = False

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
            self.runs.setdefault(name, {}).update({k: v for k, v in variables.items() if v is not None})
            return {"upsertBucket": {"bucket": _bucket(name), "inserted": new}}
        if operation == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.url}/upload/{file}"} for file in variables.get("files", [])]
            return {"createRunFiles": {"runID": name, "uploadHeaders": [], "files": files}}
        if operation == "Viewer":
            return {"viewer": {"id": "u", "entity": "somebody", "username": "somebody", "teams": {"edges": []}}}
        if operation == "NotifyScriptableRunAlert":
            self.alerts.append(variables)
            return {"notifyScriptableRunAlert": {"success": True}}
        words = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", operation.replace("ID", "Id")).lower()
        make = getattr(self, f"_answer_{words}", None)
        return make(variables) if make else {}

    def _answer_upsert_view2(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.views.append(variables)
        return {"upsertView": {"view": {"id": _id("view"), "name": variables["name"]}, "inserted": True}}

    # -- artifacts -------------------------------------------------------------------------------------------

    def _answer_artifact_type(self, variables: dict[str, Any]) -> dict[str, Any]:
        found = [one for one in self.artifacts if variables["name"].partition(":")[0] == one["name"]]
        known = {"artifactType": {"name": found[0]["type"]}} if found else None
        return {"project": {"artifact": known}}

    def _answer_create_artifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Begin a version; the one with the same files in the same collection is the same version."""
        asked = variables["input"]
        name, digest = asked["artifactCollectionName"], asked["digest"]
        versions = [one for one in self.artifacts if one["name"] == name]
        found = next((one for one in versions if one["digest"] == digest), None)
        if found is None:
            known = {key: asked.get(key) for key in ("metadata", "runName", "digestAlgorithm")}
            found = known | {"id": _id(f"artifact-{len(self.artifacts)}"), "name": name, "digest": digest}
            found |= {"type": asked["artifactTypeName"], "version": len(versions), "state": "PENDING", "files": {}}
            self.artifacts.append(found)
        latest = {"id": versions[-1]["id"], "versionIndex": versions[-1]["version"]} if versions else None
        sequence = {"id": _id(f"sequence-{name}"), "latestArtifact": latest}
        told = {"id": found["id"], "state": found["state"], "artifactSequence": sequence}
        return {"createArtifact": {"artifact": told}}

    def _answer_create_artifact_manifest(self, variables: dict[str, Any]) -> dict[str, Any]:
        file = {"id": "f", "uploadUrl": f"{self.url}/manifest", "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": _id("manifest"), "file": file}}}

    def _answer_update_artifact_manifest(self, variables: dict[str, Any]) -> dict[str, Any]:
        file = {"id": "f", "uploadUrl": f"{self.url}/manifest", "uploadHeaders": []}
        return {"updateArtifactManifest": {"artifactManifest": {"id": _id("manifest"), "file": file}}}

    def _answer_create_artifact_files(self, variables: dict[str, Any]) -> dict[str, Any]:
        edges = []
        for file in variables["input"]["artifactFiles"]:
            url = f"{self.url}/artifact/{file['name']}"
            node = {"storagePath": file["name"], "uploadUrl": url, "uploadHeaders": [], "uploadMultipartUrls": None}
            edges.append({"node": node | {"artifact": {"id": file["artifactID"]}}})
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _answer_commit_artifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        found = self._artifact(variables["artifactID"])
        found["state"] = "COMMITTED"
        return {"commitArtifact": {"artifact": {"id": found["id"], "digest": found["digest"]}}}

    def _answer_use_artifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.used.append((variables["runName"], self._artifact(variables["artifactID"])["name"]))
        return {"useArtifact": {"artifact": {"id": variables["artifactID"]}}}

    def _answer_artifact_by_id(self, variables: dict[str, Any]) -> dict[str, Any]:
        found = self._artifact(variables["id"])
        project = {"id": _id("p"), "internalId": _id("p"), "name": "alloop", "entity": {"name": "somebody"}}
        told = {
            "__typename": "Artifact",
            "id": found["id"],
            "artifactSequence": {"__typename": "ArtifactSequence", "name": found["name"], "project": project},
            "versionIndex": found["version"],
            "artifactType": {"name": found["type"]},
            "description": None,
            "metadata": found["metadata"],
            "ttlDurationSeconds": -2,
            "ttlIsInherited": True,
            "tags": [],
            "historyStep": None,
            "state": found["state"],
            "size": 0,
            "digest": found["digest"],
            "commitHash": None,
            "fileCount": 1,
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": None,
            "aliases": [],
        }
        return {"artifact": told}

    def _artifact(self, wanted: str) -> dict[str, Any]:
        return next(one for one in self.artifacts if one["id"] == wanted)

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


def _id(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


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
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/artifact/"):
            name = self.path.removeprefix("/artifact/")
            self.server.files[name] = body
            self.server.uploads.append(name)
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
        while self.server.silent:
            time.sleep(0.2)
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
