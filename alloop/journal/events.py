"""The events of a campaign. The journal is a list of these, and the state is their fold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from alloop.config.science import MOST_MEMBERS
from alloop.journal.systems import SystemRecord
from alloop.journal.verdicts import VerdictName
from alloop.tasks.contract.records import Key, Record, Timing
from alloop.tasks.contract.relabel import RelabelSummary
from alloop.tasks.contract.select import ChosenFrame


class Event(Record):
    """Base of every event."""

    kind: str


class CampaignCreated(Event):
    """A campaign begins: its config, its structures, and the code that decides the labels and the teacher's answers.

    The campaign keeps the `rules` of decisions that it begins with, see `alloop.decisions.charter.RULES`.
    """

    kind: Literal["campaign_created"] = "campaign_created"
    name: str
    config: dict[str, Any]
    science_sha256: str
    policies: dict[str, str] = {}
    systems: tuple[SystemRecord, ...]
    elements: tuple[str, ...]
    code: dict[str, str]
    versions: dict[str, str]
    foundation: Key | None = None
    foundation_head: str | None = None
    foundation_members: Annotated[int, Field(ge=0, le=MOST_MEMBERS)] = 0
    teacher_code: dict[str, str] = {}
    rules: Annotated[int, Field(ge=1)] = 1
    run_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class ConfigChanged(Event):
    """A campaign resumes under other machine, budget or monitoring settings."""

    kind: Literal["config_changed"] = "config_changed"
    config: dict[str, Any]
    changes: tuple[str, ...]


class PolicyChanged(Event):
    """A campaign goes on with mended policies, as the user asked.

    Attributes
    ----------
    policies : dict
        SHA-256 of the source of every policy that is not built in, by its key in the config.
    changed : tuple of str
        The keys of those that are not what they were.
    """

    kind: Literal["policy_changed"] = "policy_changed"
    policies: dict[str, str]
    changed: tuple[str, ...]


class CodeDriftFound(Event):
    """Other code would make the labels now: some labels are made again with it before anything else is done.

    Attributes
    ----------
    code : dict
        Identity of the code that is installed now.
    labels : tuple of str
        Keys of the labels that are made again: the probes.
    """

    kind: Literal["code_drift_found"] = "code_drift_found"
    code: dict[str, str]
    labels: tuple[str, ...]


class RelabelRecord(Record):
    """A label made again: its key, the key of the probe's result, and how far the two are apart."""

    label: str
    key: Key
    deviation: RelabelSummary


class CodeChanged(Event):
    """Labels come from other code from now on: all probes agree, or there was no label yet to disagree with."""

    kind: Literal["code_changed"] = "code_changed"
    old: dict[str, str]
    new: dict[str, str]
    probes: tuple[RelabelRecord, ...]


class CodeRefused(Event):
    """The campaign stays with its code: a probe disagrees or could not be made, or the code is back."""

    kind: Literal["code_refused"] = "code_refused"
    code: dict[str, str]
    reason: str


class LabelsImported(Event):
    """Labelled frames that existed before the campaign.

    Attributes
    ----------
    reference : str
        ``same``: labels like any other; ``teacher``: the teacher's, to teach with; ``other``: to pre-train on.
    source : str
        File or campaign, as the config names it.
    keys, structures : tuple of str
        Key of each label, and digest of its structure.
    campaign : str or None
        Identity (`run_id`) of the campaign they come from; None for a file.
    why : str
        Why labels of a campaign are not ``same``.
    systems : tuple of str
        For each label, the system whose cell leads to its settings, or nothing; empty: no cell matters.
    """

    kind: Literal["labels_imported"] = "labels_imported"
    reference: Literal["same", "teacher", "other"]
    source: str
    keys: tuple[Key, ...]
    structures: tuple[Key, ...] = ()
    campaign: str | None = None
    why: str = ""
    systems: tuple[str, ...] = ()


class DriverStarted(Event):
    """A driver takes over the campaign."""

    kind: Literal["driver_started"] = "driver_started"
    host: str
    pid: int
    version: str


class DriverStopped(Event):
    """A driver leaves: finished, interrupted or failed."""

    kind: Literal["driver_stopped"] = "driver_stopped"
    reason: str


class TaskPlanned(Event):
    """A task that will be submitted, written before it is.

    Attributes
    ----------
    purpose : str
        What the task is for, unique in the campaign, for instance ``label/Li3InCl6.600K.0/3/1``.
    """

    kind: Literal["task_planned"] = "task_planned"
    purpose: str
    key: Key
    task: Key
    slot_kind: str
    request: dict[str, Any]
    context: dict[str, Any] = {}


class TaskFinished(Event):
    """A result was harvested, or a task was given up."""

    kind: Literal["task_finished"] = "task_finished"
    purpose: str
    key: Key
    status: Literal["ok", "failed"]
    reason: str = ""
    detail: str = ""
    timing: Timing | None = None
    summary: dict[str, Any] = {}
    reused: bool = False


class AttemptLost(Event):
    """A worker was lost or broke on a task; the task is tried again until its attempts are used up.

    Attributes
    ----------
    cost : float
        Attempts this takes off those that the budget allows; less than one where the task is hardly to blame.
    """

    kind: Literal["attempt_lost"] = "attempt_lost"
    purpose: str
    key: Key
    error: str
    cost: float = 1.0


class SelectionAsked(Event):
    """A selection is due: what is still to be chosen from everything offered so far.

    Attributes
    ----------
    number : int
        Counts the selections of the campaign.
    generation : int
        The present committee.
    oldest : int
        Frames offered by a generation before this one are stale.
    count : int
        Frames wanted.
    """

    kind: Literal["selection_asked"] = "selection_asked"
    number: int
    generation: int
    oldest: int
    count: int
    seed: int


class FramesSelected(Event):
    """A selection: which frames get a label, which are rejected for good and why."""

    kind: Literal["frames_selected"] = "frames_selected"
    generation: int | None
    policy: str
    seed: int
    chosen: tuple[ChosenFrame, ...]
    rejected: dict[str, str] = {}


class HeldoutDrawn(Event):
    """Frames drawn at random for the held-out set; `retired` ones leave it, as outgrown or `broken`, for training."""

    kind: Literal["heldout_drawn"] = "heldout_drawn"
    frames: tuple[str, ...]
    retired: tuple[str, ...] = ()
    broken: bool = False


class GenerationOpened(Event):
    """A refit of the committee begins.

    Attributes
    ----------
    upto : int
        The fit uses the first `upto` training frames in selection order …
    missing : tuple of str
        … without these, whose labels failed or are still being computed.
    rung : int or None
        The rung whose first fit is this generation's leader.
    foundation : bool
        The generation is the foundation itself and needs no fit.
    """

    kind: Literal["generation_opened"] = "generation_opened"
    number: int
    upto: int
    missing: tuple[str, ...] = ()
    labels: int
    rung: int | None = None
    foundation: bool = False


class RungJudged(Event):
    """All rungs so far on one held-out set: the table and the comparison of the last two.

    Attributes
    ----------
    production_ps : float
        Length of the rung's production runs (ps); 0 where none is measured.
    final : bool
        False if longer runs are asked for before the rung counts as judged.
    """

    kind: Literal["rung_judged"] = "rung_judged"
    size: int
    heldout: int
    table: tuple[dict[str, Any], ...]
    judgements: tuple[dict[str, Any], ...]
    production_ps: float = 0.0
    final: bool = True


class ProductionExtended(Event):
    """The error bars of some rungs are too wide: their production runs are made longer before more is labelled.

    Attributes
    ----------
    rungs : tuple of str
        Names of the rungs.
    production_ps : float
        Length that is now wanted (ps).
    """

    kind: Literal["production_extended"] = "production_extended"
    rungs: tuple[str, ...]
    production_ps: float
    reason: str


class SubsetRecord(Record):
    """One rung of a ladder of random nested subsets: its size and its frames."""

    size: int
    frames: tuple[str, ...]


class SubsetsDrawn(Event):
    """A ladder of random nested subsets is asked for.

    Attributes
    ----------
    number : int
        Counts these ladders.
    rungs : tuple of SubsetRecord
        Smallest first; each holds the one before.
    heldout : tuple of str
        Frames that judge them: the campaign's held-out ones, or drawn from the training frames where it has none.
    """

    kind: Literal["subsets_drawn"] = "subsets_drawn"
    number: int
    rungs: tuple[SubsetRecord, ...]
    heldout: tuple[str, ...]
    seed: int


class SubsetsJudged(Event):
    """The ladder of random nested subsets is done: its table, what changed at its last step, and the answer."""

    kind: Literal["subsets_judged"] = "subsets_judged"
    number: int
    table: tuple[dict[str, Any], ...]
    judgements: tuple[dict[str, Any], ...]
    converged: bool
    reason: str


class VerdictReached(Event):
    """The campaign's answer."""

    kind: Literal["verdict_reached"] = "verdict_reached"
    verdict: VerdictName
    reason: str


class Tick(Event):
    """Time passed and nothing else happened."""

    kind: Literal["tick"] = "tick"


AnyEvent = Annotated[
    CampaignCreated
    | ConfigChanged
    | PolicyChanged
    | CodeDriftFound
    | CodeChanged
    | CodeRefused
    | LabelsImported
    | DriverStarted
    | DriverStopped
    | TaskPlanned
    | TaskFinished
    | AttemptLost
    | SelectionAsked
    | FramesSelected
    | HeldoutDrawn
    | GenerationOpened
    | RungJudged
    | ProductionExtended
    | SubsetsDrawn
    | SubsetsJudged
    | VerdictReached
    | Tick,
    Field(discriminator="kind"),
]

_EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


def event_from_json(text: str | bytes) -> AnyEvent:
    """Return the event of its JSON text.

    Raises
    ------
    pydantic.ValidationError
        If the text is not an event.
    """
    return _EVENT.validate_json(text)
