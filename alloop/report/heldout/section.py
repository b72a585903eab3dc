"""The section of the report about what the exported model predicts for held-out frames. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from alloop.report.blocks import Block, Paragraph, Section, grid, plot
from alloop.report.heldout.data import Heldout
from alloop.report.heldout.errors import ErrorRow, by_element, by_force, by_temperature
from alloop.report.heldout.figures import error_by_force, parity
from alloop.status.numbers import plus_minus

HOW = (
    "The first fit of the largest rung, which is the model that is exported, on the held-out frames: no fit has seen "
    "them. A panel per system; on the dashed line, prediction and label are equal. Energies count from "
    "the mean of the labels of the system. Temperatures are those of the thermostats of the MD runs that the frames "
    "come from. "
    "Force scale: the root mean square of the forces themselves, which is the error of a model that predicts none. "
    "Error bars are one standard error over frames, of this one model alone; those of the rungs above are over all "
    "fits and are what the verdict is made of."
)

FORCE_CAPTION = (
    "Error of a force component against the size of the labelled force on the atom, in bins of equally many atoms; "
    "bars are one standard error over frames. The dashed line is a model that predicts no forces."
)


def heldout_section(found: Heldout) -> tuple[Section, ...]:
    """Return the parity plots and errors by system, temperature and element; nothing without frames."""
    if not found.frames:
        return ()
    frames = found.frames
    caption = (
        "The model against the labels of held-out frames: force components, a colour per element, and energies, a "
        "colour per temperature."
    )
    missing = "No predicted forces are kept of this evaluation, so they have no parity plot."
    kept = any(frame.predicted_eV_per_A is not None for frame in frames)
    elements = by_element(frames)
    blocks: tuple[Block, ...] = (
        Paragraph(f"The model that is exported, fitted on {found.size} labels, on {len(frames)} held-out frames."),
        *plot("parity", parity(frames), caption),
        *(() if kept else (Paragraph(missing, look="none"),)),
        *plot("error-by-force", error_by_force(by_force(frames)), FORCE_CAPTION),
        _temperatures(by_temperature(frames)),
        *((_elements(elements),) if elements else ()),
    )
    return (Section("parity-section", "How good is the model, and where?", blocks, HOW),)


def _temperatures(rows: Sequence[ErrorRow]) -> Block:
    cells = [
        (
            row.system,
            row.of,
            str(row.frames),
            plus_minus(row.forces_meV_per_A, row.se_forces_meV_per_A, "meV/Å"),
            *_scale(row),
            plus_minus(row.energy_meV_per_atom, row.se_energy_meV_per_atom, "meV/atom"),
        )
        for row in rows
    ]
    head = ("System", "Temperature", "Frames", "Force RMSE", "Force scale", "Error / scale", "Energy RMSE")
    return grid(head, cells, range(1, 7), "Errors by system and temperature")


def _elements(rows: Sequence[ErrorRow]) -> Block:
    cells = [
        (
            row.system,
            row.of,
            str(row.frames),
            str(row.components),
            plus_minus(row.forces_meV_per_A, row.se_forces_meV_per_A, "meV/Å"),
            *_scale(row),
        )
        for row in rows
    ]
    head = ("System", "Element", "Frames", "Force components", "Force RMSE", "Force scale", "Error / scale")
    return grid(head, cells, range(2, 7), "Force errors by element")


def _scale(row: ErrorRow) -> tuple[str, str]:
    scale = row.scale_meV_per_A
    return f"{scale:.3g} meV/Å", f"{100 * row.forces_meV_per_A / scale:.3g} %" if scale else "–"
