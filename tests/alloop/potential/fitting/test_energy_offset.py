import pytest
import torch

from alloop.potential.fitting.adapting import with_replay
from alloop.potential.fitting.energy_offset import set_energy_offset
from alloop.potential.fitting.objective import MaceObjective
from alloop.potential.graphs import labelled_graphs
from tests.support.models import frames, labelled, lithium_chloride, small_model


def mean_energy_error(model, graphs):
    found = MaceObjective(model, (), graphs, stress=False).watched()
    return float(torch.cat([part.energy_eV_per_atom for part in found]).mean())


@pytest.mark.parametrize("by_element", [False, True])
def test_energies_are_right_on_average_and_a_head_that_replays_is_left_alone(by_element):
    model = with_replay(small_model())
    own, replayed = [*frames(2), lithium_rich(3)], [*frames(2, first_seed=5), lithium_rich(7)]
    graphs = labelled_graphs(own, model) * 2
    others = labelled_graphs(replayed, model, head="replay")
    before = mean_energy_error(model, others)
    assert abs(mean_energy_error(model, graphs)) > 0.1
    set_energy_offset(model, graphs, by_element=by_element)
    assert mean_energy_error(model, graphs) == pytest.approx(0, abs=1e-5)
    assert mean_energy_error(model, others) == before


def shifted(frame, offsets_eV):
    frame.info["REF_energy"] += sum(offsets_eV[symbol] for symbol in frame.symbols)
    return frame


def lithium_rich(seed):
    """A frame with a chlorine taken out: another composition."""
    atoms = lithium_chloride(seed)
    del atoms[next(atom.index for atom in atoms if atom.symbol == "Cl")]
    return labelled(atoms)


def test_offsets_of_elements_are_found_from_frames_of_several_compositions():
    offsets = {"Li": 3.0, "Cl": -5.0}
    model = small_model()
    plain = labelled_graphs([*frames(3), *(lithium_rich(seed) for seed in range(3))], model)
    set_energy_offset(model, plain, by_element=True)
    before = MaceObjective(model, (), plain, stress=False).watched()
    moved = [*(shifted(frame, offsets) for frame in frames(3)), *(shifted(lithium_rich(s), offsets) for s in range(3))]
    graphs = labelled_graphs(moved, model)
    set_energy_offset(model, graphs, by_element=True)
    after = MaceObjective(model, (), graphs, stress=False).watched()
    for one, other in zip(before, after, strict=True):
        assert torch.allclose(one.energy_eV_per_atom, other.energy_eV_per_atom, atol=0.05)


def test_one_composition_knows_one_offset_and_isolated_atoms_keep_their_energies():
    model = small_model()
    energies = model.atomic_energies_fn.atomic_energies.clone()
    graphs = labelled_graphs([shifted(frame, {"Li": 3.0, "Cl": -5.0}) for frame in frames(3)], model)
    set_energy_offset(model, graphs, by_element=True)
    assert torch.allclose(model.atomic_energies_fn.atomic_energies, energies, atol=1e-6)
    assert mean_energy_error(model, graphs) == pytest.approx(0, abs=1e-5)
