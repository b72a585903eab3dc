"""Read and write the result files of a campaign, by key; each is whole or absent."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from alloop.failures import PlaceError, blaming_place
from alloop.files.durable import Room, held_room, write_durably
from alloop.files.locks import LockKind, lock_path, take
from alloop.files.long_files import keep_end
from alloop.files.plain_files import NotPlainError, folder_below, open_below, put_aside, read_below
from alloop.materials.structure import Structure
from alloop.tasks.contract.kind import Companion, Data, Summary, TaskKind
from alloop.tasks.contract.records import OffersData, Record, Result
from alloop.tasks.contract.references import ModelRef, OfferRef
from alloop.tasks.contract.result_files import (
    MAX_BYTES,
    DamagedResultError,
    read_header,
    result_from_bytes,
    result_to_bytes,
)
from alloop.tasks.registry import KINDS

__all__ = ["DamagedResultError", "Workspace"]
MAX_FILE_BYTES = 2 << 30
Fitting = TypeVar("Fitting", bound=Record)
_SAFE = re.compile(r"[a-z0-9]{1,64}")


class Workspace:
    """Result files of one campaign. Others may have changed them: no link below the folder is followed.

    Where the folder cannot be read or written at all, every method raises `PlaceError`.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder.
    kept : callable
        Returns the file of a label as the journal keeps it, or None; asked by `data` where a file is missing or
        damaged.

    Attributes
    ----------
    kept_only : set of str
        Keys of the labels that were taken from the journal.
    """

    def __init__(self, root: Path, kept: Callable[[str], bytes | None] = lambda key: None) -> None:
        self.root = Path(root)
        self.kept_only: set[str] = set()
        self._kept = kept

    def result_path(self, kind: str, key: str) -> Path:
        """Return the path of a task's result, which need not exist."""
        return self.root / "results" / _safe(kind) / f"{_safe(key)}.json"

    def model_path(self, model: str) -> Path:
        """Return the file of a model named as by `ModelRef`."""
        named = ModelRef.parse(model)
        if named.origin == "fit":
            return self.root / "results" / "fit" / f"{_safe(named.key)}.pt"
        if named.origin == "foundation":
            return self.root / "foundation" / f"{_safe(named.key)}.model"
        raise ValueError(f"unknown model {model!r}")

    def companion_path(self, kind: str, name: str) -> Path:
        """Return the path of a file next to a result, by the name that the kind of task gives it."""
        key, dot, ending = name.partition(".")
        if not dot or not is_key(ending.replace(".", "")):
            raise ValueError(f"not a name of a file next to a result: {name!r}")
        return self.root / "results" / _safe(kind) / f"{_safe(key)}.{ending}"

    @blaming_place()
    def scratch(self, key: str) -> Path:
        """Return a new scratch folder for a task, of a name that nobody can foresee and for this user alone."""
        scratch = self.root / "scratch"
        with folder_below(self.root, scratch, make=True):
            return Path(tempfile.mkdtemp(prefix=f"{_safe(key)}.", dir=scratch))

    @blaming_place()
    def keep_log(self, log: Path, kind: str, key: str) -> Path:
        """Move the end of a log from a scratch folder to ``logs/<kind>/<key>.txt``; return where in the campaign."""
        kept = self.root / "logs" / _safe(kind) / f"{_safe(key)}.txt"
        with folder_below(self.root, kept.parent, make=True) as folder:
            os.rename(log, kept.name, dst_dir_fd=folder)
        with suppress(OSError), os.fdopen(open_below(self.root, kept, os.O_WRONLY), "wb") as file:
            keep_end(file.fileno())
        return kept.relative_to(self.root)

    @contextmanager
    def lock(self, key: str, kind: LockKind = "flock") -> Iterator[None]:
        """Hold the lock of a key; a second worker waits here and then finds the result."""
        path = lock_path(self.root / "locks" / _safe(key), kind)
        with blaming_place(path):
            try:
                held = take(path, kind, below=self.root)
            except NotPlainError:
                put_aside(self.root, path)
                held = take(path, kind, below=self.root)
        try:
            yield
        finally:
            held.release()

    @blaming_place()
    def note_attempt(self, kind: str, key: str) -> None:
        """Add a line to ``logs/attempts.log``: a worker begins to compute this key now (time in s since the epoch)."""
        line = f"{time.time():.3f} {_safe(kind)} {_safe(key)} {os.uname().nodename} {os.getpid()}\n"
        descriptor = self._open_own(self.root / "logs" / "attempts.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    @contextmanager
    def room(self, kind: str, key: str) -> Iterator[Room]:
        """Hold room for the file of a result that is still to be computed; the caller holds the lock of the key."""
        with held_room(self.result_path(kind, key), below=self.root) as room:
            yield room

    def check_place(self) -> None:
        """Raise PlaceError if no file can be written in the campaign's folder now."""
        with held_room(self.root / "scratch" / f"probe.{os.getpid()}", below=self.root):
            pass

    def write(self, result: Result) -> None:
        """Write a result so that it is whole or absent afterwards, even if the power fails."""
        write_durably(self.result_path(result.kind, result.key), result_to_bytes(result), below=self.root)

    @blaming_place()
    def read(self, kind: str, key: str, *, with_data: bool = False) -> Result | None:
        """Return a verified result, or None where there is none.

        Raises
        ------
        DamagedResultError
            If the file does not match its checksums, or is not a result file.
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

    @blaming_place()
    def content(self, kind: str, key: str) -> bytes | None:
        """Return the bytes of a result file, not verified, or None where there is none.

        Raises
        ------
        DamagedResultError
            If it is not a regular file, or too large to be a result.
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
        named = ModelRef.parse(model)
        if named.origin == "foundation":
            return named.key
        result = self.read("fit", named.key)
        return None if result is None else str(result.summary.get("model_sha256"))

    @blaming_place()
    def check_files(self, result: Result) -> None:
        """Raise DamagedResultError unless all files next to a result are there, unaltered.

        What is not a regular file is put aside.
        """
        for file in self._companions(result):
            path = self.companion_path(result.kind, file.name)
            if self._sha256(path) != file.sha256:
                raise DamagedResultError(f"{path.name} of {result.kind}/{result.key} is not the file that was written")

    def has_verified(self, kind: str, key: str) -> bool:
        """Return whether a result and all files next to it are there, unaltered."""
        try:
            result = self.read(kind, key, with_data=True)
            if result is not None:
                self.check_files(result)
        except DamagedResultError:
            return False
        return result is not None

    def write_companion(self, kind: str, name: str, content: bytes) -> str:
        """Write a file next to a result that is still to be written, and return the file's SHA-256."""
        write_durably(self.companion_path(kind, name), content, below=self.root)
        return hashlib.sha256(content).hexdigest()

    @blaming_place()
    def companion(self, kind: TaskKind[Any, Any], key: str, name: str) -> bytes:
        """Return the verified content of a file next to a result.

        Raises
        ------
        FileNotFoundError
            If there is no such result.
        DamagedResultError
            If the result or the file is damaged, or the result has no such file.
        """
        files = {file.name: file.sha256 for file in kind.files(key, self.summary(kind, key))}
        path = self.companion_path(kind.name, name)
        try:
            content = read_below(self.root, path, MAX_FILE_BYTES)
        except (FileNotFoundError, NotPlainError) as error:
            raise DamagedResultError(f"{path.name} cannot be read") from error
        if hashlib.sha256(content).hexdigest() != files.get(name):
            raise DamagedResultError(f"{path.name} is not the file that was written")
        return content

    def _companions(self, result: Result) -> Iterable[Companion]:
        kind = KINDS.get(result.kind)
        if result.status != "ok" or kind is None:
            return ()
        summary = _fitting(kind.summary, result.summary, f"the summary of {result.kind}/{result.key}")
        return kind.files(result.key, summary)

    def _sha256(self, path: Path) -> str | None:
        """Return the digest of a file next to a result; None if it is missing or too large."""
        try:
            with os.fdopen(open_below(self.root, path), "rb") as file:
                small = os.fstat(file.fileno()).st_size <= MAX_FILE_BYTES
                return hashlib.file_digest(file, "sha256").hexdigest() if small else None
        except FileNotFoundError:
            return None
        except NotPlainError as error:
            put_aside(self.root, path)
            raise DamagedResultError(str(error)) from error

    @blaming_place()
    def put_aside(self, kind: str, key: str) -> None:
        """Rename a damaged result, so that it is computed again and can still be looked at."""
        put_aside(self.root, self.result_path(kind, key))

    def summary(self, kind: TaskKind[Summary, Data], key: str) -> Summary:
        """Return the verified summary of a result.

        Raises
        ------
        FileNotFoundError
            If there is no such result.
        DamagedResultError
            If the file does not match its checksum, or holds something else.
        """
        result = self.read(kind.name, key)
        if result is None:
            raise FileNotFoundError(self.result_path(kind.name, key))
        return _fitting(kind.summary, result.summary, f"the summary of {kind.name}/{key}")

    def data(self, kind: TaskKind[Summary, Data], key: str) -> Data:
        """Return the verified data of a result.

        Raises
        ------
        FileNotFoundError
            If there is no such result.
        DamagedResultError
            If the file does not match its checksum, or holds something else.
        """
        result = self.result(kind.name, key)
        if result is None:
            raise FileNotFoundError(self.result_path(kind.name, key))
        return _fitting(kind.data, result.data, f"the data of {kind.name}/{key}")

    def result(self, kind: str, key: str) -> Result | None:
        """Return a verified result with its data, a label from the journal if its file is missing or damaged.

        Raises
        ------
        DamagedResultError
            If the file does not match its checksums, and the journal keeps no other.
        """
        try:
            found, error = self.read(kind, key, with_data=True), None
        except (DamagedResultError, PlaceError) as damage:
            found, error = None, damage
        if found is None and kind == "label" and (content := self._kept(key)) is not None:
            found, error = result_from_bytes(content, kind, key), None
            self.kept_only.add(key)
        if error is not None:
            raise error
        return found

    def offered(self, source: OfferRef) -> Structure:
        """Return the structure of an offered frame.

        Raises
        ------
        FileNotFoundError
            If there is no such result.
        DamagedResultError
            If the result is damaged, or offers no such frame.
        """
        kind = KINDS.get(source.kind)
        if kind is None or kind.data is not OffersData:
            raise DamagedResultError(f"{source.kind} is not a kind of task that offers frames")
        structures: tuple[Structure, ...] = self.data(kind, source.key).structures
        if source.index >= len(structures):
            raise DamagedResultError(f"{source} is not among the frames of its result")
        return structures[source.index]

    def _open_own(self, path: Path, flags: int) -> int:
        """Open a file for writing; anything else at its path is put aside."""
        try:
            return open_below(self.root, path, flags)
        except NotPlainError:
            put_aside(self.root, path)
            return open_below(self.root, path, flags)


def _fitting(model: type[Fitting], fields: dict[str, Any], what: str) -> Fitting:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise DamagedResultError(f"{what} does not fit") from error


def is_key(name: str) -> bool:
    """Return whether a text can be the key of a task, and so the name of a file."""
    return _SAFE.fullmatch(name) is not None


def _safe(name: str) -> str:
    if not is_key(name):
        raise ValueError(f"not a name of a result: {name!r}")
    return name
