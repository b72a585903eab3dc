"""What keeps labelled frames from being trained on, whoever computed them. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alloop.config.campaign import CampaignConfig
from alloop.labelling.answers import MOST_NET_EV_PER_A
from alloop.materials.contacts import has_neighbours, is_finite, min_contact
from alloop.materials.structure_files import LONGEST_A, MOST_ATOMS, all_elements

FOUNDATION_CUTOFF_A = 4.5
"""Shorter than the cutoff of every foundation that is known."""
_ABSURD_EV_PER_ATOM = 1e6
_SPREAD, _LEAST_EV_PER_ATOM, _LEAST_EV_PER_A3, _GROUP = 30.0, 10.0, 1.0, 4
_SAME_EV_PER_ATOM = 1e-6
_HELD, _NET_EV_PER_A = 1e-12, 0.02


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """A frame with its label.

    Attributes
    ----------
    number : int
        Its place in the file, from 1.
    atoms : ase.Atoms
        The frame.
    energy_eV : float
        Energy (eV).
    forces_eV_per_A : ndarray, shape (atoms, 3)
        Forces (eV/Å).
    stress_eV_per_A3 : ndarray, shape (3, 3), or None
        Stress (eV/Å³).
    """

    number: int
    atoms: Atoms
    energy_eV: float
    forces_eV_per_A: NDArray[np.float64]
    stress_eV_per_A3: NDArray[np.float64] | None = None

    @property
    def per_atom(self) -> float:
        """Energy per atom (eV)."""
        return self.energy_eV / len(self.atoms)


@dataclass(frozen=True)
class Limits:
    """The bounds of a campaign: shortest contact (covalent-radius sums), largest force (eV/Å), reach of a model (Å)."""

    min_contact: float
    max_force_eV_per_A: float
    cutoff_A: float


def limits_of(config: CampaignConfig) -> Limits:
    """Return the bounds that a config sets to labels."""
    potential, label = config.potential, config.label
    cutoff_A = potential.architecture.cutoff_A if potential.foundation is None else FOUNDATION_CUTOFF_A
    return Limits(label.min_contact, label.max_force_eV_per_A, cutoff_A)


def is_isolated(atoms: Atoms, cutoff_A: float) -> bool:
    """Return whether no atom of a frame has a neighbour, so that a model sees nothing in it, or it is said to be so."""
    return is_called_isolated(atoms) or (usable(atoms) is None and not has_neighbours(atoms, cutoff_A))


def is_called_isolated(atoms: Atoms) -> bool:
    """Return whether a frame is of one atom, without a crystal around it or under the name that such frames have."""
    kind = re.sub(r"[^a-z]", "", str(atoms.info.get("config_type", "")).lower())
    periodic = atoms.cell.rank == 3 and atoms.pbc.all()
    named = kind in ("isolatedatom", "isolatedatoms", "isoatom", "isolated", "atom", "singleatom")
    return len(atoms) == 1 and bool(named or not periodic)


def usable(atoms: Atoms) -> str | None:
    """Return why a frame is not a crystal of atoms that alloop can take; None if it is."""
    if not all_elements(atoms):
        return "holds atoms without an element (`X`); name every element, or remove the frame"
    if len(atoms) > MOST_ATOMS:
        return f"holds {len(atoms)} atoms; alloop takes frames of up to {MOST_ATOMS}"
    with np.errstate(all="ignore"):
        if not is_finite(atoms) or np.abs(atoms.cell.array).max() > LONGEST_A:
            return f"has positions or a cell that are not finite, no volume, or more than {LONGEST_A:g} Å long"
    return None


def fault_of(frame: LabelledFrame, limits: Limits) -> str | None:
    """Return why a frame must not be trained on, in words that go on after its name; None if it may."""
    if (why := usable(frame.atoms)) is not None:
        return why
    if (contact := min_contact(frame.atoms)) < limits.min_contact:
        what = f"has atoms {contact:.2f} covalent-radius sums apart, and label.min_contact refuses below"
        return f"{what} {limits.min_contact:g}; remove the frame"
    if (largest := float(np.abs(frame.forces_eV_per_A).max())) > limits.max_force_eV_per_A:
        what = f"has a force component of {largest:.4g} eV/Å, and label.max_force_eV_per_A refuses above"
        return f"{what} {limits.max_force_eV_per_A:g}; is it in eV/Å? Otherwise remove the frame"
    if (net := float(np.abs(frame.forces_eV_per_A.mean(axis=0)).max())) > MOST_NET_EV_PER_A and not zeroed(frame):
        return f"has forces that add up to {net:.3g} eV/Å per atom, and those of a crystal cancel; remove the frame"
    if abs(frame.per_atom) > _ABSURD_EV_PER_ATOM:
        return f"has an energy of {frame.per_atom:.3g} eV per atom; remove the frame"
    return None


def why_left_out(frame: LabelledFrame, limits: Limits) -> str | None:
    """Return why a label of another campaign is not taken, in words that go on after its name; None if it is."""
    if is_isolated(frame.atoms, limits.cutoff_A):
        return f"has no atom with a neighbour within {limits.cutoff_A:g} Å"
    why = fault_of(frame, limits)
    return None if why is None else why.partition(";")[0]


def frames_apart(frames: Sequence[LabelledFrame]) -> Iterator[tuple[LabelledFrame, str]]:
    """Yield frames whose energy or stress is far from that of the others of the same composition, and why."""
    for group in _by_composition(frames).values():
        energies = [frame.per_atom for frame in group]
        yield from _apart(group, energies, _LEAST_EV_PER_ATOM, "an energy", "eV per atom")
        stressed = [(frame, frame.stress_eV_per_A3) for frame in group if frame.stress_eV_per_A3 is not None]
        largest = [float(np.abs(stress).max()) for _, stress in stressed]
        yield from _apart([frame for frame, _ in stressed], largest, _LEAST_EV_PER_A3, "a stress", "eV/Å³")


def _apart(
    frames: Sequence[LabelledFrame], values: Sequence[float], least: float, name: str, unit: str
) -> Iterator[tuple[LabelledFrame, str]]:
    """Yield frames whose value is far from the middle of all, and why; `least` is never far."""
    if len(frames) < _GROUP:
        return
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(np.array(values) - middle)))
    for frame, value in zip(frames, values, strict=True):
        if abs(value - middle) > max(least, _SPREAD * spread):
            what = f"has {name} of {value:.6g} {unit}, and its like have {middle:.6g}"
            yield frame, f"{what}; remove the frame, or correct its unit"


def contradicting(frames: Sequence[LabelledFrame]) -> tuple[LabelledFrame, LabelledFrame] | None:
    """Return two labels of one structure that differ by more than rounding, or None."""
    first: dict[bytes, LabelledFrame] = {}
    for frame in frames:
        known = first.setdefault(place_of(frame.atoms), frame)
        if abs(known.per_atom - frame.per_atom) > 0.01 or (
            np.abs(known.forces_eV_per_A - frame.forces_eV_per_A).max() > 0.1
        ):
            return known, frame
    return None


def place_of(atoms: Atoms) -> bytes:
    """Return the species, positions and cell of a frame, to the last bit."""
    return b"".join(np.ascontiguousarray(part).tobytes() for part in (atoms.numbers, atoms.positions, atoms.cell.array))


def forceless(frames: Sequence[LabelledFrame]) -> bool:
    """Return whether all forces of several frames are exactly 0, though their energies differ."""
    return _differ(frames) and not any(frame.forces_eV_per_A.any() for frame in frames)


def stressless(frames: Sequence[LabelledFrame]) -> bool:
    """Return whether all stresses of several frames that have one are exactly 0, though their energies differ."""
    return _differ(frames) and not any(np.any(frame.stress_eV_per_A3) for frame in frames)


def _differ(frames: Sequence[LabelledFrame]) -> bool:
    energies = [frame.per_atom for frame in frames]
    return bool(energies) and max(energies) - min(energies) > _SAME_EV_PER_ATOM


def zeroed(frame: LabelledFrame) -> int:
    """Return how many atoms have a force of exactly 0 while the others' do not add up to 0: constraints leave such."""
    held = int((np.abs(frame.forces_eV_per_A) < _HELD).all(axis=1).sum())
    net = float(np.abs(frame.forces_eV_per_A.sum(axis=0)).max())
    return held if 0 < held < len(frame.atoms) and net > _NET_EV_PER_A else 0


def _by_composition(frames: Sequence[LabelledFrame]) -> dict[tuple[tuple[int, float], ...], list[LabelledFrame]]:
    groups: dict[tuple[tuple[int, float], ...], list[LabelledFrame]] = defaultdict(list)
    for frame in frames:
        numbers, counts = np.unique(frame.atoms.numbers, return_counts=True)
        shares = np.round(counts / len(frame.atoms), 6)
        groups[tuple((int(z), float(share)) for z, share in zip(numbers, shares, strict=True))].append(frame)
    return groups
