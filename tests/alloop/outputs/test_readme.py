"""What README.json says of an export."""

import hashlib
import json

import pytest

from alloop.outputs.models import choose_models
from alloop.outputs.readme import FILES, credits_of, described, status_line, write_readme
from alloop.state.fold import fold
from tests.support.histories import History
from tests.support.journals import play


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    return play(tmp_path_factory.mktemp("campaign"))


def written(state, folder, *, committee=False):
    chosen = choose_models(state, committee=committee)
    for item in chosen:
        (folder / item.file).write_bytes(item.file.encode())
    return write_readme(state, chosen, folder)


def test_it_says_where_the_leader_comes_from(entries, tmp_path):
    told = json.loads(written(fold(entries), tmp_path).read_text())
    (leader,) = told["models"]
    assert (leader["rung"], leader["generation"], leader["labels"]) == (48, 9, 48)
    assert leader["sha256"] == hashlib.sha256(b"leader.model").hexdigest()
    assert leader["heldout_errors"]["rmse_forces_meV_per_A"] == pytest.approx(78.19, abs=0.01)
    assert leader["heldout_errors"]["se_forces_meV_per_A"] > 0
    assert told["verdict"] == "converged"
    assert told["labels"] == {"train": 48, "heldout": 12, "failed": 2, "imported": 0, "pretraining": 0}
    assert told["label_settings"]["cutoff_eV"] == 340
    assert told["code"]["gpaw"]
    assert sorted(told["e0s_eV"]) == ["Cl", "In", "Li"]
    assert "default_dtype='float32'" in told["use"]


def test_of_a_committee_only_the_leader_has_errors(entries, tmp_path):
    told = json.loads(written(fold(entries), tmp_path, committee=True).read_text())
    assert [model["role"] for model in told["models"]] == ["leader", "member", "member"]
    assert [model["heldout_errors"] is None for model in told["models"]] == [False, True, True]


def test_the_first_line_says_whether_the_campaign_is_finished(entries, tmp_path):
    unfinished = fold([one for one in entries if one.event.kind != "verdict_reached"])
    first = written(unfinished, tmp_path).read_text().splitlines()[0]
    assert first.startswith('{"status": "UNFINISHED: no verdict yet, 48 training labels')
    first = written(fold(entries), tmp_path).read_text().splitlines()[0]
    assert first.startswith('{"status": "finished: converged')
    assert status_line(History().state).startswith("UNFINISHED")


def test_every_file_of_an_export_is_told_and_a_model_of_an_earlier_export_is_told_apart(entries, tmp_path):
    written(fold(entries), tmp_path)
    (tmp_path / "density" / "LiCl").mkdir(parents=True)
    for name in ("dataset.extxyz", "density/LiCl/density.cube", "mine.txt"):
        (tmp_path / name).write_text("")
    files = json.loads(written(fold(entries), tmp_path, committee=True).read_text())["files"]
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert set(files) == there - {"README.json", "mine.txt"}
    assert "leader of the committee" in files["member-0.model"]
    assert "another member" in files["member-2.model"]
    assert "left by an earlier export" in files["leader.model"]
    assert "density" in files["density/LiCl/density.cube"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lammps/leader.model-mliap_lammps.pt", "mliap unified"),
        ("lammps/leader.model-lammps.pt", "pair_style mace"),
        ("lammps/member-0.model-lammps.pt", "left by an earlier export"),
        ("trajectories/A-600K-rung4-fit0-replica0.h5md", "H5MD"),
        ("transport_over_composition.csv", "over the composition"),
    ],
)
def test_each_kind_of_file_has_its_words(name, words):
    assert words in described([name], ["leader.model"])[name]


def test_no_words_are_unreachable():
    for place, (pattern, words) in enumerate(FILES):
        name = pattern.replace("member-*", "member-9").replace("*", "leader" if "model-" in pattern else "x")
        assert described([name], ["leader.model", "member-0.model", "member-9.model"])[name] == words, place


def test_the_licence_of_what_the_weights_come_from_and_what_to_cite():
    cold = credits_of(History().state)
    assert cold["licences"] == "no foundation and no teacher: the weights are yours"
    assert ["2206.07697" in one for one in cold["cite"]] == [True]
    tuned = credits_of(History(foundation=True, potential={"foundation": {"name": "mh-1", "head": "omat_pbe"}}).state)
    assert "ASL" in tuned["licences"]["foundation mh-1"]
    assert "2401.00096" in tuned["cite"][1]
    taught = credits_of(History(teacher={"model": "sevennet-l3i5"}).state)
    assert taught["licences"] == {"teacher sevennet-l3i5": "MIT"}
    assert "Park" in taught["cite"][1]
