"""``alloop structures``: list the structures that a config means, and write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from alloop.config.loading import load_config
from alloop.outputs.models import ExportError
from alloop.outputs.structures import StructureRow, structure_rows, write_structures

FOLDER = "structures"
_WIDEST = 500
_HEADS = ("system", "formula", "charge", "atoms", "space group", "shortest", "energy", "accepted", "neighbours")


def run_structures(
    path: Path, output: Path | None = None, *, as_json: bool = False, console: Console | None = None
) -> None:
    """List the structures of a config, ordered where it asks for that, and write each as extxyz, CIF and picture.

    Parameters
    ----------
    path : pathlib.Path
        The config.
    output : pathlib.Path or None
        Folder to write into; None: ``structures/<name of the campaign>``.
    as_json : bool
        Print one JSON object instead of a table.
    console : rich.console.Console or None
        Where to print.

    Raises
    ------
    ConfigError
        If the config or a structure cannot be used.
    ExportError
        If the folder cannot be written.
    """
    console = console or Console()
    loaded = load_config(path)
    rows = structure_rows(loaded)
    folder = output or Path(FOLDER) / loaded.config.name
    try:
        written = list(write_structures(rows, folder))
    except OSError as error:
        what = f"cannot be written ({error.strerror}); name another place with --output"
        raise ExportError(f"{folder}: {what}") from error
    if as_json:
        told = {"config": str(path), "folder": str(folder), "systems": [_as_json(row) for row in rows]}
        console.print(json.dumps(told), soft_wrap=True, markup=False, highlight=False)
        return
    _show(rows, console)
    console.print(f"Wrote {len(written)} files into {folder}.", markup=False, highlight=False, soft_wrap=True)


def _as_json(row: StructureRow) -> dict[str, object]:
    return {one.name: getattr(row, one.name) for one in fields(row) if one.name != "structure"}


def _show(rows: Sequence[StructureRow], console: Console) -> None:
    shown = [_words(row) for row in rows]
    used = [i for i in range(len(_HEADS)) if any(words[i] for words in shown)]
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i in used:
        table.add_column(_HEADS[i], no_wrap=i < len(_HEADS) - 1, justify="right" if 2 <= i <= 7 and i != 4 else "left")
    for words in shown:
        table.add_row(*(words[i] for i in used))
    whole = console.measure(table, options=console.options.update(width=_WIDEST))
    console.width = max(console.width, whole.maximum)
    console.print(table)
    if any(row.energy_meV_per_atom is not None for row in rows):
        console.print(
            "Energies: of point charges, in meV per atom above the lowest of the composition. Neighbours: 0 is "
            "chance, below 0 unlike ions seek each other (Warren-Cowley).",
            highlight=False,
        )
    for composition, note in dict.fromkeys((row.composition, note) for row in rows for note in row.notes):
        console.print(f"{composition}: {note}", markup=False, highlight=False, soft_wrap=True)


def _words(row: StructureRow) -> tuple[str, ...]:
    return (
        row.name,
        row.formula,
        "" if row.charge_e is None else f"{row.charge_e:+.3g}" if abs(row.charge_e) > 1e-6 else "0",
        str(row.atoms),
        row.space_group,
        "" if row.shortest_A is None else f"{row.shortest_A:.2f} Å",
        "" if row.energy_meV_per_atom is None else f"{row.energy_meV_per_atom:.2f}",
        "" if row.acceptance is None else f"{row.acceptance:.0%}",
        ", ".join(f"{pair} {order:+.2f}" for pair, order in row.neighbours.items()),
    )
