"""The teacher as an ASE calculator, which a config names as its engine.

This file alone is part of the identity of a label's code: labels stand when anything else of the benchmark changes.
"""

from __future__ import annotations

from pathlib import Path

from alloop.potential.committee import Committee, LeaderCalculator
from alloop.potential.models.model_files import hot_model


class Teacher(LeaderCalculator):
    """A MACE model in alloop's own format; energy (eV), forces (eV/Å) and stress (eV/Å³) in float64.

    Parameters
    ----------
    model : str
        The file.
    sha256 : str
        Checksum that it must have.

    Raises
    ------
    ModelFileError
        If the file is another one.
    """

    def __init__(self, model: str, sha256: str) -> None:
        teacher = hot_model(Path(model), "cpu", "float64", sha256)
        super().__init__(Committee([teacher], device="cpu", dtype="float64"))
