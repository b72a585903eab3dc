"""Transport of one rung as a function of composition, and which composition is the best. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from alloop.config.families import FamilyError, compositions
from alloop.config.science import ORDERING_KEYS, SystemConfig
from alloop.report.transport.compositions import CompositionRung, composition_rungs
from alloop.report.transport.figures import common_temperature, diffusivity_of_fits, plane_names
from alloop.report.transport.tables import Chosen, CombinedRung, RungTransport, combine_rungs, csv_text
from alloop.status.numbers import finite
from alloop.transport.results import Measured
from policies.ranking import probability_of_largest
from policies.stopping.combination import combine
from policies.stopping.orderings import between_orderings
from policies.stopping.transport import TransportRow

OVER_COMPOSITION_FILE = "transport_over_composition.csv"
OVER_COMPOSITION_JSON = "transport_over_composition.json"


@dataclass(frozen=True)
class Place:
    """Where a composition stands: the system of the config that it was made of, and its x and y, if it has them.

    `disordered` is whether the keys of that system say how ions are ordered.
    """

    family: str
    x: float | None = None
    y: float | None = None
    disordered: bool = False


@dataclass(frozen=True)
class Best:
    """Which composition has the highest conductivity.

    Attributes
    ----------
    temperature_K : float
        Temperature of the conductivity (K).
    probabilities : dict of float
        Probability of every composition that its conductivity is the highest, the most probable first.
    left_out : tuple of str
        Compositions without a conductivity that has an error bar.
    """

    temperature_K: float
    probabilities: Mapping[str, float]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class OverComposition:
    """Transport of all compositions on one rung.

    Attributes
    ----------
    rungs : tuple of CompositionRung
        What was measured of each.
    places : mapping
        Where each stands.
    planes_K : float or None
        Temperature of the diffusivities (K).
    diffusivities_cm2_s : mapping
        Diffusivity of every composition (cm²/s), by the plane; in all directions under an empty name.
    best : tuple of Best
        One per temperature of the conductivity, the lowest first.
    missing : tuple of str
        Compositions of which not all orderings were measured.
    single : tuple of str
        Disordered compositions of which there is one ordering.
    """

    rungs: tuple[CompositionRung, ...]
    places: Mapping[str, Place]
    planes_K: float | None
    diffusivities_cm2_s: Mapping[str, Mapping[str, Measured]]
    best: tuple[Best, ...]
    missing: tuple[str, ...]
    single: tuple[str, ...] = ()

    def of_family(self, family: str) -> list[CompositionRung]:
        """Return the compositions of a family, by x, then y."""
        own = [rung for rung in self.rungs if self.places[rung.first.system].family == family]
        return sorted(own, key=lambda rung: self.coordinates(rung))

    def coordinates(self, rung: CompositionRung) -> tuple[float, float]:
        """Return x and y of a composition; zero for what it has not."""
        place = self.places[rung.first.system]
        return place.x or 0.0, place.y or 0.0

    def probability(self, composition: str, temperature_K: float) -> float | None:
        """Return the probability that a composition has the highest conductivity at a temperature (K)."""
        found = (one for one in self.best if one.temperature_K == temperature_K)
        return next((one.probabilities.get(composition) for one in found), None)


def places_of(config: Mapping[str, Any]) -> dict[str, Place]:
    """Return where the compositions of a config stand, by name; a system that cannot be read has none."""
    found: dict[str, Place] = {}
    for fields in config.get("systems", ()):
        try:
            system = SystemConfig.model_validate(fields)
            disordered = any(getattr(system, key) for key in ORDERING_KEYS)
            found |= {one.name: Place(system.name, **one.values, disordered=disordered) for one in compositions(system)}
        except (ValidationError, FamilyError):
            continue
    return found


def over_composition(
    rungs: Sequence[RungTransport], compositions: Mapping[str, str], places: Mapping[str, Place]
) -> OverComposition | None:
    """Return transport as a function of composition on one rung; None of fewer than two compositions.

    It is the largest rung on which the most compositions are measured.

    Parameters
    ----------
    rungs : sequence of RungTransport
        Every fit of every rung that was measured.
    compositions : mapping
        The composition of every system that is measured, by its name.
    places : mapping
        Where each composition stands.
    """
    every = composition_rungs(rungs, compositions, fewest=1)
    names = tuple(dict.fromkeys(compositions.values()))
    if len(names) < 2 or not every:
        return None
    kind, size = _largest(every)
    orderings = Counter(compositions.values())
    own = {one.first.system: one for one in every if (one.kind, one.size) == (kind, size)}
    combined = [one for one in combine_rungs(rungs) if (one.kind, one.size) == (kind, size)]
    kelvin = common_temperature([one for one in combined if compositions.get(one.system) in own])
    planes = ("", *plane_names(rungs))
    return OverComposition(
        rungs=tuple(own[name] for name in names if name in own),
        places={name: places.get(name, Place(name)) for name in names},
        planes_K=kelvin,
        diffusivities_cm2_s={
            name: dict(
                _diffusivities([one for one in combined if compositions.get(one.system) == name], kelvin, planes)
            )
            for name in own
        },
        best=tuple(_best(own)),
        missing=tuple(name for name in names if name not in own),
        single=tuple(name for name in names if name in places and places[name].disordered and orderings[name] == 1),
    )


def _largest(every: Sequence[CompositionRung]) -> tuple[Chosen, int]:
    """Return the rung on which the most compositions are measured, the largest of several; acquired ones go first."""
    measured = Counter((one.kind, one.size) for one in every if _is_measured(one))
    keys = {(one.kind, one.size) for one in every}
    return max(keys, key=lambda key: (key[0] == "acquired", measured[key], key[1]))


def _is_measured(rung: CompositionRung) -> bool:
    """Return whether the dynamics of a composition are judged: it has a conductivity with an error, or broke."""
    return any(row.unphysical or _ln_sigma(row) is not None for row in rung.rows.values())


def _diffusivities(
    orderings: Sequence[CombinedRung], kelvin: float | None, planes: Sequence[str]
) -> Iterator[tuple[str, Measured]]:
    for plane in planes if kelvin is not None else ():
        assert kelvin is not None
        found = over_orderings([diffusivity_of_fits(one, kelvin, plane) for one in orderings], orderings[0].size == 0)
        if found is not None:
            yield plane, found


def over_orderings(orderings: Sequence[Mapping[int, Measured]], alone: bool = False) -> Measured | None:
    """Return the mean over fits, each over the orderings, with the error of `policies.stopping`.

    Parameters
    ----------
    orderings : sequence of mapping
        What every fit predicts of each ordering, by its number. Fits that lack an ordering are left out.
    alone : bool
        Whether there is only one such model: one fit then has the error of its dynamics.

    Examples
    --------
    >>> one, other = Measured(value=1.0, se=0.1), Measured(value=2.0, se=0.1)
    >>> over_orderings([{0: one, 1: one}, {0: other, 1: other}])
    Measured(value=1.5, se=0.5)
    """
    fits = [fit for fit in orderings[0] if all(fit in one for one in orderings)]
    if not fits:
        return None
    values = np.array([[one[fit].value for fit in fits] for one in orderings])
    errors = np.array([[np.nan if (se := one[fit].se) is None else se for fit in fits] for one in orderings])
    mean = combine(values.mean(axis=0), np.sqrt(np.sum(errors**2, axis=0)) / len(orderings))
    more = between_orderings(values.mean(axis=1).tolist(), mean.variance_md)
    return Measured(value=mean.value, se=finite(math.sqrt(mean.standard_error(alone) ** 2 + more)))


def _best(rungs: Mapping[str, CompositionRung]) -> Iterator[Best]:
    for kelvin in sorted({kelvin for rung in rungs.values() for kelvin in rung.rows if finite(kelvin) is not None}):
        rows = {name: rung.rows[kelvin] for name, rung in rungs.items() if kelvin in rung.rows}
        known = {name: numbers for name, row in rows.items() if (numbers := _ln_sigma(row)) is not None}
        if len(known) < 2:
            continue
        values, errors = zip(*known.values(), strict=True)
        likely = sorted(
            zip(known, map(float, probability_of_largest(values, errors)), strict=True), key=lambda item: -item[1]
        )
        yield Best(kelvin, dict(likely), tuple(name for name in rungs if name not in known))


def _ln_sigma(row: TransportRow) -> tuple[float, float] | None:
    """Return ln σ and its standard error; None where one of them is not known."""
    if row.ln_sigma is None or not row.se_ln_sigma or not is_known(row):
        return None
    return row.ln_sigma, row.se_ln_sigma


def is_known(row: TransportRow) -> bool:
    """Return whether a row has numbers that can be trusted."""
    return row.ln_sigma is not None and not row.unmeasured and not row.unphysical


def over_composition_csv(over: OverComposition) -> str:
    """Return a row per composition and temperature of the conductivity. An empty cell is an unknown number."""
    rows = list(_rows(over))
    return csv_text(list(rows[0]), [list(row.values()) for row in rows]) if rows else ""


def over_composition_json(over: OverComposition) -> str:
    """Return the same rows as JSON, with null for unknown numbers."""
    return json.dumps(list(_rows(over)), ensure_ascii=False, indent=1) + "\n"


def _rows(over: OverComposition) -> Iterator[dict[str, Any]]:
    planes = list(dict.fromkeys(plane for found in over.diffusivities_cm2_s.values() for plane in found))
    for rung in over.rungs:
        for kelvin, row in rung.rows.items():
            place, found = over.places[row.system], over.diffusivities_cm2_s[row.system]
            line: dict[str, Any] = {"composition": row.system, "family": place.family, "x": place.x, "y": place.y}
            line |= {"labels": rung.size, "chosen": rung.kind, "orderings": row.orderings, "fits": row.fits}
            line |= {"activation_energy_eV": row.activation_energy_eV}
            line |= {"activation_energy_se_eV": row.se_activation_energy_eV, "temperature_K": finite(kelvin)}
            line |= {"sigma_S_per_cm": row.sigma_S_per_cm, "ln_sigma_se": row.se_ln_sigma}
            line |= {"probability_of_highest_sigma": over.probability(row.system, kelvin)}
            line |= {"D_temperature_K": over.planes_K}
            for plane in planes:
                name, at = f"D_{plane}" if plane else "D", found.get(plane)
                line |= {f"{name}_cm2_per_s": at and at.value, f"{name}_se_cm2_per_s": at and at.se}
            yield line | {"unmeasured": row.unmeasured, "unphysical": row.unphysical}
