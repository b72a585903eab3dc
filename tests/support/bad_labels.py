"""A label engine that misbehaves when it is told to."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.emt import EMT

from tests.support.raising import ERRORS

ONCE, ALWAYS = "once", "always"


def order(folder: Path, fault: str, times: str = ONCE) -> None:
    """Tell the engine to misbehave at its next label, or at every one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / fault).write_text(times)


class BadEMT(EMT):
    """EMT that looks into a folder for what it shall do wrong, before every frame but not for a lone atom.

    Parameters
    ----------
    orders : str
        The folder; a file in it is named for the fault, and an order of ``once`` is taken by one label alone.
    pause_s : float
        How long to wait (s) before anything else.
    """

    def __init__(self, orders: str, pause_s: float = 0.0) -> None:
        super().__init__()
        self._orders, self._pause_s = Path(orders), pause_s

    def calculate(self, atoms=None, *arguments: Any, **keywords: Any) -> None:
        wild = atoms is not None and len(atoms) > 1
        fault = self._take() if wild else None
        time.sleep(self._pause_s if wild else 0.0)
        if fault in _BEFORE:
            _BEFORE[fault]()
        super().calculate(atoms, *arguments, **keywords)
        if fault == "nan_forces":
            self.results["forces"] = np.full_like(self.results["forces"], np.nan)
        if fault in _ENERGIES:
            self.results["energy"] = self.results["free_energy"] = _ENERGIES[fault]
        if fault == "two_forces":
            self.results["forces"] = self.results["forces"][:2]

    def _take(self) -> str | None:
        for path in sorted(self._orders.iterdir()) if self._orders.is_dir() else []:
            if path.read_text() == ALWAYS:
                return path.name
            try:
                path.unlink()
            except FileNotFoundError:
                continue
            return path.name
        return None


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _run_out_of_memory() -> None:
    """Allocate past the limit that a batch system sets."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, before[1]))
    try:
        np.ones(2**30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _fill_the_disk() -> None:
    """Write where there is never any room."""
    with Path("/dev/full").open("w") as file:
        file.write("a wave function")


def _give_up() -> None:
    raise RuntimeError("no bands left")


_BEFORE = {
    "killed": _die,
    "memory": _run_out_of_memory,
    "disk": _fill_the_disk,
    "gives_up": _give_up,
    "mute": ERRORS["mute"],
    "exits": ERRORS["exit"],
    "unpicklable": ERRORS["own_init"],
}
_ENERGIES = {"nan_energy": float("nan"), "vast_energy": 1e300}
