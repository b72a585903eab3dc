import os
import subprocess
import sys

import pytest
import torch

from alloop.potential.models.runtime import building


def test_importing_the_potential_prints_nothing_and_leaves_torch_load_safe():
    code = "import alloop.potential.committee, os; assert 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD' not in os.environ"
    environment = {key: value for key, value in os.environ.items() if key != "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_building_restores_precision_and_random_state_after_an_error():
    before, state = torch.get_default_dtype(), torch.random.get_rng_state()
    with pytest.raises(ZeroDivisionError), building("float64", seed=1):
        torch.rand(3) / (0 // 0)
    assert torch.get_default_dtype() == before
    assert torch.equal(torch.random.get_rng_state(), state)


def test_workers_compute_on_one_thread():
    assert torch.get_num_threads() == 1
