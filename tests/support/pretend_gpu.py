"""A GPU that is not there: tensors that say they are on one and refuse to meet those of the CPU.

They compute on the CPU. What is found is where code for GPUs mixes devices, not how fast it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

GPU = torch.device("cuda:0")
MAY_MEET = ("copy_", "index.Tensor")
"""Operations that torch lets mix devices."""
TELLING = ("_local_scalar_dense", "nonzero", "masked_select", "bincount", "unique", "_unique2", "equal")
"""Operations whose result, or its shape, the host has to wait for."""

_copies: list[list[str]] = []


class Far(torch.Tensor):
    """A tensor on the pretended GPU."""

    here: torch.Tensor
    device = property(lambda self: GPU)  # type: ignore[assignment]
    is_cuda = property(lambda self: True)  # type: ignore[assignment]
    is_cpu = property(lambda self: False)  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, here: torch.Tensor, requires_grad: bool = False) -> Far:
        layout = {"strides": here.stride(), "storage_offset": here.storage_offset(), "dtype": here.dtype}
        made: Far = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, here.size(), **layout, device="cpu", requires_grad=requires_grad
        )
        made.here = here
        return made

    def __init__(self, here: torch.Tensor, requires_grad: bool = False) -> None:
        pass

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Far({self.here})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        near = [tensor for tensor in tensors if not isinstance(tensor, Far) and tensor.dim() > 0]
        if near and not func.__name__.startswith(MAY_MEET):
            raise RuntimeError(f"Expected all tensors to be on the same device: {func.__name__}")
        name = func.__name__.partition(".")[0]
        if name in TELLING or (name == "index" and any(one.dtype == torch.bool for one in tensors[1:])):
            _copied_down(name)
        if name == "repeat_interleave" and kwargs.get("output_size") is None:
            _copied_down(name)
        found = func(*tree_map(_here, args), **tree_map(_here, kwargs))
        changed = func._schema.is_mutable and isinstance(found, torch.Tensor)
        return args[0] if changed else tree_map(_far, found)


class _Pretending(TorchFunctionMode):
    """Calls that name a device, or that only tensors with memory of their own answer."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name, first = getattr(func, "__name__", ""), args[0] if args else None
        if isinstance(first, torch.Tensor) and name in ("to", "cuda", "cpu"):
            return _moved(name, first, *args[1:], **kwargs)
        if isinstance(first, Far):
            if name == "numpy":
                raise TypeError("can't convert cuda:0 device type tensor to numpy")
            if name == "tolist":
                _copied_down(name)
                return first.here.tolist()
            if name == "new_tensor" and "device" not in kwargs:
                return Far(first.here.new_tensor(*args[1:], **kwargs))
            if name == "__deepcopy__":
                return _copied(first, args[1])
            if func is torch.nn.functional.embedding_bag:
                return _summed(*args, kwargs["per_sample_weights"])
        if _is_gpu(kwargs.get("device")) and name != "_parse_to":
            kwargs["device"] = "cpu"
            found = func(*tree_map(_here, args), **tree_map(_here, kwargs))
            return Far(found.detach(), kwargs.get("requires_grad", False))
        return func(*args, **kwargs)


@contextmanager
def pretended_gpu() -> Iterator[None]:
    """Let ``cuda`` name a device."""
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with _Pretending():
            yield
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)


@contextmanager
def counted_copies() -> Iterator[list[str]]:
    """Collect the names of the operations by which something comes back from the pretended GPU."""
    copies: list[str] = []
    _copies.append(copies)
    try:
        yield copies
    finally:
        _copies.remove(copies)


def _copied_down(name: str) -> None:
    for copies in _copies:
        copies.append(name)


def _here(value: Any) -> Any:
    return value.here if isinstance(value, Far) else value


def _far(value: Any) -> Any:
    return Far(value) if isinstance(value, torch.Tensor) and not isinstance(value, Far) else value


def _is_gpu(device: Any) -> bool:
    return device is not None and torch.device(device).type == "cuda"


def _moved(
    name: str, tensor: torch.Tensor, *args: Any, device: Any = None, dtype: Any = None, copy: bool = False, **_: Any
) -> Any:
    device = {"cuda": "cuda", "cpu": "cpu"}.get(name, device)
    for word in args:
        if isinstance(word, (str, torch.device)):
            device = word
        elif isinstance(word, torch.dtype):
            dtype = word
        elif isinstance(word, torch.Tensor):
            device, dtype = word.device, word.dtype
    if dtype not in (None, tensor.dtype) or copy:
        tensor = torch.ops.aten._to_copy(tensor, dtype=dtype)
    if device is None or _is_gpu(device) == isinstance(tensor, Far):
        return tensor
    if isinstance(tensor, Far):
        _copied_down("cpu")
        return _Down.apply(tensor) if tensor.requires_grad else tensor.here
    return Far(tensor.detach(), tensor.requires_grad) if tensor.is_leaf else _Up.apply(tensor)


def _copied(tensor: Far, memo: dict[int, Any]) -> Far:
    if id(tensor) not in memo:
        copied = Far(tensor.here.detach().clone(), tensor.requires_grad)
        if getattr(tensor, "_is_param", False):
            copied._is_param = True  # type: ignore[attr-defined]
        memo[id(tensor)] = copied
    found: Far = memo[id(tensor)]
    return found


def _summed(rows: Far, table: Far, weights: torch.Tensor) -> torch.Tensor:
    """Sum as ``embedding_bag`` does, which makes a tensor of its own from within."""
    first = Far(torch.arange(0, rows.numel(), rows.shape[1]))
    return torch.embedding_bag(table, rows.reshape(-1), first, False, 0, False, weights.reshape(-1), False, None)[0]


class _Down(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Any) -> torch.Tensor:
        return tensor.here.clone()  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, slope: Any) -> Any:  # type: ignore[override]
        return Far(slope)


class _Up(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Any) -> torch.Tensor:
        return Far(tensor.detach().clone())

    @staticmethod
    def backward(ctx: Any, slope: Any) -> Any:  # type: ignore[override]
        return slope.here
