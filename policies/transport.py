"""What a rung knows of the transport of one system: a number per fit, with the error of its molecular dynamics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


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

    def nothing(self) -> str | None:
        """Return why the evidence says nothing, or None if it does."""
        if self.unphysical:
            return f"unphysical: {self.unphysical}"
        if self.unmeasured:
            return f"unmeasured: {self.unmeasured}"
        if not self.fits:
            return "unmeasured: no fit was measured"
        if not (np.isfinite(self.activation_energy_eV).all() and np.isfinite(self.ln_sigma).all()):
            return "unmeasured: its numbers are not all finite"
        return None


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
    energy = _numbers(evidence.activation_energy_eV, evidence.se_activation_energy_eV, alone)
    sigma = _numbers(evidence.ln_sigma, evidence.se_ln_sigma, alone)
    why = evidence.nothing()
    return TransportRow(
        evidence.system,
        evidence.fits,
        *energy,
        *sigma,
        None if sigma[0] is None else float(np.exp(sigma[0])),
        unmeasured=None if evidence.unphysical or why is None else why.removeprefix("unmeasured: "),
        unphysical=evidence.unphysical,
    )


def _numbers(
    values: NDArray[np.float64], md_error: NDArray[np.float64], alone: bool
) -> tuple[float | None, float | None, float | None, float | None]:
    """Return mean, standard error of the mean, spread between fits and error of the dynamics of one fit."""
    known = np.isfinite(values)
    values, md_error = values[known], md_error[known]
    if not len(values):
        return None, None, None, None
    md = np.sqrt(np.mean(md_error**2))
    spread = np.std(values, ddof=1) if len(values) > 1 else np.nan
    se = md if alone and len(values) == 1 else np.fmax(spread, md if len(values) > 1 else np.nan) / np.sqrt(len(values))
    return float(values.mean()), _known(se), _known(spread), _known(md)


def _known(value: float | np.floating[Any]) -> float | None:
    return float(value) if np.isfinite(value) else None


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    vector = np.array(values, dtype=np.float64)
    vector.setflags(write=False)
    return vector
