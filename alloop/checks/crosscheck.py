"""Check a config against itself, its files and what is installed; nothing is created."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from alloop.checks.beginnings import find_beginnings
from alloop.checks.foundations import find_in_foundation_file, problems_of_foundation
from alloop.checks.hull_phases import problems_of_phases
from alloop.checks.initial_data import NOTHING, Brought, find_in_data, labels_brought, read_initial_data
from alloop.checks.measuring_sanity import find_in_structures
from alloop.checks.sanity import Finding, find, find_names, find_shortage
from alloop.checks.secrecy import secrets_in
from alloop.checks.structures import compositions_of, file_problem, find_in_systems, read_systems, with_all_systems
from alloop.checks.swaps import find_swapped
from alloop.checks.teachers import COLD, COLD_ELSEWHERE, find_in_teacher
from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import LoadedConfig
from alloop.config.machine import KUBERNETES_MISSING
from alloop.failures import first_line, message
from alloop.labelling.ranks import Launch
from alloop.labelling.registry import engine_of
from alloop.materials.structure import Structure, symbols_of

T = TypeVar("T")
_REHEARSAL_S = 120.0


@dataclass(frozen=True)
class Held:
    """What a campaign holds.

    Attributes
    ----------
    systems : mapping
        Its structures by the names of the systems.
    numbers : frozenset of int
        All atomic numbers.
    labels : int
        Labels that it need not buy.
    left_out : str
        Which labelled frames of its files do not count, and why.
    compositions : mapping
        The composition of every system, by its name.
    """

    systems: Mapping[str, Structure]
    numbers: frozenset[int]
    labels: int
    left_out: str = ""
    compositions: Mapping[str, str] = field(default_factory=dict)


def cross_check(
    loaded: LoadedConfig,
    brought: Brought = NOTHING,
    *,
    begun: bool = False,
    taught: bool = False,
    held: Held | None = None,
) -> None:
    """Refuse a config that could not run to its end.

    Checked are the values against each other and for secrets, the structure and data files, policies and calculators
    by importing them, the settings of the label engine, what it refuses of the systems, a foundation by its
    checksum, its head and its elements, the phases of hulls, and whether the teacher is installed, starts and knows
    the elements.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    brought : Brought
        The labels of the campaigns that it names.
    begun : bool
        Whether the campaign exists already.
    taught : bool
        Whether its committee has learnt from the teacher, which is not needed any more.
    held : Held or None
        What the campaign holds, if it exists and its journal can be read: its files were judged when it began, and are
        only looked for.

    Raises
    ------
    ConfigError
        With every problem found, in the order of the file.
    """
    problems: list[Problem] = []
    held = _read_files(loaded, brought, problems) if held is None else held
    problems += _told(loaded, _lost(loaded) if begun else ())
    structures, elements = held.systems, symbols_of(held.numbers)
    config = with_all_systems(loaded, structures) if structures else loaded.config
    problems += _told(loaded, find(config, held.labels, held.left_out, held.compositions))
    problems += _told(loaded, [*find_names(loaded.config), *(() if begun else find_beginnings(config))])
    problems += _told(loaded, secrets_in(loaded.config))
    problems += _told(loaded, [*_policies(loaded), *_electrons(loaded, structures)])
    in_structures = find_in_structures(config, structures, held.compositions)
    problems += _told(loaded, [*in_structures, *find_swapped(config, structures)])
    problems += _told(loaded, [*find_in_foundation_file(loaded), *_devices(loaded)])
    if not problems:
        problems += _told(loaded, _label(loaded, elements))
    if not problems:
        problems += _told(loaded, _ranks(loaded, elements))
    if not problems and not taught:
        problems += _told(loaded, find_in_teacher(loaded, structures, COLD_ELSEWHERE if begun else COLD))
    if not problems:
        problems += problems_of_foundation(loaded, brought, begun=begun)
    if not problems and not begun:
        problems += problems_of_phases(loaded, structures.values(), elements, set(held.compositions.values()))
    if problems:
        raise ConfigError(loaded.path, sorted(problems, key=lambda problem: problem.line or 0))


def check_budget(loaded: LoadedConfig, brought: Brought) -> None:
    """Refuse a config whose ladder takes more labels than its budget.

    Parameters
    ----------
    loaded : LoadedConfig
        A config that passed its cross-check.
    brought : Brought
        The labels of other campaigns.

    Raises
    ------
    ConfigError
        Naming the rung.
    """
    problems = _told(loaded, find_shortage(loaded.config, labels_brought(loaded, brought)))
    if problems:
        raise ConfigError(loaded.path, problems)


def _read_files(loaded: LoadedConfig, brought: Brought, problems: list[Problem]) -> Held:
    """Read and judge the structures and labelled frames; their problems are kept instead of raised."""
    systems = _kept(read_systems, loaded, problems)
    data = _kept(read_initial_data, loaded, problems)
    if not problems:
        problems += _told(loaded, [*find_in_systems(loaded), *find_in_data(loaded)])
    of_systems = {z for structure in systems.values() for z in structure.numbers}
    of_data = {int(z) for file in data.values() for atoms in file.frames for z in atoms.numbers}
    labels = labels_brought(loaded, brought) if data else brought.labels
    left_out = "; ".join(f"{name}: {file.left_out}" for name, file in data.items() if file.left_out)
    compositions = compositions_of(loaded) if systems else {}
    return Held(systems, frozenset(of_systems | of_data | brought.numbers), labels, left_out, compositions)


def _kept(
    reader: Callable[[LoadedConfig], dict[str, T]], loaded: LoadedConfig, problems: list[Problem]
) -> dict[str, T]:
    """Return what a reader reads; its problems are kept instead of raised."""
    try:
        return reader(loaded)
    except ConfigError as error:
        problems += error.problems
        return {}


def _told(loaded: LoadedConfig, findings: Iterable[Finding]) -> list[Problem]:
    return [loaded.problem(key, what) for key, what in findings]


def _lost(loaded: LoadedConfig) -> Iterator[Finding]:
    """Yield files of a campaign that exists which are not there any more."""
    for i, system in enumerate(loaded.config.systems):
        if what := file_problem(loaded.resolve(system.structure), system.structure):
            yield ("systems", i, "structure"), what
    for i, name in enumerate(loaded.config.data.initial):
        if what := file_problem(loaded.resolve(name), name):
            yield ("data", "initial", i), what


# -- policies and calculators ------------------------------------------------------------------------------------


def policies_of(loaded: LoadedConfig) -> tuple[tuple[str, str, str, dict[str, Any]], ...]:
    """Return (section, role, name, options) of the three policies, the options as the policies get them."""
    config = loaded.config
    return (
        ("select", "selection", config.select.policy, config.select.options),
        ("explore", "exploration", config.explore.policy, config.explore.options),
        ("ladder", "stopping", config.ladder.policy, config.ladder.policy_options()),
    )


def _policies(loaded: LoadedConfig) -> Iterator[Finding]:
    from policies.registry import load_policy

    for section, role, name, options in policies_of(loaded):
        try:
            load_policy(role, name, options)
        except ValueError as error:
            key = "options" if "option" in message(error) and (section, "options") in loaded.lines else "policy"
            yield (section, key), first_line(error)


# -- physics -----------------------------------------------------------------------------------------------------


def _electrons(loaded: LoadedConfig, structures: Mapping[str, Structure]) -> Iterator[Finding]:
    label = loaded.config.label
    for key, what in engine_of(label).check_systems(label, structures):
        yield ("label", key), what


def _label(loaded: LoadedConfig, elements: tuple[str, ...]) -> Iterator[Finding]:
    label, weight = loaded.config.label, loaded.config.fit.stress_weight
    engine = engine_of(label)
    lines = engine.check(label, elements)
    for line in lines:
        key, _, what = line.partition(": ")
        yield tuple(key.split(".")), what
    if not lines and weight > 0 and (setting := engine.stress_problem(label)):
        what = f"`{engine.words(label)}` gives no stress, and fit.stress_weight is {weight:g}"
        yield ("label", setting), f"{what}; set the weight to 0, or choose another {setting}"


def _ranks(loaded: LoadedConfig, elements: tuple[str, ...]) -> Iterator[Finding]:
    """Start the ranks of a label once, where they run on this machine, without a calculation."""
    label, execution = loaded.config.label, loaded.config.execution
    executor = execution.executors[execution.label]
    here = executor.kind in ("local", "threads") and not executor.worker_init
    if executor.ranks_per_label == 1 or not here:
        return
    launch = Launch(executor.ranks_per_label, executor.mpi_command, executor.mpi_python, limit_s=_REHEARSAL_S)
    with tempfile.TemporaryDirectory(prefix="alloop-ranks-") as folder:
        if why := engine_of(label).launch_problem(label, elements, launch, Path(folder)):
            yield ("execution", "executors", execution.label, "ranks_per_label"), f"the ranks do not start: {why}"


# -- machine ------------------------------------------------------------------------------------------------------


def _devices(loaded: LoadedConfig) -> Iterator[Finding]:
    for name, executor in loaded.config.execution.executors.items():
        if executor.kind == "kubernetes" and find_spec("kubernetes") is None:
            yield ("execution", "executors", name, "kind"), KUBERNETES_MISSING
        if executor.device == "cuda" and executor.kind in ("local", "threads"):
            import torch

            if not torch.cuda.is_available():
                what = "this machine has no GPU that PyTorch can use; write `device: cpu`"
                yield ("execution", "executors", name, "device"), what
