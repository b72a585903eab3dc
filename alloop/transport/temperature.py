"""Measure transport of the runs at one temperature, and say whether the numbers can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from alloop.dynamics.trajectory import Trajectory
from alloop.transport.conductivity import conductivity, projector
from alloop.transport.curves import curves_of, taken_snapshots
from alloop.transport.diffusion import (
    EVERYWHERE,
    Diffusivity,
    Floats,
    IonWalks,
    diffusivity,
    first_lag,
    ion_walks_of,
    summed,
)
from alloop.transport.gates import barely, notes_on, uncertain, unmeasured
from alloop.transport.haven import ln_haven
from alloop.transport.pairs import PairStatistics, pair_statistics
from alloop.transport.results import Measured, TemperatureCurves, TemperatureTransport
from alloop.transport.settings import MeasureSettings
from alloop.transport.stability import contact, drift_problem, exploded, framework, melted

_FEWEST_SAMPLES = 33
_STILL_A2 = 1e-6


@dataclass(frozen=True)
class AtTemperature:
    """What was measured at one temperature; `melted` says that a molten framework is all that is unphysical."""

    numbers: TemperatureTransport
    curves: TemperatureCurves
    melted: bool = False


def at_temperature(
    temperature_K: float, runs: Sequence[Trajectory], settings: MeasureSettings, broken: str | None = None
) -> AtTemperature:
    """Return what replicas at one temperature say, `broken` if their dynamics broke off; never raises for odd data."""
    kept, notes = _comparable([without_start(run, settings.skip_ps) for run in runs])
    bare = _bare(temperature_K, kept, settings)
    empty = TemperatureCurves(temperature_K=temperature_K)
    if not kept:
        nothing = broken or "there is no run"
        return AtTemperature(TemperatureTransport(**bare, unmeasured=nothing, unphysical=broken), empty)
    broken = broken or next((why for run in kept if (why := exploded(run, settings))), None)
    if broken:
        return AtTemperature(TemperatureTransport(**bare, unmeasured=broken, unphysical=broken), empty)
    pairs = _pairs(kept, settings)
    frames = [framework(run) for run in kept]
    melt = melted([path for path, _ in frames], frames[0][1], settings)
    worse = contact(pairs, settings) or next((why for run in kept if (why := drift_problem(run, settings))), None)
    walks = _walks(kept, settings)
    found = _diffusion(walks, kept, bare, settings) if isinstance(walks, IonWalks) else {"unmeasured": walks}
    notes += found.pop("notes", [])
    numbers = TemperatureTransport(**bare, **found, unphysical=worse or melt, notes=tuple(notes))
    curves = curves_of(
        kept, walks if isinstance(walks, IonWalks) else None, [path for path, _ in frames], pairs, settings
    )
    return AtTemperature(numbers, curves, melted=worse is None and melt is not None)


def without_start(run: Trajectory, skip_ps: float) -> Trajectory:
    """Return the run from its first snapshot at or after `skip_ps` on; all of it where there is none."""
    per_snapshot_ps = run.interval_fs * run.snapshot_every / 1000.0
    skipped = math.ceil(skip_ps / per_snapshot_ps - 1e-9) if skip_ps > 0 and per_snapshot_ps > 0 else 0
    first = skipped * run.snapshot_every
    if first >= run.samples or not skipped:
        return run
    return replace(
        run,
        mobile_A=run.mobile_A[first:],
        drift_A=run.drift_A[first:] - run.drift_A[first],
        snapshots_A=run.snapshots_A[skipped:],
        kinetic_K=run.kinetic_K[first:],
        conserved_eV=run.conserved_eV[first:],
    )


def _comparable(runs: Sequence[Trajectory]) -> tuple[list[Trajectory], list[str]]:
    """Return the runs that can be averaged: sampled alike, and at least half as long as the longest."""
    longest = max((run.samples for run in runs), default=0)
    kept: list[Trajectory] = []
    for run in runs:
        if run.samples and 2 * run.samples >= longest and (not kept or _alike(run, kept[0])):
            kept.append(run)
    left = len(runs) - len(kept)
    why = f"{left} of {len(runs)} runs left out: shorter than half of the longest, or sampled otherwise"
    return kept, [why] if left else []


def _alike(run: Trajectory, other: Trajectory) -> bool:
    return (
        run.interval_fs == other.interval_fs
        and run.snapshot_every == other.snapshot_every
        and np.array_equal(run.numbers, other.numbers)
        and np.array_equal(run.mobile, other.mobile)
    )


def _bare(temperature_K: float, runs: Sequence[Trajectory], settings: MeasureSettings) -> dict[str, Any]:
    """Return the fields that need no diffusion."""
    # Zero throughout: the velocities of the run are not known.
    known = [run.kinetic_K for run in runs if run.kinetic_K.any()]
    mean = float(np.mean(np.concatenate(known))) if known else math.nan
    volume = float(np.mean([run.volume for run in runs])) if runs else math.nan
    return {
        "temperature_K": temperature_K,
        "kinetic_K": mean if math.isfinite(mean) and mean > 0 else None,
        "volume_A3": volume if math.isfinite(volume) else 0.0,
        "ions": int(_ions(runs[0], settings.elements[0]).sum()) if runs else 0,
        "charge_e": settings.charge_of(settings.elements[0]),
        "length_ps": sum(run.length_ps for run in runs),
        "replicas": len(runs),
    }


def _ions(run: Trajectory, element: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.asarray(run.numbers[run.mobile] == atomic_numbers[element])


def _pairs(runs: Sequence[Trajectory], settings: MeasureSettings) -> PairStatistics:
    def snapshots() -> Iterator[tuple[Floats, Floats]]:
        for run in runs:
            for index in taken_snapshots(len(run.snapshots_A), settings.snapshots, len(runs)):
                yield run.snapshots_A[index].astype(float), run.cell_A

    return pair_statistics(snapshots(), runs[0].numbers, settings.g_r_reach_A, settings.g_r_bin_A)


def _walks(runs: Sequence[Trajectory], settings: MeasureSettings) -> IonWalks | str:
    """Return the walks of the first element's ions without the framework's drift, or why there are none."""
    ions = _ions(runs[0], settings.elements[0])
    fewest = min(run.samples for run in runs)
    if not ions.any():
        return f"there is no mobile {settings.elements[0]}"
    if fewest < _FEWEST_SAMPLES:
        return f"{fewest} samples are too few, {_FEWEST_SAMPLES} is the least"
    paths = [run.mobile_A[:, ions] - run.drift_A[:, None].astype(run.mobile_A.dtype) for run in runs]
    return ion_walks_of(paths, runs[0].interval_fs / 1000.0)


def _charged(runs: Sequence[Trajectory], settings: MeasureSettings) -> tuple[IonWalks, float]:
    """Return one particle per run that moves by the charge all mobile ions move, and the sum of squared charges (e²).

    It moves by the sum over ions of charge times displacement, over the root of the sum of squared charges: ions that
    move alone and alike give it the diffusivity that each of them has.
    """
    charges = np.zeros(len(runs[0].mobile))
    for element in settings.elements:
        charges[_ions(runs[0], element)] = settings.charge_of(element)
    strength = float(charges @ charges)
    moved = [np.einsum("tid,i->td", run.mobile_A, charges, dtype=float) - charges.sum() * run.drift_A for run in runs]
    return ion_walks_of([path[:, None] / strength**0.5 for path in moved], runs[0].interval_fs / 1000.0), strength


def _diffusion(
    walks: IonWalks, runs: Sequence[Trajectory], bare: dict[str, Any], settings: MeasureSettings
) -> dict[str, Any]:
    """Return the fields of diffusion, and why they say nothing where they do not."""
    msd = walks.msd()
    found: dict[str, Any] = {"msd_end_A2": float(msd[-1])}
    if not _moves(walks, EVERYWHERE):
        return found | {"unmeasured": "the ions did not move"}
    first = first_lag(walks, settings.min_displacement_A)
    start = max(1, min(first or walks.longest, walks.longest // 2))
    tracer = _fit(walks, start)
    if tracer is None or tracer.D_cm2_s <= 0:
        return found | {"unmeasured": "the mean squared displacement does not grow with time"}
    begin = round(tracer.start_ps / walks.interval_ps)
    within = _within_planes(walks, begin, runs[0], settings)
    charge = _charge(summed(walks), begin, settings)
    fits = {"D_tracer": tracer, **{f"D in {name}": fit for name, fit in within.items()}}
    fits |= {} if isinstance(charge, str) else {"D_charge": charge}
    unknown = unmeasured(walks, first, tracer, settings)
    near = barely(walks, tracer, settings) if unknown is None else None
    found |= {
        "D_tracer_cm2_s": _measured(tracer),
        "se_ln_D": tracer.relative_se,
        "planes_cm2_s": {name: _measured(fit) for name, fit in within.items()},
        "sigma_ne_S_per_cm": _sigma(tracer, bare),
        "unmeasured": unknown,
        "barely": near is not None,
    }
    collective, lost = _collective(tracer, charge, bare)
    if len(settings.elements) > 1:
        together, lost_together = _together(runs, begin, bare, settings)
        collective, lost = collective | together, [*lost, *lost_together]
    return found | collective | {"notes": [*([near] if near else []), *notes_on(fits), *lost]}


def _within_planes(walks: IonWalks, start: int, run: Trajectory, settings: MeasureSettings) -> dict[str, Diffusivity]:
    planes = {name: projector(miller, run.cell_A) for name, miller in settings.planes.items()}
    return {name: fit for name, plane in planes.items() if (fit := _fit(walks, start, plane)) and fit.D_cm2_s > 0}


def _charge(total: IonWalks, start: int, settings: MeasureSettings) -> Diffusivity | str:
    """Return the diffusivity of charge, whose particles are the runs, or why it is not known."""
    fit = _fit(total, start, single=False)
    if fit is None:
        return "the ions did not move in sum"
    return uncertain(total, fit, settings) or fit


def _collective(
    tracer: Diffusivity, charge: Diffusivity | str, bare: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the fields that need the diffusivity of charge, and why there are none."""
    if isinstance(charge, str):
        return {}, [f"D_charge, Haven ratio and collective σ not measured: {charge}"]
    ln_ratio = ln_haven(tracer, charge, bare["ions"])
    ratio = math.exp(ln_ratio.value)
    return {
        "D_charge_cm2_s": _measured(charge),
        "haven": Measured(value=ratio, se=ratio * (ln_ratio.se or 0.0)),
        "ln_haven": ln_ratio,
        "sigma_collective_S_per_cm": _sigma(charge, bare),
    }, []


def _together(
    runs: Sequence[Trajectory], start: int, bare: dict[str, Any], settings: MeasureSettings
) -> tuple[dict[str, Any], list[str]]:
    """Return the collective conductivity of the ions of several elements, and why there is none."""
    total, strength_e2 = _charged(runs, settings)
    charge = _charge(total, start, settings)
    if isinstance(charge, str):
        why = f"collective σ of {' and '.join(settings.elements)} together not measured: {charge}"
        return {"sigma_collective_S_per_cm": None}, [why]
    # So many ions of charge one conduct as much.
    return {"sigma_collective_S_per_cm": _sigma(charge, bare | {"ions": strength_e2, "charge_e": 1.0})}, []


def _moves(walks: IonWalks, within: Floats) -> bool:
    return float(walks.msd(within)[1:].min()) > _STILL_A2


def _fit(walks: IonWalks, start: int, within: Floats = EVERYWHERE, *, single: bool = True) -> Diffusivity | None:
    if not _moves(walks, within):
        return None
    try:
        return diffusivity(walks, start, within, single=single)
    except np.linalg.LinAlgError:
        return None


def _measured(fit: Diffusivity) -> Measured:
    return Measured(value=fit.D_cm2_s, se=fit.se_cm2_s)


def _sigma(fit: Diffusivity, bare: dict[str, Any]) -> Measured:
    reached = bare["kinetic_K"] or bare["temperature_K"]
    per_D = conductivity(1.0, bare["ions"], bare["charge_e"], bare["volume_A3"], reached)
    return Measured(value=per_D * fit.D_cm2_s, se=per_D * fit.se_cm2_s)
