"""Check what an engine answers, as input from a stranger: kinds of numbers, shapes and sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alloop.config.label import LabelCommon
from alloop.failures import TaskFailure, one_line
from alloop.labelling.calculator_server import plain
from alloop.labelling.singlepoint import AtomPoint, SinglePoint

MOST_ENERGY_EV_PER_ATOM = 1e7
"""Beyond the energy (eV) of any atom with all its electrons."""
MOST_VIRIAL_EV_PER_ATOM = 1e3
"""Beyond the product of stress and volume (eV) of any frame whose forces can be trained on."""
MOST_NET_EV_PER_A = 1.0
"""Beyond the sum of forces (eV/Å), divided by the number of atoms, that is left by the grids of a calculation."""
_LONGEST_WORDS = 100


def from_answer(answer: dict[str, Any], atoms: int) -> SinglePoint:
    """Return the single point of a program's answer about so many atoms; see `checked`."""
    return checked(
        SinglePoint(
            energy_eV=answer["energy_eV"],
            forces_eV_per_A=answer["forces_eV_per_A"],
            stress_eV_per_A3=answer["stress_eV_per_A3"],
            scf_iterations=answer.get("scf_iterations"),
            scf_attempt=answer.get("scf_attempt", 0),
        ),
        atoms,
    )


def checked(point: SinglePoint, atoms: int) -> SinglePoint:
    """Return a single point of so many atoms with an energy, forces and a stress that are numbers of their shapes.

    Raises
    ------
    TaskFailure
        ``forces`` or ``dft``, with what the engine gives instead.
    """
    if not isinstance(point, SinglePoint):
        raise TaskFailure("dft", f"the answer of the engine: expected a SinglePoint, found {type(point).__name__}")
    stress, iterations = point.stress_eV_per_A3, point.scf_iterations
    return SinglePoint(
        energy_eV=_energy(point.energy_eV),
        forces_eV_per_A=_numbers("forces", "forces", point.forces_eV_per_A, (atoms, 3)),
        stress_eV_per_A3=None if stress is None else _numbers("stress", "dft", stress, (6,)),
        scf_iterations=None if iterations is None else int(_numbers("number of iterations", "dft", iterations, ())),
        scf_attempt=int(_numbers("number of the attempt", "dft", point.scf_attempt, ())),
    )


def check_answer(point: SinglePoint, atoms: Atoms, settings: LabelCommon) -> SinglePoint:
    """Return the single point of a frame, `checked`; refuse one that must not be trained on.

    Raises
    ------
    TaskFailure
        ``forces`` or ``dft``.
    """
    sound = checked(point, len(atoms))
    if not np.isfinite(sound.forces_eV_per_A).all():
        raise TaskFailure("forces", "a force is not a finite number")
    if (largest := np.abs(sound.forces_eV_per_A).max()) > settings.max_force_eV_per_A:
        raise TaskFailure(
            "forces", f"a force component is {largest:.1f} eV/Å, limit {settings.max_force_eV_per_A:g} eV/Å"
        )
    if (net := float(np.abs(sound.forces_eV_per_A.mean(axis=0)).max())) > MOST_NET_EV_PER_A:
        raise TaskFailure("forces", f"the forces add up to {net:.1f} eV/Å per atom, and those of a crystal cancel")
    stress = sound.stress_eV_per_A3
    if not np.isfinite(sound.energy_eV) or (stress is not None and not np.isfinite(stress).all()):
        raise TaskFailure("dft", "the energy or stress is not a finite number")
    _refuse_absurd_energy(sound.energy_eV, len(atoms))
    if stress is not None:
        _refuse_absurd_stress(float(np.abs(stress).max()), float(atoms.get_volume()) / len(atoms))
    return sound


def check_atom(point: AtomPoint, element: str) -> AtomPoint:
    """Return the answer about an isolated atom; refuse one that is not a number, or absurd.

    Raises
    ------
    TaskFailure
        ``dft``.
    """
    energy_eV, moment = _energy(point.energy_eV), point.magnetic_moment_muB
    if not np.isfinite(energy_eV):
        raise TaskFailure("dft", f"the energy of the isolated {element} atom is not a finite number")
    _refuse_absurd_energy(energy_eV, 1)
    return AtomPoint(energy_eV, None if moment is None else float(_numbers("moment", "dft", moment, ())))


def _energy(value: object) -> float:
    return float(_numbers("energy", "dft", value, ()))


def _numbers(what: str, reason: str, value: object, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return real numbers of a shape, which need not be finite; a lone number may come in a list."""
    found = value if isinstance(value, str) else plain(value)
    if found is None or isinstance(found, str):
        given = "nothing" if found is None else one_line(found)[:_LONGEST_WORDS]
        raise TaskFailure(reason, f"the {what} of the engine: expected numbers, found {given}")
    array = np.asarray(found, dtype=np.float64)
    if shape == () and array.size == 1:
        array = array.reshape(())
    if array.shape != shape:
        raise TaskFailure(reason, f"the {what} of the engine: expected the shape {shape}, found {array.shape}")
    if shape == () and what != "energy" and not np.isfinite(array):
        raise TaskFailure(reason, f"the {what} of the engine is not a finite number")
    return array


def _refuse_absurd_energy(energy_eV: float, atoms: int) -> None:
    if abs(energy_eV) / atoms > MOST_ENERGY_EV_PER_ATOM:
        raise TaskFailure("dft", f"the energy is {energy_eV / atoms:.3g} eV per atom, which no atom has")


def _refuse_absurd_stress(largest_eV_per_A3: float, volume_A3: float) -> None:
    if largest_eV_per_A3 * volume_A3 > MOST_VIRIAL_EV_PER_ATOM:
        what = f"a stress component is {largest_eV_per_A3:.3g} eV/Å³, which no frame has with forces within the limit"
        raise TaskFailure("dft", f"{what}; is it in another unit?")
