import pytest

from alloop.checks.cost import project
from alloop.checks.potential_cost import SWAP_STEPS, PotentialTimes, potential_cost, wall_h
from alloop.config import load_config
from tests.support.configs import BASE, make_folder

MEASURE = """
measure:
  mobile: Li
  temperatures_K: [600, 900]
  repeat: [2, 2, 2]
  equilibration_ps: 1
  production_ps: 9
  max_ps: 19
  sample_fs: 20
  snapshot_samples: 10
"""


def times(**changed):
    known = {"md_step_s": {"LiCl": 0.01}, "look_s": {"LiCl": 0.05}, "production_step_s": {"LiCl": 0.1}}
    return PotentialTimes(**{**known, "fit_step_s": 0.2, "model_bytes": 1000, **changed})


def costs(tmp_path, text=BASE, **changed):
    loaded = load_config(make_folder(tmp_path).config(text))
    projection = project(loaded, label_s=60.0)
    cost = potential_cost(loaded.config, projection, times(**changed))
    return loaded.config, projection, cost


def test_an_attempt_to_swap_costs_some_steps(tmp_path):
    swaps = "temperatures_K: [600, 1000]\n  swaps: {sublattices: [[Li, Cl]], every_fs: 10}"
    config, projection, cost = costs(tmp_path, BASE.replace("temperatures_K: [600, 1000]", swaps))
    steps = config.explore.segment_fs / config.explore.timestep_fs
    a_step_s = (1 + 0.2 * SWAP_STEPS) * 0.01 + 0.05 / config.explore.check_every_steps
    assert cost.exploring_core_hours == pytest.approx(projection.segments * steps * a_step_s / 3600)


def test_every_step_that_the_ladder_takes_is_counted(tmp_path):
    config, projection, cost = costs(tmp_path)
    steps = config.explore.segment_fs / config.explore.timestep_fs
    a_step_s = 0.01 + 0.05 / config.explore.check_every_steps
    assert cost.exploring_core_hours == pytest.approx(projection.segments * steps * a_step_s / 3600)
    generations = 3  # at 8, 33 and 58 labels
    of_members = generations * config.potential.committee * config.fit.anew_steps
    of_rungs = len(config.ladder.rungs) * config.ladder.fits * config.fit.rung_steps
    assert cost.fits_core_hours == pytest.approx((of_members + of_rungs) * 0.2 / 3600)
    assert cost.production_core_hours == (0.0, 0.0)


def test_schedules_that_count_passes_grow_with_the_labels(tmp_path):
    text = BASE.replace("fit:\n", "fit:\n  epochs: 10000\n")
    assert costs(tmp_path, text)[2].fits_core_hours > 5 * costs(tmp_path)[2].fits_core_hours


def test_production_is_a_range_and_its_trajectories_take_disk(tmp_path):
    config, projection, cost = costs(tmp_path, BASE + MEASURE)
    runs = len(config.ladder.rungs) * config.ladder.fits * 2
    per_ps = runs * 0.1 * 500 / 3600
    assert cost.production_core_hours == pytest.approx((10 * per_ps, 20 * per_ps))
    (cell,) = projection.measured
    trajectories = runs * 4 * 3 * cell.atoms * 19_000 / 20 * 1.1
    bare = costs(tmp_path)[2].stored_bytes
    assert cost.stored_bytes - bare == pytest.approx(trajectories, rel=0.01)


def test_one_executor_does_its_work_one_after_another(tmp_path):
    config, projection, cost = costs(tmp_path)
    together = (projection.dft_core_hours + cost.exploring_core_hours + cost.fits_core_hours) / config.label_slots
    assert wall_h(config, projection, cost) == pytest.approx(together)
    untimed = project(load_config(make_folder(tmp_path).config(BASE)))
    assert wall_h(config, untimed, cost) is None
