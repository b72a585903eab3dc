"""Estimate what a campaign would compute and cost, before anything runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from alloop.checks.initial_data import NOTHING, Brought, labels_brought, read_initial_data
from alloop.checks.isolated_atoms import isolated_atoms
from alloop.checks.structures import compositions_of, read_systems, with_all_systems
from alloop.config.campaign import CampaignConfig
from alloop.config.loading import LoadedConfig
from alloop.config.machine import BatchExecutor
from alloop.labelling.registry import engine_of
from alloop.materials.structure import Structure, symbols_of
from alloop.materials.supercell import face_distances, repeats_for


@dataclass(frozen=True)
class SystemProjection:
    """One system's part.

    Attributes
    ----------
    name, formula : str
        How the config and a chemist call it.
    atoms, electrons : int
        In the cell that is labelled, core electrons included.
    elements : tuple of str
        Chemical symbols by atomic number.
    walkers : int
        Exploring walkers.
    labels : float
        Its even share of the DFT labels of its composition, which all have equal shares.
    label_s : float or None
        Time of one label on one core (s), where it was measured.
    composition : str
        The composition that it is an ordering of, or its own name.
    per_cell : str
        What of the label settings depends on its cell, in words.
    """

    name: str
    formula: str
    atoms: int
    electrons: int
    elements: tuple[str, ...]
    walkers: int
    labels: float
    label_s: float | None
    composition: str = ""
    per_cell: str = ""


@dataclass(frozen=True)
class MeasuredCell:
    """The supercell in which a system's transport is measured: its shortest distance between periodic faces (Å)."""

    system: str
    repeat: tuple[int, int, int]
    atoms: int
    width_A: float
    narrow: bool


@dataclass(frozen=True)
class Projection:
    """What a campaign takes that climbs its whole ladder.

    Attributes
    ----------
    systems : tuple of SystemProjection
        In the order of the config.
    elements : tuple of str
        Chemical symbols of all systems and imported labels.
    rungs : tuple of int
        Training labels of each rung.
    training_labels, heldout_labels, imported_labels : int
        Labels of the top rung that DFT computes, its held-out labels, and labels that `data` imports.
    labels : int
        DFT labels, held-out ones included.
    atom_energies : int
        Isolated atoms.
    fits, segments : int
        Fits of members and rungs, about; segments of molecular dynamics, at least.
    label_slots : int
        Labels that run at the same time.
    dft_core_hours, dft_wall_h : float or None
        All labels on one core each (core-hours), and the time they take on `label_slots` workers (h); None unless a
        label was timed. The isolated atoms are not in it.
    shortfalls : tuple of str
        Budgets that do not suffice, one line each.
    measured : tuple of MeasuredCell
        Where transport is measured; empty without a ``measure`` section.
    """

    systems: tuple[SystemProjection, ...]
    elements: tuple[str, ...]
    rungs: tuple[int, ...]
    training_labels: int
    heldout_labels: int
    imported_labels: int
    labels: int
    atom_energies: int
    fits: int
    segments: int
    label_slots: int
    dft_core_hours: float | None
    dft_wall_h: float | None
    shortfalls: tuple[str, ...]
    measured: tuple[MeasuredCell, ...] = ()


def project(
    loaded: LoadedConfig, *, label_s: Mapping[str, float] | float | None = None, brought: Brought | None = None
) -> Projection:
    """Return what a campaign that climbs its whole ladder would take.

    Parameters
    ----------
    loaded : LoadedConfig
        A config that passed its cross-check.
    label_s : mapping, float or None
        Measured time of one label on one core (s): by the name of the system, or one for all.
    brought : Brought or None
        The labels of the campaigns that the config names.

    Raises
    ------
    ConfigError
        If a file of the config cannot be read.
    """
    structures, data = read_systems(loaded), read_initial_data(loaded)
    config, compositions = with_all_systems(loaded, structures), compositions_of(loaded)
    top = config.ladder.rungs[-1]
    brought = brought or NOTHING
    imported = labels_brought(loaded, brought)
    training, heldout = max(0, top - imported), config.heldout.frames_for(top)
    systems = tuple(
        _system(config, name, structure, compositions, training + heldout, _seconds(label_s, name))
        for name, structure in structures.items()
    )
    numbers = {z for structure in structures.values() for z in structure.numbers}
    numbers |= {int(z) for file in data.values() for atoms in file.frames for z in atoms.numbers} | brought.numbers
    first = config.initial.frames * len({*compositions.values()})
    slots, core_hours = config.label_slots, _core_hours(systems)
    wall_h = None if core_hours is None else core_hours / slots
    return Projection(
        systems=systems,
        elements=symbols_of(numbers),
        rungs=config.ladder.rungs,
        training_labels=training,
        heldout_labels=heldout,
        imported_labels=imported,
        labels=training + heldout,
        atom_energies=len(set(symbols_of(numbers)) - isolated_atoms(loaded).keys()),
        fits=_fits(config, top, first),
        segments=_segments(config, top, heldout, first),
        label_slots=slots,
        dft_core_hours=core_hours,
        dft_wall_h=wall_h,
        measured=_measured(config, structures, compositions),
        shortfalls=(*_shortfalls(config, training + heldout, core_hours, wall_h), *_short_jobs(config, systems)),
    )


def _system(
    config: CampaignConfig,
    name: str,
    structure: Structure,
    compositions: Mapping[str, str],
    labels: int,
    seconds: float | None,
) -> SystemProjection:
    orderings = Counter(compositions.values())
    charge = engine_of(config.label).charge(config.label)
    return SystemProjection(
        name=name,
        formula=structure.formula(),
        atoms=len(structure.numbers),
        electrons=round(sum(structure.numbers) - charge),
        elements=structure.elements(),
        walkers=len(config.explore.temperatures_K) * config.explore.replicas,
        labels=labels / len(orderings) / orderings[compositions[name]],
        label_s=seconds,
        composition=compositions[name],
        per_cell=engine_of(config.label).per_cell(config.label, structure),
    )


def _seconds(label_s: Mapping[str, float] | float | None, name: str) -> float | None:
    return label_s.get(name) if isinstance(label_s, Mapping) else label_s


def _core_hours(systems: tuple[SystemProjection, ...]) -> float | None:
    parts = [system.labels * system.label_s for system in systems if system.label_s is not None]
    return sum(parts) / 3600.0 if len(parts) == len(systems) else None


def _fits(config: CampaignConfig, top: int, first: int) -> int:
    generations = 1 + math.ceil(max(0, top - first) / config.fit.every_labels)
    return generations * config.potential.committee + len(config.ladder.rungs) * config.ladder.fits


def _measured(
    config: CampaignConfig, structures: Mapping[str, Structure], compositions: Mapping[str, str]
) -> tuple[MeasuredCell, ...]:
    settings = config.measure
    if settings is None:
        return ()
    cells = []
    for name, structure in structures.items():
        if config.ladder.measures(name, compositions[name]):
            repeat = settings.repeat or repeats_for(structure, settings.min_width_A)
            width_A = min(w * n for w, n in zip(face_distances(structure), repeat, strict=True))
            narrow = width_A < settings.min_width_A - 1e-6
            cells.append(MeasuredCell(name, repeat, len(structure.numbers) * math.prod(repeat), width_A, narrow))
    return tuple(cells)


def production_runs(config: CampaignConfig) -> int:
    """Return the production runs in each system: of all fits, and of a foundation that the campaign begins with."""
    settings = config.measure
    if settings is None:
        return 0
    begins = config.potential.foundation is not None and config.teacher is None
    models = len(config.ladder.rungs) * config.ladder.fits + begins
    return models * len(settings.temperatures_K) * settings.replicas


def _segments(config: CampaignConfig, top: int, heldout: int, first: int) -> int:
    wanted = max(0, top - first) * config.select.pool_factor
    per_segment = config.explore.random_offers + config.explore.max_offers
    return math.ceil(wanted / per_segment) + heldout


def _shortfalls(config: CampaignConfig, labels: int, core_hours: float | None, wall_h: float | None) -> tuple[str, ...]:
    budget = config.budget
    found = []
    if budget.labels is not None and labels > budget.labels:
        found.append(f"budget.labels: the ladder takes {labels} labels, the budget is {budget.labels}")
    if core_hours is not None and budget.dft_core_hours is not None and core_hours > budget.dft_core_hours:
        takes = f"the labels take about {core_hours:.3g} core-hours"
        found.append(f"budget.dft_core_hours: {takes}, the budget is {budget.dft_core_hours:g}")
    if wall_h is not None and budget.wall_h is not None and wall_h > budget.wall_h:
        takes = f"the labels alone take about {wall_h:.3g} h on {config.label_slots} workers"
        found.append(f"budget.wall_h: {takes}, the budget is {budget.wall_h:g} h")
    return tuple(found)


def _short_jobs(config: CampaignConfig, systems: tuple[SystemProjection, ...]) -> tuple[str, ...]:
    """Return a line if a job has time for less than two labels: a label that the job's end cuts off starts again."""
    executor = config.execution.executors[config.execution.label]
    longest_s = max((system.label_s for system in systems if system.label_s is not None), default=0.0)
    if not isinstance(executor, BatchExecutor) or 2 * longest_s <= executor.walltime_s * executor.ranks_per_label:
        return ()
    key = f"execution.executors.{config.execution.label}.walltime"
    takes = f"a label takes about {longest_s / 60:.3g} core-minutes"
    return (f"{key}: {takes}, a job of {executor.walltime} is less than twice that",)
