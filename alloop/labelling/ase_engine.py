"""Any ASE calculator."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError

from alloop.config.science import AseLabel
from alloop.labelling.messages import one_line
from alloop.labelling.singlepoint import SinglePoint


def ase_single_point(atoms: Atoms, label: AseLabel, folder: Path) -> SinglePoint:
    """Return the single point of a frame.

    A calculator without a free energy gives its energy, one without a stress gives None.

    Parameters
    ----------
    atoms : ase.Atoms
        The frame; it is not changed.
    label : AseLabel
        Settings.
    folder : pathlib.Path
        Where a calculator that writes files works, unless its arguments name a directory.
    """
    frame = atoms.copy()
    calculator = make_calculator(label)
    if hasattr(calculator, "directory") and "directory" not in label.arguments:
        calculator.directory = folder
    frame.calc = calculator
    return SinglePoint(
        energy_eV=_free_energy(frame),
        forces_eV_per_A=np.asarray(frame.get_forces(), dtype=float),
        stress_eV_per_A3=_stress(frame),
    )


def make_calculator(label: AseLabel) -> Any:
    """Return a new calculator.

    Raises
    ------
    ValueError
        In one line, if the class cannot be imported.
    """
    return calculator_class(label.calculator)(**label.arguments)


def calculator_class(path: str) -> Any:
    """Return what ``module:Class`` names.

    Raises
    ------
    ValueError
        In one line, if there is no such thing.
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(import_module(module), name)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]
        mend = "; put the folder of the module into PYTHONPATH, of the workers too" if missing else ""
        raise ValueError(f"cannot import `{module}`: {one_line(error)}{mend}") from error
    except AttributeError as error:
        raise ValueError(f"`{module}` has no `{name}`") from error
    if not callable(found):
        raise ValueError(f"`{path}` is not a class")
    return found


def check_ase_settings(label: AseLabel) -> list[str]:
    """Return what is wrong with the settings, one line each, without a calculation."""
    try:
        found = calculator_class(label.calculator)
    except ValueError as error:
        return [f"label.calculator: {error}"]
    try:
        inspect.signature(found).bind(**label.arguments)
    except TypeError as error:
        return [f"label.arguments: {label.calculator}: {one_line(error)}"]
    except ValueError:
        return []
    return []


def lacks_stress(label: AseLabel) -> bool:
    """Return whether a calculator's class lists what it gives, and the stress is not among it."""
    listed = getattr(calculator_class(label.calculator), "implemented_properties", None)
    return isinstance(listed, list | tuple) and len(listed) > 0 and "stress" not in listed


def ase_code_identity(label: AseLabel) -> dict[str, str]:
    """Return what decides a calculator's results beside its settings: its version, and files its arguments name."""
    module = import_module(label.calculator.partition(":")[0])
    files = {
        f"file_{key}": hashlib.sha256(Path(value).read_bytes()).hexdigest()[:16]
        for key, value in sorted(label.arguments.items())
        if isinstance(value, str) and Path(value).is_file()
    }
    return {"calculator": label.calculator, "module": _module_identity(module), **files}


def _module_identity(module: Any) -> str:
    package = module.__name__.partition(".")[0]
    if distributions := _distributions().get(package):
        return f"{distributions[0]} {version(distributions[0])}"
    if source := getattr(module, "__file__", None):
        return hashlib.sha256(Path(source).read_bytes()).hexdigest()[:16]
    return str(getattr(module, "__version__", "unknown"))


@lru_cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _free_energy(frame: Atoms) -> float:
    try:
        return float(frame.get_potential_energy(force_consistent=True))
    except PropertyNotImplementedError:
        return float(frame.get_potential_energy())


def _stress(frame: Atoms) -> Any:
    try:
        return np.asarray(frame.get_stress(), dtype=float)
    except PropertyNotImplementedError:
        return None
