"""Find values of a config that are each allowed but do not fit together, or not a crystal. Pure."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from alloop.checks.measuring_sanity import find_in_measure
from alloop.checks.swaps import find_in_swaps
from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.machine import BatchExecutor, LocalExecutor
from alloop.config.suggestions import hint
from alloop.labelling.registry import engine_of
from alloop.tasks.contract.request import SLOT_KINDS

Finding = tuple[KeyPath, str]


def find(
    config: CampaignConfig, imported_labels: int = 0, left_out: str = "", compositions: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Yield the key and the problem of everything that does not fit together.

    Parameters
    ----------
    config : CampaignConfig
        A config whose keys are each valid.
    imported_labels : int
        Labelled frames of the same reference that count as training labels.
    left_out : str
        Which labelled frames do not count, and why.
    compositions : mapping or None
        The composition of every system, by its name; None: every system is its own.
    """
    for check in _CHECKS:
        yield from check(config)
    names = {*compositions.values()} if compositions else {system.name for system in config.systems}
    yield from _initial(config, len(names))
    yield from find_in_measure(config, sorted(names))
    yield from find_shortage(config, imported_labels, left_out)


def labels_needed(config: CampaignConfig, rung: int, imported_labels: int = 0) -> int:
    """Return the DFT labels that a rung takes, held-out ones included."""
    return max(0, rung - imported_labels) + config.heldout.frames_for(rung)


def find_shortage(config: CampaignConfig, imported: int, left_out: str = "") -> Iterator[Finding]:
    """Yield the largest rung if its labels are more than the budget."""
    top, budget = max(config.ladder.rungs), config.budget.labels
    if budget is None or labels_needed(config, top, imported) <= budget:
        return
    fits = _largest_rung(config, budget, imported)
    mend = f"lower the rung to {fits} or raise budget.labels" if fits else "raise budget.labels"
    needed, heldout = labels_needed(config, top, imported), config.heldout.frames_for(top)
    what = f"the rung of {top} takes {needed} labels with its {heldout} held-out ones, and budget.labels is {budget}"
    why = f" ({imported} imported; {left_out})" if left_out else ""
    yield ("ladder", "rungs", config.ladder.rungs.index(top)), f"{what}{why}; {mend}"


def find_unjudgeable(config: CampaignConfig) -> Iterator[Finding]:
    """Yield what leaves the rungs of the built-in ladder without error bars: such a campaign runs to its last label."""
    if config.ladder.policy != "ladder":
        return
    vain = "so no rung has an error bar and the campaign labels up to its last rung without converging"
    if len(config.systems) * len(config.explore.temperatures_K) * config.explore.replicas < 2:
        yield ("explore", "replicas"), f"all held-out frames come from one walker, {vain}; use at least 2"
    if config.ladder.fits < 2:
        yield ("ladder", "fits"), f"the spread of fits is unknown, {vain}; use at least 2"


def find_crowds(config: CampaignConfig, cores: int) -> Iterator[Finding]:
    """Yield the first executor on this machine if the workers of all have less than a core each."""
    execution = config.execution
    local = {name: one for name, one in execution.executors.items() if isinstance(one, LocalExecutor)}
    ranks = {name: one.ranks_per_label if name == execution.label else 1 for name, one in local.items()}
    busy = sum(one.workers * ranks[name] for name, one in local.items())
    if busy > cores:
        name = max(local, key=lambda one: local[one].workers * ranks[one])
        others = f" with {', '.join(sorted(local.keys() - {name}))}" if len(local) > 1 else ""
        what = f"asks for {busy} cores{others} and this machine has {cores}, so tasks slow each other down"
        mend = f"; use {max(1, cores // ranks[name])}" if len(local) == 1 else "; use fewer"
        yield ("execution", "executors", name, "workers"), what + mend


def _largest_rung(config: CampaignConfig, budget: int, imported: int) -> int:
    size = budget + imported
    while size > 0 and labels_needed(config, size, imported) > budget:
        size -= 1
    return size


def _rungs(config: CampaignConfig) -> Iterator[Finding]:
    rungs = config.ladder.rungs
    for i in range(1, len(rungs)):
        if rungs[i] <= rungs[i - 1]:
            yield ("ladder", "rungs", i), f"rungs must grow: {rungs[i]} does not come after {rungs[i - 1]}"


def _initial(config: CampaignConfig, compositions: int) -> Iterator[Finding]:
    rungs, initial = config.ladder.rungs, config.initial.frames * compositions
    if rungs[0] < initial:
        what = "systems" if compositions == len(config.systems) else "compositions"
        many = f" ({compositions} {what} × {config.initial.frames})" if compositions > 1 else ""
        what = f"the first rung of {rungs[0]} is smaller than the {initial} initial frames{many}"
        yield ("ladder", "rungs", 0), f"{what}; raise it, or lower initial.frames"


def _beginning(config: CampaignConfig) -> Iterator[Finding]:
    brought = config.data.initial or config.data.campaigns
    if config.initial.frames or config.potential.foundation is not None or brought:
        return
    yield (
        ("initial", "frames"),
        "0 leaves nothing to fit first; give initial frames, a foundation or labels in `data`",
    )


def find_names(config: CampaignConfig) -> Iterator[Finding]:
    """Yield the names that several systems of a config have."""
    for name, count in Counter(system.name for system in config.systems).items():
        if count > 1:
            last = max(i for i, system in enumerate(config.systems) if system.name == name)
            yield ("systems", last, "name"), f"`{name}` names {count} systems; every name must be its own"


def _rattle(config: CampaignConfig) -> Iterator[Finding]:
    if config.initial.rattle_A > 0.5:
        what = f"{config.initial.rattle_A:g} Å scrambles a crystal; 0.05 to 0.2 is usual"
        yield ("initial", "rattle_A"), what
    if config.initial.strain > 0.2:
        strain = config.initial.strain
        yield ("initial", "strain"), f"{strain:g} means {strain:.0%}; write 0.02 for 2 %"


def _ensemble(config: CampaignConfig) -> Iterator[Finding]:
    explore = config.explore
    if explore.ensemble == "npt" and config.fit.stress_weight == 0:
        what = "`npt` moves the cell by the stress, which the fit ignores (fit.stress_weight is 0)"
        yield (
            ("explore", "ensemble"),
            f"{what}; raise the weight (and label.cutoff_eV, for a converged stress) or use `nvt`",
        )
    if explore.ensemble == "nvt" and explore.pressure_GPa != 0:
        yield (
            ("explore", "pressure_GPa"),
            "`nvt` keeps the cell and has no pressure; use `npt`, or delete this line",
        )
    if abs(explore.pressure_GPa) > 200:
        what = f"{explore.pressure_GPa:g} GPa is more than 200 GPa; 1 bar is 0.0001 GPa"
        yield ("explore", "pressure_GPa"), what


def _temperatures(config: CampaignConfig) -> Iterator[Finding]:
    temperatures = config.explore.temperatures_K
    for i, temperature in enumerate(temperatures):
        key: KeyPath = ("explore", "temperatures_K", i)
        if temperature < 50:
            yield key, f"nothing moves at {temperature:g} K; temperatures are in kelvin (25 °C is 298 K)"
        if temperature > 5000:
            yield key, f"{temperature:g} K melts every solid; temperatures are in kelvin"
        if temperature in temperatures[:i]:
            yield key, f"{temperature:g} is listed twice; `replicas` gives several walkers per temperature"


def _dynamics(config: CampaignConfig) -> Iterator[Finding]:
    explore = config.explore
    if explore.timestep_fs > 10:
        what = f"{explore.timestep_fs:g} fs is too long for any solid; 1 to 2 fs is usual"
        yield ("explore", "timestep_fs"), what
    if explore.timestep_fs < 0.01:
        what = f"{explore.timestep_fs:g} fs is very short; is it in ps? 1 ps is 1000 fs"
        yield ("explore", "timestep_fs"), what
    if explore.friction_per_fs * explore.timestep_fs >= 1:
        what = f"{explore.friction_per_fs:g} per fs stops every motion within a step"
        yield ("explore", "friction_per_fs"), f"{what}; is it per ps? 10 per ps is 0.01 per fs"


def _segments(config: CampaignConfig) -> Iterator[Finding]:
    explore = config.explore
    interval_fs = explore.check_every_steps * explore.timestep_fs
    if explore.segment_fs < interval_fs:
        what = f"{explore.segment_fs:g} fs ends before the committee looks for the first time, after {interval_fs:g} fs"
        yield ("explore", "segment_fs"), f"{what} ({explore.check_every_steps} steps); make it longer"
    steps = int(explore.segment_fs // explore.timestep_fs)
    if explore.random_offers > steps:
        what = f"{explore.random_offers} frames cannot be drawn from a segment of {steps} steps"
        yield ("explore", "random_offers"), f"{what}; lower it"
    blind = config.select.policy == "random" or config.potential.foundation is not None
    if blind and explore.random_offers == 0:
        who = "random selection" if config.select.policy == "random" else "a foundation, which has no committee yet,"
        yield ("explore", "random_offers"), f"{who} needs frames offered at random times; use at least 1"
    if config.heldout.segment_fs < explore.timestep_fs:
        what = (
            f"{config.heldout.segment_fs:g} fs is shorter than one step of {explore.timestep_fs:g} fs; make it longer"
        )
        yield ("heldout", "segment_fs"), what


def _window(config: CampaignConfig) -> Iterator[Finding]:
    lower, upper = config.select.lower_eV_per_A, config.select.upper_eV_per_A
    if lower >= upper:
        what = f"the window is empty: the lower end ({lower:g}) must be below upper_eV_per_A ({upper:g})"
        yield ("select", "lower_eV_per_A"), what


def _fit(config: CampaignConfig) -> Iterator[Finding]:
    fit = config.fit
    if fit.energy_weight == 0 and fit.forces_weight == 0:
        yield ("fit", "forces_weight"), "energy_weight and forces_weight are both 0, which leaves nothing to fit"
    if fit.check_every_steps > fit.max_steps:
        what = f"no check falls within max_steps ({fit.max_steps}); lower it"
        yield ("fit", "check_every_steps"), what
    if fit.learning_rate > 1:
        yield ("fit", "learning_rate"), f"{fit.learning_rate:g} diverges; 0.001 to 0.01 is usual"
    if fit.loss == "squares" and fit.huber_eV_per_A != type(fit).model_fields["huber_eV_per_A"].default:
        yield ("fit", "huber_eV_per_A"), "has no effect on `loss: squares`; write `loss: huber`, or delete this line"


def _executors(config: CampaignConfig) -> Iterator[Finding]:
    execution = config.execution
    for kind in SLOT_KINDS:
        name = getattr(execution, kind)
        if name not in execution.executors:
            defined = ", ".join(f"`{executor}`" for executor in execution.executors)
            mend = hint(name, execution.executors, f"defined: {defined}; name one with `{kind}:`")
            yield ("execution", kind), f"no executor `{name}` under execution.executors; {mend}"
    if execution.heartbeat_limit_s <= execution.heartbeat_s:
        what = f"must be longer than heartbeat_s ({execution.heartbeat_s:g} s), or every worker counts as lost"
        yield ("execution", "heartbeat_limit_s"), what


def _walltimes(config: CampaignConfig) -> Iterator[Finding]:
    for name, executor in config.execution.executors.items():
        declared = executor.longest_task_min if isinstance(executor, BatchExecutor) else None
        if declared is not None and isinstance(executor, BatchExecutor) and 60 * declared >= executor.walltime_s:
            what = f"no job of {executor.walltime} has time for a task of {declared:g} min; raise walltime"
            yield ("execution", "executors", name, "longest_task_min"), what


def _ranks(config: CampaignConfig) -> Iterator[Finding]:
    execution = config.execution
    for name, executor in execution.executors.items():
        key: KeyPath = ("execution", "executors", name)
        ranks = executor.ranks_per_label
        for field in ("mpi_command", "mpi_python"):
            if ranks == 1 and field in executor.model_fields_set:
                yield (*key, field), "has no effect on labels of one rank; set `ranks_per_label`, or delete this line"
        if why := _command_problem(executor.mpi_command):
            yield (*key, "mpi_command"), f"{why}; write for instance `mpiexec -n {{ranks}}` or `srun -n {{ranks}}`"
        if ranks > 1 and name != execution.label:
            what = f"no labels run on `{name}`, and only labels have ranks"
            yield (*key, "ranks_per_label"), f"{what}; delete this line, or write `label: {name}`"
        elif ranks > 1 and (why := engine_of(config.label).ranks_problem(ranks)):
            yield (*key, "ranks_per_label"), why


def _command_problem(command: str) -> str | None:
    try:
        words = shlex.split(command)
    except ValueError:
        return "has a quotation mark too many or too few"
    if not any("{ranks}" in word for word in words[1:]):
        return "does not say how many ranks to start: write `{ranks}` in the place of their number"
    return None


def _foundation(config: CampaignConfig) -> Iterator[Finding]:
    foundation = config.potential.foundation
    if not isinstance(foundation, str):
        return
    if "/" in foundation or foundation.endswith((".model", ".pt", ".pth")):
        what = f"a model file needs its checksum: write {{path: {foundation}, sha256: …}}, as `sha256sum` prints it"
        yield ("potential", "foundation"), what


def _method(config: CampaignConfig) -> Iterator[Finding]:
    method, replay, data = config.fit.method, config.fit.replay, config.data
    names_replay = data.reference == "other" and bool(data.initial or data.campaigns)
    if method != "naive" and config.potential.foundation is None:
        mend = "name one in potential.foundation, or take `method: naive`"
        yield ("fit", "method"), f"`{method}` changes a foundation, and there is none; {mend}"
    elif method != "multihead" and replay != "labels":
        yield ("fit", "replay"), f"`method: {method}` replays nothing; delete this line, or write `method: multihead`"
    elif method == "multihead" and replay == "labels" and not names_replay:
        what = "`multihead` replays frames of the foundation's reference, and `data` names none"
        mend = "give their file in data.initial with `reference: other`, or write `replay: pseudolabels`"
        yield ("fit", "method"), f"{what}; {mend}"


_CHECKS: tuple[Callable[[CampaignConfig], Iterator[Finding]], ...] = (
    _rungs,
    _beginning,
    _rattle,
    _ensemble,
    _temperatures,
    _dynamics,
    _segments,
    _window,
    _fit,
    _executors,
    _walltimes,
    _ranks,
    _foundation,
    _method,
    find_in_swaps,
)
