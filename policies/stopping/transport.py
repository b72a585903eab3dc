"""The transport of one system on a rung, and how it changed from one rung to the next.

Every fit of a rung predicts an activation energy and a conductivity with molecular dynamics of its own;
`policies.stopping.combination` makes one number with an error bar of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from policies.stopping.combination import Change, Combined, combine
from policies.stopping.judgement import Judgement, Limit, judge_change

QUANTITIES = {"activation energy": "activation_energy_eV", "ln σ": "ln_sigma"}
"""Field of `TransportEvidence` that holds each quantity; σ is in S/cm."""


@dataclass(frozen=True, eq=False)
class TransportEvidence:
    """The transport of one system as every fit of a rung predicts it.

    A system whose dynamics gave no numbers is evidence too: say why in `unmeasured` or `unphysical`, and pass NaN
    for the fits that are not known, or empty arrays.

    Attributes
    ----------
    system : str
        Name of the system; rungs are compared system by system.
    activation_energy_eV, se_activation_energy_eV : ndarray, shape (fits,)
        Activation energy of each fit, and its standard error from the dynamics alone (NaN where it is not known).
    ln_sigma, se_ln_sigma : ndarray, shape (fits,)
        Natural logarithm of the conductivity (S/cm) at the target temperature, and its standard error likewise.
    unmeasured : str or None
        Why the dynamics say nothing, for instance because the ions moved too little; longer runs may mend it.
    unphysical : str or None
        Why the dynamics are not to be believed, for instance because the framework melted.

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

    def __post_init__(self) -> None:
        names = ("activation_energy_eV", "se_activation_energy_eV", "ln_sigma", "se_ln_sigma")
        for name in names:
            object.__setattr__(self, name, _vector(getattr(self, name)))
        shapes = {getattr(self, name).shape for name in names}
        if len(shapes) != 1 or len(shapes.pop()) != 1:
            raise ValueError(f"transport of {self.system}: need four arrays of one number per fit")
        if (self.se_activation_energy_eV < 0).any() or (self.se_ln_sigma < 0).any():
            raise ValueError(f"transport of {self.system}: a standard error is negative")

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
        if not (np.isfinite(self.activation_energy_eV).all() and np.isfinite(self.ln_sigma).all()):
            return "unmeasured: its numbers are not all finite"
        return None

    def combined(self, quantity: str) -> Combined:
        """Return one of `QUANTITIES`, combined over the fits."""
        field = QUANTITIES[quantity]
        return combine(getattr(self, field), getattr(self, f"se_{field}"))


@dataclass(frozen=True)
class TransportRow:
    """The transport of one system in one row of the table of rungs; None where a number is not known.

    Attributes
    ----------
    system : str
        Name of the system.
    fits : int
        Fits behind the numbers.
    activation_energy_eV, se_activation_energy_eV : float or None
        Mean over the fits and its standard error, which holds the spread between fits and the error of the dynamics.
    spread_activation_energy_eV, md_activation_energy_eV : float or None
        Standard deviation between the fits, and the error of the dynamics of one fit (root mean square).
    ln_sigma, se_ln_sigma, spread_ln_sigma, md_ln_sigma : float or None
        The same for the natural logarithm of the conductivity (S/cm) at the target temperature.
    sigma_S_per_cm : float or None
        The conductivity itself, ``exp(ln_sigma)``.
    unmeasured, unphysical : str or None
        Why there is no number, or none to be believed.
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


def transport_row(evidence: TransportEvidence, alone: bool = False) -> TransportRow:
    """Return a system's part of a row of the table of rungs.

    Parameters
    ----------
    evidence : TransportEvidence
        The transport of the system on one rung.
    alone : bool
        Whether there is only one such model (the foundation), so that the error of its dynamics is all of its error.
    """
    energy = _numbers(evidence, "activation energy", alone)
    sigma = _numbers(evidence, "ln σ", alone)
    why = evidence.nothing(fewest=1 if alone else 2)
    return TransportRow(
        evidence.system,
        evidence.fits,
        *energy,
        *sigma,
        None if sigma[0] is None else float(np.exp(sigma[0])),
        unmeasured=None if evidence.unphysical or why is None else why.removeprefix("unmeasured: "),
        unphysical=evidence.unphysical,
    )


def judge_transport(
    previous: TransportEvidence,
    last: TransportEvidence,
    tolerance_activation_energy_eV: float,
    tolerance_ln_sigma: float,
) -> tuple[Judgement, Judgement]:
    """Judge how the activation energy (eV) and ln σ of one system changed.

    Parameters
    ----------
    previous, last : TransportEvidence
        The system on two rungs; both say something (`TransportEvidence.nothing` is None).
    tolerance_activation_energy_eV, tolerance_ln_sigma : float
        Change that does not matter (eV, and natural logarithm).

    Returns
    -------
    tuple of Judgement
        Activation energy first.
    """
    (energy, energy_change), (sigma, sigma_change) = transport_changes(previous, last).items()
    return (
        _judge(energy, "eV", last.system, energy_change, tolerance_activation_energy_eV),
        _judge(sigma, "", last.system, sigma_change, tolerance_ln_sigma),
    )


def transport_changes(previous: TransportEvidence, last: TransportEvidence) -> dict[str, Change]:
    """Return how each of `QUANTITIES` of one system changed, with its error bar, by the name of the metric."""
    return {
        f"{quantity} of {last.system}": Change(previous.combined(quantity), last.combined(quantity))
        for quantity in QUANTITIES
    }


def _judge(metric: str, unit: str, system: str, change: Change, tolerance: float) -> Judgement:
    judgement = judge_change(
        metric,
        unit,
        change.previous.value,
        change.last.value,
        change.se,
        tolerance=tolerance,
        critical=change.critical,
    )
    limit = _limit(change, tolerance) if judgement.finding == "undecided" else None
    return replace(judgement, system=system, se_md=change.se_md, limit=limit)


def _limit(change: Change, tolerance: float) -> Limit:
    if change.within_reach(tolerance):
        return "dynamics"
    return "fits" if change.critical * change.best_se() > tolerance else "change"


def _numbers(
    evidence: TransportEvidence, quantity: str, alone: bool
) -> tuple[float | None, float | None, float | None, float | None]:
    """Return mean, standard error of the mean, spread between fits and error of the dynamics of one fit."""
    if not np.isfinite(getattr(evidence, QUANTITIES[quantity])).any():
        return None, None, None, None
    all_fits = evidence.combined(quantity)
    se = all_fits.md if alone and all_fits.fits == 1 else all_fits.se
    return all_fits.value, _known(se), _known(all_fits.spread), _known(all_fits.md)


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    vector = np.array(values, dtype=np.float64)
    vector.setflags(write=False)
    return vector
