"""Calculators that behave badly."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ase.calculators.calculator import Calculator


class LogsAndFails(Calculator):
    """Writes ``log.txt`` into its folder and fails."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]
    directory: str | Path = "."

    def calculate(self, *words: Any) -> None:
        (Path(self.directory) / "log.txt").write_text("what happened")
        raise RuntimeError("no")
