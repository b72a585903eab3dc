"""Grimme's D3 with Becke-Johnson damping and the three-body term, through the optional package `dftd3`."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from ase import Atoms

from alloop.failures import first_line
from alloop.labelling.gpaw_keywords import FUNCTIONAL_ALIASES
from alloop.labelling.singlepoint import SinglePoint

_PLAIN_NAMES = {name: alias for alias, name in FUNCTIONAL_ALIASES.items()}


def dispersion_problem(xc: str) -> str | None:
    """Return why D3 cannot be added to a functional, in one line; None if it can."""
    if find_spec("dftd3") is None:
        return "d3 needs the package dftd3; `pip install dftd3`, or set it to none"
    from dftd3.interface import RationalDampingParam

    try:
        RationalDampingParam(method=_method(xc))
    except (RuntimeError, ValueError, KeyError) as error:
        return f"D3 has no parameters for `{xc}` ({first_line(error)}); set it to none"
    return None


def dispersion_version() -> str:
    """Return the version of `dftd3`."""
    return version("dftd3")


def with_dispersion(point: SinglePoint, atoms: Atoms, xc: str) -> SinglePoint:
    """Return a single point of a functional with D3 added to energy, forces and stress."""
    from dftd3.ase import DFTD3

    copy = atoms.copy()
    copy.calc = DFTD3(method=_method(xc), damping="d3bj")
    stress = point.stress_eV_per_A3
    return replace(
        point,
        energy_eV=point.energy_eV + float(copy.get_potential_energy()),
        forces_eV_per_A=point.forces_eV_per_A + np.asarray(copy.get_forces()),
        stress_eV_per_A3=None if stress is None else stress + np.asarray(copy.get_stress()),
    )


def _method(xc: str) -> str:
    return _PLAIN_NAMES.get(xc, xc).lower()
