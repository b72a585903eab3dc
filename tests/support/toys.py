"""A committee of toys for exploration, and requests about copper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT

from alloop.files.canonical_json import canonical_json
from alloop.materials.contacts import min_contact
from alloop.materials.structure import Structure
from alloop.potential.committee import Look, Prediction
from alloop.tasks.contract.explore import ExploreRequest, ExploreWalker
from alloop.tasks.contract.records import Snapshot
from alloop.tasks.kinds.explore import Exploration
from tests.support.potentials import Answer, OfArrays

COPPER = Structure.from_atoms(bulk("Cu", cubic=True))
ALL_ENDS = {"length", "disagreement", "contact", "temperature", "volume", "nan"}


class Toy:
    """A committee in interface: forces are those of copper times a factor, disagreement is how far atoms went."""

    def __init__(self, factor=1.0, per_A=1.0, spoil_after=None, members=4):
        self.factor, self.per_A, self.spoil_after, self.members = factor, per_A, spoil_after, members
        self.calls = self.looks = 0
        self.places = COPPER.to_atoms().positions

    def __len__(self):
        return self.members

    def forces(self, atoms, *, stress=False):
        self.calls += 1
        copy = atoms.copy()
        copy.calc = EMT()
        forces = self.factor * copy.get_forces()
        if self.spoil_after is not None and self.calls > self.spoil_after:
            forces[0] = np.nan
        return Prediction(0.0, forces, self.factor * copy.get_stress() if stress else None)

    def look(self, atoms, *, stress=False):
        self.looks += 1
        away = self.per_A * np.linalg.norm(atoms.positions - self.places, axis=1)
        return Look(self.forces(atoms), away if self.members > 1 else None)

    def field(self, atoms):
        return ToyField(self, atoms)


class ToyField(OfArrays):
    """The same for many walkers."""

    def __init__(self, toy, atoms):
        self.toy, self.atoms = toy, atoms

    def _all(self, positions_A, stretches):
        for row, one in enumerate(positions_A):
            atoms = self.atoms.copy()
            atoms.positions[:] = one
            if stretches is not None:
                atoms.set_cell(atoms.cell * stretches[row])
            yield atoms

    def answer(self, positions_A, walkers, stretches=None):
        found = [self.toy.forces(atoms, stress=stretches is not None) for atoms in self._all(positions_A, stretches)]
        contacts = [min_contact(atoms) for atoms in self._all(positions_A, stretches)]
        forces, virials = np.array([one.forces_eV_per_A for one in found]), None
        if stretches is not None:
            volumes = self.atoms.get_volume() * stretches**3
            virials = volumes * np.array([one.stress_eV_per_A3[:3].sum() for one in found])
        return Answer(np.zeros(len(forces)), forces, np.array(contacts), virials)

    def disagreement(self, positions_A, walkers, stretches=None):
        sizes = None if stretches is None else stretches.numpy()
        found = [self.toy.look(atoms).disagreement_eV_per_A for atoms in self._all(positions_A.numpy(), sizes)]
        return None if self.toy.members == 1 else np.array(found)


def request(**fields):
    standard = {
        "structure": COPPER,
        "start": None,
        "members": ("fit:a", "fit:b", "fit:c", "fit:d"),
        "dtype": "float64",
        "ensemble": "nvt",
        "temperature_K": 500.0,
        "pressure_GPa": 0.0,
        "timestep_fs": 4.0,
        "friction_per_fs": 0.01,
        "steps": 100,
        "check_every_steps": 5,
        "random_steps": (),
        "max_offers": 3,
        "lower_eV_per_A": 0.1,
        "upper_eV_per_A": 50.0,
        "stop_contact": 0.5,
        "min_contact": 0.6,
        "stop_temperature_factor": 4.0,
        "seed": 1,
    }
    return ExploreRequest(**{**standard, **fields})


def walk(toy, snapshot=None, nearest_A=None, **fields):
    return alone(*Exploration(request(**fields), toy, [snapshot], nearest_A or {}).run())


def alone(summary, data):
    """What came of the only walker."""
    (own,), (last_good,) = summary.walkers, data.last_good
    return own, Walked(data.structures, last_good)


@dataclass(frozen=True)
class Walked:
    structures: tuple
    last_good: Snapshot | None


def as_json(summary, data):
    return canonical_json([summary.model_dump(mode="json"), data.last_good and data.last_good.model_dump(mode="json")])


def why(summary):
    return [offer.why for offer in summary.offers]


def kinetic_temperature(snapshot):
    atoms = snapshot.structure.to_atoms()
    atoms.set_momenta(np.array(snapshot.momenta))
    return atoms.get_temperature() * len(atoms) / (len(atoms) - 1)


def walkers(**lists):
    """Walkers that differ in the fields named."""
    common = {"start": None, "temperature_K": 500.0, "steps": 100, "random_steps": (), "seed": 1}
    names, values = tuple(lists), zip(*lists.values(), strict=True)
    return tuple(ExploreWalker(**{**common, **dict(zip(names, one, strict=True))}) for one in values)


def explored(toy, members, snapshots=None, **fields):
    base = request(**fields)
    asked = base.model_copy(update={"walkers": members})
    return Exploration(asked, toy, list(snapshots or [None] * len(members))).run()
