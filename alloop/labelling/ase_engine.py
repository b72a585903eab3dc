"""The label engine of ``engine: ase``: any ASE calculator."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from importlib import import_module
from importlib.metadata import packages_distributions, version
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BadConfiguration, CalculatorSetupError, PropertyNotImplementedError, SCFError

from alloop.config.label import AseLabel
from alloop.failures import first_line
from alloop.labelling.engine import PythonEngine
from alloop.labelling.errors import SCIENTIFIC_ERRORS, CodeMismatchError, NotConvergedError
from alloop.labelling.singlepoint import SinglePoint

_LAST_OWN_STATUS = 125
"""A shell uses larger exit statuses for a program that is missing or that a signal ended."""


class AseEngine(PythonEngine[AseLabel]):
    """Any ASE calculator: a Python class, or one that runs an external program such as VASP."""

    settings = AseLabel
    logs = ("log.txt", "OUTCAR", "vasp.out", "espresso.pwo", "cp2k.out")

    def words(self, label: AseLabel) -> str:
        """Return the calculator."""
        return label.calculator

    def check(self, label: AseLabel, elements: Iterable[str]) -> list[str]:
        """Return whether the class cannot be imported, or does not take the arguments."""
        try:
            found = calculator_class(label.calculator)
        except ValueError as error:
            return [f"label.calculator: {error}"]
        try:
            inspect.signature(found).bind(**label.arguments)
        except TypeError as error:
            return [f"label.arguments: {label.calculator}: {first_line(error)}"]
        except ValueError:
            return []
        return []

    def identity(self, label: AseLabel, elements: Iterable[str]) -> dict[str, str]:
        """Return the class, the version of its package or SHA-256 of its file, and the SHA-256 of files it is given."""
        module = import_module(label.calculator.partition(":")[0])
        files = {
            f"file_{key}": hashlib.sha256(Path(value).read_bytes()).hexdigest()[:16]
            for key, value in sorted(label.arguments.items())
            if isinstance(value, str) and _is_file(value)
        }
        return {"calculator": label.calculator, "module": _module_identity(module), **files}

    def compute(self, atoms: Atoms, label: AseLabel, folder: Path) -> SinglePoint:
        """Return the single point of a frame.

        A calculator without a free energy gives its energy, one without a stress gives None. It works in the folder,
        unless its arguments name a directory.

        Raises
        ------
        NotConvergedError
            If the calculator says that self-consistency was not reached.
        CodeMismatchError
            If it cannot start on this machine.
        """
        frame = atoms.copy()
        frame.calc = calculator = make_calculator(label)
        if hasattr(calculator, "directory") and "directory" not in label.arguments:
            calculator.directory = folder
        with _blaming_the_right_one(label):
            point = SinglePoint(
                energy_eV=_free_energy(frame),
                forces_eV_per_A=np.asarray(frame.get_forces(), dtype=float),
                stress_eV_per_A3=_stress(frame),
            )
        if getattr(calculator, "converged", None) is False:
            raise NotConvergedError(f"`{label.calculator}` did not reach self-consistency")
        return point

    def ranks_problem(self, ranks: int) -> str:
        """Return that the calculator starts its own ranks."""
        what = f"a label of an ASE calculator runs on one core, not on {ranks}"
        mend = "delete this line; ASE's configuration file holds the command that starts an external program on ranks"
        return f"{what}; {mend}"

    def stress_problem(self, label: AseLabel) -> str | None:
        """Return ``calculator`` if the class lists what it gives, and the stress is not among it."""
        listed = getattr(calculator_class(label.calculator), "implemented_properties", None)
        return "calculator" if isinstance(listed, list | tuple) and listed and "stress" not in listed else None


ENGINE = AseEngine()


def make_calculator(label: AseLabel) -> Any:
    """Return a new calculator.

    Raises
    ------
    CodeMismatchError
        If it cannot be made: that does not depend on a frame, so the machine is at fault.
    """
    try:
        return calculator_class(label.calculator)(**deepcopy(label.arguments))
    except (*SCIENTIFIC_ERRORS, BadConfiguration) as error:
        raise _cannot_start(label, error) from error


@contextmanager
def _blaming_the_right_one(label: AseLabel) -> Iterator[None]:
    """Turn errors of a calculator into failures of the frame or faults of the machine."""
    try:
        yield
    except SCFError as error:
        raise NotConvergedError(first_line(error)) from error
    except CalculatorSetupError as error:
        raise _cannot_start(label, error) from error
    except CalledProcessError as error:
        if not 0 < error.returncode <= _LAST_OWN_STATUS:
            raise
        raise RuntimeError(f"`{label.calculator}` ended with exit status {error.returncode}") from error


def _cannot_start(label: AseLabel, error: Exception) -> CodeMismatchError:
    return CodeMismatchError(f"`{label.calculator}` cannot start on this machine: {first_line(error)}")


def calculator_class(path: str) -> Any:
    """Return what ``module:Class`` names.

    Raises
    ------
    ValueError
        In one line, if it cannot be imported or is not a class.
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(import_module(module), name)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]
        mend = "; put the folder of the module into PYTHONPATH, of the workers too" if missing else ""
        raise ValueError(f"cannot import `{module}`: {first_line(error)}{mend}") from error
    except AttributeError as error:
        raise ValueError(f"`{module}` has no `{name}`") from error
    if not callable(found):
        raise ValueError(f"`{path}` is not a class")
    return found


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # a long text, such as an input template
        return False


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
