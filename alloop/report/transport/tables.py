"""What the fits of a rung say together about transport, as rows and as CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from alloop.files.durable import write_durably
from alloop.status.numbers import finite
from alloop.transport.quantities import SCALARS
from alloop.transport.results import ArrheniusTransport, Measured, SigmaAt, TransportCurves, TransportSummary
from policies.stopping.combination import combine
from policies.stopping.transport import QUANTITIES, Quantity, weak_mean

Chosen = Literal["acquired", "random subset", "trajectories", "AIMD"]
RungKey = tuple[str, Chosen, int]
ErrorKey = tuple[Chosen, int]

TABLE_FILE = "transport.csv"
TEMPERATURES_FILE = "transport_temperatures.csv"


@dataclass(frozen=True)
class RungTransport:
    """What one fit of a rung predicts for one system.

    Attributes
    ----------
    size : int
        Labels it was fitted on; 0 is the foundation as it is.
    kind : str
        How those labels were chosen: ``acquired``, the first ones of the campaign in the order of their selection, or
        ``random subset``, drawn from the final set; ``trajectories`` of another program have no labels.
    system : str
        Name of the system.
    fit : int
        Number of the fit.
    summary : TransportSummary
        What was measured.
    curves : TransportCurves or None
        The curves behind it, if they are to be shown.
    """

    size: int
    kind: Chosen
    system: str
    fit: int
    summary: TransportSummary
    curves: TransportCurves | None = None

    @property
    def key(self) -> RungKey:
        """What the fits of one rung on one system have in common."""
        return self.system, self.kind, self.size


@dataclass(frozen=True)
class HeldoutErrors:
    """Held-out errors of a rung: force RMSE (meV/Å) and energy RMSE (meV/atom)."""

    forces_meV_per_A: Measured
    energy_meV_per_atom: Measured


@dataclass(frozen=True)
class CombinedSigma:
    """Conductivity of a rung at a target temperature.

    Attributes
    ----------
    temperature_K : float
        The target (K).
    ln_sigma : Measured
        Natural logarithm of the conductivity in S/cm, mean over the fits.
    sigma_S_per_cm : float
        Its exponential (S/cm).
    how : tuple of str
        ``simulated``, ``interpolated``, ``extrapolated``: those that occur among the fits.
    volumes_from_K : tuple of float
        Temperatures of the simulated cells whose volumes were used (K).
    cautions : tuple of str
        Why the line of a fit may not lead to the target.
    """

    temperature_K: float
    ln_sigma: Measured
    sigma_S_per_cm: float
    how: tuple[str, ...]
    volumes_from_K: tuple[float, ...]
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class CombinedRung:
    """What the fits of a rung say together.

    Attributes
    ----------
    system, kind, size
        Which rung; see `RungTransport`.
    fits : tuple of RungTransport
        Its fits.
    scalars : dict of Measured or None
        Mean over the fits that have it of every quantity of `alloop.transport.quantities.SCALARS`, by its field.
    sigma : tuple of CombinedSigma
        Conductivities at the target temperatures.
    flags : tuple of str
        Why fits count as unmeasured or unphysical.
    """

    system: str
    kind: Chosen
    size: int
    fits: tuple[RungTransport, ...]
    scalars: Mapping[str, Measured | None]
    sigma: tuple[CombinedSigma, ...]
    flags: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return what the rung is called in a legend."""
        return rung_label(self.kind, self.size)

    def sigma_at(self, temperature_K: float) -> CombinedSigma | None:
        """Return the conductivity at a target temperature."""
        return next((sigma for sigma in self.sigma if sigma.temperature_K == temperature_K), None)


def by_element(fit: RungTransport) -> tuple[RungTransport, ...]:
    """Return a fit, and its numbers of every further mobile element as if these were those of another system."""
    others = fit.summary.others.items()
    return fit, *(RungTransport(fit.size, fit.kind, f"{fit.system}, {name}", fit.fit, other) for name, other in others)


def scalar_quantities() -> tuple[Quantity, ...]:
    """Return the quantities that a rung has one of; its conductivities belong to temperatures."""
    return tuple(quantity for quantity in QUANTITIES if quantity.field in SCALARS)


def rung_label(kind: Chosen, size: int) -> str:
    """Return what a rung is called in a legend."""
    if kind in ("trajectories", "AIMD"):
        return kind
    if size == 0:
        return "foundation"
    return f"{size} labels" + (", random subset" if kind == "random subset" else "")


def combine_rungs(rungs: Iterable[RungTransport]) -> tuple[CombinedRung, ...]:
    """Return the rungs by system, acquired ones first, by size."""
    groups: dict[RungKey, list[RungTransport]] = {}
    for rung in rungs:
        groups.setdefault(rung.key, []).append(rung)
    return tuple(_combine(key, sorted(groups[key], key=lambda rung: rung.fit)) for key in sorted(groups))


def _combine(key: RungKey, fits: Sequence[RungTransport]) -> CombinedRung:
    system, kind, size = key
    arrhenius = [fit.summary.arrhenius for fit in fits if fit.summary.arrhenius]
    scalars = {field: combined(_known(fits, field), alone=size == 0) for field in SCALARS}
    weak = _weak(arrhenius, scalars["activation_energy_eV"])
    targets = [one.targets if weak else (*one.targets, *one.held_back) for one in arrhenius]
    return CombinedRung(
        system=system,
        kind=kind,
        size=size,
        fits=tuple(fits),
        scalars=scalars,
        sigma=_sigmas(targets, alone=size == 0),
        flags=_flags_of_mean(fits, weak),
    )


def _weak(lines: Sequence[ArrheniusTransport], mean: Measured | None) -> str | None:
    """Return why the fits together have no activation energy; one whose error is unknown is judged by its own."""
    if mean is None or mean.se is None:
        return next((line.weak for line in lines if line.weak), None)
    return weak_mean(mean.value, mean.se, len(lines))


def _known(fits: Sequence[RungTransport], field: str) -> list[Measured]:
    """Return a quantity of the fits that have it."""
    readings = (SCALARS[field](fit.summary) for fit in fits)
    return [reading for reading in readings if isinstance(reading, Measured)]


def combined(values: Sequence[Measured], *, alone: bool) -> Measured | None:
    """Return the mean over fits and its standard error, by the rule that stop decisions use.

    The error holds the spread between the fits and the error of their dynamics. One fit alone has none, unless it is
    the only model of its kind.
    """
    if not values:
        return None
    errors = [np.nan if item.se is None else item.se for item in values]
    fits = combine(np.array([item.value for item in values]), np.array(errors))
    return Measured(value=fits.value, se=finite(fits.standard_error(alone)))


def _sigmas(fits: Sequence[Sequence[SigmaAt]], *, alone: bool) -> tuple[CombinedSigma, ...]:
    """Return the conductivities that all fits have: a mean over the steeper ones would be off."""
    found: dict[float, list[SigmaAt]] = {}
    for target in (target for fit in fits for target in fit):
        found.setdefault(target.temperature_K, []).append(target)
    whole = {temperature: targets for temperature, targets in sorted(found.items()) if len(targets) == len(fits)}
    return tuple(_sigma(temperature, targets, alone) for temperature, targets in whole.items())


def _sigma(temperature_K: float, targets: Sequence[SigmaAt], alone: bool) -> CombinedSigma:
    mean = combined([target.ln_sigma for target in targets], alone=alone)
    assert mean is not None
    return CombinedSigma(
        temperature_K=temperature_K,
        ln_sigma=mean,
        sigma_S_per_cm=float(np.exp(mean.value)),
        how=tuple(sorted({target.how for target in targets})),
        volumes_from_K=tuple(sorted({target.volume_from_K for target in targets})),
        cautions=tuple(dict.fromkeys(target.caution for target in targets if target.caution)),
    )


def _flags_of_mean(fits: Sequence[RungTransport], weak: str | None) -> tuple[str, ...]:
    """Return why fits count for nothing; whether the slope stands is told of their mean."""
    reasons = [fit.summary.unmeasured_apart_from_slope for fit in fits]
    own = [
        replace(fit, summary=fit.summary.model_copy(update={"unmeasured": why}))
        for fit, why in zip(fits, reasons, strict=True)
    ]
    return (*_flags(own), *([f"unmeasured: {weak}"] if weak else []))


def _flags(fits: Sequence[RungTransport]) -> tuple[str, ...]:
    """Return why fits count for nothing; one that is unphysical need not be unmeasured besides."""
    said: dict[str, list[int]] = {}
    for fit in fits:
        unphysical, unmeasured = fit.summary.unphysical, fit.summary.unmeasured
        if unphysical or unmeasured:
            why = f"unphysical: {unphysical}" if unphysical else f"unmeasured: {unmeasured}"
            said.setdefault(why, []).append(fit.fit)
    return tuple(
        why if len(numbers) == len(fits) else f"fit {', '.join(map(str, numbers))} {why}"
        for why, numbers in said.items()
    )


# -- CSV ---------------------------------------------------------------------------------------------------------


def write_tables(
    folder: Path, rungs: Sequence[RungTransport], errors: Mapping[ErrorKey, HeldoutErrors] | None = None
) -> tuple[Path, ...]:
    """Write ``transport.csv`` and ``transport_temperatures.csv`` and return their paths; nothing without rungs."""
    if not rungs:
        return ()
    contents = {TABLE_FILE: transport_csv(rungs, errors), TEMPERATURES_FILE: temperatures_csv(rungs)}
    for name, content in contents.items():
        write_durably(folder / name, content.encode())
    return tuple(folder / name for name in contents)


def transport_csv(rungs: Iterable[RungTransport], errors: Mapping[ErrorKey, HeldoutErrors] | None = None) -> str:
    """Return the table of rungs: a row per fit, and one named ``all`` per rung. An empty cell is an unknown number.

    Errors are one standard error; that of a conductivity is one of its natural logarithm.
    """
    rows = [(rung, [_alone(fit) for fit in rung.fits]) for rung in combine_rungs(rungs)]
    targets = sorted({sigma.temperature_K for rung, fits in rows for one in (rung, *fits) for sigma in one.sigma})
    head = ["system", "labels", "chosen", "fit", "force_rmse_meV_per_A", "force_rmse_se_meV_per_A"]
    head += ["energy_rmse_meV_per_atom", "energy_rmse_se_meV_per_atom"]
    for quantity in scalar_quantities():
        head += [quantity.field, _error_column(quantity)]
    for target in targets:
        head += [f"sigma_{target:g}K_S_per_cm", f"ln_sigma_{target:g}K_se", f"sigma_{target:g}K_how"]
    lines: list[list[object]] = []
    for rung, fits in rows:
        lines += [_line(fit, str(fit.fits[0].fit), targets, None) for fit in fits]
        lines.append(_line(rung, "all", targets, (errors or {}).get((rung.kind, rung.size))))
    return csv_text([*head, "flags"], lines)


def _alone(fit: RungTransport) -> CombinedRung:
    """Return a fit with the error of its own dynamics, nothing else."""
    scalars = {field: next(iter(_known([fit], field)), None) for field in SCALARS}
    sigma = _sigmas([fit.summary.arrhenius.targets] if fit.summary.arrhenius else [], alone=True)
    return CombinedRung(fit.system, fit.kind, fit.size, (fit,), scalars, sigma, _flags([fit]))


def _line(rung: CombinedRung, fit: str, targets: Sequence[float], errors: HeldoutErrors | None) -> list[object]:
    line: list[object] = [rung.system, rung.size, rung.kind, fit]
    line += _two(errors.forces_meV_per_A if errors else None) + _two(errors.energy_meV_per_atom if errors else None)
    for quantity in scalar_quantities():
        line += _two(rung.scalars[quantity.field])
    for target in targets:
        sigma = rung.sigma_at(target)
        line += [sigma.sigma_S_per_cm, sigma.ln_sigma.se, " ".join(sigma.how)] if sigma else [None] * 3
    return [*line, "; ".join(rung.flags)]


def _error_column(quantity: Quantity) -> str:
    """Return the name of a column of errors, in which the unit is last: ``activation_energy_se_eV``."""
    unit = f"_{quantity.unit}" if quantity.unit and quantity.field.endswith(f"_{quantity.unit}") else ""
    return f"{quantity.field.removesuffix(unit)}_se{unit}"


def temperatures_csv(rungs: Iterable[RungTransport]) -> str:
    """Return what was measured at every simulated temperature, a row per fit and temperature."""
    rungs = sorted(rungs, key=lambda rung: (rung.key, rung.fit))
    planes = sorted({plane for rung in rungs for at in rung.summary.temperatures for plane in at.planes_cm2_s})
    head = ["system", "labels", "chosen", "fit", "temperature_K", "kinetic_temperature_K", "volume_A3", "ions"]
    head += ["length_ps", "replicas"]
    for name in ("D_tracer", "D_charge", *(f"D_{plane}" for plane in planes)):
        head += [f"{name}_cm2_per_s", f"{name}_se_cm2_per_s"]
    head += ["haven_ratio", "haven_ratio_se", "sigma_nernst_einstein_S_per_cm", "sigma_nernst_einstein_se_S_per_cm"]
    head += ["sigma_collective_S_per_cm", "sigma_collective_se_S_per_cm", "unmeasured", "unphysical"]
    lines: list[list[object]] = []
    for rung in rungs:
        for at in rung.summary.temperatures:
            line: list[object] = [rung.system, rung.size, rung.kind, rung.fit, at.temperature_K, at.kinetic_K]
            line += [at.volume_A3, at.ions, at.length_ps, at.replicas]
            values = [at.D_tracer_cm2_s, at.D_charge_cm2_s, *(at.planes_cm2_s.get(plane) for plane in planes)]
            values += [at.haven, at.sigma_ne_S_per_cm, at.sigma_collective_S_per_cm]
            for value in values:
                line += _two(value)
            lines.append([*line, at.unmeasured or "", at.unphysical or ""])
    return csv_text(head, lines)


def _two(value: Measured | None) -> list[object]:
    return [None, None] if value is None else [value.value, value.se]


def csv_text(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Return lines as CSV with a head; None is an empty cell."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    for line in lines:
        writer.writerow(["" if cell is None else f"{cell:.8g}" if isinstance(cell, float) else cell for cell in line])
    return file.getvalue()
