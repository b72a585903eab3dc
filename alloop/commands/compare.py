"""``alloop compare``: errors, transport and cost of several campaigns side by side."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from alloop.reading import ReadCampaign
from alloop.status.compared import Compared, rows_of
from alloop.status.numbers import clipped, finite
from alloop.status.summary import RungRow
from policies.stopping.transport import QUANTITIES

Format = Literal["table", "json", "csv"]


def compare(campaigns: Sequence[ReadCampaign]) -> list[Compared]:
    """Return the numbers of several campaigns: of each as a whole, then rung by rung."""
    names = _names(campaigns)
    found: list[Compared] = []
    for name, campaign in zip(names, campaigns, strict=True):
        found += _whole(name, campaign)
    for name, campaign in zip(names, campaigns, strict=True):
        for row in campaign.status.rungs:
            found += _rung(name, row)
    return found


def _names(campaigns: Sequence[ReadCampaign]) -> list[str]:
    names = [campaign.status.name for campaign in campaigns]
    if len(set(names)) == len(names):
        return names
    folders = [campaign.root.name for campaign in campaigns]
    return folders if len(set(folders)) == len(folders) else [str(campaign.root) for campaign in campaigns]


def _whole(name: str, campaign: ReadCampaign) -> Iterator[Compared]:
    status = campaign.status
    core_h = {kind: seconds / 3600.0 for kind, seconds in (status.core_seconds or {}).items()}
    yield Compared(name, "verdict", None, None, text=(status.verdict or "none yet").replace("_", " "))
    yield Compared(name, "training labels", None, status.labels.train)
    yield Compared(name, "held-out labels", None, status.labels.heldout)
    yield Compared(name, "failed labels", None, status.labels.failed)
    yield Compared(name, status.engine, None, status.dft_core_hours, unit="core-hours")
    for kind in ("teaching", "fitting", "MD", "production MD", "evaluating", "selecting"):
        if kind in core_h:
            yield Compared(name, kind, None, core_h[kind], unit="occupied core-hours")
    yield Compared(name, "running time", None, status.wall_s / 3600.0, unit="h")


def _rung(name: str, row: RungRow) -> Iterator[Compared]:
    forces, energy = row.rmse_forces_meV_per_A, row.rmse_energy_meV_per_atom
    yield Compared(name, "force RMSE", row.size, forces, row.se_forces_meV_per_A, "meV/Å")
    yield Compared(name, "energy RMSE", row.size, energy, row.se_energy_meV_per_atom, "meV/atom")
    for system in row.transport:
        for quantity in QUANTITIES:
            if quantity.field in system:
                what = f"{quantity.name} of {system.get('system', '')}".removesuffix(" of ")
                value, error = finite(system[quantity.field]), finite(system.get(f"se_{quantity.field}"))
                yield Compared(name, what, row.size, value, error, quantity.unit)


def comparison_text(found: Sequence[Compared], form: Format) -> str | Table:
    """Return a comparison as a table for a terminal, as JSON, or as CSV with a row for each number."""
    if form == "json":
        return json.dumps([asdict(one) for one in found])
    if form == "csv":
        return _csv(found)
    return _table(found)


def _csv(found: Iterable[Compared]) -> str:
    out = io.StringIO()
    fields = list(Compared.__dataclass_fields__)
    writer = csv.DictWriter(out, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in found)
    return out.getvalue().rstrip("\n")


def _table(found: Sequence[Compared]) -> Table:
    names = list(dict.fromkeys(one.campaign for one in found))
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), caption="± one standard error", caption_justify="left")
    table.add_column("")
    table.add_column("rung", justify="right")
    for name in names:
        table.add_column(Text(clipped(name, 200)), justify="right", overflow="fold")
    for row in rows_of(found):
        table.add_row(*(Text(clipped(word, 200)) for word in row))
    return table
