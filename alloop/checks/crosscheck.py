"""Check a config against itself, its files and what is installed; nothing is created."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from ase import Atoms

from alloop.checks.initial_data import Brought, read_initial_data
from alloop.checks.measuring_sanity import find_in_structures
from alloop.checks.sanity import Finding, find, find_shortage
from alloop.checks.secrecy import secrets_in
from alloop.checks.structures import file_problem, read_systems
from alloop.checks.teachers import find_in_teacher
from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import LoadedConfig
from alloop.config.machine import KUBERNETES_MISSING
from alloop.config.science import FoundationFile
from alloop.failures import first_line
from alloop.labelling.ranks import Launch
from alloop.labelling.registry import engine_of
from alloop.materials.structure import Structure, symbols_of

T = TypeVar("T")
_REHEARSAL_S = 120.0
NOTHING = Brought()


def cross_check(loaded: LoadedConfig, brought: Brought = NOTHING) -> None:
    """Refuse a config that could not run to its end.

    Checked are the values against each other and for secrets, the structure and data files, policies and calculators
    by importing them, the settings of the label engine, what it refuses of the systems, a foundation file by its
    checksum, and whether the teacher is installed, starts and knows the elements.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    brought : Brought
        The labels of the campaigns that it names.

    Raises
    ------
    ConfigError
        With every problem found, in the order of the file.
    """
    problems: list[Problem] = []
    structures = _kept(read_systems, loaded, problems)
    data = _kept(read_initial_data, loaded, problems)
    elements = _elements(structures, data, brought)
    problems += _told(loaded, find(loaded.config, _labels_brought(loaded, data) + brought.labels))
    problems += _told(loaded, secrets_in(loaded.config))
    problems += _told(loaded, [*_policies(loaded), *_electrons(loaded, structures)])
    problems += _told(loaded, find_in_structures(loaded.config, structures))
    problems += _told(loaded, [*_foundation_file(loaded), *_devices(loaded)])
    if not problems:
        problems += _told(loaded, _label(loaded, elements))
    if not problems:
        problems += _told(loaded, _ranks(loaded, elements))
    if not problems:
        problems += _told(loaded, find_in_teacher(loaded, structures))
    if not problems:
        problems += _unknown_to_foundation(loaded, brought)
    if problems:
        raise ConfigError(loaded.path, sorted(problems, key=lambda problem: problem.line or 0))


def check_budget(loaded: LoadedConfig, labels: int) -> None:
    """Refuse a config whose ladder takes more labels than its budget.

    Parameters
    ----------
    loaded : LoadedConfig
        A config that passed its cross-check.
    labels : int
        Labels of other campaigns that count as training labels.

    Raises
    ------
    ConfigError
        Naming the rung.
    """
    count = _labels_brought(loaded, read_initial_data(loaded)) + labels
    problems = _told(loaded, find_shortage(loaded.config, count))
    if problems:
        raise ConfigError(loaded.path, problems)


def check_elements(loaded: LoadedConfig, known_elements: Iterable[str], brought: Brought = NOTHING) -> None:
    """Refuse a config with elements that its foundation does not know.

    Parameters
    ----------
    loaded : LoadedConfig
        A config whose files can be read.
    known_elements : iterable of str
        Chemical symbols that the foundation knows.
    brought : Brought
        The labels of the campaigns that the config names.

    Raises
    ------
    ConfigError
        Naming the systems and the elements.
    """
    known = set(known_elements)
    problems = []
    for i, (name, structure) in enumerate(read_systems(loaded).items()):
        strange = [s for s in structure.elements() if s not in known]
        if strange:
            what = f"the foundation does not know {_listed(strange)} of `{name}`"
            mend = "choose another foundation, or `foundation: null` to train from scratch"
            problems.append(loaded.problem(("systems", i, "structure"), f"{what}; {mend}"))
    for i, (name, frames) in enumerate(read_initial_data(loaded).items()):
        strange = [s for s in symbols_of(z for atoms in frames for z in atoms.numbers) if s not in known]
        if strange:
            what = f"the foundation does not know {_listed(strange)} in `{name}`; remove those frames"
            problems.append(loaded.problem(("data", "initial", i), what))
    strange = [s for s in symbols_of(brought.numbers) if s not in known]
    if strange:
        what = f"the foundation does not know {_listed(strange)} in the labels of these campaigns"
        problems.append(loaded.problem(("data", "campaigns"), f"{what}; take another foundation, or not those labels"))
    if problems:
        raise ConfigError(loaded.path, problems)


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


def _labels_brought(loaded: LoadedConfig, data: Mapping[str, list[Atoms]]) -> int:
    return sum(len(frames) for frames in data.values()) if loaded.config.data.reference == "same" else 0


def _elements(
    structures: Mapping[str, Structure], data: Mapping[str, list[Atoms]], brought: Brought
) -> tuple[str, ...]:
    of_systems = {z for structure in structures.values() for z in structure.numbers}
    of_data = {z for frames in data.values() for atoms in frames for z in atoms.numbers}
    return symbols_of(of_systems | of_data | brought.numbers)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


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
            key = "options" if "option" in str(error) and (section, "options") in loaded.lines else "policy"
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


# -- foundation and machine --------------------------------------------------------------------------------------


def _foundation_file(loaded: LoadedConfig) -> Iterator[Finding]:
    foundation = loaded.config.potential.foundation
    if not isinstance(foundation, FoundationFile):
        return
    key, path = ("potential", "foundation"), loaded.resolve(foundation.path)
    problem = file_problem(path, foundation.path)
    if problem:
        yield (*key, "path"), problem
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != foundation.sha256:
        what = f"`{foundation.path}` has the SHA-256 {found[:12]}…, not {foundation.sha256[:12]}…"
        yield (*key, "sha256"), f"{what}; get the right file, or correct this line if you trust it"


def _unknown_to_foundation(loaded: LoadedConfig, brought: Brought) -> tuple[Problem, ...]:
    """Return the elements that a foundation file does not know, or what is wrong with the foundation."""
    foundation = loaded.config.potential.foundation
    if foundation is None:
        return ()
    from alloop.potential.models.foundation import (
        FoundationError,
        check_foundation_name,
        foundation_elements,
        load_foundation_file,
    )

    try:
        if isinstance(foundation, FoundationFile):
            model = load_foundation_file(loaded.resolve(foundation.path), foundation.sha256)
            check_elements(loaded, foundation_elements(model), brought)
        else:
            check_foundation_name(foundation)
    except ConfigError as error:
        return error.problems
    except (FoundationError, ValueError) as error:
        return (loaded.problem(("potential", "foundation"), first_line(error)),)
    return ()


def _devices(loaded: LoadedConfig) -> Iterator[Finding]:
    for name, executor in loaded.config.execution.executors.items():
        if executor.kind == "kubernetes" and find_spec("kubernetes") is None:
            yield ("execution", "executors", name, "kind"), KUBERNETES_MISSING
        if executor.device == "cuda" and executor.kind in ("local", "threads"):
            import torch

            if not torch.cuda.is_available():
                what = "this machine has no GPU that PyTorch can use; write `device: cpu`"
                yield ("execution", "executors", name, "device"), what
