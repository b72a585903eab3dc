"""Models of a campaign as tasks load them."""

import numpy as np
import pytest

from alloop.potential.committee import Committee
from alloop.potential.mace_api import MACECalculator
from alloop.tasks.models import load_committee, load_member
from alloop.tasks.workspace import Workspace
from tests.support.models import (
    forces_of,
    lithium_chloride,
    make_small_committee,
    make_small_foundation,
    small_foundation,
    small_model,
)

HEADS = ("pbe", "scan")


@pytest.fixture
def placed(tmp_path):
    """A campaign's folder with a foundation of two heads, and the model's name."""
    sha256 = make_small_foundation(tmp_path / "x.model", (3, 17), heads=HEADS)
    workspace = Workspace(tmp_path)
    target = workspace.model_path(f"foundation:{sha256}#scan")
    target.parent.mkdir()
    (tmp_path / "x.model").rename(target)
    return workspace, f"foundation:{sha256}"


def test_a_head_of_a_foundation_is_evaluated_with_its_own_energies_and_is_no_other(placed):
    workspace, name = placed
    atoms = lithium_chloride()
    found = {}
    for head in HEADS:
        atoms.calc = MACECalculator(
            models=small_foundation((3, 17), heads=HEADS), device="cpu", default_dtype="float32", head=head
        )
        found[head] = load_committee(workspace, (f"{name}#{head}",), "cpu", "float32").forces(atoms)
        np.testing.assert_allclose(found[head].forces_eV_per_A, atoms.get_forces(), atol=1e-4)
        assert found[head].energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-4)
    assert found["pbe"].energy_eV != pytest.approx(found["scan"].energy_eV, abs=0.1)


def test_a_head_stays_in_memory_beside_the_others(placed):
    workspace, name = placed
    first, second = (load_member(workspace, f"{name}#{head}", "cpu", "float32") for head in HEADS)
    assert load_member(workspace, f"{name}#pbe", "cpu", "float32") is first
    assert second is not first


def test_a_foundation_of_one_head_needs_no_name(tmp_path):
    sha256 = make_small_foundation(tmp_path / "foundation" / "x.model", (3, 17))
    (tmp_path / "foundation" / "x.model").rename(tmp_path / "foundation" / f"{sha256}.model")
    model = load_member(Workspace(tmp_path), f"foundation:{sha256}", "cpu", "float64")
    assert Committee([model], device="cpu", dtype="float64").forces(lithium_chloride()).forces_eV_per_A.shape == (8, 3)


def test_members_of_a_foundation_that_is_a_committee_are_models_of_their_own_that_disagree(tmp_path):
    sha256 = make_small_committee(tmp_path / "c.pt", 2)
    (tmp_path / "foundation").mkdir()
    (tmp_path / "c.pt").rename(tmp_path / "foundation" / f"{sha256}.model")
    workspace, names = Workspace(tmp_path), tuple(f"foundation:{sha256}@{member}" for member in (0, 1))
    assert load_committee(workspace, names, "cpu", "float32").look(lithium_chloride()).disagreement_eV_per_A.max() > 0
    for seed, name in enumerate(names):
        model = load_member(workspace, name, "cpu", "float32")
        np.testing.assert_array_equal(forces_of(model), forces_of(small_model(seed)))
        assert load_member(workspace, name, "cpu", "float32") is model
