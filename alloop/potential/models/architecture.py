"""Describe a MACE model as plain data, and build it again from the description."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols

from alloop.config.science import ArchitectureConfig
from alloop.files.canonical_json import canonical_json
from alloop.potential.mace_api import (
    Irreps,
    ScaleShiftMACE,
    extract_config_mace_model,
    gate_dict,
    interaction_classes,
    readout_classes,
)
from alloop.potential.models.runtime import building

# Registered by newer versions of MACE from the coupling matrices alone, so an older model lacks them harmlessly.
_DERIVED_BUFFERS = "_zeroed"
_IRREPS = ("hidden_irreps", "MLP_irreps", "edge_irreps")
_CLASSES = {
    "interaction_cls": interaction_classes,
    "interaction_cls_first": interaction_classes,
    "readout_cls": readout_classes,
    "gate": gate_dict,
}
_IN_STATE = ("atomic_energies", "atomic_inter_scale", "atomic_inter_shift")

_templates: dict[str, torch.nn.Module] = {}


class ArchitectureError(Exception):
    """Alloop cannot describe or rebuild a model."""


def describe_model(module: torch.nn.Module) -> dict[str, Any]:
    """Return everything needed to rebuild a model except its state, as JSON-able data.

    Parameters
    ----------
    module : torch.nn.Module
        A ``ScaleShiftMACE``.

    Raises
    ------
    ArchitectureError
        If the model is of another class or uses parts that cannot be described.
    """
    name = type(module).__name__
    if name != "ScaleShiftMACE":
        raise ArchitectureError(f"a {name} is not supported: the potential must be a ScaleShiftMACE")
    arguments = extract_config_mace_model(module)
    for unsupported in ("cueq_config", "embedding_specs"):
        if arguments.pop(unsupported) is not None:
            raise ArchitectureError(f"models with {unsupported} are not supported: use the plain MACE model")
    layers: Any = module.interactions
    arguments["avg_num_neighbors"] = _one_value([layer.avg_num_neighbors for layer in layers])
    for key, table in _CLASSES.items():
        arguments[key] = _name_in(table, arguments[key], key)
    for key in _IRREPS:
        arguments[key] = None if arguments[key] is None else str(arguments[key])
    arguments["distance_transform"] = arguments["distance_transform"] or "None"
    plain = {key: _plain(value) for key, value in arguments.items()}
    return {"class": name, "dtype": dtype_of(module), "arguments": plain}


def build_model(config: Mapping[str, Any]) -> torch.nn.Module:
    """Return the model of a description, to be given its state: what it holds until then means nothing.

    Building takes most of a second, so one template of every shape is kept and copied.
    """
    arguments = dict(config["arguments"])
    average = arguments.pop("avg_num_neighbors")
    shape = {"arguments": {**arguments, **{key: np.zeros_like(arguments[key]).tolist() for key in _IN_STATE}}}
    name = canonical_json({**config, **shape})
    with building(config["dtype"]):
        if name not in _templates:
            _templates[name] = _construct(shape["arguments"])
        module = copy.deepcopy(_templates[name])
    layers: Any = module.interactions
    for layer in layers:
        layer.avg_num_neighbors = average
    return module


def _construct(arguments: dict[str, Any]) -> torch.nn.Module:
    made = {key: table[arguments[key]] for key, table in _CLASSES.items()}
    made |= {key: None if arguments[key] is None else Irreps(arguments[key]) for key in _IRREPS}
    made |= {key: np.array(arguments[key]) for key in _IN_STATE}
    module: torch.nn.Module = ScaleShiftMACE(**{**arguments, **made, "avg_num_neighbors": 1.0})
    return module


def load_state(module: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Put a state into a model; every weight must be there and fit.

    Raises
    ------
    ArchitectureError
        If a tensor is missing, left over or of another shape.
    """
    try:
        missing, unexpected = module.load_state_dict(dict(state), strict=False)
    except RuntimeError as error:
        raise ArchitectureError(f"weights do not fit the model: {str(error).splitlines()[-1].strip()}") from error
    wrong = [key for key in missing if not key.endswith(_DERIVED_BUFFERS)] + list(unexpected)
    if wrong:
        raise ArchitectureError(f"weights do not fit the model: {wrong[0]} is missing or left over")


def rebuilt(module: torch.nn.Module) -> torch.nn.Module:
    """Return an independent copy of a model, built anew by the installed version of MACE."""
    copied = build_model(describe_model(module))
    load_state(copied, module.state_dict())
    return copied


def new_model(
    architecture: Mapping[str, Any],
    e0s_eV: Mapping[int, float],
    *,
    average_neighbours: float,
    scale_eV_per_A: float,
    shift_eV: float,
    dtype: str,
    seed: int,
) -> torch.nn.Module:
    """Return a model with random weights.

    Parameters
    ----------
    architecture : dict
        Fields of :class:`~alloop.config.science.ArchitectureConfig`.
    e0s_eV : dict
        Isolated-atom energy (eV) by atomic number; its keys are the elements of the model.
    average_neighbours : float
        Mean number of neighbours within the cutoff, which normalises the messages.
    scale_eV_per_A, shift_eV : float
        Root mean square of the force components, and mean interaction energy per atom, of the training frames.
    """
    shape = ArchitectureConfig.model_validate(dict(architecture))
    numbers = sorted(e0s_eV)
    hidden = " + ".join(f"{shape.channels}x{ell}{'eo'[ell % 2]}" for ell in range(shape.max_L + 1))
    block = interaction_classes["RealAgnosticResidualInteractionBlock"]
    with building(dtype, seed):
        module: torch.nn.Module = ScaleShiftMACE(
            r_max=shape.cutoff_A,
            num_bessel=shape.radial_functions,
            num_polynomial_cutoff=5,
            max_ell=shape.max_ell,
            interaction_cls=block,
            interaction_cls_first=block,
            num_interactions=shape.layers,
            num_elements=len(numbers),
            hidden_irreps=Irreps(hidden),
            MLP_irreps=Irreps("16x0e"),
            gate=torch.nn.functional.silu,
            atomic_energies=np.array([[e0s_eV[z] for z in numbers]]),
            avg_num_neighbors=float(average_neighbours),
            atomic_numbers=numbers,
            correlation=shape.correlation,
            radial_type="bessel",
            # Screened nuclear repulsion keeps atoms apart where no label has been yet.
            pair_repulsion=True,
            # The reduced basis exists only where cuequivariance is installed: the weights would not fit elsewhere.
            use_reduced_cg=False,
            atomic_inter_scale=[float(scale_eV_per_A)],
            atomic_inter_shift=[float(shift_eV)],
        )
    return module


def dtype_of(module: torch.nn.Module) -> str:
    """Return the precision of a model, ``float32`` or ``float64``."""
    return str(next(module.parameters()).dtype).removeprefix("torch.")


def numbers_of(module: torch.nn.Module) -> tuple[int, ...]:
    """Return the atomic numbers a model knows, in its own order."""
    numbers: Any = module.atomic_numbers
    return tuple(int(z) for z in numbers)


def cutoff_of(module: torch.nn.Module) -> float:
    """Return the cutoff of a model (Å)."""
    cutoff: Any = module.r_max
    return float(cutoff)


def head_of(module: torch.nn.Module) -> int:
    """Return the index of the head whose energies and forces are used.

    Raises
    ------
    ArchitectureError
        If there are several and none is called ``default``.
    """
    heads = heads_of(module)
    if len(heads) == 1:
        return 0
    named = [index for index, head in enumerate(heads) if head.lower() == "default"]
    if len(named) != 1:
        raise ArchitectureError(
            f"the model has {len(heads)} heads ({', '.join(heads)}) and none is the default: name one as `head`"
        )
    return named[0]


def heads_of(module: torch.nn.Module) -> tuple[str, ...]:
    """Return the names of a model's heads."""
    return tuple(str(head) for head in getattr(module, "heads", None) or ("Default",))


def set_e0s(module: torch.nn.Module, e0s_eV: Mapping[int, float]) -> None:
    """Put isolated-atom energies (eV, by atomic number) into the head whose energies and forces are used.

    Raises
    ------
    ArchitectureError
        If they are not exactly those of the model's elements.
    """
    numbers = numbers_of(module)
    if set(numbers) != set(e0s_eV):
        raise ArchitectureError(
            f"the model knows the elements {_symbols(numbers)}, but E0s are given for {_symbols(e0s_eV)}"
        )
    block: Any = module.atomic_energies_fn
    energies: torch.Tensor = block.atomic_energies
    row = torch.tensor([e0s_eV[z] for z in numbers], dtype=energies.dtype, device=energies.device)
    energies.view(-1, len(numbers))[head_of(module)].copy_(row)


def _symbols(numbers: Sequence[int] | Mapping[int, float]) -> str:
    return " ".join(chemical_symbols[z] for z in sorted(numbers))


def _one_value(values: Sequence[Any]) -> float:
    numbers = {float(value) for value in values}
    if len(numbers) != 1:
        raise ArchitectureError("models whose layers differ in avg_num_neighbors are not supported")
    return numbers.pop()


def _name_in(table: Mapping[str, Any], value: Any, key: str) -> str:
    for name, known in table.items():
        if known is value:
            return name
    raise ArchitectureError(f"{key} {getattr(value, '__name__', value)} is not one that MACE can build by name")


def _plain(value: Any) -> Any:
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value
