"""Source of a label engine in a module of a user's own, which a test writes and later changes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_SOURCE = '''\
"""{comment}"""

import time

from ase.calculators.emt import EMT

PAUSE_S = {pause_s}


class MyEMT(EMT):
    def calculate(self, atoms=None, *arguments, **keywords):
        if atoms is not None and len(atoms) > 1:
            time.sleep(PAUSE_S)
        super().calculate(atoms, *arguments, **keywords)
        for name in ("energy", "energies", "free_energy", "forces"):
            self.results[name] = self.results[name] * {scale}
'''

LABEL = {"engine": "ase", "calculator": "my_emt:MyEMT"}


def write_engine(folder: Path, *, comment: str = "mine", scale: float = 1.0, pause_s: float = 0.0) -> None:
    """Write ``my_emt.py`` into a folder of modules."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "my_emt.py").write_text(_SOURCE.format(comment=comment, scale=scale, pause_s=pause_s))


def findable(folder: Path, monkeypatch) -> None:
    """Put a folder of modules before all others, for this process and those it starts, without compiled files."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
