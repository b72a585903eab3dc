"""Fit a member of the committee, or a model of a rung."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers

from alloop.config.science import ArchitectureConfig
from alloop.failures import TaskFailure
from alloop.labelling.outliers import ENERGY_EV_PER_ATOM, FORCE_EV_PER_A, first_absurd
from alloop.potential.fitting.adapting import HEADS, fully, plain, with_frozen, with_low_rank, with_replay
from alloop.potential.fitting.energy_offset import set_energy_offset
from alloop.potential.fitting.finetuning import reduced_to
from alloop.potential.fitting.start_error import start_error
from alloop.potential.fitting.training import Check, DivergedError, Outcome, Recipe, order_of_frames, train
from alloop.potential.graphs import (
    UnknownElementError,
    average_neighbours,
    interaction_statistics,
    labelled_frame,
    labelled_graphs,
)
from alloop.potential.mace_api import AtomicData
from alloop.potential.models.architecture import ArchitectureError, new_model, numbers_of, set_e0s
from alloop.potential.models.foundation import load_foundation_file
from alloop.potential.models.model_files import read_model, write_model
from alloop.potential.models.runtime import DTYPES
from alloop.tasks.contract.fit import EpochMetrics, FitRequest, FitSummary
from alloop.tasks.contract.label import LABEL, LabelData
from alloop.tasks.contract.records import Answer
from alloop.tasks.contract.references import ModelRef, OfferRef
from alloop.tasks.contract.teach import TEACH, TeachData
from alloop.tasks.fit_progress import ProgressLine
from alloop.tasks.kinds.replay import training_copies, with_pseudolabels
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import DamagedResultError, Workspace

# Watching more training frames than this costs more than it tells.
WATCHED_TRAINING_FRAMES = 64


def fit(request: FitRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Fit a model and write it to ``workspace.model_path("fit:<key>")``.

    The model file is complete before this returns, so a result never lacks its model.

    Parameters
    ----------
    request : FitRequest
        What to fit, and from where.
    workspace : Workspace
        Holds the labels and the models.
    machine : Machine
        Where to compute.

    Returns
    -------
    tuple of dict
        FitSummary as JSON, and no data.

    Raises
    ------
    TaskFailure
        With reason ``diverged``, ``elements``, ``neighbours`` or ``replay``.
    """
    frames = read_frames(workspace, request.train + request.valid)
    training = [frames[key] for key in request.train]
    try:
        model = adapted(initial_model(request, workspace, training), request)
        off, outcome = _learnt(model, frames, request, workspace, machine)
        model = plain(model)
    except DivergedError as error:
        raise TaskFailure("diverged", f"{error}: {_why_diverged(request, frames)}") from error
    except (ArchitectureError, UnknownElementError) as error:
        raise TaskFailure("elements", str(error)) from error
    standing = workspace.read("fit", request.key())
    if standing is not None and standing.status == "ok":
        # Another worker finished while this one was suspended; the model next to its result must stay.
        return standing.summary, {}
    summary = FitSummary(
        model_sha256=write_model(workspace.model_path(f"fit:{request.key()}"), model, below=workspace.root),
        steps=outcome.steps,
        stopped=outcome.stopped,
        watched=_watched(request),
        history=tuple(_metrics(check) for check in outcome.history),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        start_error=off,
        far=_is_far(request, off),
    )
    return summary.model_dump(mode="json"), {}


def _learnt(
    model: torch.nn.Module, frames: Mapping[str, Atoms], request: FitRequest, workspace: Workspace, machine: Machine
) -> tuple[float | None, Outcome]:
    """Level the energies of a model and train it, in place; return how far its start was, and how it went."""
    graphs = dict(zip(frames, labelled_graphs(frames.values(), model), strict=True))
    fitted = _with_edges([graphs[key] for key in request.train])
    watched = _with_edges([graphs[key] for key in watched_keys(request)])
    if request.level_energy:
        set_energy_offset(model, fitted, by_element=request.level_energy == "elements", device=machine.device)
    off = None if request.far is None else start_error(model, fitted, device=machine.device)
    recipe = recipe_of(request, off)
    seen = [*fitted, *replayed(request, workspace, model, [frames[key] for key in request.train])]
    with _told(request, workspace, recipe.max_steps) as tell:
        return off, train(model, seen, watched, recipe, device=machine.device, on_check=tell)


@contextmanager
def _told(request: FitRequest, workspace: Workspace, steps: int) -> Iterator[Callable[[Check], None]]:
    """Give what takes every check of a fit and tells it to whoever watches the campaign."""
    line = ProgressLine(workspace.root, request.key())

    def tell(check: Check) -> None:
        line.write(
            step=check.step,
            steps=steps,
            loss=check.loss,
            rmse_forces_meV_per_A=1000 * check.rmse_forces_eV_per_A,
            watched=_watched(request),
        )

    try:
        yield tell
    finally:
        line.remove()


def _with_edges(graphs: list[AtomicData]) -> list[AtomicData]:
    """Return the graphs in which a model sees something: the others say nothing of how atoms act on each other.

    Raises
    ------
    TaskFailure
        ``neighbours``, if there is none.
    """
    kept = [graph for graph in graphs if graph.edge_index.shape[1]]
    if not kept:
        raise TaskFailure("neighbours", "no atom of any frame has a neighbour within the cutoff of the model: raise it")
    return kept


def _why_diverged(request: FitRequest, frames: Mapping[str, Atoms]) -> str:
    """Return what to do about a fit that diverged: look at an absurd label, or learn more slowly."""
    own = {key: frames[key] for key in request.train}
    energies_eV = {key: _binding_energy(frame, request.e0s_eV) for key, frame in own.items()}
    forces_eV_per_A = {key: float(np.abs(frame.arrays["REF_forces"]).max()) for key, frame in own.items()}
    if (found := first_absurd(energies_eV, ENERGY_EV_PER_ATOM)) is not None:
        key, per_atom, middle = found
        what = f"label {key} has {per_atom:.4g} eV per atom beyond its isolated atoms, where {middle:.4g} is usual"
    elif (found := first_absurd(forces_eV_per_A, FORCE_EV_PER_A)) is not None:
        key, largest, middle = found
        what = f"label {key} has a force of {largest:.4g} eV/Å, where {middle:.4g} is usual"
    else:
        return "lower fit.learning_rate"
    return f"{what}; it is a wrong answer of the engine, or a wrong frame of `data`"


def _binding_energy(frame: Atoms, e0s_eV: Mapping[str, float]) -> float:
    """Return the energy (eV per atom) of a frame beyond its isolated atoms."""
    atoms_eV = sum(e0s_eV.get(symbol, 0.0) for symbol in frame.symbols)
    return float((frame.info["REF_energy"] - atoms_eV) / len(frame))


def initial_model(request: FitRequest, workspace: Workspace, training: list[Atoms]) -> torch.nn.Module:
    """Return the model before its first step: random, a foundation reduced to the elements, or an earlier fit.

    Its isolated-atom energies are those of the request, whatever it starts from; a head that replays keeps its own.
    """
    e0s_eV = {atomic_numbers[symbol]: energy for symbol, energy in request.e0s_eV.items()}
    if request.init is None:
        return _random_model(request, training, e0s_eV)
    path, start = workspace.model_path(request.init), ModelRef.parse(request.init)
    if start.origin == "foundation":
        whole = load_foundation_file(path, start.key, member=start.member)
        model = reduced_to(whole, sorted(e0s_eV), start.head).to(DTYPES[request.dtype])
    else:
        model = read_model(path, sha256=workspace.model_sha256(request.init), dtype=request.dtype)
    if request.finetuning is not None and request.finetuning.method == "multihead":
        model = with_replay(model)
    set_e0s(model, e0s_eV)
    return model


def adapted(model: torch.nn.Module, request: FitRequest) -> torch.nn.Module:
    """Return a model in which a fit changes only the weights that the request's method allows."""
    tuning = request.finetuning
    if tuning is not None and tuning.method == "lora":
        return with_low_rank(model, tuning.rank or 1, request.seed)
    if tuning is not None and tuning.method == "frozen":
        return with_frozen(model, tuning.frozen or "embedding")
    return fully(model)


def replayed(
    request: FitRequest, workspace: Workspace, model: torch.nn.Module, training: Sequence[Atoms]
) -> list[AtomicData]:
    """Return frames for the second head, as many as are fitted: a random choice, or all of them again and again.

    Raises
    ------
    ArchitectureError
        If every frame holds an element that the campaign does not have.
    TaskFailure
        ``replay``, if pseudolabels are wanted and no frame has a sound one.
    """
    tuning = request.finetuning
    if tuning is None or not tuning.replays:
        return []
    known = set(numbers_of(model))
    frames = list(read_frames(workspace, tuning.replay).values())
    usable = [frame for frame in frames if known.issuperset(frame.numbers)]
    if frames and not usable:
        raise ArchitectureError("no frame to replay is made of the campaign's elements alone")
    if tuning.pseudolabels is not None:
        usable = with_pseudolabels(request, tuning.pseudolabels, usable or training_copies(request, training), model)
    graphs = _with_edges(labelled_graphs(usable, model, head=HEADS[1]))
    return [graphs[index] for index in order_of_frames(len(graphs), len(request.train), request.seed)]


def _watched(request: FitRequest) -> Literal["valid", "train"]:
    return "valid" if request.valid else "train"


def watched_keys(request: FitRequest) -> list[str]:
    """Return the labels every check evaluates: all of `valid`, or without any, distinct training labels, a sample."""
    if request.valid:
        return list(request.valid)
    distinct = list(dict.fromkeys(request.train))
    stride = -(-len(distinct) // WATCHED_TRAINING_FRAMES)
    return distinct[::stride]


def read_frames(workspace: Workspace, names: Iterable[str]) -> dict[str, Atoms]:
    """Return labelled frames under MACE's names, by the keys of labels and references to frames of a teacher."""
    taught: dict[str, TeachData] = {}
    frames: dict[str, Atoms] = {}
    for name in dict.fromkeys(names):
        if "/" not in name:
            frames[name] = read_frame(workspace, name)
            continue
        source = OfferRef.parse(name)
        if source.key not in taught:
            taught[source.key] = workspace.data(TEACH, source.key)
        if source.index >= len(taught[source.key].labels):
            raise DamagedResultError(f"{name} is not among the frames of its result")
        frames[name] = _frame(taught[source.key].labels[source.index])
    return frames


def read_frame(workspace: Workspace, key: str) -> Atoms:
    """Return a labelled frame under MACE's names."""
    return _frame(workspace.data(LABEL, key))


def _frame(label: LabelData) -> Atoms:
    return labelled_frame(label.structure.to_atoms(), label.energy_eV, label.forces_eV_per_A, label.stress_eV_per_A3)


def _random_model(request: FitRequest, training: list[Atoms], e0s_eV: dict[int, float]) -> torch.nn.Module:
    shape = ArchitectureConfig.model_validate(request.architecture)
    lacking = {int(z) for frame in training for z in frame.numbers} - set(e0s_eV)
    if lacking:
        raise ArchitectureError(f"no E0 is given for the elements with atomic numbers {sorted(lacking)}")
    scale, shift = interaction_statistics(training, e0s_eV)
    return new_model(
        request.architecture,
        e0s_eV,
        average_neighbours=average_neighbours(training, shape.cutoff_A),
        scale_eV_per_A=scale,
        shift_eV=shift,
        dtype=request.dtype,
        seed=request.seed,
    )


def recipe_of(request: FitRequest, off: float | None = None) -> Recipe:
    """Return the schedule and the weights of the loss that a request asks for, by the error of its start."""
    schedule = request.far if request.far is not None and _is_far(request, off) else request
    return Recipe(
        max_steps=schedule.max_steps,
        batch_size=request.batch_size,
        learning_rate=schedule.learning_rate,
        energy_weight=request.energy_weight,
        forces_weight=request.forces_weight,
        stress_weight=request.stress_weight,
        patience=request.patience,
        check_every_steps=request.check_every_steps,
        ema_decay=request.ema_decay,
        seed=request.seed,
        huber_eV_per_A=request.huber_eV_per_A,
    )


def _is_far(request: FitRequest, off: float | None) -> bool:
    return request.far is not None and off is not None and off > request.far.beyond


def _metrics(check: Check) -> EpochMetrics:
    return EpochMetrics(
        step=check.step,
        loss=check.loss,
        rmse_energy_meV_per_atom=1000 * check.rmse_energy_eV_per_atom,
        rmse_forces_meV_per_A=1000 * check.rmse_forces_eV_per_A,
        learning_rate=check.learning_rate,
    )
