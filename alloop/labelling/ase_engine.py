"""The label engine of ``engine: ase``: any ASE calculator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ase import Atoms

from alloop.config.label import AseLabel
from alloop.failures import first_line
from alloop.labelling import calculator_process, calculator_server
from alloop.labelling.answers import from_answer
from alloop.labelling.calculator_process import START_S
from alloop.labelling.calculator_server import CalculatorError
from alloop.labelling.engine import Follow, PythonEngine
from alloop.labelling.errors import FORESEEN, CodeMismatchError, RanksError, check_code
from alloop.labelling.ranks import Launch
from alloop.labelling.singlepoint import SinglePoint


class AseEngine(PythonEngine[AseLabel]):
    """Any ASE calculator: a Python class, or one that runs an external program such as VASP."""

    settings = AseLabel
    logs = ("log.txt", "OUTCAR", "vasp.out", "espresso.pwo", "cp2k.out")

    def words(self, label: AseLabel) -> str:
        """Return the calculator."""
        return label.calculator

    def check(self, label: AseLabel, elements: Iterable[str]) -> list[str]:
        """Return whether the class cannot be imported, or does not take the arguments; in its Python, if it has one."""
        try:
            if label.python is not None:
                calculator_process.describe(label)
            else:
                calculator_server.check_arguments(label.calculator, label.arguments)
        except CalculatorError as error:
            return [_settings_problem(label, error)]
        except RanksError as error:
            return [f"label.python: {first_line(error)}"]
        return []

    def identity(self, label: AseLabel, elements: Iterable[str]) -> dict[str, str]:
        """Return the class, the version of its package or SHA-256 of its file, and the SHA-256 of files it is given."""
        if label.python is not None:
            found: dict[str, str] = _described(label)["identity"]
            return found
        return calculator_server.identity(label.calculator, label.arguments)

    def single_point(
        self, atoms: Atoms, label: AseLabel, code: dict[str, str], folder: Path, launch: Launch | None = None
    ) -> SinglePoint:
        """Return the single point of a frame; a calculator in another Python computes it in a process that stays up."""
        if label.python is None:
            return super().single_point(atoms, label, code, folder, launch)
        limit_s = None if launch is None else launch.limit_s
        check_code(code, _described(label, limit_s)["identity"])
        frame = {
            "numbers": atoms.numbers.tolist(),
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell.array.tolist(),
            "pbc": atoms.pbc.tolist(),
        }
        return from_answer(calculator_process.single_point(label, frame, folder, limit_s), len(atoms))

    def compute(self, atoms: Atoms, label: AseLabel, folder: Path) -> SinglePoint:
        """Return the single point of a frame, in this Python.

        A calculator without a free energy gives its energy, one without a stress gives None. It works in the folder,
        unless its arguments name a directory.

        Raises
        ------
        NotConvergedError
            If the calculator says that self-consistency was not reached.
        CodeMismatchError
            If it cannot start on this machine.
        """
        with _foreseen():
            return _point(atoms, _calculator(label, folder), label)

    @contextmanager
    def following(
        self, label: AseLabel, code: dict[str, str], folder: Path, launch: Launch | None = None
    ) -> Iterator[Follow]:
        """Give what computes frames with one calculator, which may begin each where the one before ended.

        Frames that are computed as programs, or in another Python, are as `single_point` computes them.
        """
        if label.python is not None or launch is not None:
            with super().following(label, code, folder, launch) as follow:
                yield follow
            return
        calculator: Any = None

        def point(atoms: Atoms) -> SinglePoint:
            nonlocal calculator
            with _foreseen():
                if calculator is None:
                    check_code(code, self.identity(label, set(atoms.symbols)))
                    calculator = _calculator(label, folder)
                return _point(atoms, calculator, label)

        yield point

    def ranks_problem(self, ranks: int) -> str:
        """Return that the calculator starts its own ranks."""
        what = f"a label of an ASE calculator runs on one core, not on {ranks}"
        mend = "delete this line; ASE's configuration file holds the command that starts an external program on ranks"
        return f"{what}; {mend}"

    def stress_problem(self, label: AseLabel) -> str | None:
        """Return ``calculator`` if the class lists what it gives, and the stress is not among it."""
        if label.python is not None:
            listed = _described(label)["properties"]
        else:
            listed = calculator_server.properties(label.calculator)
        return "calculator" if listed and "stress" not in listed else None


ENGINE = AseEngine()


@contextmanager
def _foreseen() -> Iterator[None]:
    """Raise what a calculator foresees as the errors of all engines."""
    try:
        yield
    except CalculatorError as error:
        raise FORESEEN[error.kind](first_line(error)) from error


def _calculator(label: AseLabel, folder: Path) -> Any:
    """Return a new calculator that works in a folder, unless its arguments name a directory."""
    calculator = calculator_server.make_calculator(label.calculator, label.arguments)
    if hasattr(calculator, "directory") and "directory" not in label.arguments:
        calculator.directory = folder
    return calculator


def _point(atoms: Atoms, calculator: Any, label: AseLabel) -> SinglePoint:
    return from_answer(calculator_server.single_point(atoms.copy(), calculator, label.calculator), len(atoms))


def _described(label: AseLabel, limit_s: float | None = None) -> dict[str, Any]:
    """Return what the process of a calculator says of it.

    Raises
    ------
    CodeMismatchError
        If it does not start with these settings: they passed `check`, so the machine is at fault.
    """
    try:
        return calculator_process.describe(label, min(START_S, limit_s or START_S))
    except CalculatorError as error:
        raise CodeMismatchError(f"`{label.calculator}` cannot start on this machine: {first_line(error)}") from error


def _settings_problem(label: AseLabel, error: CalculatorError) -> str:
    """Return a line of `AseEngine.check`."""
    key = error.kind if error.kind in ("python", "arguments") else "calculator"
    return f"label.{key}: {first_line(error)}{_mend(label.python) if error.kind == 'missing' else ''}"


def _mend(python: str | None) -> str:
    """Return what to do if a module is not there."""
    if python is None:
        return "; put the folder of the module into PYTHONPATH, of the workers too"
    if Path(python).is_dir():
        return f"; it is not in `{python}`, install it there (`pip install --target {python} ...`)"
    return f"; install it there (`{python} -m pip install ...`), or put the folder of the module into PYTHONPATH"
