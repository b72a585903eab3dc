import errno
import os
import pickle
import resource
import shutil
import threading
from functools import partial

import pytest
from ase.build import bulk

from alloop.failures import PlaceError
from alloop.labelling.identity import code_identity
from alloop.labelling.registry import label_settings
from alloop.materials.structure import Structure
from alloop.tasks import worker
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.contract.label import LabelRequest
from alloop.tasks.contract.references import OfferRef
from alloop.tasks.contract.result_files import result_from_bytes
from alloop.tasks.worker import compute, perform
from alloop.tasks.workspace import Workspace
from tests.support.unwritable import read_only, unwritable


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


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(worker, "WAIT_FOR_PLACE_S", (0.01,))


def label_of(folder, calculator="ase.calculators.emt:EMT"):
    """Return the request of a label of the first frame of `request`, which is computed."""
    source = OfferRef("initial", perform(str(folder), "initial", request().model_dump(mode="json")), 0)
    settings = label_settings({"engine": "ase", "calculator": calculator})
    return LabelRequest(
        source=source,
        structure_sha256=Workspace(folder).offered(source).digest(),
        settings=settings.model_dump(mode="json"),
        code=code_identity(settings, {"Cu"}),
    )


def computed(folder, wanted):
    return partial(perform, str(folder), wanted.kind, wanted.model_dump(mode="json"))


def attempts(folder):
    return (folder / "logs" / "attempts.log").read_text().count(" label ")


@pytest.mark.parametrize(
    ("name", "refusing"),
    [("results/label", unwritable), ("results/label", read_only), ("locks", unwritable), ("logs", read_only)],
)
def test_nothing_is_computed_where_its_result_could_not_be_written(tmp_path, hasty, name, refusing):
    wanted = label_of(tmp_path)
    (tmp_path / name).mkdir(exist_ok=True)
    with refusing(tmp_path / name), pytest.raises(PlaceError) as caught:
        computed(tmp_path, wanted)()
    assert caught.value.errno in (errno.EPERM, errno.EACCES, errno.EROFS)
    assert str(caught.value).startswith(f"{os.strerror(caught.value.errno)}: {tmp_path / name}/")
    assert caught.value.unwritten is None
    assert attempts(tmp_path) == 0
    assert computed(tmp_path, wanted)() == wanted.key()
    assert attempts(tmp_path) == 1


@pytest.mark.parametrize("hand", ["given", "pickled"])
def test_a_label_that_cannot_be_written_any_more_comes_with_the_error(tmp_path, hasty, monkeypatch, hand):
    wanted, results = label_of(tmp_path), tmp_path / "results" / "label"
    refused = unwritable(results)

    def refuse_and_compute(*arguments):
        refused.__enter__()
        return compute(*arguments)

    monkeypatch.setattr(worker, "compute", refuse_and_compute)
    try:
        with pytest.raises(PlaceError) as caught:
            computed(tmp_path, wanted)()
    finally:
        refused.__exit__(None, None, None)
    error = caught.value if hand == "given" else pickle.loads(pickle.dumps(caught.value))
    assert (error.errno, error.filename) == (caught.value.errno, str(results / f"{wanted.key()}.json"))
    assert result_from_bytes(error.unwritten, "label", wanted.key()).status == "ok"
    assert not list(results.glob("*.json"))


def test_a_worker_that_may_open_no_more_files_still_writes_what_it_computed(tmp_path, hasty, monkeypatch):
    wanted = label_of(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def compute_and_use_up(*arguments):
        result = compute(*arguments)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
        return result

    monkeypatch.setattr(worker, "compute", compute_and_use_up)
    monkeypatch.setattr(worker, "_is_done", lambda *arguments: False)
    try:
        assert computed(tmp_path, wanted)() == wanted.key()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert Workspace(tmp_path).has_verified("label", wanted.key())


def test_a_campaign_that_is_moved_while_a_label_is_computed_gets_it_in_its_new_place(tmp_path, hasty, monkeypatch):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    wanted = label_of(old)

    def move_and_compute(*arguments):
        result = compute(*arguments)
        old.rename(new)
        return result

    monkeypatch.setattr(worker, "compute", move_and_compute)
    computed(old, wanted)()
    assert Workspace(new).has_verified("label", wanted.key())
    assert not old.exists()
    with pytest.raises(PlaceError, match="was moved or removed"):
        computed(old, wanted)()
    assert not old.exists()


def test_results_that_are_removed_while_one_is_computed_are_made_anew(tmp_path, monkeypatch):
    wanted = label_of(tmp_path)

    def remove_and_compute(*arguments):
        result = compute(*arguments)
        shutil.rmtree(tmp_path / "results")
        return result

    monkeypatch.setattr(worker, "compute", remove_and_compute)
    computed(tmp_path, wanted)()
    assert Workspace(tmp_path).has_verified("label", wanted.key())


def test_what_a_killed_worker_left_is_removed_by_the_next_one(tmp_path):
    wanted = label_of(tmp_path)
    left = tmp_path / "results" / "label" / f".{wanted.key()}.json.0123456789abcdef.tmp"
    left.parent.mkdir()
    left.write_bytes(bytes(1 << 16))
    computed(tmp_path, wanted)()
    assert [path.name for path in left.parent.iterdir()] == [f"{wanted.key()}.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_an_error_of_a_calculator_is_its_own_unless_the_place_is_at_fault(tmp_path, hasty, monkeypatch, number):
    wanted = label_of(tmp_path)

    def fail(*arguments):
        raise OSError(number, os.strerror(number), "/data/table")

    monkeypatch.setattr(worker, "compute", fail)
    with pytest.raises(OSError, match="table") as caught:
        computed(tmp_path, wanted)()
    assert not isinstance(caught.value, PlaceError)
    (tmp_path / "scratch").mkdir(exist_ok=True)
    with unwritable(tmp_path / "scratch"), pytest.raises(PlaceError, match="scratch"):
        computed(tmp_path, wanted)()
