"""Errors as the code of others raises them, and a calculator that raises them or gives strange answers."""

from __future__ import annotations

import errno
import os
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import numpy as np
from ase.calculators.calculator import Calculator


class OwnInit(Exception):
    """Cannot be made from its arguments again, as unpickling does."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{why} at {place}")


class Mute(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class Words(str):
    """A text that no other process knows."""

    __slots__ = ()


class OwnWords(Exception):
    """Says what it is in texts of its own kind."""

    def __str__(self) -> str:
        return Words("own words")


class _OwnName(type):
    @property
    def __name__(cls) -> str:
        raise RuntimeError("no name")


class Nameless(Exception, metaclass=_OwnName):
    """Has a class that does not say its name."""


class Silent(Exception):
    """Answers no question, not even which class it is of."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")


class Numberless(OSError):
    """Has a number that cannot be asked for, and is not made again from its parts."""

    @property
    def errno(self) -> int:  # type: ignore[override]
        raise RuntimeError("no number")

    def __reduce__(self) -> Any:
        raise RuntimeError("no parts")


class Pretending(Exception):
    """Says that it is of another class."""

    @property
    def __class__(self) -> type:
        return OSError


class Below(BaseException):
    """Is not an exception that programs catch."""


def _holding() -> NoReturn:
    error = TypeError("it holds a lock")
    error.lock = threading.Lock()
    raise error


def _with_cause() -> NoReturn:
    try:
        raise Mute
    except Mute as cause:
        raise TypeError("it has a cause") from cause


def _raise(error: BaseException) -> NoReturn:
    raise error


def _deep() -> NoReturn:
    _deep()


def _local() -> NoReturn:
    class Local(Exception):
        pass

    raise Local("nobody can import this class")


ERRORS: dict[str, Callable[[], NoReturn]] = {
    "own_init": lambda: _raise(OwnInit("node 7", "no licence")),
    "mute": lambda: _raise(Mute()),
    "own_words": lambda: _raise(OwnWords()),
    "nameless": lambda: _raise(Nameless("no licence")),
    "silent": lambda: _raise(Silent("no licence")),
    "numberless": lambda: _raise(Numberless(errno.ENOSPC, "No space left on device")),
    "pretending": lambda: _raise(Pretending("no licence")),
    "deep": _deep,
    "group": lambda: _raise(ExceptionGroup("no licence", [TypeError("x"), OSError(errno.EIO, "Input/output error")])),
    "base_group": lambda: _raise(BaseExceptionGroup("no licence", [KeyboardInterrupt()])),
    "generator_exit": lambda: _raise(GeneratorExit()),
    "stop": lambda: _raise(StopIteration(3)),
    "bytes": lambda: _raise(TypeError(b"\xff\x00", object())),
    "terminal": lambda: _raise(TypeError("\x1b]0;mine\x07\x1b[2J \u202e no licence")),
    "below": lambda: _raise(Below("as deep as can be")),
    "exit": lambda: _raise(SystemExit(3)),
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "holding": _holding,
    "with_cause": _with_cause,
    "local": _local,
    "vast": lambda: _raise(TypeError("x" * 10_000_000)),
    "vast_answer": lambda: _raise(RuntimeError("x" * 10_000_000)),
    "surrogate": lambda: _raise(RuntimeError("no \ud800 bands")),
    "system": lambda: _raise(PermissionError(errno.EACCES, "Permission denied", "/opt/code")),
    "full": lambda: _raise(OSError(errno.ENOSPC, "No space left on device")),
    "memory": lambda: _raise(MemoryError("Unable to allocate 8 GB")),
}


def _change_process() -> None:
    import torch

    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.set_default_device("meta")
    warnings.simplefilter("error")
    np.seterr(all="raise")
    sys.setrecursionlimit(sys.getrecursionlimit() - 100)
    os.umask(0o777)
    os.chdir("/")
    sys.stdout = None


USUAL = ("good", "good_list", "no_stress", "square_stress")
"""The answers among `ANSWERS` that are a label."""


def answers(atoms: int, energy_eV: float) -> dict[str, dict[str, Any]]:
    """Return what a calculator can answer about so many atoms of an energy, apart from sound numbers."""
    forces = np.full((atoms, 3), -0.1)
    forces[0] = 0.1
    return {
        "good": {},
        "good_list": {"energy": [energy_eV]},
        "no_energy": {"energy": None},
        "two_energies": {"energy": np.array([energy_eV, energy_eV - 0.1])},
        "complex_energy": {"energy": energy_eV + 0j},
        "text_energy": {"energy": str(energy_eV)},
        "vast_energy": {"energy": 1e300},
        "no_forces": {"forces": None},
        "flat_forces": {"forces": forces.ravel()},
        "few_forces": {"forces": forces[:1]},
        "two_components": {"forces": forces[:, :2]},
        "complex_forces": {"forces": forces + 0j},
        "text_forces": {"forces": forces.astype(str)},
        "ragged_forces": {"forces": [[0.1, 0.0, 0.0], [0.1]]},
        "objects": {"forces": np.array([[object()] * 3] * atoms)},
        "masked_forces": {"forces": np.ma.masked_greater(forces, 0.05)},
        "nan_forces": {"forces": np.full_like(forces, np.nan)},
        "huge_forces": {"forces": 1e5 * forces},
        "one_way": {"forces": forces + 5.0},
        "truths": {"forces": np.zeros((atoms, 3), dtype=bool)},
        "no_stress": {"stress": None},
        "square_stress": {"stress": np.eye(3) * 0.01},
        "short_stress": {"stress": np.zeros(2)},
        "infinite_stress": {"stress": np.full(6, np.inf)},
        "vast_stress": {"stress": np.full(6, 1e9)},
    }


ANSWERS = tuple(answers(1, 0.0))
"""The names of all of them."""


class Strange(Calculator):
    """Raises one of `ERRORS`, or gives one of `ANSWERS`, for frames of two atoms; a lone atom is fine.

    It may be ``loud`` too, or ``unruly``: it changes what belongs to the whole process.

    Parameters
    ----------
    what : str
        Which.
    also_atoms : bool
        Whether a lone atom is not fine either.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(self, what: str, also_atoms: bool = False) -> None:
        super().__init__()
        self._what, self._fewest = what, 1 if also_atoms else 2

    def calculate(self, atoms: Any = None, *words: Any, **keywords: Any) -> None:
        super().calculate(atoms, *words, **keywords)
        if self._what == "unruly":
            _change_process()
        strange = len(self.atoms) >= self._fewest
        if strange and self._what == "loud":
            print("words\n" * 5_000_000, flush=True)
        if strange and self._what in ERRORS:
            ERRORS[self._what]()
        sound = {"energy": -3.5 * len(self.atoms), "forces": np.zeros((len(self.atoms), 3)), "stress": np.zeros(6)}
        own = answers(len(self.atoms), sound["energy"]).get(self._what, {})
        self.results = {**sound, **(own if strange else {})}
