"""The Haven ratio in logarithms, with the covariance of its two diffusivities."""

from __future__ import annotations

import math

from alloop.transport.diffusion import Diffusivity
from alloop.transport.results import Measured


def ln_haven(tracer: Diffusivity, charge: Diffusivity, ions: int) -> Measured:
    """Return ln(D_tracer / D_charge) and its standard error.

    Both diffusivities come from the same displacements, so their errors go together. For ions that move as Gaussian
    processes, each correlated alike with all others, one finds with H = D_tracer / D_charge for N ions::

        cov(ln D_tracer, ln D_charge) = var(ln D_charge) / (N H)

    which is the variance of D_tracer where ions move independently (H = 1), and all of that of D_charge where they move
    as one (H = 1/N).

    Parameters
    ----------
    tracer, charge : Diffusivity
        Diffusivity of single ions and of their sum, from the same runs and both above zero.
    ions : int
        Mobile ions in a run.
    """
    value = math.log(tracer.D_cm2_s / charge.D_cm2_s)
    single, summed = tracer.relative_se, charge.relative_se
    shared = min(summed**2 / (ions * math.exp(value)), single * summed)
    return Measured(value=value, se=math.sqrt(max(single**2 + summed**2 - 2 * shared, 0.0)))
