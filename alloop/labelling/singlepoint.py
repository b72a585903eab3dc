"""What every engine returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from alloop.config.science import AseLabel, GpawLabel, LabelConfig


@dataclass(frozen=True)
class SinglePoint:
    """Energy and its derivatives at fixed positions.

    Attributes
    ----------
    energy_eV : float
        Force-consistent free energy (eV).
    forces_eV_per_A : ndarray, shape (atoms, 3)
        Forces (eV/Å).
    stress_eV_per_A3 : ndarray, shape (6,), or None
        Stress (eV/Å³) in ASE's sign and Voigt order; None if the engine has none.
    scf_iterations : int or None
        Iterations to self-consistency, where the engine has any.
    """

    energy_eV: float
    forces_eV_per_A: NDArray[np.float64]
    stress_eV_per_A3: NDArray[np.float64] | None
    scf_iterations: int | None = None


class NotConvergedError(Exception):
    """The engine did not reach self-consistency."""


_SETTINGS: TypeAdapter[GpawLabel | AseLabel] = TypeAdapter(LabelConfig)


def label_settings(settings: dict[str, Any]) -> GpawLabel | AseLabel:
    """Return the ``label`` section from its dumped form.

    Raises
    ------
    pydantic.ValidationError
        If a key or value does not fit.
    """
    return _SETTINGS.validate_python(settings)
