import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from alloop.potential.committee import Committee
from alloop.potential.fitting.finetuning import reduced_to
from alloop.potential.graphs import batches_of, labelled_graphs
from alloop.potential.mace_api import MACECalculator
from alloop.potential.models.architecture import describe_model, dtype_of
from alloop.potential.models.model_files import (
    ModelFileError,
    export_libtorch_model,
    export_mace_model,
    export_mliap_model,
    hot_model,
    read_model,
    write_model,
)
from tests.support.lammps import LammpsData
from tests.support.models import lithium_chloride, pickled, small_foundation, small_model

SHAPES = [
    {},
    {"layers": 1},
    {"layers": 3, "max_L": 1},
    {"max_L": 2, "max_ell": 2, "correlation": 3, "radial_functions": 5},
    {"correlation": 1, "cutoff_A": 3.7},
]


def says(model, atoms=None):
    dtype = dtype_of(model)
    prediction = Committee([model], device="cpu", dtype=dtype).forces(atoms or lithium_chloride(), stress=True)
    return prediction.energy_eV, prediction.forces_eV_per_A.tobytes(), prediction.stress_eV_per_A3.tobytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_model_read_back_is_the_same_to_the_last_bit(tmp_path, shape):
    model = small_model(**shape)
    write_model(tmp_path / "a.pt", model)
    assert says(read_model(tmp_path / "a.pt")) == says(model)


def test_double_precision_survives(tmp_path):
    model = small_model(dtype="float64")
    write_model(tmp_path / "a.pt", model)
    assert says(read_model(tmp_path / "a.pt")) == says(model)


def test_a_reduced_foundation_read_back_is_the_same_to_the_last_bit(tmp_path):
    model = reduced_to(small_foundation(), [3, 17])
    write_model(tmp_path / "a.pt", model)
    assert says(read_model(tmp_path / "a.pt")) == says(model)


def test_the_precision_asked_for_is_given(tmp_path):
    write_model(tmp_path / "a.pt", small_model())
    model = read_model(tmp_path / "a.pt", dtype="float64")
    assert {tensor.dtype for tensor in model.state_dict().values() if tensor.is_floating_point()} == {torch.float64}


def test_the_digest_is_that_of_the_file_and_depends_on_the_weights_only(tmp_path):
    one, again, other = (write_model(tmp_path / f"{i}.pt", small_model(seed)) for i, seed in enumerate((1, 1, 2)))
    assert one == hashlib.sha256((tmp_path / "0.pt").read_bytes()).hexdigest()
    assert one == again != other


def test_descriptions_are_plain_json(tmp_path):
    import json

    for model in (small_model(), small_foundation(heads=("a", "Default"))):
        assert json.loads(json.dumps(describe_model(model))) == describe_model(model)


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_reading_never_executes_what_a_file_says(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # as importing mace does
    for name, content in (("zip", pickled(Bomb(tmp_path / "hit"))), ("raw", pickle.dumps(Bomb(tmp_path / "hit")))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFileError, match="not a model file of alloop"):
            read_model(tmp_path / name)
    assert not (tmp_path / "hit").exists()


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: pickled({"format": 99})])
def test_a_damaged_or_foreign_file_is_refused_in_one_line(tmp_path, damage):
    write_model(tmp_path / "a.pt", small_model())
    (tmp_path / "b.pt").write_bytes(damage((tmp_path / "a.pt").read_bytes()))
    with pytest.raises(ModelFileError) as caught:
        read_model(tmp_path / "b.pt")
    assert "\n" not in str(caught.value)


def test_a_hot_model_is_loaded_once_and_again_when_its_file_changes(tmp_path):
    path = tmp_path / "a.pt"
    write_model(path, small_model(1))
    first = hot_model(path, "cpu", "float32")
    assert hot_model(path, "cpu", "float32") is first
    assert hot_model(path, "cpu", "float64") is not first
    write_model(path, small_model(2))
    assert says(hot_model(path, "cpu", "float32")) == says(small_model(2))


@pytest.mark.parametrize("make", [small_model, lambda: reduced_to(small_foundation(), [3, 17])])
def test_an_exported_model_gives_the_same_numbers_in_mace_itself(tmp_path, make):
    model, atoms = make(), lithium_chloride()
    export_mace_model(model, tmp_path / "a.model")
    ours = Committee([model], device="cpu", dtype="float32").forces(atoms)
    atoms.calc = MACECalculator(str(tmp_path / "a.model"), device="cpu", default_dtype="float32")
    assert atoms.get_potential_energy() == pytest.approx(ours.energy_eV, abs=1e-5)
    np.testing.assert_allclose(atoms.get_forces(), ours.forces_eV_per_A, atol=5e-6)


EXACT = {"rtol": 0, "atol": 1e-9}


@pytest.fixture(params=["float32", "float64"])
def exported(request, tmp_path):
    """A model exported in every format, with what MACE says in float64 of a frame."""
    model, atoms = small_model(1, request.param), lithium_chloride(3)
    export_mace_model(model, tmp_path / "a.model")
    export_mliap_model(model, tmp_path / "mliap.pt")
    export_libtorch_model(model, tmp_path / "libtorch.pt")
    atoms.calc = MACECalculator(str(tmp_path / "a.model"), device="cpu", default_dtype="float64")
    return model, atoms, tmp_path


def test_the_mliap_file_gives_the_same_numbers_where_lammps_hands_it_ghosts(exported):
    _, atoms, folder = exported
    unified = torch.load(folder / "mliap.pt", weights_only=False)
    assert (unified.element_types, unified.dtype) == (["Li", "Cl"], torch.float64)
    data = LammpsData(atoms, unified.element_types, 2 * unified.rcutfac)
    unified.compute_forces(data)
    assert data.ntotal > data.nlocal
    assert data.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
    np.testing.assert_allclose(data.forces, atoms.get_forces(), **EXACT)


def test_the_libtorch_file_gives_the_same_numbers(exported):
    model, atoms, folder = exported
    compiled = torch.jit.load(folder / "libtorch.pt")
    (graph,) = labelled_graphs([atoms], model.double())
    (batch,) = batches_of([graph], 100)
    found = compiled(batch.to_dict(), torch.ones(len(atoms), dtype=torch.float64))
    assert found["total_energy_local"].item() == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
    np.testing.assert_allclose(found["forces"].detach(), atoms.get_forces(), **EXACT)


def test_in_float64_mace_and_alloop_agree_to_the_last_digits_and_float32_differs_by_its_rounding(exported):
    model, atoms, folder = exported
    ours = Committee([model.double()], device="cpu", dtype="float64").forces(atoms)
    assert atoms.get_potential_energy() == pytest.approx(ours.energy_eV, abs=1e-10)
    np.testing.assert_allclose(atoms.get_forces(), ours.forces_eV_per_A, rtol=0, atol=1e-10)
    atoms.calc = MACECalculator(str(folder / "a.model"), device="cpu", default_dtype="float32")
    assert 1e-10 < abs(atoms.get_potential_energy() - ours.energy_eV) < 1e-5
    assert 1e-10 < np.abs(atoms.get_forces() - ours.forces_eV_per_A).max() < 1e-5
