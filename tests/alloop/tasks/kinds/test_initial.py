from ase.build import bulk

from alloop.materials.contacts import min_contact
from alloop.materials.structure import Structure
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.contract.records import OffersData, OffersSummary
from alloop.tasks.contract.references import OfferRef
from alloop.tasks.worker import compute
from alloop.tasks.workspace import Workspace

SALT = Structure.from_atoms(bulk("LiCl", "rocksalt", a=5.1, cubic=True))


def test_initial_frames_are_rattled_copies(tmp_path):
    task = InitialRequest(structure=SALT, frames=5, rattle_A=0.1, strain=0.01, min_contact=0.6, seed=3)
    workspace = Workspace(tmp_path)
    result = compute(task, workspace)
    summary, data = OffersSummary.model_validate(result.summary), OffersData.model_validate(result.data)
    assert [offer.why for offer in summary.offers] == ["initial"] * 5
    assert len({structure.digest() for structure in data.structures}) == 5
    for offer, structure in zip(summary.offers, data.structures, strict=True):
        assert offer.structure_sha256 == structure.digest()
        assert offer.min_contact == min_contact(structure.to_atoms()) >= 0.6
        assert offer.temperature_K is offer.disagreement_eV_per_A is None
    workspace.write(result)
    assert workspace.offered(OfferRef("initial", task.key(), 4)) == data.structures[4]


def test_copies_that_cannot_keep_their_distance_are_a_counted_failure(tmp_path):
    task = InitialRequest(structure=SALT, frames=2, rattle_A=0.1, strain=0.0, min_contact=3.0, seed=3)
    result = compute(task, Workspace(tmp_path))
    assert (result.status, result.reason) == ("failed", "contact")
