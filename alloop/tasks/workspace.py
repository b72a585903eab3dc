"""The files of a campaign, as a worker sees them: results by key, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alloop.durable import write_durably
from alloop.locking import LockKind, lock_path, take
from alloop.materials.structure import Structure
from alloop.plain_files import NotPlainError, folder_below, open_below, put_aside, read_below
from alloop.tasks.result_files import MAX_BYTES, DamagedResultError, read_header, result_from_bytes, result_to_bytes
from alloop.tasks.results import LabelData, OffersData, Result, SelectData, Snapshot

__all__ = ["DamagedResultError", "Workspace"]
MAX_MODEL_BYTES = 1 << 30
_SAFE = re.compile(r"[a-z0-9]{1,64}")


class Workspace:
    """Result files of one campaign. Others may have touched them: no link below the folder is followed.

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
        """Return a new scratch folder for a task, of a name that nobody can foresee and for this user alone."""
        scratch = self.root / "scratch"
        with folder_below(self.root, scratch, make=True):
            return Path(tempfile.mkdtemp(prefix=f"{_safe(key)}.", dir=scratch))

    def keep_log(self, log: Path, kind: str, key: str) -> Path:
        """Move a log from a scratch folder to ``logs/<kind>/<key>.txt``; return where that is in the campaign."""
        kept = self.root / "logs" / _safe(kind) / f"{_safe(key)}.txt"
        with folder_below(self.root, kept.parent, make=True) as folder:
            os.rename(log, kept.name, dst_dir_fd=folder)
        return kept.relative_to(self.root)

    @contextmanager
    def lock(self, key: str, kind: LockKind = "flock") -> Iterator[None]:
        """Hold the lock of a key; a second worker waits here and then finds the result."""
        path = lock_path(self.root / "locks" / _safe(key), kind)
        try:
            held = take(path, kind, below=self.root)
        except NotPlainError:
            put_aside(self.root, path)
            held = take(path, kind, below=self.root)
        try:
            yield
        finally:
            held.release()

    def note_attempt(self, kind: str, key: str) -> None:
        """Add a line to ``logs/attempts.log``: a worker begins to compute this key now (time in s since the epoch)."""
        line = f"{time.time():.3f} {_safe(kind)} {_safe(key)} {os.uname().nodename} {os.getpid()}\n"
        descriptor = self._open_own(self.root / "logs" / "attempts.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def write(self, result: Result) -> None:
        """Write a result so that it stands whole or not at all, through a power cut too."""
        write_durably(self.result_path(result.kind, result.key), result_to_bytes(result), below=self.root)

    def read(self, kind: str, key: str, *, with_data: bool = False) -> Result | None:
        """Return a verified result, or None where there is none.

        Raises
        ------
        DamagedResultError
            If the file does not match its checksums, or is no file of ours.
        """
        if with_data:
            content = self.content(kind, key)
            return None if content is None else result_from_bytes(content, kind, key)
        try:
            with os.fdopen(open_below(self.root, self.result_path(kind, key)), "rb") as file:
                return read_header(file, kind, key)
        except FileNotFoundError:
            return None
        except NotPlainError as error:
            raise DamagedResultError(str(error)) from error

    def content(self, kind: str, key: str) -> bytes | None:
        """Return the bytes of a result file, not verified, or None where there is none.

        Raises
        ------
        DamagedResultError
            If it is no regular file, or too large to be a result.
        """
        try:
            return read_below(self.root, self.result_path(kind, key), MAX_BYTES)
        except FileNotFoundError:
            return None
        except NotPlainError as error:
            raise DamagedResultError(str(error)) from error

    def model_sha256(self, model: str) -> str | None:
        """Return the checksum that the file of a model must have, or None if no result says it.

        Raises
        ------
        DamagedResultError
            If the result of its fit is damaged.
        """
        origin, _, key = model.partition(":")
        if origin == "foundation":
            return key
        result = self.read("fit", key)
        return None if result is None else str(result.summary.get("model_sha256"))

    def check_model(self, result: Result) -> None:
        """Raise DamagedResultError unless the model of a fit stands beside its result, unaltered."""
        path = self.model_path(f"fit:{result.key}")
        try:
            with os.fdopen(open_below(self.root, path), "rb") as file:
                small = os.fstat(file.fileno()).st_size <= MAX_MODEL_BYTES
                found = hashlib.file_digest(file, "sha256").hexdigest() if small else ""
        except FileNotFoundError as error:
            raise DamagedResultError(f"the model of fit/{result.key} is missing") from error
        except NotPlainError as error:
            put_aside(self.root, path)
            raise DamagedResultError(str(error)) from error
        if found != result.summary.get("model_sha256"):
            raise DamagedResultError(f"the model of fit/{result.key} is not the one that was fitted")

    def put_aside(self, kind: str, key: str) -> None:
        """Rename a damaged result, so that it is computed again and can still be looked at."""
        put_aside(self.root, self.result_path(kind, key))

    def label(self, key: str) -> LabelData:
        """Return the verified label of a key."""
        return LabelData.model_validate(self._data("label", key))

    def offered(self, source: str) -> Structure:
        """Return the structure of an offer named ``<kind>/<key>#<index>``."""
        kind, _, rest = source.partition("/")
        key, _, index = rest.partition("#")
        return OffersData.model_validate(self._data(kind, key)).structures[int(index)]

    def summary(self, kind: str, key: str) -> dict[str, object]:
        """Return the verified summary of a result, without its data.

        Raises
        ------
        FileNotFoundError
            If there is no such result.
        DamagedResultError
            If the file does not match its checksum.
        """
        result = self.read(kind, key)
        if result is None:
            raise FileNotFoundError(self.result_path(kind, key))
        return result.summary

    def selection(self, key: str) -> SelectData:
        """Return the verified selection of a key."""
        return SelectData.model_validate(self._data("select", key))

    def last_good(self, segment: str) -> Snapshot | None:
        """Return the state from which the walker of a segment continues."""
        return OffersData.model_validate(self._data("explore", segment)).last_good

    def _data(self, kind: str, key: str) -> dict[str, object]:
        result = self.read(kind, key, with_data=True)
        if result is None:
            raise FileNotFoundError(self.result_path(kind, key))
        return result.data

    def _open_own(self, path: Path, flags: int) -> int:
        """Open a file for writing; what stands there and is no file is put aside."""
        try:
            return open_below(self.root, path, flags)
        except NotPlainError:
            put_aside(self.root, path)
            return open_below(self.root, path, flags)


def is_key(name: str) -> bool:
    """Return whether a text can be the key of a task, and so the name of a file."""
    return _SAFE.fullmatch(name) is not None


def _safe(name: str) -> str:
    if not is_key(name):
        raise ValueError(f"not a name of a result: {name!r}")
    return name
