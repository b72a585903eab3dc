import numpy as np
import pytest
from ase.build import bulk

from alloop.materials.structure import Structure
from alloop.tasks.contract.explore import SwapsAsked
from tests.support.toys import Toy, explored, walkers, why


def test_every_walker_ends_for_itself_and_the_others_go_on():
    members = walkers(
        temperature_K=(300.0, 3000.0, 300.0), seed=(1, 2, 3), steps=(100, 100, 60), random_steps=((7,),) * 3
    )
    summary, data = explored(Toy(), members, upper_eV_per_A=0.34, lower_eV_per_A=0.2)
    assert [one.ended for one in summary.walkers] == ["length", "disagreement", "length"]
    assert [one.steps for one in summary.walkers] == [100, summary.walkers[1].steps, 60]
    assert 7 < summary.walkers[1].steps < 60
    offers = [offer for one in summary.walkers for offer in one.offers]
    assert [offer.index for offer in offers] == list(range(len(data.structures)))
    assert [offer.structure_sha256 for offer in offers] == [one.digest() for one in data.structures]
    assert why(summary.walkers[1])[0] == "random"
    assert len(summary.walkers[1].offers) > 1
    assert all(one is not None for one in data.last_good)


@pytest.mark.parametrize("ensemble", ["nvt", "npt"])
def test_a_walker_finds_the_same_alone_and_among_others(ensemble):
    members = walkers(temperature_K=(300.0, 900.0), seed=(4, 5), steps=(30, 30), random_steps=((9,), (3, 21)))
    together, data = explored(Toy(), members, ensemble=ensemble, lower_eV_per_A=0.02)
    for place, member in enumerate(members):
        alone_summary, own = explored(Toy(), (member,), ensemble=ensemble, lower_eV_per_A=0.02)
        (alone_walker,) = alone_summary.walkers
        assert why(alone_walker) == why(together.walkers[place])
        assert alone_walker.looks == together.walkers[place].looks
        ends = [np.array(one.last_good[at].structure.positions_A) for one, at in ((own, 0), (data, place))]
        np.testing.assert_allclose(*ends, atol=1e-9)


def test_npt_walkers_of_one_task_have_cells_of_their_own_and_go_on_in_them():
    members = walkers(temperature_K=(300.0, 900.0), seed=(4, 5), steps=(30, 30), random_steps=((), ()))
    _, first = explored(Toy(), members, ensemble="npt", lower_eV_per_A=None)
    cells = [np.array(one.structure.cell_A) for one in first.last_good]
    assert len({cell[0, 0] for cell in cells}) == 2
    summary, data = explored(Toy(), members, first.last_good, ensemble="npt", lower_eV_per_A=None)
    assert [one.ended for one in summary.walkers] == ["length", "length"]
    for before, one in zip(cells, data.last_good, strict=True):
        assert np.linalg.det(one.structure.cell_A) == pytest.approx(np.linalg.det(before), rel=0.2)
        assert np.linalg.det(one.structure.cell_A) != np.linalg.det(before)


def test_ions_swap_between_steps_and_every_attempt_is_counted():
    alloy = bulk("Cu", cubic=True)
    alloy.symbols[0] = "Au"
    swaps = SwapsAsked(sublattices=(("Cu", "Au"),), every_steps=4)
    members = walkers(temperature_K=(600.0, 900.0), seed=(1, 2), steps=(20, 11), random_steps=((), ()))
    base = {"structure": Structure.from_atoms(alloy), "lower_eV_per_A": None}
    summary, data = explored(Toy(), members, **base, swaps=swaps)
    # Toys have no energy, so every swap is accepted.
    counts = [one.swaps["Cu/Au"] for one in summary.walkers]
    assert [(one.attempted, one.accepted) for one in counts] == [(5, 5), (2, 2)]
    moved = np.array(data.last_good[0].structure.positions_A) - alloy.positions
    assert np.linalg.norm(moved, axis=1).max() > 2.0
    without, _ = explored(Toy(), members, **base)
    assert [one.swaps for one in without.walkers] == [{}, {}]
