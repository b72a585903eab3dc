"""The committee that a teacher taught, as a foundation for other campaigns."""

import hashlib

import numpy as np
import pytest

from alloop.config.foundations import PlacedFoundation
from alloop.config.science import FoundationFile
from alloop.outputs.foundation import write_foundation
from alloop.outputs.models import ExportError
from alloop.potential.models.foundation import resolve_foundation
from alloop.potential.models.model_files import write_model
from alloop.tasks.models import load_member
from alloop.tasks.workspace import Workspace
from tests.support.histories import History
from tests.support.models import forces_of, small_model

MEMBERS = 3


def taught(folder, members=MEMBERS):
    """Return a campaign that taught some members of its committee, and its workspace."""
    history, workspace = History(teacher={"model": "chgnet"}), Workspace(folder)
    for member in range(members):
        history.do(f"fit/pretrain/m{member}", {"rung": None, "generation": None, "member": member})
        write_model(model_path(history, workspace, member), small_model(member))
    return history, workspace


def model_path(history, workspace, member):
    return workspace.model_path(f"fit:{history.state.tasks[f'fit/pretrain/m{member}'].key}")


def test_another_campaign_begins_with_the_members_that_were_taught(tmp_path):
    history, workspace = taught(tmp_path / "teaching")
    file = tmp_path / "new" / "folder" / "f.pt"
    sha256 = write_foundation(workspace, history.state, file)
    assert sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    wanted = FoundationFile(path="new/folder/f.pt", sha256=sha256)
    found = resolve_foundation(wanted, config_folder=tmp_path, campaign_root=tmp_path / "run")
    assert found == PlacedFoundation(sha256, ("Li", "Cl"), MEMBERS)
    for member in range(MEMBERS):
        model = load_member(Workspace(tmp_path / "run"), f"foundation:{sha256}@{member}", "cpu", "float32")
        np.testing.assert_array_equal(forces_of(model), forces_of(small_model(member)))


def test_of_several_attempts_to_teach_a_member_the_good_one_is_written(tmp_path):
    history, workspace = taught(tmp_path, MEMBERS - 1)
    context = {"rung": None, "generation": None, "member": 2}
    history.do("fit/pretrain/m2", context, reason="diverged").do("fit/pretrain/m2/again1", context)
    write_model(workspace.model_path(f"fit:{history.state.tasks['fit/pretrain/m2/again1'].key}"), small_model(2))
    assert write_foundation(workspace, history.state, tmp_path / "f.pt")


def test_a_committee_that_lacks_a_member_is_not_written_and_the_member_is_named(tmp_path):
    history, workspace = taught(tmp_path, MEMBERS - 1)
    with pytest.raises(ExportError, match="member 2 of the committee is not taught") as caught:
        write_foundation(workspace, history.state, tmp_path / "f.pt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "f.pt").exists()


@pytest.mark.parametrize(
    ("failed", "way_on"), [(2, "; run it on"), (3, r"failed \(diverged\); begin a campaign of an")]
)
def test_a_member_whose_every_fit_failed_is_no_matter_of_waiting(tmp_path, failed, way_on):
    history, workspace = taught(tmp_path, MEMBERS - 1)
    context = {"rung": None, "generation": None, "member": 2}
    for again in ("", "/again1", "/again2")[:failed]:
        history.do(f"fit/pretrain/m2{again}", context, reason="diverged")
    with pytest.raises(ExportError, match=f"member 2 of the committee is not taught.*{way_on}") as caught:
        write_foundation(workspace, history.state, tmp_path / "f.pt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"nonsense"])
def test_a_lost_or_damaged_member_is_one_line_and_nothing_is_written(tmp_path, content):
    history, workspace = taught(tmp_path)
    path = model_path(history, workspace, 1)
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ExportError, match="a member cannot be read") as caught:
        write_foundation(workspace, history.state, tmp_path / "f.pt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "f.pt").exists()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    history, workspace = taught(tmp_path / "teaching")
    for place in (tmp_path, tmp_path / "file" / "f.pt"):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(ExportError, match="cannot be written") as caught:
            write_foundation(workspace, history.state, place)
        assert str(place) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"
