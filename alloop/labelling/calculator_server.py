"""An ASE calculator: what it is, and its single points, inside alloop or as a program that stays up between questions.

``python calculator_server.py`` reads questions from standard input and writes answers to standard output, each one
line of JSON. This file imports nothing of alloop, so any Python that has ASE and NumPy can run it.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import inspect
import json
import os
import sys

if __name__ == "__main__":  # the modules beside this file must not hide others of the same names
    _HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    sys.path[:] = [place for place in sys.path if os.path.abspath(place or os.curdir) != _HERE]  # noqa: PTH100

import select
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from functools import lru_cache, partial
from importlib import import_module, metadata
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

ANSWER = "alloop-answer:"
"""Begins the line of an answer: what starts this program may print lines of its own before it."""
IDLE_S = 600.0
"""A server that is asked nothing for this time (s) ends, so that it holds no memory."""
LONGEST_TEXT = 500
LARGEST_ANSWER = 3_000_000
"""Numbers in the largest answer that is looked at: more are no forces of a frame."""
NOT_CONVERGED, OTHER_CODE, FAILED = "NotConvergedError", "CodeMismatchError", "TaskFailure"
SCIENTIFIC_ERRORS = (ArithmeticError, AssertionError, LookupError, RuntimeError, ValueError)
"""What a calculator raises on a frame that it cannot label; any other error is a fault of the machine."""

_KINDS = {MemoryError: "memory", OSError: "system", ImportError: "import", CalledProcessError: "machine"}
_NAME, _TRACEBACK, _ERRNO = vars(type)["__name__"], vars(BaseException)["__traceback__"], vars(OSError)["errno"]
"""Python's own answers, where the class of an error gives others, or raises."""
_LAST_OWN_STATUS = 125
"""A shell uses larger exit statuses for a program that is missing or that a signal ended."""


class CalculatorError(Exception):
    """A calculator gives no answer.

    Parameters
    ----------
    kind : str
        An error of `alloop.labelling.errors` by its name, or what is wrong with the settings: ``python``, ``missing``
        (the package of the class), ``class`` or ``arguments``.
    detail : str
        One line for a person.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail

    def __str__(self) -> str:
        return self.detail


def class_name(error: BaseException) -> str:
    """Return the name of an error's class, of limited length, whatever its metaclass does."""
    return str(_NAME.__get__(type(error)))[:LONGEST_TEXT]


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, of limited length, or the name of its class if it has none."""
    try:
        said = str.__getitem__(str(error), slice(10 * LONGEST_TEXT)).encode("utf-8", "replace").decode("utf-8")
    except BaseException:
        return "it cannot say what"
    lines = said.strip().splitlines()
    return lines[0].strip()[:LONGEST_TEXT] if lines else class_name(error)


def told(error: BaseException) -> dict[str, Any]:
    """Return an error that is no answer about a frame as plain data, see `alloop.labelling.errors.EngineError`."""
    number = _ERRNO.__get__(error) if issubclass(type(error), OSError) else None
    raised = traceback.extract_tb(_TRACEBACK.__get__(error), -1)
    where = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in raised)
    kind = next((kind for known, kind in _KINDS.items() if issubclass(type(error), known)), "raised")
    detail = f"{class_name(error)}: {first_line(error)}{where}"
    return {"kind": kind, "detail": detail, "number": number if isinstance(number, int) else None}


# -- what a calculator is ----------------------------------------------------------------------------------------


def calculator_class(path: str) -> Any:
    """Return what ``module:Class`` names.

    Raises
    ------
    CalculatorError
        ``missing`` if its package is not there, ``class`` if it cannot be imported or is not a class.
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(import_module(module), name)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]
        what = f"cannot import `{module}`: {first_line(error)}"
        raise CalculatorError("missing" if missing else "class", what) from error
    except AttributeError as error:
        raise CalculatorError("class", f"`{module}` has no `{name}`") from error
    except (Exception, SystemExit) as error:
        raise CalculatorError("class", f"cannot import `{module}`: {told(error)['detail']}") from error
    if not callable(found):
        raise CalculatorError("class", f"`{path}` is not a class")
    return found


def check_arguments(path: str, arguments: dict[str, Any]) -> None:
    """Refuse arguments that a calculator's class does not take.

    Raises
    ------
    CalculatorError
        ``arguments``, or what `calculator_class` raises.
    """
    found = calculator_class(path)
    with suppress(ValueError):  # a class of compiled code without a signature
        try:
            inspect.signature(found).bind(**arguments)
        except TypeError as error:
            raise CalculatorError("arguments", f"{path}: {first_line(error)}") from error
    defaults = getattr(found, "default_parameters", None)
    if isinstance(defaults, dict) and defaults and inspect.isclass(found):
        with suppress(OSError, TypeError):  # a class without source
            _refuse_unknown(path, found, list(arguments), list(defaults))


def _refuse_unknown(path: str, found: Any, keys: list[str], defaults: list[str]) -> None:
    """Refuse arguments that a class takes without a word, and that the code of its modules names nowhere.

    A class that writes them into the input of a program may know more of them: it is told what looks like a slip.
    """
    classes = [one for one in inspect.getmro(found) if one is not object]
    source = "".join(inspect.getsource(sys.modules[one.__module__]) for one in classes)
    values = (value for node in ast.walk(ast.parse(source)) for value in vars(node).values())
    known = {value for value in values if isinstance(value, str)}.union(defaults)
    writes_input = any("FileIO" in one.__name__ for one in classes)
    for key in keys:
        nearest = difflib.get_close_matches(key, defaults, 1, 0.8)
        if key not in known and (nearest or not writes_input):
            mend = f"did you mean `{nearest[0]}`?" if nearest else "correct or delete it"
            raise CalculatorError("arguments", f"{path} knows no `{key}` and would compute without it; {mend}")


def properties(path: str) -> list[str] | None:
    """Return the properties that a class lists; None if it lists none."""
    listed = getattr(calculator_class(path), "implemented_properties", None)
    return [str(name) for name in listed] if isinstance(listed, (list, tuple)) and listed else None


def identity(path: str, arguments: dict[str, Any]) -> dict[str, str]:
    """Return the class, the version of its package or SHA-256 of its file, and the SHA-256 of files it is given."""
    module = import_module(path.partition(":")[0])
    files = {
        f"file_{key}": hashlib.sha256(Path(value).read_bytes()).hexdigest()[:16]
        for key, value in sorted(arguments.items())
        if isinstance(value, str) and _is_file(value)
    }
    return {"calculator": path, "module": _module_identity(module), **files}


def known_elements(calculator: Any) -> list[int] | None:
    """Return the atomic numbers that a universal potential says it knows; None if it says nothing."""
    for numbers in (getattr(calculator, "type_map", None), getattr(getattr(calculator, "z_table", None), "zs", None)):
        with suppress(TypeError, ValueError):
            return sorted(int(number) for number in numbers)  # type: ignore[union-attr]
    return None


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # a long text, such as an input template
        return False


def _module_identity(module: Any) -> str:
    package = module.__name__.partition(".")[0]
    if distribution := _distributions().get(package):
        return f"{distribution} {metadata.version(distribution)}"
    if source := getattr(module, "__file__", None):
        return hashlib.sha256(Path(source).read_bytes()).hexdigest()[:16]
    return str(getattr(module, "__version__", "unknown"))


@lru_cache(None)
def _distributions() -> dict[str, str]:
    """Return the distribution of each package."""
    if hasattr(metadata, "packages_distributions"):
        return {package: names[0] for package, names in metadata.packages_distributions().items()}
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        for package in (distribution.read_text("top_level.txt") or "").split():
            found.setdefault(package, distribution.metadata["Name"])
    return found


# -- what it computes --------------------------------------------------------------------------------------------


def make_calculator(path: str, arguments: dict[str, Any]) -> Any:
    """Return a new calculator.

    Raises
    ------
    CalculatorError
        If it cannot be made: that does not depend on a frame, so the machine is at fault.
    """
    from ase.calculators.calculator import BadConfiguration

    try:
        return calculator_class(path)(**deepcopy(arguments))
    except (*SCIENTIFIC_ERRORS, BadConfiguration, ImportError, CalculatorError) as error:
        raise _cannot_start(path, error) from error


def single_point(frame: Any, calculator: Any, path: str) -> dict[str, Any]:
    """Return energy (eV), forces (eV/Å) and stress (eV/Å³, Voigt order, or None) of a frame.

    A calculator without a free energy gives its energy.

    Raises
    ------
    CalculatorError
        If self-consistency was not reached, or the calculator cannot start on this machine.
    """
    from ase.calculators.calculator import CalculatorSetupError, SCFError
    from ase.stress import full_3x3_to_voigt_6_stress

    frame.calc = calculator
    try:
        energy = _given(partial(frame.get_potential_energy, force_consistent=True))
        energy = frame.get_potential_energy() if energy is None else energy
        forces, stress = frame.get_forces(), _given(partial(calculator.get_stress, frame))
        stress = full_3x3_to_voigt_6_stress(stress) if getattr(stress, "shape", None) == (3, 3) else stress
        answer = {"energy_eV": plain(energy), "forces_eV_per_A": plain(forces), "stress_eV_per_A3": plain(stress)}
    except SCFError as error:
        raise CalculatorError(NOT_CONVERGED, first_line(error)) from error
    except CalculatorSetupError as error:
        raise _cannot_start(path, error) from error
    except CalledProcessError as error:
        if not 0 < error.returncode <= _LAST_OWN_STATUS:
            raise
        raise RuntimeError(f"`{path}` ended with exit status {error.returncode}") from error
    if getattr(calculator, "converged", None) is False:
        raise CalculatorError(NOT_CONVERGED, f"`{path}` did not reach self-consistency")
    return answer


def _cannot_start(path: str, error: Exception) -> CalculatorError:
    return CalculatorError(OTHER_CODE, f"`{path}` cannot start on this machine: {first_line(error)}")


def _given(ask: Callable[[], Any]) -> Any:
    """Return what a calculator answers; None if it does not know the property."""
    from ase.calculators.calculator import PropertyNotImplementedError

    try:
        return ask()
    except PropertyNotImplementedError:
        return None


def plain(value: Any) -> Any:
    """Return real numbers as a list or a float, and None as it is; anything else as words that say what it is.

    A masked number becomes one that is not finite.
    """
    import numpy as np

    if value is None:
        return None
    try:
        array = np.ma.filled(np.ma.asarray(value, float), np.nan) if np.ma.isMA(value) else np.asarray(value)
    except Exception as error:
        return f"{type(value).__name__}: {first_line(error)}"
    if array.dtype.kind not in "fiu" or array.size > LARGEST_ANSWER:
        return f"{array.dtype} of shape {array.shape}"
    return array.astype(float).tolist()


# -- the program -------------------------------------------------------------------------------------------------


class Server:
    """Answers questions on one calculator of a class ``module:Class``, made at the first single point and kept."""

    def __init__(self, calculator: str, arguments: dict[str, Any]) -> None:
        self._path, self._arguments = calculator, arguments
        self._kept: Any = None

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a question; an error is an answer too."""
        try:
            answer: dict[str, Any] = getattr(self, "_" + question.pop("do"))(**question)
        except CalculatorError as error:
            return self._failed(error.kind, first_line(error))
        except SCIENTIFIC_ERRORS as error:
            return self._failed(FAILED, f"{class_name(error)}: {first_line(error)}")
        except BaseException as error:
            return self._failed("", first_line(error)) | {"raised": told(error)}
        return answer

    def _failed(self, kind: str, detail: str) -> dict[str, Any]:
        with suppress(BaseException):  # what an error says of itself is code of others
            traceback.print_exc(limit=-20)
        self._kept = None
        return {"error": kind, "detail": detail}

    def _describe(self) -> dict[str, Any]:
        for package in ("numpy", "ase"):
            try:
                import_module(package)
            except ImportError as error:
                what = f"`{sys.executable}` cannot import `{package}`: {first_line(error)}"
                raise CalculatorError("python", f"{what}; install it there") from error
        check_arguments(self._path, self._arguments)
        return {"identity": identity(self._path, self._arguments), "properties": properties(self._path)}

    def _elements(self) -> dict[str, Any]:
        return {"numbers": known_elements(self._calculator())}

    def _single_point(self, numbers: Any, positions: Any, cell: Any, pbc: Any, folder: str) -> dict[str, Any]:
        from ase import Atoms

        calculator = self._calculator()
        if hasattr(calculator, "reset"):
            calculator.reset()
        if hasattr(calculator, "directory") and "directory" not in self._arguments:
            calculator.directory = Path(folder)
        return single_point(Atoms(numbers, positions, cell=cell, pbc=pbc), calculator, self._path)

    def _calculator(self) -> Any:
        if self._kept is None:
            self._kept = make_calculator(self._path, self._arguments)
        return self._kept


def main() -> None:
    """Answer questions until standard input ends, or none comes for long."""
    questions, answers = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a calculator prints must not come between the answers
    lines = _lines(questions)
    told = json.loads(next(lines))
    if told["path"] is not None:
        sys.path[:] = told["path"]
    if told["packages"] is not None:
        sys.path.insert(0, told["packages"])
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (told["packages"], os.environ.get("PYTHONPATH"))))
    server, before_s = Server(told["calculator"], told["arguments"]), 0.0
    for line in lines:
        answer = server.answer(json.loads(line))
        sys.stdout.flush()
        now_s = _cpu_s()
        _write(answers, ANSWER + json.dumps({**answer, "cpu_s": now_s - before_s}) + "\n")
        before_s = now_s


def _lines(source: int) -> Iterator[str]:
    """Yield the lines of a pipe, until it ends or is silent for `IDLE_S`."""
    waiting = b""
    deadline = time.monotonic() + IDLE_S
    while select.select([source], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(source, 1 << 16)
        if not piece:
            return
        *whole, waiting = (waiting + piece).split(b"\n")
        for line in whole:
            yield line.decode("utf-8")
            deadline = time.monotonic() + IDLE_S


def _write(target: int, text: str) -> None:
    rest = text.encode("utf-8")
    while rest:
        rest = rest[os.write(target, rest) :]


def _cpu_s() -> float:
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
