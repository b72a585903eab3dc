import numpy as np
import pytest
from ase.build import bulk

from alloop.files.canonical_json import canonical_json
from alloop.materials.contacts import min_contact
from alloop.materials.structure import Structure
from alloop.potential.models.architecture import new_model
from alloop.potential.models.model_files import write_model
from alloop.tasks.contract.explore import EXPLORE, ExploreSummary
from alloop.tasks.contract.records import OffersData, Result
from alloop.tasks.contract.references import OfferRef
from alloop.tasks.worker import compute
from alloop.tasks.workspace import Workspace
from tests.support.toys import COPPER, alone, request, why


def test_results_of_the_time_of_one_walker_can_be_read(tmp_path):
    workspace = Workspace(tmp_path)
    summary = {"offers": [], "ended": "contact", "steps": 7, "looks": 2}
    snapshot = {"structure": COPPER.model_dump(mode="json"), "momenta": [[0.0] * 3] * 4}
    data = {"structures": [COPPER.model_dump(mode="json")], "last_good": snapshot}
    workspace.write(Result(key="a1", kind="explore", status="ok", summary=summary, data=data))
    assert workspace.summary(EXPLORE, "a1").walkers[0].ended == "contact"
    assert workspace.data(EXPLORE, "a1").last_good[0] is not None
    assert workspace.offered(OfferRef("explore", "a1", 0)) == COPPER


ELECTROLYTE = Structure.from_atoms(
    bulk("LiCl", "rocksalt", a=5.14, cubic=True),
)


def workspace_with_models(folder, scale_eV_per_A, names="ab"):
    workspace = Workspace(folder)
    for seed, name in enumerate(names):
        model = new_model(
            {"channels": 8, "max_ell": 1, "correlation": 1, "cutoff_A": 4.0},
            {3: 0.0, 17: 0.0},
            average_neighbours=14.0,
            scale_eV_per_A=scale_eV_per_A,
            shift_eV=0.0,
            dtype="float32",
            seed=seed,
        )
        write_model(workspace.model_path(f"fit:{name}"), model)
    return workspace


def mace_request(**fields):
    return request(**{"structure": ELECTROLYTE, "dtype": "float32", "timestep_fs": 2.0, "steps": 40, **fields})


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return workspace_with_models(tmp_path_factory.mktemp("campaign"), 0.8, "abcd")


def perform(task, workspace):
    result = compute(task, workspace)
    assert result.status == "ok"
    told, data = ExploreSummary.model_validate(result.summary), OffersData.model_validate(result.data)
    return result, *alone(told, data)


def test_the_same_request_gives_the_same_bits(workspace):
    task = mace_request(random_steps=(11,), lower_eV_per_A=0.0, upper_eV_per_A=1e3)
    first, summary, _ = perform(task, workspace)
    again, _, _ = perform(task, workspace)
    other, _, _ = perform(mace_request(random_steps=(11,), lower_eV_per_A=0.0, upper_eV_per_A=1e3, seed=2), workspace)
    assert canonical_json([first.summary, first.data]) == canonical_json([again.summary, again.data])
    assert canonical_json(first.data) != canonical_json(other.data)
    assert summary.offers
    assert summary.looks == 9


def test_a_walker_continues_from_the_file_of_its_last_segment(workspace):
    lasting = {"lower_eV_per_A": None, "stop_temperature_factor": 1e6, "stop_contact": 0.01, "min_contact": 0.02}
    task = mace_request(**lasting)
    first, _, before = perform(task, workspace)
    workspace.write(first)
    _, _, after = perform(mace_request(**lasting, start=f"{task.key()}#0", steps=1), workspace)
    positions = [np.array(data.last_good.structure.positions_A) for data in (before, after)]
    assert 0 < np.abs(positions[1] - positions[0]).max() < 0.2
    assert np.abs(positions[0] - np.array(ELECTROLYTE.positions_A)).max() > 0.03


def test_unphysical_models_explode_and_the_result_is_sane(tmp_path):
    workspace = workspace_with_models(tmp_path, scale_eV_per_A=100.0)
    atoms = ELECTROLYTE.to_atoms()
    atoms.rattle(0.2, seed=1)
    task = mace_request(structure=Structure.from_atoms(atoms), members=("fit:a", "fit:b"), lower_eV_per_A=None)
    _, summary, data = perform(task, workspace)
    assert (summary.ended, why(summary)) == ("temperature", ["last_good"])
    assert min_contact(data.structures[0].to_atoms()) >= 0.6
    assert data.last_good is not None


@pytest.mark.parametrize(("scale_eV_per_A", "ended"), [(1e38, "temperature"), (1e39, "nan")])
def test_models_without_measure_end_the_walker_before_its_first_step(tmp_path, scale_eV_per_A, ended):
    workspace = workspace_with_models(tmp_path, scale_eV_per_A)
    distorted = ELECTROLYTE.to_atoms()
    distorted.rattle(0.02)
    task = mace_request(members=("fit:a", "fit:b"), structure=Structure.from_atoms(distorted))
    _, summary, data = perform(task, workspace)
    assert (summary.ended, summary.steps, data.structures) == (ended, 0, ())
    assert data.last_good is None
