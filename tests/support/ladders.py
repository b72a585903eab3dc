"""Synthetic ladders: rungs whose truth is known, with the errors of fits and of dynamics."""

from dataclasses import replace

import numpy as np

from policies.rungs import RungEvidence
from policies.transport import TransportEvidence

SIZES = (50, 100, 500, 1000, 2500)


def evidence_of(energy_eV, ln_sigma, rng, *, fits=3, fit_sd=0.03, md=0.03, system="Li3InCl6", per_eV=20.0):
    """Transport of one rung; `fit_sd` and `md` are the errors of ln σ of one fit, those of Ea `per_eV` times smaller.

    The dynamics know their own error only roughly, as ten independent blocks would.
    """
    return Production(energy_eV, ln_sigma, rng, fits=fits, fit_sd=fit_sd, md=md, system=system, per_eV=per_eV).measure()


class Production:
    """Production runs of one rung's fits, which can go on."""

    def __init__(self, energy_eV, ln_sigma, rng, *, fits=3, fit_sd=0.03, md=0.03, system="Li3InCl6", per_eV=20.0):
        self.rng, self.md, self.system, self.length = rng, md, system, 1
        self.unit = np.array([[1 / per_eV], [1.0]])
        self.model = np.array([[energy_eV], [ln_sigma]]) + self.unit * rng.normal(0, fit_sd, (2, fits))
        self.noise = rng.normal(0, md, (2, fits))

    def extend(self):
        """Run for as long again."""
        self.noise = (self.noise + self.rng.normal(0, self.md / self.length**0.5, self.noise.shape)) / 2
        self.length *= 2

    def measure(self):
        """Return what the runs say so far."""
        stated = np.sqrt(self.rng.chisquare(10 * self.length, self.noise.shape) / 10) * self.md / self.length
        (energy, sigma), (se_energy, se_sigma) = self.model + self.unit * self.noise, self.unit * stated
        return TransportEvidence(self.system, energy, se_energy, sigma, se_sigma)


def heldout_of(size, rng, *, fits=3, walkers=8, scale=1.0, can_extend=False):
    """A rung with held-out errors in proportion to `scale`, all but the same on every walker and fit."""
    error = scale * (1 + 0.02 * rng.normal(size=(fits, 2 * walkers)))
    cluster = tuple(f"w{i}" for i in range(walkers) for _ in range(2))
    return RungEvidence(size, -0.002 * error, (0.05 * error) ** 2, cluster, can_extend=can_extend)


def ladder_of(energies_eV, ln_sigmas, rng, *, sizes=SIZES, can_extend=False, **shape):
    """Rungs with the true transport given, one by one."""
    return [
        replace(
            heldout_of(size, rng, fits=shape.get("fits", 3), can_extend=can_extend),
            transport=(evidence_of(energy, sigma, rng, **shape),),
        )
        for size, energy, sigma in zip(sizes, energies_eV, ln_sigmas, strict=False)
    ]
