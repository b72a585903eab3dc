"""What rehearsals say of the campaign, in lines for a person. Pure."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean

from alloop.status.forecast import Forecast, Gap, Rehearsal, broken_segments, spread
from alloop.status.numbers import many
from alloop.status.summary import RungRow
from alloop.status.transport import rung_name, transport_text

WIDTH, INDENT = 120, 14
BROKEN_TOO_OFTEN = 0.1
"""Share of broken segments above which the errors of a rehearsal do not say what those of the campaign will be."""
ASSUMPTIONS = (
    "Every label takes the time of one label of its system on one core; isolated atoms are not counted. Everything "
    "else takes the time of the rehearsal: from labels that run beside all of it to labels that run beside none of it."
)


def forecast_lines(forecast: Forecast) -> Iterator[str]:
    """Yield what a user should know before spending, in lines of at most 120 columns.

    Parameters
    ----------
    forecast : Forecast
        Of at least one rehearsal.
    """
    runs = forecast.rehearsals
    seeds = f"seed {runs[0].seed}" if len(runs) == 1 else f"{len(runs)} seeds"
    yield from textwrap.wrap(f"Rehearsal of {forecast.campaign} ({seeds}): {forecast.meaning}.", WIDTH)
    yield from _told("labels", _labels_text(runs))
    for size, found in _rungs(runs):
        yield from _told(rung_name(size), f"force RMSE {_forces(found)}, energy RMSE {_energies(found)}")
        for system in found[0].transport if len(found) == 1 else ():
            yield from _told("", transport_text(system))
    if forecast.gap is not None:
        yield from _told("campaign", _in_the_campaign(forecast.gap, runs))
    for name, texts in (("production", _production(runs)), ("walkers", _walkers(runs)), ("cost", _cost(forecast))):
        for place, text in enumerate(texts):
            yield from _told("" if place else name, text)


def _told(name: str, text: str) -> Iterator[str]:
    for place, line in enumerate(textwrap.wrap(text, WIDTH - INDENT)):
        yield f"  {'' if place else name:<{INDENT - 2}}{line}"


def _labels_text(runs: Sequence[Rehearsal]) -> str:
    bought = f"{spread([one.bought for one in runs], str)} bought"
    held = f"{spread([one.heldout for one in runs], str)} of them held out"
    sizes = [one.converged_at for one in runs if one.converged_at is not None]
    if len(sizes) == len(runs):
        return f"the ladder converged at rung {spread(sizes, str)}, with {bought}, {held}"
    if sizes:
        part = f"the ladder converged in {len(sizes)} of {len(runs)} rehearsals, at rung {spread(sizes, str)}"
        return f"{part}; {bought}, {held}"
    ends = sorted({(one.verdict or "no verdict yet").replace("_", " ") for one in runs})
    return f"the ladder did not converge ({', '.join(ends)}); {bought}, {held}"


def _rungs(runs: Sequence[Rehearsal]) -> list[tuple[int, list[RungRow]]]:
    rows: defaultdict[int, list[RungRow]] = defaultdict(list)
    for one in runs:
        for row in one.rungs:
            rows[row.size].append(row)
    return sorted(rows.items())


def _forces(found: Sequence[RungRow]) -> str:
    values = [row.rmse_forces_meV_per_A for row in found if row.rmse_forces_meV_per_A is not None]
    if len(found) == 1 or not values:
        return found[0].forces()
    return f"{spread(values, lambda value: f'{value:.0f}')} meV/Å in {len(found)} rehearsals"


def _energies(found: Sequence[RungRow]) -> str:
    values = [row.rmse_energy_meV_per_atom for row in found if row.rmse_energy_meV_per_atom is not None]
    if len(found) == 1 or not values:
        return found[0].energy()
    return f"{spread(values, lambda value: f'{value:.1f}')} meV/atom"


def _in_the_campaign(gap: Gap, runs: Sequence[Rehearsal]) -> str:
    """Return the force errors that the campaign should have: those of the rehearsal, scaled by the teachers' gaps.

    They are not foreseen where walkers broke often: then errors and gaps are those of broken structures.
    """
    broken, segments = broken_segments(runs)
    if broken > BROKEN_TOO_OFTEN * segments:
        return (
            f"force RMSE not foreseen, as {broken} of {many(segments, 'segment')} broke: the teacher of the rehearsal "
            "is too far off for this system; `--taught-by same` tells the least that the campaign can need"
        )
    rungs = _rungs(runs)
    errors = ((size, [row.rmse_forces_meV_per_A for row in rows if row.rmse_forces_meV_per_A]) for size, rows in rungs)
    scaled = ", ".join(f"{_scaled(gap, fmean(found))} at rung {size}" for size, found in errors if found)
    return (
        f"force RMSE (meV/Å) about {scaled}: on {many(gap.frames, 'frame')} its teacher is "
        f"{gap.campaign_meV_per_A:.0f} meV/Å from its labels, and that of the rehearsal {gap.rehearsal_meV_per_A:.0f}"
    )


def _scaled(gap: Gap, rmse_meV_per_A: float) -> str:
    ends = sorted((gap.ratio * rmse_meV_per_A, rmse_meV_per_A))
    return f"{gap.scale * rmse_meV_per_A:.0f} ({ends[0]:.0f} to {ends[1]:.0f})"


def _production(runs: Sequence[Rehearsal]) -> Iterator[str]:
    sizes = sorted({size for one in runs for size in one.production_ps})
    if not sizes:
        return
    lengths = ((size, [one.production_ps[size] for one in runs if size in one.production_ps]) for size in sizes)
    yield ", ".join(f"rung {size}: {spread(found, lambda ps: f'{ps:g}')} ps" for size, found in lengths)
    for used in (used for one in runs for used in one.temperatures):
        kept = ", ".join(f"{T:g}" for T in used.used_K) or "none"
        lost = "; ".join(f"{name}: {why}" for name, why in used.rejected.items())
        yield f"{used.system}: {kept} K count in all fits" + (f" ({lost})" if lost else "")


def _walkers(runs: Sequence[Rehearsal]) -> Iterator[str]:
    broken: defaultdict[int, defaultdict[float, int]] = defaultdict(lambda: defaultdict(int))
    for row in (row for one in runs for row in one.walkers if row.broken):
        broken[row.generation][row.temperature_K] += row.broken
    lost, total = broken_segments(runs)
    yield f"{lost} of {many(total, 'segment')} broke"
    for generation, by_temperature in sorted(broken.items()):
        parts = (f"{count} at {T:g} K" for T, count in sorted(by_temperature.items()))
        yield f"generation {generation}: {', '.join(parts)}"


def _cost(forecast: Forecast) -> Iterator[str]:
    if forecast.label_s is None:
        yield f"of DFT not known: {forecast.unknown}"
        return
    seconds = ", ".join(f"{name} {s:.3g} s" for name, s in forecast.label_s.items())
    hours = spread([cost.dft_core_hours for cost in forecast.costs], lambda h: f"{h:.2g}")
    shortest = min(cost.shortest_h for cost in forecast.costs)
    longest = max(cost.longest_h for cost in forecast.costs)
    yield f"{hours} DFT core-hours, {spread([shortest, longest], hours_text)} in all (one label: {seconds})"
    yield ASSUMPTIONS


def hours_text(hours: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> hours_text(0.4), hours_text(30)
    ('24 min', '30 h')
    """
    return f"{60 * hours:.2g} min" if hours < 1 else f"{hours:.3g} h"
