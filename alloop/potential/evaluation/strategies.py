"""Ways to evaluate the members of a committee on one graph, and which of them is the fastest on this machine."""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch

from alloop.potential.evaluation.agreement import Agreement
from alloop.potential.evaluation.batch_splitting import is_out_of_memory
from alloop.potential.evaluation.float64_geometry import by_mace, with_float64_geometry
from alloop.potential.evaluation.model_forms import Geometry, form_of
from alloop.potential.evaluation.scalar_mace import UnsupportedError
from alloop.potential.evaluation.stacked import Stacked
from alloop.potential.evaluation.surface import Surface
from alloop.potential.mace_api import with_cuequivariance
from alloop.potential.models.architecture import dtype_of
from alloop.potential.models.runtime import building

_REPEATS = 3


class Strategy(Protocol):
    """A way to evaluate some models on one graph."""

    def __call__(self, geometry: Geometry) -> list[Surface]:
        """Return what every model says, in order."""


class Sequential:
    """One member after the other, each in its fastest form that agrees with MACE."""

    def __init__(self, models: Sequence[torch.nn.Module]) -> None:
        self._models = tuple(models)

    def __call__(self, geometry: Geometry) -> list[Surface]:
        """Evaluate all members on one graph."""
        return [form_of(model).surface(model, geometry) for model in self._models]


class CuEquivariance:
    """One member after the other, with the kernels of NVIDIA's cuEquivariance.

    Raises
    ------
    UnsupportedError
        If they are not installed, or MACE cannot convert a model.
    """

    def __init__(self, models: Sequence[torch.nn.Module]) -> None:
        if importlib.util.find_spec("cuequivariance_torch") is None:
            raise UnsupportedError("cuequivariance_torch is not installed")
        self._models = [with_float64_geometry(_converted(model)) for model in models]

    def __call__(self, geometry: Geometry) -> list[Surface]:
        """Evaluate all members on one graph."""
        return [by_mace(model, geometry.edges) for model in self._models]


def _converted(model: torch.nn.Module) -> torch.nn.Module:
    device = next(model.parameters()).device
    with building(dtype_of(model)):
        converted = with_cuequivariance(model, device.type)
    return converted.to(device).eval().requires_grad_(False)


STRATEGIES: Mapping[str, Callable[[Sequence[torch.nn.Module]], Strategy]] = {
    "sequential": Sequential,
    "stacked": Stacked,
    "cuequivariance": CuEquivariance,
}


def strategies_of(models: Sequence[torch.nn.Module]) -> dict[str, Strategy]:
    """Return every strategy that can evaluate these models and agrees with MACE about each; others with a warning.

    Members one after the other always are among them.
    """
    agreements = [Agreement(model) for model in models]
    found: dict[str, Strategy] = {"sequential": Sequential(models)}
    for name, make in STRATEGIES.items():
        if name in found or (name == "stacked" and len(models) == 1):
            continue
        try:
            strategy = make(models)
            if _agrees(strategy, agreements):
                found[name] = strategy
            elif all(agreement.is_finite for agreement in agreements):
                warnings.warn(f"members evaluated {name} do not agree with MACE; they never are", stacklevel=2)
        except UnsupportedError:
            continue
        except Exception as error:  # kernels that are half installed, or not for this GPU, fail in ways of their own
            why = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
            warnings.warn(f"members cannot be evaluated {name} here ({why}); they never are", stacklevel=2)
    return found


def _agrees(strategy: Strategy, agreements: Sequence[Agreement]) -> bool:
    return all(
        agreement.holds(lambda edges, member=member: strategy(Geometry(edges))[member])  # type: ignore[misc]
        for member, agreement in enumerate(agreements)
    )


class Fastest:
    """The strategy that was the fastest on the first graph of about this size.

    Parameters
    ----------
    strategies : mapping of str to Strategy
        By name.
    clock : callable
        Seconds, after all work of the device is done.
    """

    def __init__(self, strategies: Mapping[str, Strategy], clock: Callable[[], float] | None = None) -> None:
        self._strategies = strategies
        self._clock = clock or _clock
        self.chosen: dict[int, str] = {}

    def __call__(self, geometry: Geometry) -> list[Surface]:
        """Evaluate all members on one graph."""
        size = len(geometry.edges.senders).bit_length()
        if size not in self.chosen:
            self.chosen[size] = self._measured(geometry)
        return self._strategies[self.chosen[size]](geometry)

    def _measured(self, geometry: Geometry) -> str:
        if len(self._strategies) == 1:
            return next(iter(self._strategies))
        seconds = {name: self._seconds(strategy, geometry) for name, strategy in self._strategies.items()}
        return min(seconds, key=seconds.__getitem__)

    def _seconds(self, strategy: Strategy, geometry: Geometry) -> float:
        """Return the shortest of a few times, infinite where memory does not suffice."""
        found = []
        try:
            for _ in range(1 + _REPEATS):
                # What a strategy keeps with a graph is not to be a gift to the next.
                fresh = Geometry(geometry.edges)
                begun = self._clock()
                strategy(fresh)
                found.append(self._clock() - begun)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return float("inf")
        return min(found[1:])


def _clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
