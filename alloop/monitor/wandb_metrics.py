"""The metrics of a run of Weights & Biases: what each is called, its unit, and what it says. Imports nothing.

A part of a name in capitals stands for a word of the campaign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLACES = {
    "ELEMENT": "[A-Z][a-z]?(?:/[a-z]+)?",
    "SPECIES": "[^/]+",
    "REASON": ".+",
    "SUBLATTICE": ".+",
    "SIZE": r"\d+",
}


@dataclass(frozen=True)
class Metric:
    """A metric: its name, its unit (empty for counts and words), and what it says."""

    name: str
    unit: str
    says: str

    def fits(self, name: str) -> bool:
        """Return whether a name in a row is one of this metric."""
        parts = re.split(f"({'|'.join(_PLACES)})", self.name)
        return re.fullmatch("".join(_PLACES.get(part, re.escape(part)) for part in parts), name) is not None


@dataclass(frozen=True)
class Group:
    """Metrics that come together.

    Attributes
    ----------
    when : str
        Which events of the journal have a row with them.
    """

    title: str
    when: str
    metrics: tuple[Metric, ...]


ROWS = (
    Group(
        "Every row",
        "each row; one event of the journal is one row",
        (
            Metric(
                "labels", "", "training labels behind the row: of the rung, of the committee, or of the campaign now"
            ),
            Metric("seq", "", "number of the event in the journal, and the step of W&B"),
            Metric("wall_h", "h", "running time; pauses between runs are not counted"),
            Metric("alert", "", "title of the alert that the event raised"),
        ),
    ),
    Group(
        "Counts",
        "a label ended or failed, an attempt broke, a verdict",
        (
            Metric("count/heldout", "", "held-out labels"),
            Metric("count/failed_labels", "", "labels that failed"),
            Metric("count/rejected_frames", "", "frames rejected for good"),
            Metric("count/broken_tasks", "", "attempts that broke and were made again"),
            Metric("dft/core_hours", "core-h", "spent on DFT"),
        ),
    ),
    Group(
        "Labels",
        "a label ended",
        (
            Metric("label/system", "", "system of the frame"),
            Metric("label/walker", "", "MD run that it comes from: system, temperature of the thermostat, replica"),
            Metric("label/temperature_K", "K", "kinetic temperature of the frame"),
            Metric("label/generation", "", "committee that drove the run"),
            Metric("label/why", "", "why it was chosen"),
            Metric("label/use", "", "train or heldout"),
            Metric("label/disagreement_eV_per_A", "eV/Å", "largest of an atom when the frame was offered"),
            Metric("label/max_force_eV_per_A", "eV/Å", "largest force of the label"),
            Metric("label/scf_iterations", "", "SCF steps"),
            Metric("label/core_s", "core-s", "time of the label"),
        ),
    ),
    Group(
        "Exploration",
        "an MD task ended",
        (
            Metric("explore/walkers", "", "walkers of the task"),
            Metric("explore/steps", "", "MD steps of all of them"),
            Metric("explore/temperature_K", "K", "of the thermostat, if all walkers have the same"),
            Metric("explore/mean_temperature_K", "K", "kinetic, mean over the walkers"),
            Metric("explore/max_disagreement_eV_per_A", "eV/Å", "largest that was seen"),
            Metric("explore/looks", "", "frames that the whole committee looked at"),
            Metric("explore/offers", "", "frames offered"),
            Metric("explore/gated", "", "frames that did not pass the gate"),
            Metric("explore/gated_for/REASON", "", "of them, for this reason"),
            Metric("explore/ended", "", "why the walkers ended"),
            Metric("explore/swaps/SUBLATTICE", "", "attempted swaps of ions of a sublattice"),
            Metric("explore/swaps_accepted/SUBLATTICE", "", "of them, accepted"),
        ),
    ),
    Group(
        "Selection",
        "a selection",
        (
            Metric("select/chosen", "", "frames chosen"),
            Metric("select/rejected", "", "frames rejected for good"),
            Metric("select/candidates_left", "", "frames that wait for the next selection"),
            Metric("select/chosen_for/REASON", "", "chosen for this reason"),
            Metric("select/rejected_for/REASON", "", "rejected for this reason"),
        ),
    ),
    Group(
        "Fits",
        "a refit begins (`generation/`), a leader's fit ended (`leader/`), another fit ended (`fit/`)",
        (
            Metric("generation/number", "", "number of the committee"),
            Metric("generation/rung", "", "rung whose first fit is its leader"),
            *(
                Metric(f"{group}/{name}", unit, says)
                for group in ("leader", "fit")
                for name, unit, says in (
                    ("generation", "", "number of the committee"),
                    ("member", "", "member of the committee; 0 leads"),
                    ("rung", "", "rung that it is a fit of"),
                    ("steps", "", "optimiser steps"),
                    ("watched", "", "which frames the errors below are of: valid or train"),
                    ("rmse_energy_meV_per_atom", "meV/atom", "energy RMSE at the last check"),
                    ("rmse_forces_meV_per_A", "meV/Å", "force RMSE at the last check"),
                )
            ),
        ),
    ),
    Group(
        "Rungs",
        "a rung was judged on held-out frames",
        (
            Metric("heldout/frames", "", "held-out frames"),
            Metric("heldout/fits", "", "fits of the rung"),
            Metric("heldout/force_rmse_meV_per_A", "meV/Å", "force RMSE"),
            Metric("heldout/force_rmse_se_meV_per_A", "meV/Å", "its standard error"),
            Metric("heldout/energy_rmse_meV_per_atom", "meV/atom", "energy RMSE"),
            Metric("heldout/energy_rmse_se_meV_per_atom", "meV/atom", "its standard error"),
            Metric("charts/learning_curve", "", "plot: errors by number of labels, as in the report"),
            Metric("charts/fits", "", "plot: errors of every fit of every rung, step by step"),
            Metric("charts/parity", "", "plot: forces and energies of the exported model against those of DFT"),
        ),
    ),
    Group(
        "Calibration",
        "expected errors were calibrated; ELEMENT/selected is of selected frames, ELEMENT of random probes",
        (
            Metric("calibration/generation", "", "committee"),
            Metric("calibration/frames", "", "frames it rests on"),
            Metric("calibration/probes", "", "of them drawn at random"),
            Metric("calibration/trusted", "", "1 if expected errors can be trusted, else 0"),
            Metric("calibration/at_disagreement_eV_per_A", "eV/Å", "disagreement at which expected errors are told"),
            Metric("calibration/SPECIES/expected_error_eV_per_A", "eV/Å", "expected error there"),
            Metric("calibration/ELEMENT/ratio", "", "observed by expected error"),
            Metric("calibration/ELEMENT/ratio_se", "", "its standard error"),
            Metric("calibration/ELEMENT/coverage", "", "share of errors within the expected one"),
            Metric("calibration/ELEMENT/coverage_se", "", "its standard error"),
            Metric("calibration/reliability", "", "plot: observed by expected error"),
        ),
    ),
    Group(
        "Verdict",
        "the verdict",
        (
            Metric("verdict", "", "converged, ladder_exhausted, budget_spent or stopped"),
            Metric("reason", "", "why, in a sentence"),
        ),
    ),
)

SUMMARY = Group(
    "Summary",
    "the newest value, beside the last of every metric above",
    (
        Metric("verdict", "", "as above"),
        Metric("reason", "", "as above"),
        Metric("advice", "", "what limits the campaign, the key to change, what that gives and costs"),
        Metric("rung_SIZE/force_rmse_meV_per_A", "meV/Å", "force RMSE of the rung on today's held-out frames"),
        Metric("rung_SIZE/force_rmse_se_meV_per_A", "meV/Å", "its standard error"),
        Metric("rung_SIZE/energy_rmse_meV_per_atom", "meV/atom", "energy RMSE of the rung"),
        Metric("rung_SIZE/energy_rmse_se_meV_per_atom", "meV/atom", "its standard error"),
    ),
)


def known(name: str) -> Metric | None:
    """Return the metric of a name in a row, or None.

    Examples
    --------
    >>> known("select/chosen_for/disagreement").says
    'chosen for this reason'
    """
    return next((metric for group in ROWS for metric in group.metrics if metric.fits(name)), None)
