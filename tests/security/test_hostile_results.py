"""Files that somebody put in the place of results and models: computed again, and nothing outside was touched."""

import json
import os
import pickle
import resource
import signal
from pathlib import Path

import pytest

from alloop.files.canonical_json import canonical_json, sha256_text
from alloop.tasks.contract.records import Result
from alloop.tasks.contract.references import OfferRef
from alloop.tasks.contract.result_files import DamagedResultError, result_to_bytes
from alloop.tasks.workspace import Workspace
from tests.support.loops import STARTED, config, loop


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.fixture(autouse=True)
def no_hang():
    """A test that waits for a pipe fails instead of waiting for ever."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("hung"))
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    yield folder
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"precious": "mine"}
    assert not (tmp_path / "hit").exists()


def forged(path, change):
    """Change a result and give it right checksums again."""
    head, data = (json.loads(line) for line in path.read_bytes().splitlines())
    change(head, data)
    text = canonical_json(data) if data is not Ellipsis else "{}"
    head |= {"data_sha256": sha256_text(text)}
    head.pop("header_sha256")
    path.write_text(f"{canonical_json({**head, 'header_sha256': sha256_text(canonical_json(head))})}\n{text}\n")


def plant(what, path, outside):
    content = path.read_bytes()
    path.unlink()
    match what:
        case "pickle":
            path.write_bytes(pickle.dumps(Bomb(outside.parent / "hit")))
        case "link":
            path.symlink_to(outside / "precious")
        case "link to nothing":
            path.symlink_to(outside / "new")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
            (path / "full").write_text("")
        case "endless line":
            with path.open("wb") as file:
                file.truncate(10 << 30)
        case "deep":
            path.write_text("[" * 1_000_000 + "\n{}\n")
        case "many entries":
            path.write_text("{" + ",".join(f'"k{i}":{i}' for i in range(1_000_000)) + "}\n{}\n")
        case "huge number":
            path.write_text('{"key":' + "9" * 100_000 + "}\n{}\n")
        case "no UTF-8":
            path.write_bytes(b"\xff\xfe\n{}\n")
        case "a list" | "a text":
            path.write_text({"a list": "[1]", "a text": '"text"'}[what] + "\n{}\n")
        case "empty":
            path.write_bytes(b"")
        case "infinite":
            path.write_bytes(content.replace(b"-1.0", b"1e999"))
        case "not a number":
            path.write_bytes(content.replace(b"-1.0", b"NaN"))
        case _:
            pytest.fail(what)


RESULTS = [
    "pickle", "link", "link to nothing", "pipe", "folder", "endless line", "deep", "many entries", "huge number",
    "no UTF-8", "a list", "a text", "empty", "infinite", "not a number",
]  # fmt: skip


def disturbed(folder, task, disturb):
    """Disturb the first finished result of a kind before it is harvested, run the campaign on, and return it."""
    campaign = loop(folder, config())
    for _ in range(100):
        campaign.advance()
        found = [t for t in campaign.state.running.values() if t.task == task]
        done = [t for t in found if campaign.workspace.result_path(task, t.key).exists()]
        if done:
            break
        campaign.hear([campaign.workers.completions.get(timeout=5)])
    key = done[0].key
    campaign.journal.close()
    disturb(campaign.workspace, key)
    again = loop(folder, config())
    again.run(STARTED)
    again.journal.close()
    return again, key


@pytest.mark.parametrize("what", RESULTS)
def test_a_stranger_in_place_of_a_result_is_put_aside_and_computed_again(tmp_path, outside, what):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    again, key = disturbed(
        tmp_path / "run", "atom", lambda workspace, key: plant(what, workspace.result_path("atom", key), outside)
    )
    assert [k for _, k in again.workers.computed].count(key) == 1
    assert again.state.e0s_eV == {"Na": -1.0, "Cl": -1.0}
    assert again.state.verdict is not None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000


@pytest.mark.parametrize(
    ("task", "change"),
    [
        ("atom", lambda head, data: head.update(summary={})),
        ("label", lambda head, data: head["summary"].update(atoms=0)),
        ("label", lambda head, data: data["forces_eV_per_A"].pop()),
        ("atom", lambda head, data: head.update(summary={"energy_eV": "much"})),
        ("atom", lambda head, data: head.update(summary={"energy_eV": 10**400})),
        ("atom", lambda head, data: head["timing"].update(finished_t=1e300)),
        ("atom", lambda head, data: head["timing"].update(pid=-1)),
        ("atom", lambda head, data: head.update(reason="r" * 10_000)),
        ("atom", lambda head, data: head.update(more="keys")),
        ("atom", lambda head, data: head.update(key="../../../outside/precious")),
        ("initial", lambda head, data: head["summary"].update(offers=3)),
        ("initial", lambda head, data: head["summary"]["offers"][0].update(index=7)),
        ("initial", lambda head, data: head["summary"]["offers"][0].update(index=-1)),
        ("initial", lambda head, data: head["summary"]["offers"][0].update(why="__import__('os')")),
        ("evaluate", lambda head, data: head["summary"]["energy_error_eV_per_atom"].pop()),
    ],
)
def test_a_forged_summary_that_no_decision_could_read_never_reaches_the_journal(tmp_path, outside, task, change):
    again, key = disturbed(
        tmp_path / "run", task, lambda workspace, key: forged(workspace.result_path(task, key), change)
    )
    assert [k for _, k in again.workers.computed].count(key) == 1
    assert again.state.verdict is not None


@pytest.mark.parametrize("what", ["pickle", "link", "pipe", "folder", "endless line", "empty"])
def test_a_stranger_in_place_of_a_model_is_fitted_again(tmp_path, outside, what):
    again, key = disturbed(
        tmp_path / "run", "fit", lambda workspace, key: plant(what, workspace.model_path(f"fit:{key}"), outside)
    )
    assert [k for _, k in again.workers.computed].count(key) == 1


@pytest.mark.parametrize("what", ["link", "pipe", "folder", "endless line", "deep", "empty"])
def test_a_stranger_in_place_of_a_label_is_replaced_from_the_journal(tmp_path, outside, what):
    from alloop.campaign.harvest import restore_labels

    campaign = loop(tmp_path / "run", config())
    campaign.run(STARTED)
    frame = campaign.state.frames[campaign.state.train_order[0]]
    path = campaign.workspace.result_path("label", frame.label)
    content = path.read_bytes()
    plant(what, path, outside)
    assert restore_labels(campaign.journal, campaign.workspace) == 1
    assert path.read_bytes() == content
    assert not path.is_symlink()


@pytest.mark.parametrize("key", ["../../x", "a\0b", "a\n", "", "/etc/passwd"])
def test_a_source_leads_to_results_only(tmp_path, key):
    with pytest.raises(ValueError, match="form"):
        OfferRef.parse(f"explore/{key}#0")
    with pytest.raises(ValueError, match="not a name of a result"):
        Workspace(tmp_path).offered(OfferRef("explore", key, 0))


@pytest.mark.parametrize("source", ["label/a#0", "foundation/a#0"])
def test_a_source_is_a_task_that_offers_frames(tmp_path, source):
    with pytest.raises(DamagedResultError, match="not a kind of task that offers frames"):
        Workspace(tmp_path).offered(OfferRef.parse(source))


def test_a_result_that_nobody_could_read_back_is_not_written():
    with pytest.raises(ValueError, match="too large"):
        result_to_bytes(Result(key="a", kind="atom", status="ok", summary={"text": "x" * (17 << 20)}))


def test_damage_is_told_in_one_line(tmp_path):
    workspace = Workspace(tmp_path)
    path = workspace.result_path("atom", "a")
    path.parent.mkdir(parents=True)
    path.write_text('{"header_sha256": "\x1b[31m\\n", "data_sha256": ""}\n{}\n')
    with pytest.raises(DamagedResultError) as caught:
        workspace.read("atom", "a")
    assert "\n" not in str(caught.value)
