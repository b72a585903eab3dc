"""Whether the expected errors of a campaign were the true ones.

    python -m benchmarks.calibration runs/CAMPAIGN                     the tables of docs/calibration.md
    python -m benchmarks.calibration runs/CAMPAIGN --figure plot.svg   and its reliability plot

All labels that a committee had looked at before count, and the held-out frames as the last committee sees them. Held
back: each frame is predicted by a calibration that did not see its label. Walking forward: by a calibration on the
labels of all selections before its own, from the twentieth on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

from alloop.decisions import task_requests
from alloop.reading import read
from alloop.tasks.kinds.calibrate import Labelled, counted, heldout_frames, labelled_frames, points_of
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace
from policies.calibration.reliability import ReliabilityRow, calibrate, reliability
from policies.calibration.scales import Points, fit_calibration, memory
from policies.calibration.trust import COVERAGE_RANGE, LARGEST_RATIO

FEWEST_BEFORE = 20
LOOKS = {"probe": ("o", "#1f77b4", "random probes"), "selected": ("s", "#d62728", "selected frames")}


def forward(frames: Sequence[Labelled], now: int) -> Points:
    """Return the points of frames for a committee of so many labels."""
    return points_of(list(frames), memory([frame.frame.labels or 0 for frame in frames], now))


def walking_forward(frames: Sequence[Labelled]) -> tuple[ReliabilityRow, ...]:
    """Return what errors were where calibrations on earlier labels expected them."""
    asked: list[Labelled] = []
    expected, bound = [np.empty(0)], [np.empty(0)]
    order = list(dict.fromkeys(frame.frame.selection for frame in frames))
    for place, selection in enumerate(order):
        before = [frame for frame in frames if frame.frame.selection in order[:place]]
        now = [frame for frame in frames if frame.frame.selection == selection]
        if len(before) >= FEWEST_BEFORE:
            labels = max(frame.frame.labels or 0 for frame in now)
            known, points = fit_calibration(forward(before, labels)), points_of(now)
            asked += now
            expected.append(known.expected_error(points.species, points.disagreement_eV_per_A))
            bound.append(known.bound(points.species, points.disagreement_eV_per_A))
    return reliability(points_of(asked), np.concatenate(expected), np.concatenate(bound))


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


def draw(tables: dict[str, tuple[ReliabilityRow, ...]], file: Path) -> None:
    """Write the reliability plot."""
    figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.8), sharey=True)
    for axis, (title, rows) in zip(axes, tables.items(), strict=True):
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
    request, workspace = task_requests.calibrate(read(asked.campaign).state), Workspace(asked.campaign)
    frames = labelled_frames(request, workspace)
    everything = [*frames, *heldout_frames(request, workspace, Machine())]
    report = calibrate(points_of(everything, counted(request, everything)))
    print(f"{len(everything)} labels, {sum(frame.frame.probe for frame in everything)} of random frames")
    print("trusted" if report.trusted else f"not trusted: {dict(report.doubts)}")
    tables = {"held back": report.table, "walking forward": walking_forward(frames)}
    for title, rows in (*tables.items(), ("held back, by element", report.overall)):
        print("\n".join(["", *lines(title, rows), "", within(rows)]))
    if asked.figure is not None:
        draw(tables, asked.figure)


if __name__ == "__main__":
    main()
