"""All names that alloop takes from MACE and from e3nn, which MACE is made of: no other module imports them."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

import torch


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Import MACE without its prints.

    MACE sets ``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD``, and its calculator needs it to load an exported model in the same
    process. It rules only a ``torch.load`` that does not say `weights_only`; every one of alloop's does.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


with _quietly():
    from mace.calculators import MACECalculator
    from mace.calculators.foundations_models import mace_mp_urls
    from mace.data import AtomicData, KeySpecification, config_from_atoms
    from mace.data.neighborhood import get_neighborhood
    from mace.modules import (
        ScaleShiftMACE,
        WeightedEnergyForcesLoss,
        WeightedEnergyForcesStressLoss,
        blocks,
        gate_dict,
        interaction_classes,
        readout_classes,
    )
    from mace.modules.lora import inject_lora, merge_lora_weights
    from mace.tools.compile import disable_e3nn_codegen
    from mace.tools.finetuning_utils import load_foundations_elements
    from mace.tools.scripts_utils import (
        extract_config_mace_model,
        extract_model,
        freeze_module,
        get_params_options,
        remove_pt_head,
    )
    from mace.tools.torch_geometric import Batch
    from mace.tools.train import preserve_grad_state, take_step
    from mace.tools.utils import AtomicNumberTable, get_cache_dir

    # isort: split
    from e3nn.o3 import Irreps

warnings.filterwarnings("ignore", message="The TorchScript type system", category=UserWarning)
warnings.filterwarnings("ignore", message=r".*torch\.jit.*", category=DeprecationWarning)

__all__ = [
    "AtomicData",
    "AtomicNumberTable",
    "Batch",
    "Irreps",
    "KeySpecification",
    "MACECalculator",
    "ScaleShiftMACE",
    "WeightedEnergyForcesLoss",
    "WeightedEnergyForcesStressLoss",
    "blocks",
    "config_from_atoms",
    "disable_e3nn_codegen",
    "extract_config_mace_model",
    "extract_model",
    "for_mliap",
    "freeze_module",
    "gate_dict",
    "get_cache_dir",
    "get_neighborhood",
    "get_params_options",
    "inject_lora",
    "interaction_classes",
    "load_foundations_elements",
    "mace_mp_urls",
    "merge_lora_weights",
    "preserve_grad_state",
    "readout_classes",
    "remove_pt_head",
    "take_step",
    "torchscript_for_lammps",
    "with_cuequivariance",
]


def with_cuequivariance(model: torch.nn.Module, device: str) -> torch.nn.Module:
    """Return a model converted by MACE to the kernels of NVIDIA's cuEquivariance, which must be installed.

    Parameters
    ----------
    model : torch.nn.Module
        Built with MACE's own layers; it stays as it is.
    device : str
        Kind of device that the kernels are for: ``cpu`` or ``cuda``.
    """
    from mace.cli.convert_e3nn_cueq import run

    converted: torch.nn.Module = run(model, device=device)
    return converted


def for_mliap(model: Any) -> Any:
    """Return a model as MACE's own converter wraps it for LAMMPS, ``pair_style mliap unified``; to be pickled.

    The converter, ``mace_create_lammps_model --format=mliap``, also changes MACE's layers for those of cuEquivariance,
    which then must be installed wherever the file is read. Here they stay, and the numbers are the same.
    """
    from mace.calculators.lammps_mliap_mace import LAMMPS_MLIAP_MACE

    model.lammps_mliap = True
    return LAMMPS_MLIAP_MACE(model)


def torchscript_for_lammps(model: torch.nn.Module) -> torch.jit.ScriptModule:
    """Return a model as MACE's own converter compiles it for LAMMPS, ``pair_style mace`` (``--format=libtorch``)."""
    from e3nn.util import jit
    from mace.calculators import LAMMPS_MACE

    compiled: torch.jit.ScriptModule = jit.compile(LAMMPS_MACE(model))
    return compiled
