from hypothesis import given
from hypothesis import strategies as st

from alloop.config.measuring import MeasureConfig
from alloop.decisions.production_runs import batches


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 7))
def test_every_run_is_in_one_batch(temperatures, replicas, size):
    settings = MeasureConfig(
        mobile="Li",
        temperatures_K=tuple(600.0 + 100 * i for i in range(temperatures)),
        replicas=replicas,
        walkers_per_task=size,
    )
    groups = batches(settings)
    runs = [(run.temperature_K, run.replica) for group in groups for run in group]
    assert len(set(runs)) == len(runs) == temperatures * replicas
    assert all(len(group) == size for group in groups[:-1])
