import pytest
import torch

from alloop.potential.evaluation.batch_splitting import BatchSplitter, is_out_of_memory


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
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    RuntimeError("Failed to allocate 2540 bytes on device 'cuda:0'"),
    RuntimeError(
        "run_func_( container_handle_, input_handles.data(), proxy_executor_handle_) API call failed at "
        "/pytorch/torch/csrc/inductor/aoti_runner/model_container_runner.cpp, line 145"
    ),
    MemoryError(),
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


def test_a_row_that_never_fits_is_an_error():
    evaluate, _ = crowded(0, torch.cuda.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(torch.cuda.OutOfMemoryError):
        BatchSplitter(96).in_parts(range(4), 10, evaluate)


def test_an_error_that_memory_caused_counts_as_one():
    error = RuntimeError("an operator failed")
    error.__cause__ = torch.cuda.OutOfMemoryError("CUDA out of memory.")
    assert is_out_of_memory(error)


@pytest.mark.parametrize("said", ["expected scalar type Double", "create_func_ API call failed at model.cpp, line 1"])
def test_other_errors_are_not_retried(said):
    evaluate, asked = crowded(1, RuntimeError(said))
    with pytest.raises(RuntimeError, match=said):
        BatchSplitter(96).in_parts(range(4), 10, evaluate)
    assert asked == [4]
