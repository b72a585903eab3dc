"""Say whether a diffusivity is known, why not, and what a reader should know of it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from alloop.transport.diffusion import Diffusivity, IonWalks
from alloop.transport.settings import MeasureSettings

_DISAGREE = 2.0
_FLIGHTS_KNOWN, _FLIGHTS_FORGOTTEN = 2.0, 3.0


def unmeasured(walks: IonWalks, first: int | None, fit: Diffusivity, settings: MeasureSettings) -> str | None:
    """Return why the diffusivity of single ions says nothing, or None.

    Parameters
    ----------
    walks : IonWalks
        The ions.
    first : int or None
        Shortest lag over which they move a hop (frames); None if they never do.
    fit : Diffusivity
        Their diffusivity.
    settings : MeasureSettings
        The limits.
    """
    hop_A, half_ps = settings.min_displacement_A, walks.longest * walks.interval_ps
    if first is None:
        moved = math.sqrt(float(walks.msd()[-1]))
        return f"ions moved {moved:.2f} Å on root mean square in {half_ps:.3g} ps, less than a hop of {hop_A:g} Å"
    quarter = walks.longest // 2
    if first > quarter:
        return (
            f"the run is too short: ions need {first * walks.interval_ps:.3g} ps for a hop of {hop_A:g} Å, more than "
            f"a quarter of it ({quarter * walks.interval_ps:.3g} ps)"
        )
    return uncertain(walks, fit, settings)


def barely(walks: IonWalks, fit: Diffusivity, settings: MeasureSettings) -> str | None:
    """Return that ions moved a hop in a quarter of the run by less than a standard error, or None if by more.

    The gate looks at what moved, so of runs that are near to it those pass that moved too far.
    """
    quarter = walks.longest // 2
    msd, gate = float(walks.msd()[quarter]), settings.min_displacement_A**2
    if msd - gate >= msd * fit.relative_se:
        return None
    return (
        f"ions barely moved a hop of {settings.min_displacement_A:g} Å in a quarter of the run "
        f"({math.sqrt(max(msd, 0.0)):.2f} Å): of such runs those count that moved too "
        "far, so D may be up to a half too large"
    )


def uncertain(walks: IonWalks, fit: Diffusivity, settings: MeasureSettings) -> str | None:
    """Return why a diffusivity of particles, ions or the sum of all, is not known well enough, or None."""
    if fit.D_cm2_s <= 0:
        return "the mean squared displacement does not grow with time"
    independent = walks.particles * walks.frames * walks.interval_ps / fit.start_ps
    if independent < settings.min_independent:
        return f"only {independent:.1f} independent displacements of a hop, fewer than {settings.min_independent:g}"
    low, high = settings.slope
    if fit.exponent + 2 * fit.se_exponent < low or fit.exponent - 2 * fit.se_exponent > high:
        return (
            f"no diffusion: the mean squared displacement grows as t^{fit.exponent:.2f}±{fit.se_exponent:.2f} from "
            f"{fit.start_ps:.3g} to {fit.end_ps:.3g} ps"
        )
    if fit.start_ps < _FLIGHTS_KNOWN * fit.flight_ps:
        return (
            f"no diffusion yet: ions keep their direction for {fit.flight_ps:.3g} ps, more than half of the shortest "
            f"lag that could be fitted ({fit.start_ps:.3g} ps)"
        )
    if fit.relative_se > settings.max_relative_se:
        return f"the diffusivity is uncertain by {100 * fit.relative_se:.0f} %"
    return None


def notes_on(fits: Mapping[str, Diffusivity]) -> list[str]:
    """Return what a reader should know of fits, by what they are fits of; names that share a remark share a line."""
    said: dict[str, list[str]] = {}
    for name, fit in fits.items():
        for remark in _remarks(fit):
            said.setdefault(remark, []).append(name)
    return [f"{', '.join(names)}: {remark}" for remark, names in said.items()]


def _remarks(fit: Diffusivity) -> Iterator[str]:
    if not fit.linear:
        yield f"the mean squared displacement is not straight within its noise, even from {fit.start_ps:.3g} ps"
    if fit.start_ps < _FLIGHTS_FORGOTTEN * fit.flight_ps:
        yield f"ions keep their direction for {fit.flight_ps:.3g} ps, so that D may be up to a tenth too small"
    if fit.se_groups_cm2_s is None:
        yield "too short for five independent parts, so the error is that of ions that move independently"
        return
    ratio = fit.se_groups_cm2_s / fit.se_model_cm2_s
    if not 1 / _DISAGREE <= ratio <= _DISAGREE:
        yield f"{fit.groups} parts of the runs scatter {ratio:.1f} times as much as ions that move independently"
