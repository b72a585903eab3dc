"""Measure transport from production runs: numbers at every temperature, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from ase.data import atomic_numbers

from alloop.dynamics.trajectory import Trajectory
from alloop.transport.arrhenius import transport_of
from alloop.transport.results import TemperatureTransport, TransportCurves, TransportSummary
from alloop.transport.settings import MeasureSettings
from alloop.transport.temperature import AtTemperature, at_temperature

NONE_BROKEN: Mapping[float, str] = MappingProxyType({})


def measure(
    runs: Mapping[float, Sequence[Trajectory]], settings: MeasureSettings, broken: Mapping[float, str] = NONE_BROKEN
) -> tuple[TransportSummary, TransportCurves]:
    """Return what production runs of one model on one structure say about transport.

    Parameters
    ----------
    runs : mapping of float to sequence of Trajectory
        Independent replicas by target temperature (K).
    settings : MeasureSettings
        What is wanted, and what counts as measured.
    broken : mapping of float to str
        Why the dynamics broke off at a temperature (K), where they did: that temperature is unphysical.

    Returns
    -------
    TransportSummary
        Numbers with error bars. A temperature that cannot be measured carries its reason; nothing is raised for it.
        Of several mobile elements the numbers are those of the first that the structure has; the rest are in `others`.
    TransportCurves
        Thinned curves for plots.
    """
    elements = _present(runs, settings)
    summary, curves = _of_the_first(runs, replace(settings, mobile=elements), broken)
    if len(elements) == 1:
        return summary, curves
    others = {
        element: _alone(_of_the_first(runs, replace(settings, mobile=element), broken)[0]) for element in elements[1:]
    }
    return summary.model_copy(update={"element": elements[0], "others": others}), curves


def _present(runs: Mapping[float, Sequence[Trajectory]], settings: MeasureSettings) -> tuple[str, ...]:
    """Return the mobile elements that the runs have; the first if they have none."""
    numbers = {int(number) for replicas in runs.values() for run in replicas for number in run.numbers[run.mobile]}
    present = tuple(element for element in settings.elements if atomic_numbers[element] in numbers)
    return present or settings.elements[:1]


def _alone(summary: TransportSummary) -> TransportSummary:
    """Return the numbers of one of several elements: what ions of all conduct together belongs to no single one."""
    points = (point.model_copy(update={"sigma_collective_S_per_cm": None}) for point in summary.temperatures)
    return summary.model_copy(update={"temperatures": tuple(points)})


def _of_the_first(
    runs: Mapping[float, Sequence[Trajectory]], settings: MeasureSettings, broken: Mapping[float, str]
) -> tuple[TransportSummary, TransportCurves]:
    answers = [at_temperature(kelvin, list(runs[kelvin]), settings, broken.get(kelvin)) for kelvin in sorted(runs)]
    points = [answer.numbers for answer in answers]
    usable = [point for point in points if point.unmeasured is None and point.unphysical is None]
    rejected = {_name(p): p.unphysical or p.unmeasured or "" for p in points if p not in usable}
    arrhenius = transport_of(usable, rejected, settings.targets_K)
    return (
        TransportSummary(
            temperatures=tuple(points),
            arrhenius=arrhenius,
            unmeasured=arrhenius.weak if arrhenius else _too_few(points, usable, rejected),
            unphysical=_unphysical(answers),
        ),
        TransportCurves(temperatures=tuple(answer.curves for answer in answers)),
    )


def _name(point: TemperatureTransport) -> str:
    return f"{point.temperature_K:g} K"


def _too_few(
    points: Sequence[TemperatureTransport], usable: Sequence[TemperatureTransport], rejected: Mapping[str, str]
) -> str:
    if not points:
        return "no temperature was simulated"
    count = f"{len(usable)} of {len(points)} temperatures can be used, and an activation energy needs two"
    return "; ".join([count, *(f"{name}: {why}" for name, why in rejected.items())])


def _unphysical(answers: Sequence[AtTemperature]) -> str | None:
    """Return why the model cannot be trusted. A solid may melt, but not at every temperature."""
    broken = [answer for answer in answers if answer.numbers.unphysical]
    serious = [answer for answer in broken if not answer.melted]
    if not serious and len(broken) < len(answers):
        return None
    return "; ".join(f"{_name(a.numbers)}: {a.numbers.unphysical}" for a in serious or broken) or None
