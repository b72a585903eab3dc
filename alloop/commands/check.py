"""``alloop check``: check a config and show what it would run and cost. Nothing is created."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alloop.campaign.checking import never_converging, notes_of
from alloop.campaign.folders import campaign_folder, refuse_unusable_path
from alloop.campaign.reuse import Import, brought, checked
from alloop.checks.changed_config import science_digest
from alloop.checks.cost import MeasuredCell, Projection, production_runs, project
from alloop.checks.decidability import decidable
from alloop.checks.potential_cost import PotentialCost, potential_cost, wall_h
from alloop.checks.structures import place_of_system, read_systems, with_all_systems
from alloop.commands.label_comparison import find_other_labels
from alloop.commands.label_timing import LabelTimingError, time_label
from alloop.commands.potential_timing import PotentialTimingError, time_potential
from alloop.commands.resumption import resumption
from alloop.config.campaign import CampaignConfig
from alloop.config.errors import ConfigError
from alloop.config.foundations import UNKNOWN, described_foundation, non_commercial
from alloop.config.loading import LoadedConfig, load_config
from alloop.config.science import FoundationFile
from alloop.labelling.registry import engine_of
from alloop.labelling.teachers import described
from alloop.status.messages import imported_text


def run_check(path: Path, *, probe: bool = False, as_json: bool = False, console: Console | None = None) -> None:
    """Check every key of a config and print what it would run.

    Parameters
    ----------
    path : pathlib.Path
        The config.
    probe : bool
        Compute and time one label of every system, in a temporary folder, and steps of dynamics and fits; compare a
        label of each file of ``data.initial`` with one made here.
    as_json : bool
        Print one JSON object instead of tables.
    console : rich.console.Console or None
        Where to print.

    Raises
    ------
    ConfigError
        If the config cannot be used, or a timed label failed; after everything is printed, if there is a campaign that
        ``alloop run`` would refuse to continue.
    """
    console = console or Console()
    loaded = load_config(path)
    root = campaign_folder(loaded.config.name)
    refuse_unusable_path(root)
    imports = checked(loaded, root)
    label_s = _timed_labels(loaded, None if as_json else console) if probe else None
    if probe and (other := [loaded.problem(key, what) for key, what in find_other_labels(loaded)]):
        raise ConfigError(loaded.path, other)
    projection = project(loaded, label_s=label_s, brought=brought(imports))
    rest = _potential_cost(loaded, projection, None if as_json else console) if probe else None
    resumed = resumption(loaded, root)
    if as_json:
        told = {
            **_as_json(loaded, projection),
            **_rest_as_json(loaded, projection, rest),
            "notes": notes_of(loaded, imports),
            "resume": resumed.as_json(),
        }
        console.print(json.dumps(told), soft_wrap=True, markup=False, highlight=False)
    else:
        verdict = "can run" if resumed.refusal is None else "cannot continue the campaign that is there"
        console.print(f"[bold]{escape(loaded.config.name)}[/]: {escape(str(path))} {verdict}", highlight=False)
        _show(loaded, projection, rest, imports, console)
        for line in resumed.lines():
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if resumed.refusal is not None:
        raise resumed.refusal


def _timed_labels(loaded: LoadedConfig, console: Console | None) -> dict[str, float]:
    quiet = console or Console(quiet=True)
    seconds = {}
    for name, structure in read_systems(loaded).items():
        with quiet.status(f"Labelling one frame of {escape(name)} to time it …"):
            try:
                seconds[name] = time_label(structure, loaded.config).seconds
            except LabelTimingError as error:
                what = f"a label of `{name}` failed ({error}); see `label`"
                raise loaded.error(("systems", place_of_system(loaded, name)), what) from error
    return seconds


def _potential_cost(loaded: LoadedConfig, projection: Projection, console: Console | None) -> PotentialCost | str:
    """Return what all but the labels takes, or why that is not known."""
    cells = {cell.system: cell.repeat for cell in projection.measured}
    config = with_all_systems(loaded)
    try:
        with (console or Console(quiet=True)).status("Timing steps of dynamics and of a fit …"):
            times = time_potential(read_systems(loaded), cells, loaded.config, loaded.folder)
    except PotentialTimingError as error:
        return str(error)
    return potential_cost(config, projection, times)


def _rest_as_json(loaded: LoadedConfig, projection: Projection, rest: PotentialCost | str | None) -> dict[str, object]:
    if not isinstance(rest, PotentialCost):
        return {"potential_cost": None}
    return {"potential_cost": {**asdict(rest), "wall_h": wall_h(with_all_systems(loaded), projection, rest)}}


def _as_json(loaded: LoadedConfig, projection: Projection) -> dict[str, object]:
    known = decidable(with_all_systems(loaded))
    return {
        "config": str(loaded.path),
        "name": loaded.config.name,
        "science_sha256": science_digest(loaded),
        "label": loaded.config.label.model_dump(mode="json"),
        "budget": loaded.config.budget.model_dump(mode="json"),
        "projection": asdict(projection),
        "models": _models(loaded.config),
        "licences": _restrictions(loaded.config),
        "never_converges": never_converging(loaded),
        "ladder_decides": None if known is None else {**asdict(known), "enough": known.enough, "text": str(known)},
    }


def _show(
    loaded: LoadedConfig,
    projection: Projection,
    rest: PotentialCost | str | None,
    imports: Sequence[Import],
    console: Console,
) -> None:
    console.print(_systems_table(projection))
    console.print(_work_table(with_all_systems(loaded), projection, rest))
    for batch in (batch for taken in imports for batch in taken.batches() if batch.results):
        told = imported_text(len(batch.results), batch.source, batch.reference, batch.why)
        console.print(told, markup=False, highlight=False, soft_wrap=True)
    for line in notes_of(loaded, imports):
        console.print(f"[yellow]note:[/] {escape(line)}", highlight=False, soft_wrap=True)
    for line in never_converging(loaded):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    known = decidable(with_all_systems(loaded))
    if known is not None and not known.enough:
        console.print(f"[yellow]decides little:[/] {escape(str(known))}", highlight=False, soft_wrap=True)
    wandb = loaded.config.monitor.wandb
    if wandb.enabled and wandb.artifacts:
        what = "dataset, model, report and config are uploaded to Weights & Biases where there is an account"
        console.print(f"{what} (monitor.wandb.artifacts).", highlight=False, markup=False, soft_wrap=True)
    for line in _restrictions(loaded.config):
        console.print(f"[yellow]licence:[/] {escape(line)}", highlight=False, soft_wrap=True)
    for shortfall in projection.shortfalls:
        console.print(f"[yellow]too small:[/] {escape(shortfall)}", highlight=False, soft_wrap=True)
    if projection.dft_core_hours is None:
        console.print("The cost of DFT is not known; --probe times one label of every system.", highlight=False)


def _systems_table(projection: Projection) -> Table:
    timed = any(system.label_s is not None for system in projection.systems)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    per_cell = any(system.per_cell for system in projection.systems)
    for name in ("system", "formula", "elements", *(["of cell"] if per_cell else [])):
        table.add_column(name, overflow="fold")
    for name in ("atoms", "walkers", "labels", *(["one label"] if timed else [])):
        table.add_column(name, justify="right", no_wrap=True)
    for system in projection.systems:
        counts = (system.atoms, system.walkers, f"{system.labels:.0f}")
        seconds = [f"{system.label_s:.1f} s"] if system.label_s is not None else []
        of_cell = [system.per_cell] if per_cell else []
        table.add_row(system.name, system.formula, " ".join(system.elements), *of_cell, *map(str, counts), *seconds)
    return table


def _work_table(config: CampaignConfig, projection: Projection, rest: PotentialCost | str | None) -> Table:
    table = Table(box=SIMPLE_HEAD, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, value in (*_work(config, projection), *_rest_words(config, projection, rest)):
        table.add_row(name, escape(value))
    return table


def _work(config: CampaignConfig, projection: Projection) -> list[tuple[str, str]]:
    rows = [
        ("labels from", engine_of(config.label).words(config.label)),
        ("potential", _potential_words(config)),
        *(("licence", words) for words in _licence_words(config)),
        ("ladder", " → ".join(str(rung) for rung in projection.rungs) + " training labels"),
        ("DFT labels", _label_count_words(config, projection)),
        ("isolated atoms", _atom_words(projection)),
        ("fits", f"about {projection.fits}"),
        ("MD segments", f"at least {projection.segments} of {config.explore.segment_fs:g} fs"),
    ]
    known = decidable(config)
    rows += [("ladder decides", str(known))] if known is not None and known.enough else []
    rows += [("transport", words) for words in _transport_words(config, projection)]
    if projection.dft_core_hours is not None and projection.dft_wall_h is not None:
        slots = f"{projection.label_slots} worker{'s' if projection.label_slots > 1 else ''}"
        cost = f"about {_core_hours(projection.dft_core_hours)}, {_hours(projection.dft_wall_h)} on {slots}"
        rows.append(("cost of DFT", f"{cost}, without the isolated atoms (one timed label per system)"))
    return rows


def _rest_words(
    config: CampaignConfig, projection: Projection, rest: PotentialCost | str | None
) -> list[tuple[str, str]]:
    """Return what all but the labels takes; the isolated atoms and the frames of a teacher are not in it."""
    if rest is None:
        return []
    if isinstance(rest, str):
        return [("cost of the rest", f"not known: {rest}")]
    first, longest = rest.production_core_hours
    parts = [f"exploring at least {_core_hours(rest.exploring_core_hours)}"]
    parts.append(f"fits at most {_core_hours(rest.fits_core_hours)}")
    parts += [f"production {first:.2g} to {_core_hours(longest)}"] if longest else []
    rows = [("cost of the rest", f"{', '.join(parts)} on this machine's cores")]
    rows.append(("disk", f"about {rest.stored_bytes / 1e6:.0f} MB"))
    hours = wall_h(config, projection, rest)
    return rows if hours is None else [*rows, ("time in all", f"at least {_hours(hours)} on the workers of the config")]


def _transport_words(config: CampaignConfig, projection: Projection) -> list[str]:
    settings = config.measure
    if settings is None:
        return ["not measured: the ladder judges held-out errors only; a `measure` section adds it"]
    longest = f" to {settings.max_ps:g}" if settings.max_ps > settings.production_ps else ""
    lengths = f"{settings.production_ps:g}{longest} ps"
    return [f"{production_runs(config)} runs of {lengths} in {_cell_words(cell)}" for cell in projection.measured]


def _cell_words(cell: MeasuredCell) -> str:
    repeat = "×".join(str(n) for n in cell.repeat)
    words = f"{cell.system}, {repeat}: {cell.atoms} atoms, {cell.width_A:.1f} Å between periodic faces"
    return f"{words} (limited by size)" if cell.narrow else words


def _potential_words(config: CampaignConfig) -> str:
    origin = _origin(config)
    start = f"fine-tuned from {origin}" if origin else "from scratch"
    if config.teacher is not None:
        start = f"taught by {described(config.teacher)['name']}" + (f", starting at {origin}" if origin else "")
    return f"{config.potential.committee} MACE models, {start}"


def _origin(config: CampaignConfig) -> str | None:
    """Return the file or the name of the foundation, with its head."""
    foundation = config.potential.foundation
    if foundation is None or isinstance(foundation, str):
        return foundation
    origin = foundation.path if isinstance(foundation, FoundationFile) else foundation.name
    return origin if foundation.head is None else f"{origin}, head {foundation.head}"


def _models(config: CampaignConfig) -> dict[str, dict[str, str]]:
    """Return what is known of the foundation and of the teacher, where the config names them."""
    foundation, teacher = config.potential.foundation, config.teacher
    models = {} if foundation is None else {"foundation": described_foundation(foundation)}
    return models if teacher is None else models | {"teacher": described(teacher)}


def _licence_words(config: CampaignConfig) -> list[str]:
    """Return the licences of the foundation and the teacher."""
    return [f"{role} {told['name']}: {told.get('licence', UNKNOWN)}" for role, told in _models(config).items()]


def _restrictions(config: CampaignConfig) -> list[str]:
    """Return the foundation and the teacher whose licence allows no commercial use, one line each."""
    found = ((role, told["name"], non_commercial(told["name"])) for role, told in _models(config).items())
    return [f"{role} `{name}` is for non-commercial use only: {licence}" for role, name, licence in found if licence]


def _atom_words(projection: Projection) -> str:
    count, elements = projection.atom_energies, projection.elements
    given = "" if count == len(elements) else f" of {len(elements)}, the others are given"
    return f"{count}{given} ({' '.join(elements)})"


def _label_count_words(config: CampaignConfig, projection: Projection) -> str:
    parts = f"{projection.training_labels} for training and {projection.heldout_labels} held out"
    brought = f", in addition to {projection.imported_labels} imported" if projection.imported_labels else ""
    budget = f"; the budget is {config.budget.labels}" if config.budget.labels is not None else "; no budget is set"
    return f"{projection.labels}: {parts}{brought}{budget}"


def _hours(hours: float) -> str:
    return f"{60 * hours:.2g} min" if hours < 1 else f"{hours:.3g} h"


def _core_hours(hours: float) -> str:
    return f"{hours:.2g} core-hours"
