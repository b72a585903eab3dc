"""Tell which program wrote a trajectory, and read it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np
from ase.data import atomic_numbers

from alloop.dynamics.trajectory import Trajectory
from alloop.trajectories.ase_files import read_ase
from alloop.trajectories.collecting import ReadRun, collect
from alloop.trajectories.extxyz import read_extxyz
from alloop.trajectories.frames import Frame, TrajectoryError
from alloop.trajectories.gpaw_text import read_gpaw_text
from alloop.trajectories.lammps import read_lammps
from alloop.trajectories.timing import Said
from alloop.trajectories.vasprun import read_vasprun
from alloop.trajectories.xdatcar import read_xdatcar

SAMPLE_fs = 20.0
"""Time between two samples (fs) unless another is asked for: that of production runs."""

LENGTHS: Mapping[str, float] = MappingProxyType({"A": 1.0, "nm": 10.0, "bohr": 0.529177210903})
"""Units of lengths (Å)."""

Reader = Callable[[BinaryIO, str], Iterator[Frame]]

_HEAD = 65536
_ULM = b"- of UlmASE-Trajectory"
_FORMS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("vasprun.xml", re.compile(rb"\A\s*(<\?xml.*?\?>\s*)?<modeling", re.DOTALL)),
    ("LAMMPS dump", re.compile(rb"\A\s*ITEM:")),
    ("extxyz", re.compile(rb"\A\s*\d+[ \t]*\r?\n[^\n]*(Lattice|Properties)\s*=", re.IGNORECASE)),
    ("XDATCAR", re.compile(rb"^\s*direct configuration", re.IGNORECASE | re.MULTILINE)),
    ("GPAW text", re.compile(rb"gpaw|^\s*\|__ \||^Positions:", re.IGNORECASE | re.MULTILINE)),
    # XYZ without a cell, of which the reader of extended XYZ says so.
    ("extxyz", re.compile(rb"\A\s*\d+[ \t]*\r?\n[^\n]*\n[ \t]*[A-Z][a-z]?([ \t]+-?\d+\.?\d*){3}")),
)
_PACKED: tuple[tuple[bytes, Callable[[BinaryIO], Any]], ...] = (
    (b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ", lzma.LZMAFile),
)
_MARK = b"\xef\xbb\xbf"
"""What Windows may put before a text in UTF-8."""
_TEXT: Mapping[str, Reader] = MappingProxyType(
    {
        "vasprun.xml": read_vasprun,
        "LAMMPS dump": read_lammps,
        "extxyz": read_extxyz,
        "XDATCAR": read_xdatcar,
        "GPAW text": read_gpaw_text,
    }
)
FORMATS = (*_TEXT, "ASE traj", "alloop npz")
"""Formats that are read."""


@dataclass(frozen=True)
class ReadSettings:
    """How trajectories are read.

    Attributes
    ----------
    mobile : tuple of str
        Mobile elements.
    sample_fs : float
        Frames that follow each other faster are thinned to about this time (fs).
    types : tuple of str
        Elements of the atom types of a LAMMPS dump, where it names none.
    """

    mobile: tuple[str, ...]
    sample_fs: float = SAMPLE_fs
    types: tuple[str, ...] = ()


def read_run(path: Path | str, said: Said, settings: ReadSettings) -> ReadRun:
    """Return a run from a file of another program, or from a trajectory of a campaign.

    Frames are read one by one; the positions of the mobile ions are kept at the sampling interval, those of all atoms
    now and then.

    Parameters
    ----------
    path : pathlib.Path or str
        The file; text that is packed by gzip, bzip2 or xz is unpacked.
    said : Said
        What is known of the run that the file may not say.
    settings : ReadSettings
        How.

    Raises
    ------
    TrajectoryError
        If the file cannot be used, in one line.
    """
    where = str(path)
    try:
        with open(where, "rb") as file:  # noqa: PTH123 - a pipe's name may be no path
            head = file.peek(_HEAD)[:_HEAD]
            if head.startswith(b"PK"):
                return _own(where, said, settings)
            if head.startswith(_ULM):
                return collect(read_ase(where), said, settings.mobile, settings.sample_fs, where, "ASE traj")
            unpack = next((unpack for begin, unpack in _PACKED if head.startswith(begin)), None)
            return _text(file if unpack is None else unpack(file), where, said, settings)
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, lzma.LZMAError):
        raise TrajectoryError(f"{where}: the packed file is damaged or cut off") from None
    except FileNotFoundError:
        raise TrajectoryError(f"{where}: there is no such file") from None
    except IsADirectoryError:
        raise TrajectoryError(f"{where}: is a folder; name the trajectory in it") from None


def _text(file: Any, where: str, said: Said, settings: ReadSettings) -> ReadRun:
    if file.peek(len(_MARK)).startswith(_MARK):
        file.read(len(_MARK))
    name = format_of(file.peek(_HEAD)[:_HEAD], where)
    dump = partial(read_lammps, types=settings.types, timestep_known=said.timestep_fs is not None)
    reader = dump if name == "LAMMPS dump" else _TEXT[name]
    return collect(reader(file, where), said, settings.mobile, settings.sample_fs, where, name)


def format_of(head: bytes, where: str) -> str:
    """Return the format of a text by its beginning.

    Raises
    ------
    TrajectoryError
        If it is none that is known.
    """
    if not head.strip():
        raise TrajectoryError(f"{where}: is empty")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TrajectoryError(f"{where}: is text in UTF-16; save it as UTF-8")
    if head.startswith(_ULM):
        raise TrajectoryError(f"{where}: is a packed ASE traj; unpack it")
    found = next((name for name, form in _FORMS if form.search(head)), None)
    if found is None:
        raise TrajectoryError(f"{where}: is none of {', '.join(FORMATS)}")
    return found


def _own(where: str, said: Said, settings: ReadSettings) -> ReadRun:
    """Return a trajectory of a campaign as it is."""
    try:
        with Path(where).open("rb") as file:
            run = Trajectory.load(file)
    except (KeyError, ValueError) as error:
        raise TrajectoryError(f"{where}: is no trajectory of a campaign ({error})") from None
    wanted = [atomic_numbers.get(one, 0) for one in settings.mobile]
    if not np.isin(run.numbers[run.mobile], wanted).any():
        raise TrajectoryError(f"{where}: the run has no mobile {' or '.join(settings.mobile)}; see --mobile")
    if said.temperature_K is not None and abs(said.temperature_K - run.temperature_K) > 1e-6:
        run = replace(run, temperature_K=said.temperature_K)
    return ReadRun(where, "alloop npz", run, run.samples, kinetic=True, conserved=True)


def alike(runs: Sequence[ReadRun]) -> list[ReadRun]:
    """Return runs of one temperature with snapshots at one interval, so that they can be averaged."""
    rarest = max((run.trajectory.snapshot_every for run in runs), default=1)
    return [_rarer(run, rarest) for run in runs]


def _rarer(run: ReadRun, every: int) -> ReadRun:
    trajectory = run.trajectory
    if every % trajectory.snapshot_every or every == trajectory.snapshot_every:
        return run
    kept = trajectory.snapshots_A[:: every // trajectory.snapshot_every]
    return replace(run, trajectory=replace(trajectory, snapshots_A=kept, snapshot_every=every))
