"""Whether the expected errors of a campaign were the true ones.

    python -m benchmarks.calibration runs/CAMPAIGN                     the tables of docs/calibration.md
    python -m benchmarks.calibration runs/CAMPAIGN --figure plot.svg   and its reliability plot

All labels that a committee had looked at before count. Held back: each frame is predicted by a calibration that did not
see its label. As made: by the calibration that was in use when the frame was chosen.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from alloop import build
from alloop.commands.campaigns import folded
from alloop.tasks.calibrate import calibrate
from alloop.tasks.calibrations import CalibrateSummary
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace
from policies.reliability import COVERAGE_RANGE, LARGEST_RATIO, ReliabilityRow

LOOKS = {"probe": ("o", "#1f77b4", "random probes"), "selected": ("s", "#d62728", "selected frames")}


def calibrated(root: Path) -> CalibrateSummary:
    """Return what all labels of a campaign say of its committees."""
    request = build.calibrate(folded(root))
    return CalibrateSummary.model_validate(calibrate(request, Workspace(root), Machine())[0])


def lines(title: str, rows: Sequence[ReliabilityRow]) -> list[str]:
    """Return a table in Markdown, errors in meV/Å."""
    head = f"| {title} | expected | true | true / expected | below the 90 % bound | atoms | frames |"
    table = [head, "|---|---|---|---|---|---|---|"]
    for row in rows:
        error = "" if row.se_observed_eV_per_A is None else f" ± {1000 * row.se_observed_eV_per_A:.1f}"
        spread = "" if row.se_coverage is None else f" ± {100 * row.se_coverage:.0f}"
        name = LOOKS[row.among][2] + (f", {row.species}" if row.species else "")
        table.append(
            f"| {name} | {1000 * row.predicted_eV_per_A:.1f} | {1000 * row.observed_eV_per_A:.1f}{error} "
            f"| {row.observed_eV_per_A / row.predicted_eV_per_A:.2f} | {100 * row.coverage:.0f}{spread} % "
            f"| {row.atoms} | {row.frames} |"
        )
    return table


def within(rows: Sequence[ReliabilityRow]) -> str:
    """Return how many bins keep to the limits."""
    low, high = COVERAGE_RANGE
    true = sum(1 / LARGEST_RATIO <= row.observed_eV_per_A / row.predicted_eV_per_A <= LARGEST_RATIO for row in rows)
    covered = sum(low <= row.coverage <= high for row in rows)
    return (
        f"{true} of {len(rows)} bins within a factor of {LARGEST_RATIO:g}, {covered} with a coverage between "
        f"{100 * low:.0f} and {100 * high:.0f} %, {min((row.frames for row in rows), default=0)} frames or more in each"
    )


def draw(summary: CalibrateSummary, file: Path) -> None:
    """Write the reliability plot."""
    figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.8), sharey=True)
    for axis, (title, rows) in zip(axes, (("held back", summary.table), ("as made", summary.made)), strict=True):
        ends = [value for row in rows for value in (row.predicted_eV_per_A, row.observed_eV_per_A)] or [0.01, 1.0]
        line = [0.7 * min(ends), 1.4 * max(ends)]
        axis.plot(line, line, color="black", linewidth=0.8)
        axis.fill_between(line, [y / LARGEST_RATIO for y in line], [y * LARGEST_RATIO for y in line], alpha=0.12)
        for among, (marker, colour, name) in LOOKS.items():
            some = [row for row in rows if row.among == among]
            axis.errorbar(
                [row.predicted_eV_per_A for row in some],
                [row.observed_eV_per_A for row in some],
                yerr=[row.se_observed_eV_per_A or 0.0 for row in some],
                fmt=marker,
                color=colour,
                label=name,
                markersize=4,
            )
        axis.set(xscale="log", yscale="log", title=title, xlabel="expected error (eV/Å)")
    axes[0].set_ylabel("true error (eV/Å)")
    axes[0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    """Print the tables, and draw the plot where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path, help="its folder")
    parser.add_argument("--figure", type=Path, help="an SVG file to write")
    asked = parser.parse_args()
    summary = calibrated(asked.campaign)
    print(f"{summary.frames} labels, {summary.probes} of them random probes")
    print("trusted" if summary.trusted else f"not trusted: {dict(summary.doubts)}")
    for title, rows in (("held back", summary.table), ("as made", summary.made), ("by element", summary.overall)):
        print("\n".join(["", *lines(title, rows), "", within(rows)]))
    if asked.figure is not None:
        draw(summary, asked.figure)


if __name__ == "__main__":
    main()
