"""Two rungs of the ladder compared, metric by metric: held-out errors, then transport.

The error bar of a held-out error holds the spread between fits and between held-out walkers
(`policies.stopping.resampling`), that of transport the spread between fits and the error of the dynamics
(`policies.stopping.combination`).
"""

from __future__ import annotations

from policies.stopping.judgement import Judgement, judge_change
from policies.stopping.resampling import paired_standard_error, rmse
from policies.stopping.rungs import UNITS, RungEvidence, squared_errors
from policies.stopping.transport import TransportEvidence, judge_transport


def compare_rungs(
    previous: RungEvidence,
    last: RungEvidence,
    tolerance_energy: float,
    tolerance_forces: float,
    seed: int,
    resamples: int = 1000,
    *,
    tolerance_activation_energy_eV: float = 0.03,
    tolerance_ln_sigma: float = 0.35,
) -> tuple[Judgement, ...]:
    """Judge how the held-out errors and the transport of two rungs differ.

    The energy RMSE (meV/atom) and the force RMSE (meV/Å) are paired frame by frame. Then follow the activation energy
    (eV) and ln σ of every system of whose transport both rungs say something.

    Parameters
    ----------
    previous, last : RungEvidence
        Rungs evaluated on the same held-out frames, in the same order.
    tolerance_energy, tolerance_forces : float
        Change that does not matter, as a fraction of the previous rung's RMSE.
    seed : int
        Seed of the resampling.
    resamples : int
        Bootstrap resamples.
    tolerance_activation_energy_eV, tolerance_ln_sigma : float
        Change of the transport that does not matter (eV, and natural logarithm).

    Returns
    -------
    tuple of Judgement
        Energy RMSE, force RMSE, and two of every system. The error bars of the held-out errors are NaN, and nothing
        is found, if a rung has fewer than two fits or walkers.

    Raises
    ------
    ValueError
        If the held-out frames differ or there are none.
    """
    if previous.cluster != last.cluster:
        raise ValueError(f"rungs {previous.size} and {last.size} were evaluated on different held-out frames")
    if not (previous.fits and last.fits and last.frames):
        raise ValueError(f"rungs {previous.size} and {last.size}: no errors to compare")
    before, after = squared_errors(previous), squared_errors(last)
    tolerances = {"energy RMSE": tolerance_energy, "force RMSE": tolerance_forces}
    held_out = tuple(
        judge_change(
            metric,
            UNITS[metric],
            rmse(before[metric]),
            rmse(after[metric]),
            paired_standard_error(before[metric], after[metric], last.cluster, seed, resamples),
            relative=tolerance,
        )
        for metric, tolerance in tolerances.items()
    )
    transport = (
        judge_transport(*pair, tolerance_activation_energy_eV, tolerance_ln_sigma) for pair in _shared(previous, last)
    )
    return held_out + tuple(judgement for pair in transport for judgement in pair)


def _shared(previous: RungEvidence, last: RungEvidence) -> list[tuple[TransportEvidence, TransportEvidence]]:
    """Return the evidence of every system of which both rungs say something, in the order of the last one."""
    before = {evidence.system: evidence for evidence in previous.transport if not evidence.nothing()}
    return [
        (before[evidence.system], evidence)
        for evidence in last.transport
        if evidence.system in before and not evidence.nothing()
    ]
