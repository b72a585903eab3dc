"""Steps of which the host sees one flag are those that it looks at one by one."""

import numpy as np
import pytest
import torch

from alloop.dynamics import fresh_state
from alloop.dynamics.barostat import Barostat
from alloop.dynamics.batch import WalkerBatch
from alloop.dynamics.explorers import ExplorerBatch
from alloop.dynamics.integrators import Bussi, Langevin, NoseHoover, VelocityVerlet
from alloop.dynamics.limits import Limits
from alloop.dynamics.phase import Phase
from alloop.dynamics.state import CHAIN, Point
from alloop.dynamics.swaps import SwapSettings
from alloop.potential.evaluation.batched import BatchedCommittee, BatchedModel
from tests.support.models import lithium_chloride, small_model
from tests.support.pretend_gpu import counted_copies, pretended_gpu

ATOMS = lithium_chloride(rattle_A=0.02)
METHODS = {
    "nve": VelocityVerlet(2.0),
    "bussi": Bussi(2.0, 50.0),
    "nose_hoover": NoseHoover(2.0, 50.0),
    "langevin": Langevin(2.0, 50.0),
}


def batch_of(field, temperature_K=300.0, contact=0.1, limit_K=1e6):
    zeros, points = np.zeros(CHAIN), []
    for walker in range(2):
        state = fresh_state(ATOMS, temperature_K, np.random.default_rng(walker))
        points.append(Point(0, state.positions_A, state.momenta, zeros, zeros, 0.0))
    phase = Phase.of(points, [0, 1], ATOMS.get_masses(), [temperature_K] * 2, [5, 6], field)
    return WalkerBatch(phase, field, Limits(np.full(2, limit_K), contact))


def model(leaps):
    return BatchedModel(small_model(), ATOMS, device="cpu", dtype="float64", leaps=leaps)


@pytest.mark.parametrize("name", METHODS)
def test_leaps_lead_where_steps_do(name):
    ends = []
    for leaps in (False, True):
        batch = batch_of(model(leaps))
        batch.run(METHODS[name], 2.0, 25)
        ends.append(batch)
    one, other = ends
    assert one.phase.step == other.phase.step == 25
    for what in ("positions_A", "momenta", "chain_rate", "heat_eV", "energies_eV"):
        np.testing.assert_allclose(getattr(other.phase, what), getattr(one.phase, what), atol=1e-9)
    assert other.shortest == pytest.approx(one.shortest)


@pytest.mark.parametrize(("why", "limits"), [("temperature", {"limit_K": 500.0}), ("contact", {"contact": 1.0})])
def test_a_walker_stops_at_the_same_step_for_the_same_reason(why, limits):
    found = []
    for leaps in (False, True):
        batch = batch_of(model(leaps), temperature_K=400.0, **limits)
        batch.run(METHODS["langevin"], 2.0, 60)
        found.append((batch.stopped, {walker: point.step for walker, point in batch.last.items()}))
    assert found[0] == found[1]
    assert why in found[0][0].values()


def test_explorers_remember_the_same_and_swap_the_same():
    kept = []
    for leaps in (False, True):
        field = BatchedCommittee(
            [small_model(seed) for seed in (0, 1)], ATOMS, device="cpu", dtype="float64", leaps=leaps
        )
        explorers = exploring(field, swaps=SwapSettings((("Li", "Cl"),), 4))
        explorers.run(11)
        looks = explorers.disagreements([0, 1])
        states = [state.positions_A for _, state in explorers.recent(1)]
        kept.append(([*states, looks[0], explorers.mean_temperature(0)], explorers.swaps(0)))
    (numbers, swaps), (other_numbers, other_swaps) = kept
    assert swaps == other_swaps
    assert len(numbers) == 6
    for one, other in zip(numbers, other_numbers, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-9)


def exploring(field, **settings):
    starts = [fresh_state(ATOMS, 300.0, np.random.default_rng(walker)) for walker in (0, 1)]
    pace = {"timestep_fs": 2.0, "friction_per_fs": 0.02, "stop_contact": 0.1, "memory": 4}
    which = {"temperatures_K": [300.0] * 2, "limits_K": [1e6] * 2, "seeds": [5, 6]}
    return ExplorerBatch(starts, field, **which, **pace, **settings)


@pytest.mark.parametrize("ensemble", ["nvt", "npt"])
def test_between_two_looks_one_flag_comes_back_from_the_device(ensemble):
    barostat = Barostat(0.0, ATOMS.cell.array) if ensemble == "npt" else None
    with pretended_gpu():
        models = [small_model(seed) for seed in (0, 1)]
        explorers = exploring(BatchedCommittee(models, ATOMS, device="cuda", dtype="float32"), barostat=barostat)
        explorers.run(2)
        with counted_copies() as copies:
            explorers.run(5)
            assert copies == ["tolist"]
            explorers.disagreements([0, 1])
        assert len(copies) > 1


@pytest.mark.parametrize(
    ("name", "shape"), [("bussi", {}), ("nose_hoover", {}), ("nve", {"max_L": 1})], ids=["bussi", "chain", "vectors"]
)
def test_a_leap_brings_back_one_flag(name, shape):
    with pretended_gpu():
        field = BatchedModel(small_model(**shape), ATOMS, device="cuda", dtype="float32")
        # Cold walkers do not outgrow their lists of pairs.
        batch = batch_of(field, temperature_K=20.0)
        batch.run(METHODS[name], 2.0, 2)
        with counted_copies() as copies:
            batch.run(METHODS[name], 2.0, 7)
        assert copies == ["tolist"]
        assert batch.phase.positions_A.device == torch.device("cuda:0")
