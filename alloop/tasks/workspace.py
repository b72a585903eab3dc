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

from pydantic import ValidationError

from alloop.files.durable import write_durably
from alloop.files.locks import LockKind, lock_path, take
from alloop.files.plain_files import NotPlainError, folder_below, open_below, put_aside, read_below
from alloop.materials.structure import Structure
from alloop.tasks.contract.explore import ExploreSummary
from alloop.tasks.contract.label import LabelData
from alloop.tasks.contract.measure import MeasureData
from alloop.tasks.contract.produce import ProduceData, ProduceSummary
from alloop.tasks.contract.records import OffersData, OffersSummary, Result, Snapshot
from alloop.tasks.contract.result_files import (
    MAX_BYTES,
    DamagedResultError,
    read_header,
    result_from_bytes,
    result_to_bytes,
)
from alloop.tasks.contract.select import SelectData

__all__ = ["DamagedResultError", "Workspace"]
MAX_FILE_BYTES = 2 << 30
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

    def trajectory_path(self, key: str, walker: int) -> Path:
        """Return the file of the trajectory of a walker of a ``produce`` task."""
        return self.root / "results" / "produce" / f"{_safe(key)}.{walker:d}.npz"

    def density_path(self, key: str) -> Path:
        """Return the file of the grid of a density, of a ``measure`` task."""
        return self.root / "results" / "measure" / f"{_safe(key)}.npy"

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

    def check_files(self, result: Result) -> None:
        """Raise DamagedResultError unless all that stands beside a result is there, unaltered.

        What is no regular file is put aside.
        """
        for path, sha256 in self._companions(result):
            if self._sha256(path) != sha256:
                raise DamagedResultError(f"{path.name} of {result.kind}/{result.key} is not the file that was written")

    def write_trajectory(self, key: str, walker: int, content: bytes) -> tuple[str, str]:
        """Write the trajectory of a walker, and return the file's name and digest."""
        path = self.trajectory_path(key, walker)
        write_durably(path, content, below=self.root)
        return path.name, hashlib.sha256(content).hexdigest()

    def trajectory(self, key: str, walker: int) -> bytes:
        """Return the verified file of a walker's trajectory.

        Raises
        ------
        FileNotFoundError
            If there is no such result.
        DamagedResultError
            If the result or the file is damaged.
        """
        told = self.summary("produce", key)
        path = self.trajectory_path(key, walker)
        try:
            expected = ProduceSummary.model_validate(told).walkers[walker].trajectory_sha256
        except (ValidationError, IndexError) as error:
            raise DamagedResultError(f"the summary of produce/{key} does not fit") from error
        return self._verified(path, expected)

    def write_density(self, key: str, content: bytes) -> str:
        """Write the grid of a density, and return the file's digest."""
        write_durably(self.density_path(key), content, below=self.root)
        return hashlib.sha256(content).hexdigest()

    def density(self, key: str) -> bytes:
        """Return the verified file of a density's grid.

        Raises
        ------
        FileNotFoundError
            If there is no such result.
        DamagedResultError
            If the result or the file is damaged.
        """
        return self._verified(self.density_path(key), str(self.summary("measure", key).get("density_sha256")))

    def _verified(self, path: Path, sha256: str) -> bytes:
        """Return a file that stands beside a result, if it is the one that was written."""
        try:
            content = read_below(self.root, path, MAX_FILE_BYTES)
        except (FileNotFoundError, NotPlainError) as error:
            raise DamagedResultError(f"{path.name} cannot be read") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DamagedResultError(f"{path.name} is not the file that was written")
        return content

    def _companions(self, result: Result) -> Iterator[tuple[Path, str]]:
        """Yield the files that must stand beside a result, with their digests."""
        if result.status != "ok":
            return
        if result.kind == "fit":
            yield self.model_path(f"fit:{result.key}"), str(result.summary.get("model_sha256"))
        elif result.kind == "produce":
            try:
                walkers = ProduceSummary.model_validate(result.summary).walkers
            except ValidationError as error:
                raise DamagedResultError(f"the summary of produce/{result.key} does not fit") from error
            for index, walker in enumerate(walkers):
                yield self.trajectory_path(result.key, index), walker.trajectory_sha256
        elif result.kind == "measure" and result.summary.get("density_sha256"):
            yield self.density_path(result.key), str(result.summary["density_sha256"])

    def _sha256(self, path: Path) -> str | None:
        """Return the digest of a file beside a result, None of one that is missing or too large."""
        try:
            with os.fdopen(open_below(self.root, path), "rb") as file:
                small = os.fstat(file.fileno()).st_size <= MAX_FILE_BYTES
                return hashlib.file_digest(file, "sha256").hexdigest() if small else None
        except FileNotFoundError:
            return None
        except NotPlainError as error:
            put_aside(self.root, path)
            raise DamagedResultError(str(error)) from error

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

    def measured(self, key: str) -> MeasureData:
        """Return the verified curves and density of a ``measure`` task."""
        return MeasureData.model_validate(self._data("measure", key))

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

    def last_good(self, start: str) -> Snapshot | None:
        """Return the state from which a walker continues, named ``<key>#<place>``, or by the key alone."""
        key, _, place = start.partition("#")
        return OffersData.model_validate(self._data("explore", key)).last_good[int(place or 0)]

    def segment(self, key: str, place: int) -> OffersSummary:
        """Return the verified summary of one walker of an ``explore`` task.

        Raises
        ------
        FileNotFoundError
            If there is no such result.
        DamagedResultError
            If the file does not match its checksum, or holds no such walker.
        """
        told = self.summary("explore", key)
        try:
            return ExploreSummary.model_validate(told).walkers[place]
        except (ValidationError, IndexError) as error:
            raise DamagedResultError(f"the summary of explore/{key} does not fit") from error

    def produced(self, segment: str) -> ProduceData:
        """Return where the walkers of a segment of production continue."""
        return ProduceData.model_validate(self._data("produce", segment))

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
