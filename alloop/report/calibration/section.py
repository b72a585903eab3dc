"""The section of the report about what a disagreement means, as HTML. Every text is escaped. Pure."""

from __future__ import annotations

from alloop.report.calibration.figures import AMONG, FEW_FRAMES
from alloop.report.figure_style import text
from alloop.report.sections import table
from alloop.state.state import CampaignState
from alloop.status.calibration import CalibrationStatus, Fared, grouped, instead, meaning_text
from alloop.status.numbers import finite, many
from alloop.tasks.contract.calibrate import CalibrateSummary
from policies.calibration.reliability import FOLDS
from policies.calibration.scales import COVERAGE, FORGETTING, LARGEST_WEIGHT
from policies.calibration.trust import COVERAGE_RANGE, FEWEST_FRAMES, FEWEST_PROBES, LARGEST_RATIO, LEVEL

HOW_CALIBRATION = (
    "Every label comes with the disagreement of a committee that was not fitted on it: of training frames that of the "
    "committee that looked before they were chosen, of held-out frames, which set thresholds here and enter no fit, "
    "that of the present one. For each species the scale of the error of a force vector is fitted to them, "
    "σ(d) = s (1 − f + f d/d₀), with f the share that grows with the disagreement d, and with the heavy tails of a t "
    "distribution. A frame counts 1/probability of its selection, at most "
    f"{LARGEST_WEIGHT:g}; the atoms of one frame and species share one weight. Points: every frame is predicted by a "
    f"calibration that did not see its label ({FOLDS} folds), and bins hold about the same number of atoms. Error bars "
    "are one standard error over whole frames, for the atoms of a frame are not independent; a hollow point has fewer "
    f"than {FEW_FRAMES} frames, and one frame alone has no error bar. As predicted when chosen: the expected errors "
    "that frames were chosen by. Frames of a committee of fewer labels count (its labels / those of the present "
    f"one)^{FORGETTING}. A species is trusted once held-back labels show that its true errors are within a factor of "
    f"{LARGEST_RATIO:g} of the expected ones, in two one-sided tests at {100 * LEVEL:.0f} %, and do not contradict a "
    f"coverage of {100 * COVERAGE_RANGE[0]:.0f} to {100 * COVERAGE_RANGE[1]:.0f} % by more than a standard error. That "
    f"takes labels worth {FEWEST_FRAMES} frames of the present committee and {FEWEST_PROBES} random frames."
)
BOUND = f"{100 * COVERAGE:.0f} % bound"


def calibration_words(state: CampaignState, status: CalibrationStatus) -> str:
    """Return whether the newest calibration can be trusted, with the numbers that say so."""
    made = (
        f"Made for generation {status.generation} from {many(status.frames, 'labelled frame')}, "
        f"{status.probes} of them drawn at random, {status.heldout} held out."
    )
    if status.trusted:
        words = f"<p><b>Trusted:</b> {text(meaning_text(status), 600)}. {text(made)}</p>"
    else:
        so = text(f"As long as there is a doubt, {instead(status)}:")
        doubts = "".join(f"<li>{text(doubt, 600)}</li>" for doubt in grouped(status.doubts))
        words = f'<div class="verdict bad"><b>Not trusted</b>{text(made)} {so}<ul>{doubts}</ul></div>'
        if status.elements_in_use:
            words += f"<p><b>Trusted:</b> {text(meaning_text(status), 600)}.</p>"
    return words + _beyond(state, status)


def _beyond(state: CampaignState, status: CalibrationStatus) -> str:
    """Return how many frames disagreed more than anything the calibration was fitted on."""
    maps = state.calibrations[status.generation].calibration.maps
    if not maps:
        return ""
    highest = max(one.highest_eV_per_A for one in maps.values())
    offered = [
        value
        for frame in state.frames.values()
        if frame.generation is not None and frame.generation >= status.generation
        if (value := finite(frame.offer.disagreement_eV_per_A)) is not None
    ]
    if not offered:
        return ""
    beyond = sum(value > highest for value in offered)
    so = "; their expected errors are extrapolated" if beyond and status.elements_in_use else ""
    words = f"{beyond} of {many(len(offered), 'frame')} offered since disagree by more than {highest:.3g} eV/Å"
    return f"<p>{text(f'Out of its range: {words}, the most it was fitted on{so}.', 300)}</p>"


def maps_table(summary: CalibrateSummary) -> str:
    """Return the map of every species, and the disagreements it was fitted between."""
    rows = []
    for name, one in summary.calibration.maps.items():
        typical = one.typical_eV_per_A
        rows.append(
            (
                text(name),
                f"{one.frames} ({one.effective_frames:.0f})",
                f"{one.lowest_eV_per_A:.2g} to {one.highest_eV_per_A:.2g}",
                f"{typical:.3g}",
                f"{float(one.expected_error(typical)):.3g}",
                f"{float(one.bound(typical)):.3g}",
                f"{float(one.expected_error(typical)) / typical:.3g}" if typical > 0 else "–",
                f"{100 * one.share:.0f} %",
            )
        )
    head = ("Species", "Frames (effective)", "Fitted between", "Typical disagreement", "Expected error", BOUND)
    drawn = table((*head, "Error / disagreement", "Share f"), rows, numeric=range(1, 8))
    title = "From disagreements to errors (eV/Å); errors are those at the typical disagreement"
    return f"<h3>{title}</h3>{drawn}" if rows else ""


def fared_table(status: CalibrationStatus) -> str:
    """Return how expected errors fared on labels that were held back, species by species."""
    order = {name: index for index, name in enumerate(AMONG)}
    fared = sorted(status.fared, key=lambda row: (row.species, order.get(row.among, len(order))))
    rows = [
        (
            text(row.species),
            text(AMONG.get(row.among, row.among)),
            str(row.frames),
            str(row.atoms),
            f"{row.expected_eV_per_A:.3g}",
            f"{row.observed_eV_per_A:.3g}",
            _ratio(row),
            _coverage(row),
            text(status.doubts.get(row.species, "")) and '<span class="different">not trusted</span>',
        )
        for row in fared
    ]
    head = ("Species", "Among", "Frames", "Atoms", "Expected error", "True error", "True / expected")
    drawn = table((*head, f"Below the {BOUND}", ""), rows, numeric=range(2, 8))
    return f"<h3>Labels that were held back (eV/Å)</h3>{drawn}" if rows else ""


def _ratio(row: Fared) -> str:
    if row.ratio is None:
        return "–"
    said = f"{row.ratio:.2f} ± " + ("?" if row.se_ratio is None else f"{row.se_ratio:.2f}")
    return text(said)


def _coverage(row: Fared) -> str:
    error = "?" if row.se_coverage is None else f"{100 * row.se_coverage:.1f}"
    return text(f"{100 * row.coverage:.1f} ± {error} %")


def calibration_tables(state: CampaignState, status: CalibrationStatus) -> str:
    """Return the tables of the newest calibration."""
    return maps_table(state.calibrations[status.generation]) + fared_table(status)
