"""Links in a campaign's folder that lead outside: no worker and no command follows them."""

import os
import stat

import pytest
from ase.build import bulk

from alloop.commands.outputs import write_export, write_report
from alloop.config.machine import WandbConfig
from alloop.failures import TaskFailure
from alloop.files.plain_files import NotPlainError
from alloop.journal.journal import JournalError
from alloop.labelling.identity import code_identity
from alloop.labelling.registry import label_settings
from alloop.materials.structure import Structure
from alloop.monitor.wandb_upload import WandbView
from alloop.reading import read
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.contract.label import LabelRequest
from alloop.tasks.contract.references import OfferRef
from alloop.tasks.kinds.label import label
from alloop.tasks.machine import Machine
from alloop.tasks.worker import perform
from alloop.tasks.workspace import Workspace
from tests.support.journals import play

REQUEST = InitialRequest(
    structure=Structure.from_atoms(bulk("NaCl", "rocksalt", 5.6)),
    frames=2,
    rattle_A=0.05,
    strain=0.0,
    min_contact=0.3,
    seed=1,
)
KEY = REQUEST.key()


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path):
    """A folder beside the campaign in which nothing may change."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    yield folder
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"precious": "mine"}


def compute(root):
    return perform(str(root), "initial", REQUEST.model_dump(mode="json"))


@pytest.mark.parametrize("target", ["precious", "new", "."])
@pytest.mark.parametrize("name", [f"locks/{KEY}", "logs/attempts.log", f"results/initial/{KEY}.json"])
def test_a_link_in_place_of_a_file_is_put_aside(root, outside, name, target):
    path = root / name
    path.parent.mkdir(parents=True)
    path.symlink_to(outside / target)
    assert compute(root) == KEY
    assert Workspace(root).read("initial", KEY, with_data=True).status == "ok"
    assert not path.is_symlink()


@pytest.mark.parametrize("name", ["locks", "logs", "results", "results/initial"])
def test_a_link_in_place_of_a_folder_is_refused_in_one_line(root, outside, name):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(outside)
    with pytest.raises(NotPlainError, match="remove it") as caught:
        compute(root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [f"locks/{KEY}", "logs/attempts.log", f"results/initial/{KEY}.json"])
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_pipes_and_folders_in_place_of_files_are_put_aside(root, name, kind):
    path = root / name
    path.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
        (path / "full").write_text("")
    assert compute(root) == KEY


def broken_label(root):
    """A label whose calculator writes a log and fails."""
    atoms = bulk("NaCl", "rocksalt", 5.6)
    workspace = Workspace(root)
    copies = perform(str(root), "initial", REQUEST.model_dump(mode="json"))
    settings = label_settings({"engine": "ase", "calculator": "tests.support.calculators:LogsAndFails"})
    source = OfferRef("initial", copies, 0)
    return workspace, LabelRequest(
        source=source,
        structure_sha256=workspace.offered(source).digest(),
        settings=settings.model_dump(mode="json"),
        code=code_identity(settings, set(atoms.symbols)),
    )


def test_the_log_of_a_failed_label_stays_in_the_campaign(root, outside):
    workspace, request = broken_label(root)
    with pytest.raises(TaskFailure, match="log: logs/label"):
        label(request, workspace, Machine())
    (kept,) = (root / "logs" / "label").iterdir()
    assert kept.read_text() == "what happened"
    for target in (outside / "precious", outside / "new", outside):
        kept.unlink()
        kept.symlink_to(target)
        with pytest.raises(TaskFailure, match="log: logs/label"):
            label(request, workspace, Machine())
        assert not kept.is_symlink()


@pytest.mark.parametrize("name", ["scratch", "logs/label"])
def test_a_link_in_place_of_scratch_or_logs_is_refused(root, outside, name):
    workspace, request = broken_label(root)
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).symlink_to(outside)
    with pytest.raises(NotPlainError, match="remove it"):
        label(request, workspace, Machine())


def test_scratch_folders_are_for_the_user_alone_and_have_new_names(root):
    one, other = Workspace(root).scratch("a"), Workspace(root).scratch("a")
    assert one != other
    assert one.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("name", "command"),
    [("export", lambda root: write_export(read(root), None))],
)
def test_outputs_do_not_follow_a_link_out_of_the_campaign(root, outside, name, command):
    play(root, arrays=True)
    (root / name).symlink_to(outside)
    with pytest.raises(JournalError, match="is a link"):
        command(root)


def test_a_report_replaces_a_link(root, outside):
    play(root, upto=20)
    (root / "report.html").symlink_to(outside / "precious")
    write_report(read(root), None)
    assert not (root / "report.html").is_symlink()


@pytest.mark.parametrize("name", ["density", "density/Li3InCl6", "studies"])
def test_an_export_follows_no_link_within_its_own_folder(root, outside, name):
    play(root, upto=20)
    (root / "export" / name).parent.mkdir(parents=True)
    (root / "export" / name).symlink_to(outside)
    with pytest.raises(JournalError, match="is a link; remove it, or name the place with --output"):
        write_export(read(root), None)


@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "link to a device"])
def test_a_report_does_not_take_the_place_of_what_is_no_file(tmp_path, kind):
    play(tmp_path / "campaign", upto=20)
    place = tmp_path / "place"
    if kind == "device":
        if os.geteuid():
            pytest.skip("only root can make a device")
        os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir() if kind == "folder" else place.symlink_to("/dev/null")
    before = place.stat().st_mode
    with pytest.raises(JournalError, match=r"cannot be written \(it is a folder, device or pipe\); name another place"):
        write_report(read(tmp_path / "campaign"), place)
    assert place.stat().st_mode == before


@pytest.mark.parametrize("name", ["wandb", ".wandb", "wandb/settings", ".wandb/settings"])
def test_wandb_is_not_led_astray(root, outside, name, monkeypatch):
    """Its folder is a link, or holds settings that name another server, to which the key would go."""
    monkeypatch.chdir(root)
    path = root / name
    if name.endswith("settings"):
        path.parent.mkdir()
        path.write_text("[default]\nbase_url = http://127.0.0.1:9\n")
    else:
        path.symlink_to(outside)
    view = WandbView(WandbConfig(mode="offline"), "run", "name", root)
    view.close()
    assert "remove it" in view.note
    assert not list(root.glob("*/offline-run-*"))


def test_nothing_of_a_run_is_for_everybody_to_write(root):
    before = os.umask(0o022)
    try:
        compute(root)
        play(root, upto=5)
    finally:
        os.umask(before)
    loose = [path for path in root.rglob("*") if path.lstat().st_mode & 0o022 and not path.is_symlink()]
    assert loose == []
