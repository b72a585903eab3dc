"""The files of a campaign, as a worker sees them: results by key, written whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alloop.canonical import canonical_json, sha256_text
from alloop.durable import write_durably
from alloop.materials.structure import Structure
from alloop.tasks.results import LabelData, OffersData, Result, Snapshot

_SAFE = re.compile(r"[a-z0-9]{1,64}")


class DamagedResultError(Exception):
    """A result file that does not match its own checksum."""


class Workspace:
    """Result files of one campaign.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def result_path(self, kind: str, key: str) -> Path:
        """Return where the result of a task stands, or would stand."""
        return self.root / "results" / _safe(kind) / f"{_safe(key)}.json"

    def model_path(self, model: str) -> Path:
        """Return the file of a model named ``fit:<key>`` or ``foundation:<sha256>``."""
        origin, _, key = model.partition(":")
        if origin == "fit":
            return self.root / "results" / "fit" / f"{_safe(key)}.pt"
        if origin == "foundation":
            return self.root / "foundation" / f"{_safe(key)}.model"
        raise ValueError(f"unknown model {model!r}")

    def scratch(self, key: str) -> Path:
        """Return a scratch folder of this process for a task, made if missing."""
        folder = self.root / "scratch" / f"{_safe(key)}.{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the lock of a key; a second worker waits here and then finds the result."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _safe(key), os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def note_attempt(self, kind: str, key: str) -> None:
        """Add a line to ``logs/attempts.log``: a worker begins to compute this key now (time in s since the epoch)."""
        folder = self.root / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        line = f"{time.time():.3f} {_safe(kind)} {_safe(key)} {os.uname().nodename} {os.getpid()}\n"
        descriptor = os.open(folder / "attempts.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def write(self, result: Result) -> None:
        """Write a result so that it stands whole or not at all, through a power cut too."""
        data = canonical_json(result.data)
        header = result.model_dump(mode="json", exclude={"data"})
        header["data_sha256"] = sha256_text(data)
        header["header_sha256"] = sha256_text(canonical_json(header))
        write_durably(self.result_path(result.kind, result.key), f"{canonical_json(header)}\n{data}\n".encode())

    def read(self, kind: str, key: str, *, with_data: bool = False) -> Result | None:
        """Return a verified result, or None where there is none.

        Raises
        ------
        DamagedResultError
            If the file does not match its checksums.
        """
        path = self.result_path(kind, key)
        try:
            with path.open(encoding="utf-8") as file:
                return _parse(file.readline(), file.readline() if with_data else None, kind, key)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedResultError(f"{path}: {error}") from error

    def label(self, key: str) -> LabelData:
        """Return the verified label of a key."""
        return LabelData.model_validate(self._data("label", key))

    def offered(self, source: str) -> Structure:
        """Return the structure of an offer named ``<kind>/<key>#<index>``."""
        kind, _, rest = source.partition("/")
        key, _, index = rest.partition("#")
        return OffersData.model_validate(self._data(kind, key)).structures[int(index)]

    def last_good(self, segment: str) -> Snapshot | None:
        """Return the state from which the walker of a segment continues."""
        return OffersData.model_validate(self._data("explore", segment)).last_good

    def _data(self, kind: str, key: str) -> dict[str, object]:
        result = self.read(kind, key, with_data=True)
        if result is None:
            raise FileNotFoundError(self.result_path(kind, key))
        return result.data


def _safe(name: str) -> str:
    if not _SAFE.fullmatch(name):
        raise ValueError(f"not a name of a result: {name!r}")
    return name


def _parse(head: str, data: str | None, kind: str, key: str) -> Result:
    header = json.loads(head)
    claimed, data_sha256 = header.pop("header_sha256"), header["data_sha256"]
    if sha256_text(canonical_json(header)) != claimed:
        raise ValueError("header does not match its checksum")
    if data is not None and sha256_text(data.rstrip("\n")) != data_sha256:
        raise ValueError("data do not match their checksum")
    header.pop("data_sha256")
    if (header["kind"], header["key"]) != (kind, key):
        raise ValueError("result of another task")
    return Result.model_validate({**header, "data": json.loads(data) if data is not None else {}})
