import threading

import pytest
from ase.build import bulk

from alloop.materials.structure import Structure
from alloop.tasks import worker
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.worker import compute, perform
from alloop.tasks.workspace import Workspace


def request():
    structure = Structure.from_atoms(bulk("Cu", "fcc", a=3.6, cubic=True))
    return InitialRequest(structure=structure, frames=1, rattle_A=0.01, strain=0.0, min_contact=0.5, seed=1)


@pytest.mark.parametrize("locks", ["flock", "lease"])
def test_workers_that_get_the_same_task_compute_it_once(tmp_path, locks):
    wanted = request()
    arguments = (str(tmp_path), wanted.kind, wanted.model_dump(mode="json"), {"locks": locks})
    workers = [threading.Thread(target=perform, args=arguments) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(60)
    assert len((tmp_path / "logs" / "attempts.log").read_text().splitlines()) == 1
    assert Workspace(tmp_path).read(wanted.kind, wanted.key(), with_data=True) is not None
    assert any((tmp_path / "locks").glob(f"{wanted.key()}.lease/*")) == (locks == "lease")


def test_a_worker_that_was_overtaken_leaves_the_result_that_stands(tmp_path, monkeypatch):
    wanted, workspace = request(), Workspace(tmp_path)
    path = workspace.result_path(wanted.kind, wanted.key())
    standing = []

    def overtaken(*arguments):
        workspace.write(compute(*arguments))
        standing.append(path.read_bytes())
        return compute(*arguments)

    monkeypatch.setattr(worker, "compute", overtaken)
    assert perform(str(tmp_path), wanted.kind, wanted.model_dump(mode="json")) == wanted.key()
    assert [path.read_bytes()] == standing


def test_what_stands_in_the_place_of_a_lease_is_put_aside(tmp_path):
    wanted, outside = request(), tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "campaign" / "locks").mkdir(parents=True)
    (tmp_path / "campaign" / "locks" / f"{wanted.key()}.lease").symlink_to(outside)
    perform(str(tmp_path / "campaign"), wanted.kind, wanted.model_dump(mode="json"), {"locks": "lease"})
    assert list(outside.iterdir()) == []
