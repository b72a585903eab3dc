"""Read the labels of other campaigns for a new one: verify them, and tell those of the same settings from others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from pydantic import ValidationError

from alloop.campaign.imported_labels import ImportedBatch
from alloop.campaign.known_atoms import computed_atoms
from alloop.campaign.same_settings import same_settings, system_like, why_not_of_a_cell
from alloop.checks.changed_config import differences
from alloop.checks.crosscheck import Held, check_budget, cross_check
from alloop.checks.initial_data import Brought
from alloop.checks.labelled_frames import LabelledFrame, limits_of, place_of, why_left_out
from alloop.checks.structures import read_systems
from alloop.config.label import LabelCommon, same_science
from alloop.config.loading import LoadedConfig
from alloop.decisions.changed_code import changed
from alloop.failures import first_line
from alloop.journal.events import CampaignCreated, GenerationOpened, LabelsImported, TaskPlanned
from alloop.journal.journal import JOURNAL_FILE, Entry, JournalError, KeptLabels, read_entries
from alloop.labelling.identity import code_identity
from alloop.labelling.registry import engine_of, label_settings
from alloop.labelling.teachers import GATES, teacher_label
from alloop.materials.structure import Structure, symbols_of
from alloop.state.fold import fold
from alloop.state.state import CampaignState
from alloop.tasks.contract.label import LabelData
from alloop.tasks.contract.records import Result
from alloop.tasks.workspace import DamagedResultError, Workspace


@dataclass(frozen=True)
class KnownLabel:
    """A verified label and how it was made; `settings` and `code` are None where that is not known."""

    result: Result
    structure: Structure
    settings: dict[str, Any] | None
    code: dict[str, str] | None


@dataclass(frozen=True)
class Import:
    """Labels of one campaign, as another campaign takes them.

    Attributes
    ----------
    source : str
        The campaign's folder, as the config names it.
    run_id : str
        Identity of the campaign.
    same, teacher, other : tuple of Result
        Labels like any other, those of the teacher to teach with, and those to pre-train on.
    why : str
        Why not all are like any other; empty if they are.
    atoms : mapping
        Energies of isolated atoms that need not be computed again, by element.
    numbers : frozenset of int
        Atomic numbers in all labels.
    left_out : str
        Which labels must not be trained on, and why; empty if all may.
    places : frozenset of bytes
        The structures of those like any other, see `place_of`.
    systems : mapping
        By key of a label, the system whose cell leads to its settings; empty where no cell matters.
    """

    source: str
    run_id: str
    same: tuple[Result, ...]
    teacher: tuple[Result, ...]
    other: tuple[Result, ...]
    why: str
    atoms: Mapping[str, Result]
    numbers: frozenset[int]
    left_out: str = ""
    places: frozenset[bytes] = field(default=frozenset(), repr=False)
    systems: Mapping[str, str] = field(default_factory=dict)

    def batches(self) -> Iterator[ImportedBatch]:
        """Yield the labels by what they are for."""
        yield ImportedBatch("same", self.source, self.same, self.run_id, systems=self.systems)
        if self.teacher:
            yield ImportedBatch("teacher", self.source, self.teacher, self.run_id, self.why)
        if self.other:
            yield ImportedBatch("other", self.source, self.other, self.run_id, self.why)


def checked(loaded: LoadedConfig, root: Path) -> tuple[Import, ...]:
    """Cross-check a config, and return what a new campaign in a folder takes from others.

    A campaign that exists took its labels when it was created; the others may have grown, moved or gone since.

    Raises
    ------
    ConfigError
        If the config cannot be used, or a campaign it names cannot be read.
    """
    if not loaded.config.data.campaigns:
        held, taught = held_by(root), loaded.config.teacher is not None and was_taught(root)
        cross_check(loaded, begun=held is not None, taught=taught, held=held)
        return ()
    events = [entry.event for entry in read_entries(root)] if (root / JOURNAL_FILE).exists() else []
    if events:
        taken = [event for event in events if isinstance(event, LabelsImported) and event.campaign]
        labels = sum(len(event.keys) for event in taken if event.reference == "same")
        cross_check(loaded, Brought(labels=labels), begun=True, taught=was_taught(root), held=held_by(root))
        return ()
    campaigns = [_read(loaded, i, name) for i, name in enumerate(loaded.config.data.campaigns)]
    numbers = frozenset(z for campaign in campaigns for z in campaign.numbers())
    cross_check(loaded, Brought(sum(len(campaign.labels) for campaign in campaigns), numbers))
    imports = tuple(_sorted_out(campaign, loaded, numbers) for campaign in campaigns)
    check_budget(loaded, brought(imports))
    _check_replay(loaded, imports)
    return imports


def _check_replay(loaded: LoadedConfig, imports: Iterable[Import]) -> None:
    """Refuse to replay labels where none is left for it: all are labels like any other, or the teacher's."""
    config = loaded.config
    replays_labels = config.fit.method == "multihead" and config.fit.replay == "labels"
    if not replays_labels or config.data.initial or any(taken.other for taken in imports):
        return
    what = "`multihead` replays frames of the foundation's reference, and no label of `data.campaigns` is left for that"
    mend = "give a file in data.initial with `reference: other`, or write `replay: pseudolabels`"
    raise loaded.error(("fit", "method"), f"{what}; {mend}")


def brought(imports: Iterable[Import]) -> Brought:
    """Return how many imported labels count as training labels, and the elements of all."""
    imports = tuple(imports)
    places = frozenset(place for taken in imports for place in taken.places)
    return Brought(len(places), frozenset(z for taken in imports for z in taken.numbers), places)


def has_begun(root: Path) -> bool:
    """Return whether there is a campaign in a folder whose journal can be read."""
    return run_id_of(root) is not None


def held_by(root: Path) -> Held | None:
    """Return what the campaign in a folder holds, or None if there is none that can be read."""
    try:
        events = [entry.event for entry in read_entries(root)]
    except JournalError:
        return None
    created = next((event for event in events if isinstance(event, CampaignCreated)), None)
    if created is None:
        return None
    imported = (event for event in events if isinstance(event, LabelsImported) and event.reference == "same")
    return Held(
        systems={system.name: system.structure for system in created.systems},
        numbers=frozenset(atomic_numbers[symbol] for symbol in created.elements),
        labels=sum(len(event.keys) for event in imported),
        compositions={system.name: system.composition for system in created.systems},
    )


def was_taught(root: Path) -> bool:
    """Return whether the campaign in a folder has fitted labels, so that its teacher has nothing left to do."""
    try:
        return any(isinstance(entry.event, GenerationOpened) for entry in read_entries(root))
    except JournalError:
        return False


def run_id_of(folder: Path) -> str | None:
    """Return the identity of the campaign in a folder, or None if there is none that can be read."""
    try:
        first = next(iter(read_entries(folder)), None)
    except JournalError:
        return None
    return getattr(first.event, "run_id", None) if first else None


def way_on(loaded: LoadedConfig, state: CampaignState, root: Path, code: Mapping[str, str] | None = None) -> str:
    """Return in words how a new campaign could use the labels of one that refuses a change.

    Parameters
    ----------
    loaded : LoadedConfig
        The refused config.
    state : CampaignState
        The campaign.
    root : pathlib.Path
        Its folder.
    code : mapping or None
        Identity of the code that would make the labels of the new campaign; None for what is installed.
    """
    labels = state.labelled("train") + state.labelled("heldout")
    begin = "start a new campaign under another `name`"
    if not labels:
        return begin
    why = _why(state, loaded, code)
    fate = f"for which its {labels} labels are pre-training only ({why})" if why else f"which takes its {labels} labels"
    return f"{begin} with `data: {{campaigns: [{root}]}}`, {fate}"


# -- reading -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Campaign:
    source: str
    workspace: Workspace
    state: CampaignState
    labels: tuple[KnownLabel, ...]

    def numbers(self) -> set[int]:
        return {z for label in self.labels for z in label.structure.numbers}


def _read(loaded: LoadedConfig, i: int, name: str) -> _Campaign:
    folder, key = loaded.resolve(name), ("data", "campaigns", i)
    try:
        entries = read_entries(folder)
        state, workspace = fold(entries), Workspace(folder, KeptLabels(folder))
        if state.created is None:
            raise JournalError("its journal is empty; run it first")
        return _Campaign(name, workspace, state, tuple(_labels(entries, state, workspace)))
    except (JournalError, DamagedResultError) as error:
        raise loaded.error(key, f"`{name}`: {error}") from error
    except (ValidationError, ValueError, OSError) as error:
        what = f"`{name}` holds a label that this alloop cannot read ({first_line(error)})"
        raise loaded.error(key, what) from error


def _labels(entries: Sequence[Entry], state: CampaignState, workspace: Workspace) -> Iterator[KnownLabel]:
    """Yield every label: training frames in the order of their selection, held-out ones, those not yet harvested."""
    requests = {e.event.key: e.event.request for e in entries if isinstance(e.event, TaskPlanned)}
    taken = _taken_before(entries, state)
    frames = (*state.labelled_frames("train"), *state.labelled_frames("heldout"))
    for key in dict.fromkeys(str(frame.label) for frame in frames):
        result = _verified(workspace, key)
        if result is None:
            mend = "run that campaign once more, which writes it back from its journal"
            raise DamagedResultError(f"the label {key[:12]} is missing or damaged; {mend}")
        yield _known(result, requests.get(key) or taken.get(key, {}))
    for task in state.running.values():
        result = _verified(workspace, task.key) if task.task == "label" else None
        if result is not None:
            yield _known(result, task.request)


def _taken_before(entries: Sequence[Entry], state: CampaignState) -> dict[str, dict[str, Any]]:
    """Return how those labels were made that this campaign took from others as its own."""
    assert state.created is not None
    events = (entry.event for entry in entries if isinstance(entry.event, LabelsImported))
    mine = [event for event in events if event.campaign and event.reference == "same"]
    systems = {key: name for event in mine for key, name in zip(event.keys, event.systems, strict=False)}
    structures = {system.name: system.structure for system in state.created.systems}
    settings = {name: _settings_of(state, structures.get(name)) for name in {"", *systems.values()}}
    keys = (key for event in mine for key in event.keys)
    return {key: {"settings": settings[systems.get(key, "")], "code": state.codes[0]} for key in keys}


def _settings_of(state: CampaignState, structure: Structure | None) -> dict[str, Any]:
    """Return the label settings of a campaign; of a system, those that its cell leads to."""
    settings: dict[str, Any] = state.config["label"]
    if structure is None:
        return settings
    label = label_settings(settings)
    own: LabelCommon = engine_of(label).for_system(label, structure)
    return own.model_dump(mode="json")


def _verified(workspace: Workspace, key: str) -> Result | None:
    try:
        result = workspace.result("label", key)
    except DamagedResultError:
        return None
    return result if result is not None and result.status == "ok" else None


def _known(result: Result, request: Mapping[str, Any]) -> KnownLabel:
    data = LabelData.model_validate(result.data)
    digest = data.structure.digest()
    if request.get("structure_sha256", digest) != digest or len(data.forces_eV_per_A) != len(data.structure.numbers):
        raise DamagedResultError(f"the label {result.key[:12]} is not of the frame that was asked for")
    return KnownLabel(result, data.structure, request.get("settings"), request.get("code"))


# -- telling apart -----------------------------------------------------------------------------------------------


def _sorted_out(campaign: _Campaign, loaded: LoadedConfig, numbers: Iterable[int]) -> Import:
    state = campaign.state
    assert state.created is not None
    mine = {z for structure in read_systems(loaded).values() for z in structure.numbers}
    elements = symbols_of(mine | set(numbers))
    code = code_identity(loaded.config.label, elements)
    labels, left_out = _usable(campaign, loaded)
    use = [_use(label, loaded, code, state.codes) for label in labels]
    kept = {
        name: tuple(label.result for label, own in zip(labels, use, strict=True) if own == name)
        for name in ("same", "teacher", "other")
    }
    differ = kept["teacher"] or kept["other"]
    return Import(
        source=campaign.source,
        run_id=state.created.run_id,
        same=kept["same"],
        teacher=kept["teacher"],
        other=kept["other"],
        why=(_why(state, loaded, code) or _why_of_one(labels, use, loaded, code)) if differ else "",
        atoms=computed_atoms(campaign.workspace, loaded, code, elements),
        numbers=frozenset(campaign.numbers()),
        left_out=left_out,
        places=frozenset(place_of(k.structure.to_atoms()) for k, own in zip(labels, use, strict=True) if own == "same"),
        systems={
            k.result.key: system_like(k.settings, loaded, k.structure)
            for k, own in zip(labels, use, strict=True)
            if own == "same"
        },
    )


def _why_of_one(labels: Sequence[KnownLabel], use: Sequence[str], loaded: LoadedConfig, code: dict[str, str]) -> str:
    """Return why the first label that does not count does not, though its campaign has the same settings and code."""
    one = next(label for label, own in zip(labels, use, strict=True) if own != "same")
    if same_settings(one.settings, loaded, one.structure):
        elements, code_for = one.structure.elements(), engine_of(loaded.config.label).code_for
        return changed(code_for(one.code, elements), code_for(code, elements)) if one.code else "of unknown code"
    return why_not_of_a_cell(one.settings, loaded, one.structure)


def _usable(campaign: _Campaign, loaded: LoadedConfig) -> tuple[list[KnownLabel], str]:
    """Return the labels that may be trained on, and in words which may not."""
    limits, kept, faults = limits_of(loaded.config), [], []
    for place, label in enumerate(campaign.labels, start=1):
        energy_eV, forces = label.result.data["energy_eV"], np.array(label.result.data["forces_eV_per_A"])
        frame = LabelledFrame(place, label.structure.to_atoms(), energy_eV, forces)
        why = why_left_out(frame, limits)
        kept += [label] if why is None else []
        faults += [] if why is None else [f"label {label.result.key[:12]} {why}"]
    many = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return kept, f"{campaign.source}: left out: {faults[0]}{many}" if faults else ""


def _use(label: KnownLabel, loaded: LoadedConfig, code: dict[str, str], accepted: list[dict[str, str]]) -> str:
    """Return what a label is for, as the `reference` of `LabelsImported` says it."""
    if _is_same(label, loaded, code, accepted):
        return "same"
    return "teacher" if _is_of_teacher(label, loaded) else "other"


def _is_same(label: KnownLabel, loaded: LoadedConfig, code: dict[str, str], accepted: list[dict[str, str]]) -> bool:
    """Return whether a label has the settings of the config, and its code or one that probes found to agree with it."""
    if label.code is None or not same_settings(label.settings, loaded, label.structure):
        return False
    elements, code_for = label.structure.elements(), engine_of(loaded.config.label).code_for
    wanted, found = code_for(code, elements), code_for(label.code, elements)
    equivalent = [code_for(former, elements) for former in accepted]
    return found == wanted or (wanted in equivalent and found in equivalent)


def _is_of_teacher(label: KnownLabel, loaded: LoadedConfig) -> bool:
    """Return whether the teacher of the config gave a label, behind whatever gates: a rehearsal has the campaign's."""
    if loaded.config.teacher is None or label.settings is None:
        return False
    try:
        found, teacher = label_settings(label.settings), teacher_label(loaded.config.teacher)
    except ValidationError:
        return False
    gates = {name: getattr(found, name) for name in GATES}
    return same_science(found, teacher.model_copy(update=gates))


def _why(state: CampaignState, loaded: LoadedConfig, code: Mapping[str, str] | None) -> str:
    """Return why a campaign's labels do not count as labels of a config; empty if they do."""
    assert state.created is not None
    if not same_settings(state.config["label"], loaded):
        now = loaded.config.label.model_dump(mode="json")
        found = [str(difference) for difference in differences({"label": state.config["label"]}, {"label": now})]
        return "; ".join(found)
    here = code if code is not None else code_identity(loaded.config.label, state.created.elements)
    common = state.code.keys() & here.keys()
    accepted = [{name: former.get(name) for name in common} for former in state.codes]
    if {name: here[name] for name in common} in accepted:
        return ""
    return changed(*({name: c[name] for name in state.code if name in common} for c in (state.code, here)))
