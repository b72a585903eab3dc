"""Combine a number over several fits, each with an error from its own dynamics: the mean and its error bar.

Fit f of a rung gives x_f = truth + model error + error of its dynamics, and an estimate s_f of the latter. The
scatter between fits holds both errors, so with F fits, their mean x and::

    S² = sum_f (x_f - x)² / (F - 1)        the spread between fits
    M² = sum_f s_f² / F                    the error of the dynamics of one fit

the mean has the standard error ``sqrt(max(S², M²) / F)``: the two are not added, which would count the dynamics twice,
and a scatter that is by luck smaller than the dynamics alone is not believed. The difference of two rungs has::

    SE(Δ)² = max( S₁²/F₁ + S₂²/F₂,  M₁²/F₁ + M₂²/F₂ )

and, because S comes from a few fits, an error bar as wide as Student's t distribution says: at the 5 % level 2.132 SE
for three fits per rung, not 1.645. The maximum errs on the wide side. With as many fits on both rungs the degrees of
freedom are F₁ + F₂ - 2, which errs little where one rung's fits scatter twice as much as the other's; with different
numbers they are Welch's of S₁²/F₁ and S₂²/F₂ (`policies.stopping.significance.welch`), because there a few noisy fits
would borrow the certainty of many sharp ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policies.stopping.significance import LEVEL, student, welch

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Combined:
    """What the fits of one rung say about one number.

    Attributes
    ----------
    value : float
        Mean over the fits.
    spread : float
        Standard deviation between the fits; NaN with one fit.
    md : float
        Error of the dynamics of one fit, root mean square over the fits; NaN if none is known.
    fits : int
        Number of fits.
    """

    value: float
    spread: float
    md: float
    fits: int

    @property
    def se(self) -> float:
        """Standard error of the mean; NaN with one fit, whose luck nobody can know."""
        return float(np.fmax(self.spread, self.md)) / math.sqrt(self.fits) if self.fits > 1 else math.nan

    def standard_error(self, alone: bool) -> float:
        """Return `se`, or the error of the dynamics of a fit that is `alone`: there is only one such model."""
        return self.md if alone and self.fits == 1 else self.se

    @property
    def variance_spread(self) -> float:
        """Variance of the mean as the scatter between fits shows it."""
        return self.spread**2 / self.fits

    @property
    def variance_md(self) -> float:
        """The part of the variance of the mean that longer dynamics can shrink; 0 if it is not known."""
        return 0.0 if math.isnan(self.md) else self.md**2 / self.fits


def combine(values: Array, md_errors: Array) -> Combined:
    """Combine the fits of one rung; fits without a number are left out.

    Parameters
    ----------
    values : ndarray, shape (fits,)
        The number as each fit predicts it.
    md_errors : ndarray, shape (fits,)
        Standard error of each from its dynamics alone; NaN where it is not known.

    Returns
    -------
    Combined
        The mean and what its error bar is made of.

    Raises
    ------
    ValueError
        If no fit has a number.

    Examples
    --------
    >>> both = combine(np.array([0.30, 0.32, 0.34]), np.array([0.01, 0.01, 0.01]))
    >>> f"{both.value:.3g} ± {both.se:.2g}, spread {both.spread:.2g}, dynamics {both.md:.2g}"
    '0.32 ± 0.012, spread 0.02, dynamics 0.01'
    """
    known = np.isfinite(values)
    fits = int(known.sum())
    if not fits:
        raise ValueError("no fit has a number")
    squared = md_errors[known & np.isfinite(md_errors)] ** 2
    return Combined(
        value=float(values[known].mean()),
        spread=float(np.std(values[known], ddof=1)) if fits > 1 else math.nan,
        md=math.sqrt(squared.mean()) if len(squared) else math.nan,
        fits=fits,
    )


@dataclass(frozen=True)
class Change:
    """How a number changed between two rungs, each of several fits, and the level at which that is judged.

    `orderings` is what orderings of a composition that change differently add to the variance of `delta`
    (`policies.stopping.orderings`), and `orderings_degrees` of how many degrees of freedom it is known.
    """

    previous: Combined
    last: Combined
    level: float = LEVEL
    orderings: float = 0.0
    orderings_degrees: int = 0

    @property
    def delta(self) -> float:
        """Last minus previous."""
        return self.last.value - self.previous.value

    @property
    def se(self) -> float:
        """Standard error of `delta`; NaN if a rung has one fit."""
        spread = self.previous.variance_spread + self.last.variance_spread
        return math.nan if math.isnan(spread) else math.sqrt(max(spread, self.se_md**2) + self.orderings)

    @property
    def se_md(self) -> float:
        """Standard error of `delta` from the dynamics alone."""
        return math.sqrt(self.previous.variance_md + self.last.variance_md)

    @property
    def degrees(self) -> float:
        """Degrees of freedom of `se`: Welch's of the fits and of the orderings."""
        if not (self.orderings > 0 and self.orderings_degrees and math.isfinite(self.se)):
            return self.degrees_of_fits
        parts = [self.se**2 - self.orderings, self.orderings]
        return float(welch(parts, [self.degrees_of_fits, self.orderings_degrees]))

    @property
    def degrees_of_fits(self) -> float:
        """Degrees of freedom of the spread between fits; 1 if a rung has one fit."""
        rungs = (self.previous, self.last)
        known = [rung.fits - 1 for rung in rungs]
        if min(known) < 1 or known[0] == known[1]:
            return float(max(1, sum(known)))
        return float(welch([rung.variance_spread for rung in rungs], known))

    @property
    def critical(self) -> float:
        """How many standard errors the error bar is wide: Student's t, one-sided."""
        return float(student(self.degrees, self.level))

    def best_se(self, extend: tuple[bool, bool] = (True, True)) -> float:
        """Return the standard error that may be left if the dynamics of some rungs were as long as one likes.

        A few fits tell their spread badly, and where the dynamics are short all of it may be theirs: it is taken at
        the lower end of its own error bar (84 %, one standard deviation) before the dynamics are taken off.

        Parameters
        ----------
        extend : tuple of bool
            Whether the dynamics of the previous and of the last rung may be longer.
        """
        gone = self._extended(extend)
        if not gone:
            return self.se
        least = self.degrees_of_fits / _chi_square_84(self.degrees_of_fits) * (self.se**2 - self.orderings)
        return math.sqrt(max(least - gone, self.se_md**2 - gone, 0.0) + self.orderings)

    def within_reach(self, tolerance: float, extend: tuple[bool, bool] = (True, True)) -> bool:
        """Return whether longer dynamics may show that the change is within a tolerance.

        With the error of the dynamics gone, `delta` may be smaller by about that error, and its error bar is what
        the fits leave (`best_se`). Within reach is what then fits into the tolerance. Dynamics that add less than a
        tenth of the variance of `delta` are long enough.

        Parameters
        ----------
        tolerance : float
            Change that does not matter.
        extend : tuple of bool
            Whether the dynamics of the previous and of the last rung may be longer.
        """
        gone = self._extended(extend)
        if not gone or not gone >= 0.1 * self.se**2:  # an error bar of NaN is not within reach either
            return False
        return max(0.0, abs(self.delta) - math.sqrt(gone)) + self.critical * self.best_se(extend) <= tolerance

    def _extended(self, extend: tuple[bool, bool]) -> float:
        """Return the variance of `delta` from the dynamics that may be longer."""
        return sum(rung.variance_md for rung, longer in zip((self.previous, self.last), extend, strict=True) if longer)


def _chi_square_84(degrees: float) -> float:
    """Return the 84 % point of the χ² distribution."""
    from scipy.special import chdtri

    return float(chdtri(degrees, 0.16))
