"""Open the campaign of a config: create it, or resume the one that is in the folder."""

from __future__ import annotations

import os
import platform
import socket
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from alloop import __version__
from alloop.campaign.data_files import changed_files, labels_of_files
from alloop.campaign.imported_labels import ImportedBatch, take_over
from alloop.campaign.known_atoms import atoms_of_files
from alloop.campaign.reuse import Import, run_id_of, way_on
from alloop.checks.changed_config import differences, is_science_of, policy_digests, science_digest
from alloop.checks.structures import compositions_of, read_systems
from alloop.config.campaign import CampaignConfig, as_read_now
from alloop.config.errors import ConfigError, Problem
from alloop.config.foundations import PlacedFoundation
from alloop.config.loading import LoadedConfig
from alloop.config.science import head_wanted
from alloop.decisions.changed_code import due
from alloop.decisions.charter import RULES
from alloop.journal.events import CampaignCreated, ConfigChanged, DriverStarted, Event, PolicyChanged
from alloop.journal.journal import Entry, Journal
from alloop.journal.systems import SystemRecord
from alloop.labelling.identity import code_identity
from alloop.labelling.registry import ENGINES, engine_of
from alloop.labelling.teachers import teacher_label
from alloop.materials.structure import Structure, symbols_of
from alloop.state.fold import apply, fold
from alloop.state.state import CampaignState
from alloop.tasks.contract.records import Result
from alloop.tasks.workspace import Workspace

PACKAGES = (
    *(package for engine in ENGINES.values() for package in engine.packages),
    *("mace-torch", "torch", "ase", "numpy", "parsl"),
)
Progress = Callable[[int, int | None], None]


def open_state(journal: Journal) -> CampaignState:
    """Return the fold of a journal."""
    return fold(journal.entries())


def create(
    loaded: LoadedConfig,
    journal: Journal,
    workspace: Workspace,
    foundation: PlacedFoundation | None,
    imports: Sequence[Import] = (),
) -> CampaignState:
    """Create a campaign: its config, structures, code and imported labels become the journal's first events.

    Parameters
    ----------
    loaded : LoadedConfig
        A config that passed every check.
    journal : Journal
        An empty journal.
    workspace : Workspace
        The campaign's files.
    foundation : PlacedFoundation or None
        The foundation model, in the campaign's folder.
    imports : sequence of Import
        What it takes from other campaigns.
    """
    systems, compositions = read_systems(loaded), compositions_of(loaded)
    batches = [*(batch for taken in imports for batch in taken.batches()), *labels_of_files(loaded, imports)]
    elements = symbols_of({*_numbers(systems.values()), *_numbers_of_labels(batches)})
    created = CampaignCreated(
        name=loaded.config.name,
        config=loaded.config.model_dump(mode="json"),
        science_sha256=science_digest(loaded),
        policies=policy_digests(loaded),
        systems=tuple(
            SystemRecord(name=name, structure=structure, composition=compositions[name])
            for name, structure in systems.items()
        ),
        elements=elements,
        code=code_identity(loaded.config.label, elements),
        versions=versions(),
        foundation=foundation.sha256 if foundation else None,
        foundation_head=head_wanted(loaded.config.potential.foundation),
        foundation_members=foundation.members if foundation else 0,
        teacher_code=_teacher_code(loaded.config, elements),
        rules=RULES,
        run_id=uuid.uuid4().hex[:12],
    )
    events, contents = take_over(batches, workspace)
    computed = (atom for taken in imports for atom in taken.atoms.values())
    for atom in (*computed, *atoms_of_files(loaded, elements, created.code)):
        _keep_atom(atom, workspace)
    journal.append([created, *events], contents)
    return open_state(journal)


def _keep_atom(atom: Result, workspace: Workspace) -> None:
    """Write the energy of an isolated atom, unless the folder has one."""
    known = workspace.read(atom.kind, atom.key)
    if known is None or known.status != "ok":
        workspace.write(atom)


def _teacher_code(config: CampaignConfig, elements: tuple[str, ...]) -> dict[str, str]:
    if config.teacher is None:
        return {}
    label = teacher_label(config.teacher)
    return engine_of(label).identity(label, elements)


def resume(
    loaded: LoadedConfig, journal: Journal, workspace: Workspace, *, accept_policy: bool = False
) -> tuple[CampaignState, list[Entry]]:
    """Continue a campaign, and return its state and the events of its changes.

    If the code that decides the labels changed, `drift` of the state says so until labels made again agree or disagree.

    Parameters
    ----------
    loaded : LoadedConfig
        A config that passed every check.
    journal : Journal
        The campaign's journal.
    workspace : Workspace
        The campaign's files.
    accept_policy : bool
        Go on with policies whose source changed.

    Raises
    ------
    ConfigError
        If the config changes the science of the campaign, or a policy's source changed and that is not accepted.
    """
    state = open_state(journal)
    entries = _append(journal, state, _changes(loaded, state, workspace.root, accept_policy))
    return state, [*entries, *_append(journal, state, due(state, _installed_code(loaded, state)))]


def foresee(loaded: LoadedConfig, state: CampaignState, root: Path) -> list[Entry]:
    """Return the events that `resume` would journal of changes, folded into a state of its own.

    Raises
    ------
    ConfigError
        As `resume` does.
    """
    entries = _foretold(state, _changes(loaded, state, root, accept_policy=False))
    return [*entries, *_foretold(state, due(state, _installed_code(loaded, state)))]


def _foretold(state: CampaignState, events: list[Event]) -> list[Entry]:
    entries = [Entry(state.seq + place, time.time(), event) for place, event in enumerate(events, start=1)]  # type: ignore[arg-type]
    for entry in entries:
        apply(state, entry)
    return entries


def _changes(loaded: LoadedConfig, state: CampaignState, root: Path, accept_policy: bool) -> list[Event]:
    config = _config_changes(loaded, state, root)
    mended = _mended_policies(loaded, state, accept_policy)
    events: list[Event] = []
    if mended:
        events.append(PolicyChanged(policies=policy_digests(loaded), changed=mended))
    if config:
        events.append(ConfigChanged(config=loaded.config.model_dump(mode="json"), changes=config))
    return events


def _installed_code(loaded: LoadedConfig, state: CampaignState) -> dict[str, str]:
    assert state.created is not None
    return code_identity(loaded.config.label, state.created.elements)


def _config_changes(loaded: LoadedConfig, state: CampaignState, root: Path) -> tuple[str, ...]:
    """Return the changes of machines, budgets and monitoring, and what is added; all others are refused."""
    created = state.created
    assert created is not None
    found = differences(as_read_now(state.config), loaded.config.model_dump(mode="json"))
    science = [str(difference) for difference in found if difference.kind == "science"]
    science += [f"data.campaigns: `{name}` is not where labels were taken from" for name in _strangers(loaded, state)]
    if not science and not is_science_of(loaded, created.science_sha256, created.config):
        science = changed_files(loaded, state)
    if science:
        what = (
            f"this would change the science of campaign `{created.name}`: {'; '.join(science)}; "
            f"undo it, or {way_on(loaded, state, root)}"
        )
        raise ConfigError(loaded.path, Problem("", what))
    return tuple(str(difference) for difference in found)


def _strangers(loaded: LoadedConfig, state: CampaignState) -> list[str]:
    """Return the campaigns that moved in the config and are not those from which labels were taken."""
    before = state.config["data"].get("campaigns", ())
    moved = [name for name in loaded.config.data.campaigns if name not in before]
    return [name for name in moved if run_id_of(loaded.resolve(name)) not in state.imported_from]


def _mended_policies(loaded: LoadedConfig, state: CampaignState, accept: bool) -> tuple[str, ...]:
    """Return the keys of the policies whose source changed, if that is accepted."""
    now = policy_digests(loaded)
    mended = tuple(key for key in sorted({*now, *state.policies}) if now.get(key) != state.policies.get(key))
    if mended and not accept:
        section = mended[0].partition(".")[0]
        what = (
            "its source changed since the campaign began; undo the change, or go on with it: "
            f"`alloop run {loaded.path} --accept-policy` keeps all labels and lets the new source decide from now on"
        )
        raise loaded.error((section, "policy"), what)
    return mended


def driver_started() -> DriverStarted:
    """Return the event of this process taking over."""
    return DriverStarted(host=socket.gethostname(), pid=os.getpid(), version=__version__)


def versions() -> dict[str, str]:
    """Return the versions of what the results depend on."""
    found = {"alloop": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _append(journal: Journal, state: CampaignState, events: list[Event]) -> list[Entry]:
    entries = journal.append(events) if events else []
    for entry in entries:
        apply(state, entry)
    return entries


def _numbers(structures: Iterable[Structure]) -> set[int]:
    return {z for structure in structures for z in structure.numbers}


def _numbers_of_labels(batches: Iterable[ImportedBatch]) -> set[int]:
    return {z for batch in batches for result in batch.results for z in result.data["structure"]["numbers"]}
