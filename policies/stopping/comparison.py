"""Compare two rungs of the ladder, metric by metric: held-out errors, then transport.

The error bar of a held-out error holds the spread between fits and between held-out walkers
(`policies.stopping.clustered`), that of transport the spread between fits and the error of the dynamics
(`policies.stopping.combination`).
"""

from __future__ import annotations

from policies.stopping.clustered import paired_error_bar, rmse
from policies.stopping.judgement import Judgement, judge_change
from policies.stopping.rungs import UNITS, RungEvidence, squared_errors
from policies.stopping.significance import LEVEL, student
from policies.stopping.transport import TransportEvidence, TransportTolerances, judge_transport


def compare_rungs(
    previous: RungEvidence,
    last: RungEvidence,
    tolerance_energy: float,
    tolerance_forces: float,
    *,
    floor_energy_meV_per_atom: float = 0.0,
    floor_forces_meV_per_A: float = 0.0,
    level: float = LEVEL,
    **tolerances: float,
) -> tuple[Judgement, ...]:
    """Judge how the held-out errors and the transport of two rungs differ.

    The energy RMSE (meV/atom) and the force RMSE (meV/Å) are paired frame by frame. Then follow the quantities of
    transport (`policies.stopping.transport.QUANTITIES`) of every system that both rungs have transport of.

    Parameters
    ----------
    previous, last : RungEvidence
        Rungs evaluated on the same held-out frames, in the same order.
    tolerance_energy, tolerance_forces : float
        Change that does not matter, as a fraction of the previous rung's RMSE.
    floor_energy_meV_per_atom, floor_forces_meV_per_A : float
        Change that does not matter, however small the RMSE is (meV/atom, meV/Å).
    level : float
        Probability with which a metric that moved by just its tolerance is found to agree; on a ladder that of
        `policies.stopping.significance.level_of`.
    **tolerances : float
        Changes of the transport that do not matter, see `policies.stopping.transport.TransportTolerances`.

    Returns
    -------
    tuple of Judgement
        Energy RMSE, force RMSE, and the quantities of every system. The error bars of the held-out errors are NaN, and
        nothing is found, if a rung has fewer than two fits or walkers.

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
    relative = {"energy RMSE": tolerance_energy, "force RMSE": tolerance_forces}
    floors = {"energy RMSE": floor_energy_meV_per_atom, "force RMSE": floor_forces_meV_per_A}
    bars = {metric: paired_error_bar(before[metric], after[metric], last.cluster) for metric in relative}
    held_out = tuple(
        judge_change(
            metric,
            UNITS[metric],
            rmse(before[metric]),
            rmse(after[metric]),
            bars[metric].se,
            relative=tolerance,
            floor=floors[metric],
            critical=float(student(bars[metric].degrees, level)),
            level=level,
        )
        for metric, tolerance in relative.items()
    )
    allowed = TransportTolerances(**tolerances)
    systems = (judge_transport(*pair, allowed, level) for pair in _shared(previous, last))
    return held_out + tuple(judgement for system in systems for judgement in system)


def _shared(previous: RungEvidence, last: RungEvidence) -> list[tuple[TransportEvidence, TransportEvidence]]:
    """Return the transport of every system that both rungs have measured, in the order of the last rung."""
    before = {evidence.system: evidence for evidence in previous.transport if not evidence.nothing()}
    return [
        (before[evidence.system], evidence)
        for evidence in last.transport
        if evidence.system in before and not evidence.nothing()
    ]
