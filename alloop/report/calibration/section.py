"""The section of the report about what a disagreement means. Pure."""

from __future__ import annotations

from alloop.report.blocks import Block, Box, Cell, Heading, Paragraph, Section, grid, plot
from alloop.report.calibration.figures import AMONG, FEW_FRAMES, calibration_history, reliability
from alloop.state.state import CampaignState
from alloop.status.calibration import CalibrationStatus, Fared, grouped, instead, meaning_text
from alloop.status.numbers import finite, many
from alloop.tasks.contract.calibrate import CalibrateSummary
from policies.calibration.reliability import FOLDS
from policies.calibration.scales import COVERAGE, FORGETTING, LARGEST_WEIGHT
from policies.calibration.trust import (
    COVERAGE_RANGE,
    FEWEST_FRAMES,
    FEWEST_PROBES,
    FEWEST_WALKERS,
    LARGEST_RATIO,
    LEVEL,
)

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
    f"{LARGEST_RATIO:g} of the expected ones, in two one-sided tests at {100 * LEVEL:.0f} % that count walkers where "
    "frames of one walker err alike, and do not contradict a coverage of "
    f"{100 * COVERAGE_RANGE[0]:.0f} to {100 * COVERAGE_RANGE[1]:.0f} % by more than a standard error. That takes "
    f"labels worth {FEWEST_FRAMES} frames of the present committee, of {FEWEST_WALKERS} walkers, and "
    f"{FEWEST_PROBES} random frames."
)
BOUND = f"{100 * COVERAGE:.0f} % bound"


def calibration_section(state: CampaignState, status: CalibrationStatus | None) -> Section:
    """Return the section about the newest calibration, and how expected errors fared over the generations."""
    anchor, title = "calibration", "What does a disagreement mean?"
    if status is None:
        none = "No calibration was made yet: disagreements are taken as expected errors."
        return Section(anchor, title, (Paragraph(none, look="none"),), HOW_CALIBRATION)
    found = (
        "True against expected force errors of labels that were held back, in bins (on the dashed line they are equal, "
        f"in the band within a factor of {LARGEST_RATIO:g}), and how many errors lie below their {BOUND}. Bars are one "
        f"standard error; hollow points have fewer than {FEW_FRAMES} frames."
    )
    figure = reliability(state.calibrations[status.generation])
    drawn = plot("reliability", figure, found, "No label was held back yet.")
    blocks = (*calibration_words(state, status), *drawn, *calibration_tables(state, status), *_history(state))
    return Section(anchor, title, blocks, HOW_CALIBRATION)


def _history(state: CampaignState) -> tuple[Block, ...]:
    caption = (
        "Random frames by generation and species: true over expected error, and the share of errors below their "
        f"{BOUND}. Dashed: what was meant; shaded: good enough."
    )
    drawn = plot("calibration-history", calibration_history(state.calibrations), caption)
    return (Heading("Random frames, generation by generation"), *drawn) if drawn else ()


def calibration_words(state: CampaignState, status: CalibrationStatus) -> tuple[Block, ...]:
    """Return whether the newest calibration can be trusted, with the numbers that say so."""
    made = (
        f"Made for generation {status.generation} from {many(status.frames, 'labelled frame')}, "
        f"{status.probes} of them drawn at random, {status.heldout} held out."
    )
    blocks: list[Block] = []
    against = contradicting(status)
    if status.trusted and not against:
        blocks.append(Paragraph(f"{meaning_text(status)}. {made}", lead="Trusted:"))
    elif status.trusted:
        words = f"In use: {meaning_text(status)}. {made} The table below does not bear it out everywhere:"
        blocks.append(Box("Trusted with reservations", words, tuple(against), "fair"))
    else:
        so = f"As long as there is a doubt, {instead(status)}:"
        blocks.append(Box("Not trusted", f"{made} {so}", tuple(grouped(status.doubts)), "bad"))
        if status.elements_in_use:
            blocks.append(Paragraph(f"{meaning_text(status)}.", lead="In use, with no doubt found:"))
    beyond = _beyond(state, status)
    return (*blocks, Paragraph(beyond)) if beyond else tuple(blocks)


def contradicting(status: CalibrationStatus) -> list[str]:
    """Return the rows of the table of held-back labels that are not within the factor that trust asks for."""
    return [
        f"{row.species}, {AMONG.get(row.among, row.among)}: true / expected error is {row.ratio:.2f}"
        for row in status.fared
        if row.ratio is not None
        and row.species in status.elements_in_use
        and not 1 / LARGEST_RATIO <= row.ratio <= LARGEST_RATIO
    ]


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
    return f"Out of its range: {words}, the most it was fitted on{so}."


def maps_table(summary: CalibrateSummary) -> tuple[Block, ...]:
    """Return the map of every species, and the disagreements it was fitted between."""
    rows = []
    for name, one in summary.calibration.maps.items():
        typical = one.typical_eV_per_A
        rows.append(
            (
                name,
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
    title = "From disagreements to errors (eV/Å); errors are those at the typical disagreement"
    drawn = grid((*head, "Error / disagreement", "Share f that grows"), rows, range(1, 8), title)
    return (drawn,) if rows else ()


def fared_table(status: CalibrationStatus) -> tuple[Block, ...]:
    """Return how expected errors fared on labels that were held back, species by species."""
    order = {name: index for index, name in enumerate(AMONG)}
    fared = sorted(status.fared, key=lambda row: (row.species, order.get(row.among, len(order))))
    rows = [
        (
            row.species,
            AMONG.get(row.among, row.among),
            str(row.frames),
            str(row.atoms),
            f"{row.expected_eV_per_A:.3g}",
            f"{row.observed_eV_per_A:.3g}",
            _ratio(row),
            _coverage(row),
            Cell("not trusted", look="different") if status.doubts.get(row.species) else "",
        )
        for row in fared
    ]
    head = ("Species", "Among", "Frames", "Atoms", "Expected error", "True error", "True / expected")
    drawn = grid((*head, f"Below the {BOUND}", ""), rows, range(2, 8), "Labels that were held back (eV/Å)")
    return (drawn,) if rows else ()


def _ratio(row: Fared) -> str:
    if row.ratio is None:
        return "–"
    return f"{row.ratio:.2f} ± " + ("?" if row.se_ratio is None else f"{row.se_ratio:.2f}")


def _coverage(row: Fared) -> str:
    error = "?" if row.se_coverage is None else f"{100 * row.se_coverage:.1f}"
    return f"{100 * row.coverage:.1f} ± {error} %"


def calibration_tables(state: CampaignState, status: CalibrationStatus) -> tuple[Block, ...]:
    """Return the tables of the newest calibration."""
    return (*maps_table(state.calibrations[status.generation]), *fared_table(status))
