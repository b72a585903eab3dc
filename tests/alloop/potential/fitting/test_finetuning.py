import numpy as np
import pytest

from alloop.potential.committee import Committee
from alloop.potential.fitting.dense_mace import require_dense
from alloop.potential.fitting.finetuning import reduced_to
from alloop.potential.mace_api import MACECalculator
from alloop.potential.models.architecture import ArchitectureError, heads_of, numbers_of
from alloop.potential.models.foundation import fetch_foundation, load_foundation_file
from tests.support.models import lithium_chloride, small_foundation


def e0(module, atoms, head=0):
    energies = np.atleast_2d(module.atomic_energies_fn.atomic_energies.numpy())[head]
    known = list(numbers_of(module))
    return sum(float(energies[known.index(z)]) for z in atoms.numbers)


@pytest.mark.parametrize(
    ("numbers", "max_L"),
    [([17], 0), ([49, 17, 3], 1), ([3, 17], 2)],
)
def test_a_reduced_foundation_is_the_same_potential(numbers, max_L):
    whole = small_foundation(max_L=max_L)
    small = reduced_to(whole, numbers)
    assert numbers_of(small) == tuple(sorted(numbers))
    atoms = lithium_chloride()
    if 3 not in numbers:
        atoms.numbers[:] = 17
    before, after = (Committee([m], device="cpu", dtype="float32").forces(atoms) for m in (whole, small))
    np.testing.assert_allclose(after.forces_eV_per_A, before.forces_eV_per_A, atol=1e-5)
    assert after.energy_eV - e0(small, atoms) == pytest.approx(before.energy_eV - e0(whole, atoms), abs=1e-4)


def test_a_reduced_foundation_has_the_weights_and_the_dense_form_of_the_whole_one():
    path, sha256 = fetch_foundation("alloop-electrolytes-0")
    whole = load_foundation_file(path, sha256)
    small = reduced_to(whole, [3, 17])
    assert {name for name, _ in small.named_parameters()} == {name for name, _ in whole.named_parameters()}
    require_dense(whole)
    require_dense(small)


def test_the_foundation_itself_is_left_alone():
    whole = small_foundation()
    state = {key: tensor.clone() for key, tensor in whole.state_dict().items()}
    reduced_to(whole, [3, 17])
    assert all((tensor == state[key]).all() for key, tensor in whole.state_dict().items())


def test_of_several_heads_the_default_one_is_kept():
    whole, atoms = small_foundation(heads=("pbe", "Default", "scan")), lithium_chloride()
    small = reduced_to(whole, [3, 17])
    assert heads_of(small) == ("Default",)
    atoms.calc = MACECalculator(models=whole, device="cpu", default_dtype="float32", head="Default")
    after = Committee([small], device="cpu", dtype="float32").forces(atoms)
    np.testing.assert_allclose(after.forces_eV_per_A, atoms.get_forces(), atol=1e-5)
    assert after.energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-4)


def test_of_several_heads_the_named_one_is_kept():
    whole, atoms = small_foundation(heads=("pbe", "Default", "scan")), lithium_chloride()
    small = reduced_to(whole, [3, 17], "scan")
    assert heads_of(small) == ("scan",)
    atoms.calc = MACECalculator(models=whole, device="cpu", default_dtype="float32", head="scan")
    after = Committee([small], device="cpu", dtype="float32").forces(atoms)
    np.testing.assert_allclose(after.forces_eV_per_A, atoms.get_forces(), atol=1e-5)
    assert after.energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-4)


def test_a_head_that_is_not_there_is_an_error():
    with pytest.raises(ArchitectureError, match="did you mean `scan`"):
        reduced_to(small_foundation(heads=("pbe", "scan")), [3, 17], "scam")


def test_an_element_the_foundation_lacks_is_an_error():
    with pytest.raises(ArchitectureError, match=r"\[11\]"):
        reduced_to(small_foundation(), [3, 11])
