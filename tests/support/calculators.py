"""Calculators that behave badly."""

from __future__ import annotations

import os
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, ClassVar

from ase.calculators.calculator import BadConfiguration, Calculator, CalculatorSetupError
from ase.calculators.emt import EMT


class LogsAndFails(Calculator):
    """Writes a log into its folder and fails."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]
    directory: str | Path = "."

    def __init__(self, log: str = "log.txt") -> None:
        super().__init__()
        self.log = log

    def calculate(self, *words: Any) -> None:
        (Path(self.directory) / self.log).write_text("what happened")
        raise RuntimeError("no")


class Leaks(EMT):
    """EMT that sometimes fails, and tells a secret of the environment when it does."""

    def calculate(self, atoms: Any = None, *words: Any, **keywords: Any) -> None:
        if atoms is not None and len(atoms) > 1 and int(1e6 * abs(atoms.positions.sum())) % 3 == 0:
            raise RuntimeError(f"no licence for {os.environ['WANDB_API_KEY']} {os.environ['LICENCE_TOKEN']}")
        super().calculate(atoms, *words, **keywords)


class Unconverged(EMT):
    """EMT that says of itself that it did not converge."""

    converged = False


class Ends(EMT):
    """EMT whose program ends with an exit status."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    def calculate(self, *words: Any, **keywords: Any) -> None:
        raise CalledProcessError(self.status, "program")


class NotSetUp(EMT):
    """EMT that misses something on the machine, and finds out when it is made or when it computes."""

    def __init__(self, when: str) -> None:
        if when == "made":
            raise BadConfiguration("no section [program]")
        super().__init__()

    def calculate(self, *words: Any, **keywords: Any) -> None:
        raise CalculatorSetupError("set PROGRAM_COMMAND")


class WithoutStress(EMT):
    """EMT that has no stress."""

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]

    def calculate(self, *words: Any, **keywords: Any) -> None:
        super().calculate(*words, **keywords)
        self.results.pop("stress", None)
