import pytest
import torch

from alloop.potential.models.runtime import building


def test_building_restores_precision_and_random_state_after_an_error():
    before, state = torch.get_default_dtype(), torch.random.get_rng_state()
    with pytest.raises(ZeroDivisionError), building("float64", seed=1):
        torch.rand(3) / (0 // 0)
    assert torch.get_default_dtype() == before
    assert torch.equal(torch.random.get_rng_state(), state)


def test_workers_compute_on_one_thread():
    assert torch.get_num_threads() == 1
