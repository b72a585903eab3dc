import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alloop.potential.evaluation.batch_limits import MOST_BYTES, atoms_that_fit
from alloop.potential.evaluation.batch_splitting import BatchSplitter, is_out_of_memory
from alloop.potential.evaluation.device_memory import memory_of


def crowded(limit_rows, error):
    """Return an evaluation that has memory for so many rows, and the sizes it was asked for."""
    asked = []

    def evaluate(rows):
        asked.append(len(rows))
        if len(rows) > limit_rows:
            raise error
        return list(rows)

    return evaluate, asked


OUT = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    MemoryError(),
    RuntimeError("CUDA error: out of memory"),
]


@pytest.mark.parametrize("error", OUT, ids=lambda error: type(error).__name__)
def test_when_memory_runs_out_parts_are_halved_and_stay_so(error):
    evaluate, asked = crowded(3, error)
    at_once = BatchSplitter(80)
    found = at_once.in_parts(range(11), 8, evaluate)
    assert [row for part in found for row in part] == list(range(11))
    assert asked == [10, 5, 2, 2, 2, 2, 2, 1]
    assert at_once.atoms == 16
    asked.clear()
    at_once.in_parts(range(4), 8, evaluate)
    assert asked == [2, 2]


def test_as_many_rows_as_fit_are_evaluated_together():
    evaluate, asked = crowded(100, MemoryError())
    BatchSplitter(96).in_parts(range(20), 10, evaluate)
    assert asked == [9, 9, 2]


def test_a_row_larger_than_the_limit_is_evaluated_alone():
    evaluate, asked = crowded(1, MemoryError())
    BatchSplitter(96).in_parts(range(2), 640, evaluate)
    assert asked == [1, 1]


class Gauge:
    """Memory of which an evaluation takes so much for every row."""

    def __init__(self, free_bytes, bytes_per_row):
        self._free_bytes, self._bytes_per_row, self.measurements = free_bytes, bytes_per_row, 0

    def measured(self, work):
        self.measurements += 1
        found = work()
        return found, self._bytes_per_row * len(found)

    def free_bytes(self):
        return self._free_bytes


@pytest.mark.parametrize(
    ("free_bytes", "sizes"),
    [(5_000, [1, 1, 4, 4, 1]), (50_000, [1, 1, 9]), (10, [1] * 11), (10**15, [1, 1, 9])],
    ids=["some", "plenty", "hardly any", "more than is good"],
)
def test_parts_are_as_large_as_memory_allows(free_bytes, sizes):
    evaluate, asked = crowded(100, MemoryError())
    gauge = Gauge(free_bytes, 1_000)
    at_once = BatchSplitter(96, gauge)
    found = at_once.in_parts(range(11), 10, evaluate)
    assert [row for part in found for row in part] == list(range(11))
    assert asked == sizes
    at_once.in_parts(range(11), 10, evaluate)
    assert gauge.measurements == 1


def test_what_was_measured_is_halved_like_any_other_limit():
    evaluate, asked = crowded(3, MemoryError())
    at_once = BatchSplitter(96, Gauge(50_000, 1_000))
    at_once.in_parts(range(11), 10, evaluate)
    assert asked == [1, 1, 9, 4, 2, 2, 2, 2, 1]
    assert at_once.atoms == 20


def test_nothing_is_measured_for_rows_that_go_together_anyway():
    evaluate, asked = crowded(100, MemoryError())
    gauge = Gauge(50_000, 1_000)
    BatchSplitter(96, gauge).in_parts(range(2), 10, evaluate)
    assert (asked, gauge.measurements) == ([2], 0)


@given(
    per_atom=st.floats(1.0, 1e10),
    free=st.integers(0, 1 << 40),
    more=st.integers(1, 1 << 30),
    factor=st.floats(1.0, 9.0),
)
def test_atoms_that_fit_do_fit(per_atom, free, more, factor):
    atoms = atoms_that_fit(per_atom, free)
    assert atoms == 1 or atoms * per_atom <= min(free, MOST_BYTES)
    assert atoms_that_fit(per_atom, free + more) >= atoms >= atoms_that_fit(factor * per_atom, free)


def test_a_cpu_is_not_measured():
    assert memory_of(torch.device("cpu")) is None


def test_a_row_that_never_fits_is_an_error():
    evaluate, _ = crowded(0, torch.cuda.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(torch.cuda.OutOfMemoryError):
        BatchSplitter(96).in_parts(range(4), 10, evaluate)


SAID = {
    "torch, HIP": "HIP out of memory. Tried to allocate 20.00 MiB.",
    "the driver": "CUDA driver error: CUDA_ERROR_OUT_OF_MEMORY: Out of memory",
    "the machine": "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes",
    "C++": "std::bad_alloc",
    "cuBLAS": "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuBLAS, no handle": "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "cuSOLVER": "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
    "cuDNN": "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cuDNN 9": "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "torch without NVML": 'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "../c10/cuda/CUDACachingAllocator.cpp":830',
    "Warp": "Failed to allocate 2540 bytes on device 'cuda:0'",
    "Warp through torch": "Failed to allocate 2540 bytes on CUDA device cuda:0 using PyTorch",
    "compiled ahead of time": "run_func_( container_handle_, proxy_executor_handle_) API call failed at "
    "/pytorch/torch/csrc/inductor/aoti_runner/model_container_runner.cpp, line 145",
    "indices": "Expected canUse32BitIndexMath(input) && canUse32BitIndexMath(output) to be true, but got false.",
    "indices of a pad": "input tensor must fit into 32-bit index math",
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_every_way_to_say_that_memory_ran_out_is_understood(said):
    assert is_out_of_memory(RuntimeError(said))
    assert not is_out_of_memory(ValueError(said))


def test_an_error_that_memory_caused_counts_as_one():
    error = RuntimeError("an operator failed")
    error.__cause__ = torch.cuda.OutOfMemoryError("CUDA out of memory.")
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "said",
    [
        "expected scalar type Double",
        "create_func_ API call failed at model.cpp, line 1",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasSgemm`",
        "CUDA error: an illegal memory access was encountered",
        "Failed to allocate a name",
    ],
)
def test_other_errors_are_not_retried(said):
    evaluate, asked = crowded(1, RuntimeError(said))
    with pytest.raises(RuntimeError, match=re.escape(said)):
        BatchSplitter(96).in_parts(range(4), 10, evaluate)
    assert asked == [4]
