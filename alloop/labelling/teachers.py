"""Teachers: the universal potentials that alloop knows by name, and the label settings by which a teacher answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from alloop.config.foundations import UNKNOWN, described_name
from alloop.config.label import MACE_FILE, AseLabel
from alloop.config.teacher import TeacherCalculator, TeacherConfig, TeacherFile

MIN_CONTACT = 0.5
"""Shortest contact (sums of covalent radii) that a teacher labels: closer than the gate of DFT, since broken frames
teach the repulsion at short distance."""
MAX_FORCE_eV_per_A = 15.0
"""Largest force component of a teacher's label: beyond it a frame is debris of a walker that broke, which universal
potentials do not know and which makes fits worse."""

GATES = ("min_contact", "max_force_eV_per_A", "isolated_atom_box_A")
"""Keys of label settings that say which frames get a label, not what the label is."""


@dataclass(frozen=True)
class KnownTeacher:
    """A universal potential that alloop knows by name.

    Attributes
    ----------
    name : str
        Its name in the config.
    calculator : str
        Calculator class, as ``module:Class``.
    arguments : mapping
        Keyword arguments of the calculator.
    make : str
        Target of ``make`` that installs it, and the name of its folder of packages.
    licence : str
        Licence of code and weights.
    citation : str
        What to cite.
    requirements : tuple of str
        Its packages as pip knows them, installed without their dependencies.
    largest_number : int or None
        Largest atomic number that it knows, where its calculator does not say which.
    """

    name: str
    calculator: str
    arguments: Mapping[str, Any]
    make: str
    licence: str
    citation: str
    requirements: tuple[str, ...]
    largest_number: int | None = None

    @property
    def packages(self) -> Path:
        """The folder of its packages, beside those of this Python."""
        return Path(sys.prefix) / "teachers" / self.make


TEACHERS: Mapping[str, KnownTeacher] = MappingProxyType(
    {
        known.name: known
        for known in (
            KnownTeacher(
                name="sevennet-l3i5",
                calculator="sevenn.calculator:SevenNetCalculator",
                arguments=MappingProxyType({"model": "7net-l3i5", "device": "cpu"}),
                make="sevennet",
                licence="MIT",
                citation="Park et al., J. Chem. Theory Comput. 20, 4857 (2024), doi:10.1021/acs.jctc.4c00190",
                requirements=("braceexpand==0.1.7", "e3nn==0.6.0", "sevenn==0.13.0", "torch_geometric==2.8.1"),
            ),
            KnownTeacher(
                name="chgnet",
                calculator="chgnet.model.dynamics:CHGNetCalculator",
                arguments=MappingProxyType({"use_device": "cpu"}),
                make="chgnet",
                licence="modified BSD",
                citation="Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi:10.1038/s42256-023-00716-3",
                requirements=("chgnet==0.4.2", "nvidia-ml-py3==7.352.0"),
                largest_number=94,
            ),
        )
    }
)
"""The teachers that `make` installs, by name. Any other name is one of the foundation models, alloop's or MACE's."""


def teacher_label(teacher: TeacherConfig) -> AseLabel:
    """Return the label settings by which a teacher answers.

    The gates are wider than those of DFT. A MACE model runs in this Python, in a process of its own.
    """
    model = teacher.model
    if isinstance(model, TeacherCalculator):
        return _label(model.calculator, model.arguments, model.python)
    if isinstance(model, TeacherFile):
        source = {"path": model.path, "sha256": model.sha256}
        return _label(MACE_FILE, source | _head(teacher), sys.executable)
    if known := TEACHERS.get(model):
        return _label(known.calculator, known.arguments, str(known.packages))
    return _label(MACE_FILE, {"name": model} | _head(teacher), sys.executable)


def described(teacher: TeacherConfig) -> dict[str, str]:
    """Return the name of a teacher and, where alloop knows them, its licence, what to cite and the head of a model."""
    model = teacher.model
    if isinstance(model, TeacherCalculator):
        return {"name": model.calculator}
    if isinstance(model, TeacherFile):
        return {"name": f"MACE model {model.sha256[:12]}", "licence": UNKNOWN} | _head(teacher)
    known = TEACHERS.get(model)
    if known is None:
        return described_name(model) | _head(teacher)
    return {"name": model, "licence": known.licence, "cite": known.citation}


def _head(teacher: TeacherConfig) -> dict[str, str]:
    return {} if teacher.head is None else {"head": teacher.head}


def _label(calculator: str, arguments: Mapping[str, Any], python: str | None) -> AseLabel:
    return AseLabel(
        engine="ase",
        calculator=calculator,
        arguments=dict(arguments),
        python=python,
        min_contact=MIN_CONTACT,
        max_force_eV_per_A=MAX_FORCE_eV_per_A,
    )
