"""Synthetic ladders: rungs whose truth is known, with the errors of fits and of dynamics."""

from dataclasses import replace

from benchmarks.stopping import Production, heldout

SIZES = (50, 100, 500, 1000, 2500)


def evidence_of(energy_eV, ln_sigma, rng, **shape):
    """Transport of one rung; see `Production`."""
    return Production(energy_eV, ln_sigma, rng, **shape).measure()


def ladder_of(energies_eV, ln_sigmas, rng, *, sizes=SIZES, can_extend=False, **shape):
    """Rungs with the true transport given, one by one."""
    return [
        replace(
            heldout(size, rng, fits=shape.get("fits", 3)),
            can_extend=can_extend,
            transport=(evidence_of(energy, sigma, rng, **shape),),
        )
        for size, energy, sigma in zip(sizes, energies_eV, ln_sigmas, strict=False)
    ]
