"""The transport of one system, or of one composition, on a rung, and how it changed from one rung to the next.

Every fit of a rung predicts an activation energy and a conductivity with molecular dynamics of its own;
`policies.stopping.combination` makes one number with an error bar of them. Of a composition with several orderings
it is the mean over these, see `policies.stopping.orderings`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from policies.arrays import frozen_floats
from policies.stopping.combination import Change, Combined, combine
from policies.stopping.judgement import Judgement, Limit, judge_change
from policies.stopping.orderings import between_orderings, spread
from policies.stopping.significance import LEVEL


@dataclass(frozen=True)
class Quantity:
    """A number of the transport of a system that rungs are compared by.

    Attributes
    ----------
    name : str
        What judgements and tables call it.
    field : str
        Field of `TransportEvidence` and `TransportRow` that holds it; the names of its errors and of its tolerance end
        in the same.
    unit : str
        Unit of its values; empty if it has none.
    """

    name: str
    field: str
    unit: str

    @property
    def tolerance_key(self) -> str:
        """Field of `TransportTolerances` that holds its tolerance."""
        return f"tolerance_{self.field}"

    def metric(self, system: str) -> str:
        """Return what the judgement of one system is called."""
        return f"{self.name} of {system}"


QUANTITIES = (Quantity("activation energy", "activation_energy_eV", "eV"), Quantity("ln σ", "ln_sigma", ""))
"""All quantities, in the order of their judgements; σ is in S/cm. Another one needs a tolerance and fields below."""
STANDS_OUT = 2.0
"""Standard errors by which an activation energy must be above zero for a conductivity to be extrapolated with it."""


@dataclass(kw_only=True, eq=False)
class TransportTolerances:
    """The change of each of `QUANTITIES` that does not matter. Not frozen: a policy made of it may have a state.

    Attributes
    ----------
    tolerance_activation_energy_eV : float
        Of the activation energy (eV).
    tolerance_ln_sigma : float
        Of the natural logarithm of the conductivity at the target temperature.

    Raises
    ------
    ValueError
        If a tolerance is not positive and finite.
    """

    tolerance_activation_energy_eV: float = 0.03
    tolerance_ln_sigma: float = 0.35

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self) if field.name.startswith("tolerance_")):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive and finite, got {value}")

    def tolerance_of(self, quantity: Quantity) -> float:
        """Return the tolerance of a quantity, in its unit."""
        return float(getattr(self, quantity.tolerance_key))


@dataclass(frozen=True, eq=False)
class TransportEvidence:
    """The transport of one system as every fit of a rung predicts it.

    A system whose dynamics gave no numbers is evidence too: give the reason in `unmeasured` or `unphysical`, and pass
    NaN for the fits without a number, or empty arrays.

    Attributes
    ----------
    system : str
        Name of the system or composition; rungs are compared one by one.
    activation_energy_eV, se_activation_energy_eV : ndarray, shape (fits,)
        Activation energy of each fit, and its standard error from the dynamics alone (NaN where it is not known).
    ln_sigma, se_ln_sigma : ndarray, shape (fits,)
        Natural logarithm of the conductivity (S/cm) at the target temperature, and its standard error likewise.
    unmeasured : str or None
        Why the dynamics say nothing, for instance because the ions moved too little; longer runs may help.
    unphysical : str or None
        Why the dynamics cannot be trusted, for instance because the framework melted.
    orderings : tuple of TransportEvidence
        The orderings that the numbers of a composition are means over; empty of a system.

    Raises
    ------
    ValueError
        If the shapes do not belong together or a standard error is negative.
    """

    system: str
    activation_energy_eV: NDArray[np.float64]
    se_activation_energy_eV: NDArray[np.float64]
    ln_sigma: NDArray[np.float64]
    se_ln_sigma: NDArray[np.float64]
    unmeasured: str | None = None
    unphysical: str | None = None
    orderings: tuple[TransportEvidence, ...] = ()

    def __post_init__(self) -> None:
        for name in (name for quantity in QUANTITIES for name in (quantity.field, f"se_{quantity.field}")):
            object.__setattr__(self, name, frozen_floats(getattr(self, name)))
        values, errors = zip(*map(self._numbers, QUANTITIES), strict=True)
        shapes = {array.shape for array in (*values, *errors)}
        if len(shapes) != 1 or len(shapes.pop()) != 1:
            raise ValueError(f"transport of {self.system}: need {2 * len(QUANTITIES)} arrays of one number per fit")
        if any((array < 0).any() for array in errors):
            raise ValueError(f"transport of {self.system}: a standard error is negative")

    @classmethod
    def of_orderings(cls, composition: str, orderings: Sequence[TransportEvidence]) -> TransportEvidence:
        """Return the evidence of a composition: every fit's mean over the orderings; of a single one that itself.

        Where one ordering says nothing the composition does not either: the others alone are another mean.

        Parameters
        ----------
        composition : str
            Its name.
        orderings : sequence of TransportEvidence
            All that were measured, of the same fits.
        """
        if len(orderings) == 1:
            return orderings[0]
        numbers: dict[str, NDArray[np.float64]] = {}
        for quantity in QUANTITIES:
            values, errors = zip(*(one._numbers(quantity) for one in orderings), strict=True)
            numbers[quantity.field] = np.mean(values, axis=0)
            numbers[f"se_{quantity.field}"] = np.sqrt(np.sum(np.square(errors), axis=0)) / len(orderings)
        return cls(
            system=composition,
            **numbers,
            unmeasured=next((f"{one.system}: {one.unmeasured}" for one in orderings if one.unmeasured), None),
            unphysical=next((f"{one.system}: {one.unphysical}" for one in orderings if one.unphysical), None),
            orderings=tuple(orderings),
        )

    @property
    def fits(self) -> int:
        """Number of fits."""
        return len(self.ln_sigma)

    def nothing(self, fewest: int = 2) -> str | None:
        """Return why the evidence says nothing, or None if it does.

        Parameters
        ----------
        fewest : int
            Fits that must be there: two, so that their spread is known.
        """
        if self.unphysical:
            return f"unphysical: {self.unphysical}"
        if self.unmeasured:
            return f"unmeasured: {self.unmeasured}"
        if self.fits < fewest:
            return f"unmeasured: {self.fits} of at least {fewest} fits have it"
        if not all(np.isfinite(self._numbers(quantity)[0]).all() for quantity in QUANTITIES):
            return "unmeasured: its numbers are not all finite"
        return None

    def combined(self, quantity: Quantity) -> Combined:
        """Return a quantity combined over the fits that have it.

        Raises
        ------
        ValueError
            If no fit has it.
        """
        return combine(*self._numbers(quantity))

    def of_each(self, quantity: Quantity) -> dict[str, float]:
        """Return a quantity by the name of the ordering, the mean over its fits; of those orderings that have it."""
        known = (one for one in self.orderings if np.isfinite(one._numbers(quantity)[0]).any())
        return {one.system: one.combined(quantity).value for one in known}

    def _numbers(self, quantity: Quantity) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return getattr(self, quantity.field), getattr(self, f"se_{quantity.field}")


def refuse_weak(evidence: TransportEvidence, alone: bool = False) -> TransportEvidence:
    """Return evidence that counts as unmeasured if its activation energy is not above zero by two standard errors.

    Parameters
    ----------
    evidence : TransportEvidence
        The transport of a system or composition on one rung.
    alone : bool
        Whether there is only one such model, as for `transport_row`.
    """
    energy = QUANTITIES[0]
    if evidence.nothing(fewest=1):
        return evidence
    why = weak_mean(evidence.combined(energy).value, _error(evidence, energy, alone), evidence.fits)
    return evidence if why is None else replace(evidence, unmeasured=why)


def weak_mean(value_eV: float, se_eV: float, fits: int) -> str | None:
    """Return why an activation energy (eV) is none to extrapolate with; None where it is, or its error is unknown.

    Parameters
    ----------
    value_eV, se_eV : float
        Mean over fits and its standard error (eV).
    fits : int
        Fits behind them.
    """
    if not math.isfinite(se_eV) or value_eV > STANDS_OUT * se_eV:
        return None
    mean = f", mean of {fits} fits" if fits > 1 else ""
    lost = "is negative" if value_eV < -STANDS_OUT * se_eV else "is not above zero by two standard errors"
    return f"the activation energy {lost} ({value_eV:.3f} ± {se_eV:.3f} eV{mean}): nothing is extrapolated"


def _error(evidence: TransportEvidence, quantity: Quantity, alone: bool) -> float:
    """Return the standard error of the mean over fits, and over orderings where there are several."""
    fits, orderings = evidence.combined(quantity), list(evidence.of_each(quantity).values())
    return math.hypot(fits.standard_error(alone), math.sqrt(between_orderings(orderings, fits.variance_md)))


@dataclass(frozen=True)
class TransportRow:
    """The transport of one system in one row of the table of rungs; None where a number is not known.

    Attributes
    ----------
    system : str
        Name of the system or composition.
    fits : int
        Fits behind the numbers.
    activation_energy_eV, se_activation_energy_eV : float or None
        Mean over the fits and its standard error, which holds the spread between fits, the error of the dynamics, and
        the spread between the orderings of a composition.
    spread_activation_energy_eV, md_activation_energy_eV : float or None
        Standard deviation between the fits, and the error of the dynamics of one fit (root mean square).
    ln_sigma, se_ln_sigma, spread_ln_sigma, md_ln_sigma : float or None
        The same for the natural logarithm of the conductivity (S/cm) at the target temperature.
    sigma_S_per_cm : float or None
        The conductivity itself, ``exp(ln_sigma)``.
    unmeasured, unphysical : str or None
        Why there is no number, or none that can be trusted.
    orderings : int
        Orderings that the numbers are means over; 1 of a system.
    orderings_activation_energy_eV, orderings_ln_sigma : float or None
        Standard deviation between the orderings; None of a system.
    """

    system: str
    fits: int
    activation_energy_eV: float | None
    se_activation_energy_eV: float | None
    spread_activation_energy_eV: float | None
    md_activation_energy_eV: float | None
    ln_sigma: float | None
    se_ln_sigma: float | None
    spread_ln_sigma: float | None
    md_ln_sigma: float | None
    sigma_S_per_cm: float | None
    unmeasured: str | None
    unphysical: str | None
    orderings: int = 1
    orderings_activation_energy_eV: float | None = None
    orderings_ln_sigma: float | None = None


def transport_row(evidence: TransportEvidence, alone: bool = False) -> TransportRow:
    """Return a system's part of a row of the table of rungs.

    Parameters
    ----------
    evidence : TransportEvidence
        The transport of the system on one rung.
    alone : bool
        Whether there is only one such model (the foundation), so that the error of its dynamics is all of its error.
    """
    numbers: dict[str, float | None] = {}
    for quantity in QUANTITIES:
        numbers |= _columns(evidence, quantity, alone)
    ln_sigma, why = numbers["ln_sigma"], evidence.nothing(fewest=1 if alone else 2)
    return TransportRow(
        system=evidence.system,
        fits=evidence.fits,
        **numbers,
        sigma_S_per_cm=None if ln_sigma is None else float(np.exp(ln_sigma)),
        unmeasured=None if evidence.unphysical or why is None else why.removeprefix("unmeasured: "),
        unphysical=evidence.unphysical,
        orderings=max(1, len(evidence.orderings)),
    )


def judge_transport(
    previous: TransportEvidence, last: TransportEvidence, tolerances: TransportTolerances, level: float = LEVEL
) -> tuple[Judgement, ...]:
    """Judge how each of `QUANTITIES` of one system changed.

    Parameters
    ----------
    previous, last : TransportEvidence
        The system on two rungs; both say something (`TransportEvidence.nothing` is None).
    tolerances : TransportTolerances
        Changes that do not matter.
    level : float
        Probability with which a quantity that moved by just its tolerance is found to agree.

    Returns
    -------
    tuple of Judgement
        In the order of `QUANTITIES`.
    """
    changes = transport_changes(previous, last, level)
    return tuple(
        _judge(quantity, last.system, changes[quantity.metric(last.system)], tolerances.tolerance_of(quantity))
        for quantity in QUANTITIES
    )


def transport_changes(previous: TransportEvidence, last: TransportEvidence, level: float = LEVEL) -> dict[str, Change]:
    """Return how each of `QUANTITIES` of one system changed, with its error bar, by the name of the metric."""
    return {quantity.metric(last.system): _change(quantity, previous, last, level) for quantity in QUANTITIES}


def _change(quantity: Quantity, previous: TransportEvidence, last: TransportEvidence, level: float) -> Change:
    change = Change(previous.combined(quantity), last.combined(quantity), level)
    before, after = previous.of_each(quantity), last.of_each(quantity)
    moved = [after[name] - before[name] for name in after if name in before]
    more = between_orderings(moved, change.se_md**2)
    return replace(change, orderings=more, orderings_degrees=max(0, len(moved) - 1))


def _judge(quantity: Quantity, system: str, change: Change, tolerance: float) -> Judgement:
    judgement = judge_change(
        quantity.metric(system),
        quantity.unit,
        change.previous.value,
        change.last.value,
        change.se,
        tolerance=tolerance,
        critical=change.critical,
        level=change.level,
    )
    limit = _limit(change, tolerance) if judgement.finding == "undecided" else None
    return replace(judgement, system=system, se_md=change.se_md, limit=limit)


def _limit(change: Change, tolerance: float) -> Limit:
    if change.within_reach(tolerance):
        return "dynamics"
    if change.critical * change.best_se() <= tolerance:
        return "change"
    return "orderings" if change.orderings > change.se**2 / 2 else "fits"


def _columns(evidence: TransportEvidence, quantity: Quantity, alone: bool) -> dict[str, float | None]:
    """Return mean, its standard error, spread between fits, error of the dynamics of one fit, spread of orderings."""
    name = quantity.field
    names = (name, f"se_{name}", f"spread_{name}", f"md_{name}", f"orderings_{name}")
    if not np.isfinite(getattr(evidence, name)).any():
        return dict.fromkeys(names)
    fits = evidence.combined(quantity)
    orderings = list(evidence.of_each(quantity).values())
    numbers = (fits.value, _error(evidence, quantity, alone), fits.spread, fits.md, spread(orderings))
    known = (value is not None and np.isfinite(value) for value in numbers)
    return {name: value if is_known else None for name, value, is_known in zip(names, numbers, known, strict=True)}
