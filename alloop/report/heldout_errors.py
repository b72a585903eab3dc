"""Held-out errors by composition and system: a table of the report, and a CSV file. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from alloop.report.blocks import Block, grid
from alloop.report.transport.tables import csv_text
from alloop.status.heldout_errors import GroupErrors

ERRORS_FILE = "heldout_errors.csv"


def errors_table(errors: Sequence[GroupErrors]) -> tuple[Block, ...]:
    """Return the errors of the largest judged rung by composition and system; nothing of a single system."""
    if not errors:
        return ()
    rows = [(one.composition, one.system or "all", str(one.frames), one.forces(), one.energy()) for one in errors]
    head = ("Composition", "Ordering", "Held-out frames", "Force RMSE", "Energy RMSE")
    return (grid(head, rows, (2, 3, 4), f"Held-out errors of the rung of {errors[0].size} labels, by composition"),)


def errors_csv(errors: Sequence[GroupErrors]) -> str:
    """Return the same as CSV; a composition as a whole has the system ``all``. An empty cell is an unknown number."""
    if not errors:
        return ""
    head = ["composition", "system", "labels", "frames", "force_rmse_meV_per_A", "force_rmse_se_meV_per_A"]
    head += ["energy_rmse_meV_per_atom", "energy_rmse_se_meV_per_atom"]
    lines: list[list[object]] = []
    for one in errors:
        line: list[object] = [one.composition, one.system or "all", one.size, one.frames]
        line += [one.rmse_forces_meV_per_A, one.se_forces_meV_per_A]
        lines.append([*line, one.rmse_energy_meV_per_atom, one.se_energy_meV_per_atom])
    return csv_text(head, lines)
