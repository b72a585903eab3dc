"""Transport of the compositions that have several orderings, as rows, a CSV file and a table of the report. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alloop.report.blocks import Block, Cell, Paragraph, grid
from alloop.report.transport.cells import number
from alloop.report.transport.tables import Chosen, RungTransport, csv_text, rung_label
from alloop.status.numbers import finite
from alloop.status.transport import conductivity_text
from alloop.transport.quantities import read_quantities
from alloop.transport.results import Measured, SigmaAt
from policies.stopping.transport import QUANTITIES, TransportEvidence, TransportRow, refuse_weak, transport_row

COMPOSITIONS_FILE = "transport_compositions.csv"
HOW = (
    "Mean over the orderings of a composition: of the activation energy, and of ln σ, so that σ is the geometric mean. "
    "The error bar holds that of the mean and the spread between the orderings, which are a sample of all that the "
    "composition has. Where an ordering could not be measured the composition is not."
)


@dataclass(frozen=True)
class CompositionRung:
    """What the fits of a rung say of all orderings of a composition together.

    Attributes
    ----------
    size, kind : int, str
        Which rung; see `RungTransport`.
    rows : dict of TransportRow
        Its numbers, by the temperature (K) of the conductivity.
    """

    size: int
    kind: Chosen
    rows: Mapping[float, TransportRow]

    @property
    def first(self) -> TransportRow:
        """The row of the lowest temperature: what does not depend on one is the same in all."""
        return self.rows[min(self.rows)]


def composition_rungs(
    rungs: Sequence[RungTransport], compositions: Mapping[str, str], fewest: int = 2
) -> tuple[CompositionRung, ...]:
    """Return the rungs of every composition whose orderings are all measured.

    Parameters
    ----------
    rungs : sequence of RungTransport
        Every fit of every rung that was measured.
    compositions : mapping
        The composition of every system that is measured, by its name.
    fewest : int
        Orderings that a composition has at least.
    """
    groups: dict[tuple[str, Chosen, int], dict[str, list[RungTransport]]] = {}
    for one in rungs:
        if one.system in compositions:
            group = groups.setdefault((compositions[one.system], one.kind, one.size), {})
            group.setdefault(one.system, []).append(one)
    return tuple(_rungs(groups, compositions, fewest))


def _rungs(
    groups: Mapping[tuple[str, Chosen, int], Mapping[str, list[RungTransport]]],
    compositions: Mapping[str, str],
    fewest: int,
) -> Iterator[CompositionRung]:
    for (composition, kind, size), group in sorted(groups.items()):
        orderings = [name for name, other in compositions.items() if other == composition]
        fits = {tuple(sorted(one.fit for one in own)) for own in group.values()}
        if len(orderings) >= fewest and set(orderings) == set(group) and len(fits) == 1:
            targets = {t.temperature_K for own in group.values() for one in own for t in _targets(one)} or {np.nan}
            rows = {kelvin: _row(composition, size, list(group.values()), kelvin) for kelvin in sorted(targets)}
            yield CompositionRung(size, kind, rows)


def _targets(one: RungTransport) -> tuple[SigmaAt, ...]:
    return one.summary.arrhenius.targets if one.summary.arrhenius else ()


def _row(composition: str, size: int, orderings: Sequence[Sequence[RungTransport]], at_K: float) -> TransportRow:
    evidence = [_evidence(sorted(fits, key=lambda one: one.fit), at_K) for fits in orderings]
    whole = refuse_weak(TransportEvidence.of_orderings(composition, evidence), alone=size == 0)
    return transport_row(whole, alone=size == 0)


def _evidence(fits: Sequence[RungTransport], at_K: float) -> TransportEvidence:
    readings = [read_quantities(fit.summary, at_K) for fit in fits]
    numbers = {}
    for field in (quantity.field for quantity in QUANTITIES):
        known = [one[field] for one in readings]
        pairs = [(one.value, one.se) if isinstance(one, Measured) else (None, None) for one in known]
        numbers[field], numbers[f"se_{field}"] = np.array(pairs, dtype=float).T
    unmeasured = next((one for reading in readings for one in reading.values() if isinstance(one, str)), None)
    unphysical = next((fit.summary.unphysical for fit in fits if fit.summary.unphysical), None)
    return TransportEvidence(fits[0].system, **numbers, unmeasured=unmeasured, unphysical=unphysical, orderings=())


def compositions_csv(rungs: Sequence[CompositionRung]) -> str:
    """Return a row per composition, rung and temperature of the conductivity. An empty cell is an unknown number."""
    if not rungs:
        return ""
    head = ["composition", "labels", "chosen", "orderings", "fits"]
    head += ["activation_energy_eV", "activation_energy_se_eV", "activation_energy_between_orderings_eV"]
    head += ["temperature_K", "sigma_S_per_cm", "ln_sigma_se", "ln_sigma_between_orderings", "unmeasured", "unphysical"]
    lines: list[list[object]] = []
    for rung in rungs:
        for kelvin, row in rung.rows.items():
            line: list[object] = [row.system, rung.size, rung.kind, row.orderings, row.fits, row.activation_energy_eV]
            line += [row.se_activation_energy_eV, row.orderings_activation_energy_eV, finite(kelvin)]
            line += [row.sigma_S_per_cm, row.se_ln_sigma, row.orderings_ln_sigma]
            lines.append([*line, row.unmeasured or "", row.unphysical or ""])
    return csv_text(head, lines)


def composition_table(rungs: Sequence[CompositionRung]) -> tuple[Block, ...]:
    """Return the compositions of several orderings with their error bars."""
    rows: list[list[str | Cell]] = [
        [
            rung.first.system,
            rung_label(rung.kind, rung.size),
            str(rung.first.orderings),
            _energy(rung.first),
            _spread(rung.first.orderings_activation_energy_eV),
            _conductivities(rung),
            rung.first.unphysical or rung.first.unmeasured or "",
        ]
        for rung in rungs
    ]
    head = ["Composition", "Rung", "Orderings", "Activation energy, eV", "between orderings, eV", "σ", ""]
    return (grid(head, rows, (2, 3, 4), "Transport by composition"), Paragraph(HOW)) if rows else ()


def _conductivities(rung: CompositionRung) -> Cell:
    first, *others = (_conductivity(kelvin, row) for kelvin, row in rung.rows.items())
    return Cell(first, notes=tuple(others))


def _energy(row: TransportRow) -> str:
    value = row.activation_energy_eV
    return number(None if value is None else Measured(value=value, se=row.se_activation_energy_eV))


def _spread(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}"


def _conductivity(kelvin: float, row: TransportRow) -> str:
    return conductivity_text({"ln_sigma": row.ln_sigma, "se_ln_sigma": row.se_ln_sigma, "at_K": kelvin})
