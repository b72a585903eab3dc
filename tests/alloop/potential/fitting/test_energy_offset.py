import pytest
import torch

from alloop.potential.fitting.adapting import with_replay
from alloop.potential.fitting.energy_offset import set_energy_offset
from alloop.potential.fitting.objective import MaceObjective
from alloop.potential.graphs import labelled_graphs
from tests.support.models import frames, small_model


def mean_energy_error(model, graphs):
    found = MaceObjective(model, (), graphs, stress=False).watched()
    return float(torch.cat([part.energy_eV_per_atom for part in found]).mean())


def test_energies_are_right_on_average_and_a_head_that_replays_is_left_alone():
    model = with_replay(small_model())
    own, replayed = frames(3), frames(2, first_seed=5)
    graphs = labelled_graphs(own, model) * 2
    others = labelled_graphs(replayed, model, head="replay")
    before = mean_energy_error(model, others)
    assert abs(mean_energy_error(model, graphs)) > 0.1
    set_energy_offset(model, graphs)
    assert mean_energy_error(model, graphs) == pytest.approx(0, abs=1e-5)
    assert mean_energy_error(model, others) == before
