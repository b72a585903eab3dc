"""Another GPAW and other PAW datasets between two runs of a campaign: real labels, nothing replaced."""

import gzip
import os
import shutil
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write

from alloop.journal.journal import read_entries
from tests.support.campaigns import attempts, folded, kill_when, left_behind, run, start, write_config

pytestmark = pytest.mark.slow

NEWER_GPAW = "import gpaw\n\ngpaw.__version__ = '99.1.0'\n"


def config(home):
    path = write_config(
        home / "config",
        systems=[{"name": "NaCl", "structure": "NaCl.extxyz"}],
        label={"engine": "gpaw", "xc": "PBE", "cutoff_eV": 200, "kpts": [2, 2, 2], "smearing_eV": 0.1},
        initial={"frames": 3, "rattle_A": 0.1},
        ladder={"rungs": [3, 5], "fits": 2},
        execution={
            "executors": {"local": {"kind": "local", "workers": 2}},
            "heartbeat_s": 1,
            "heartbeat_limit_s": 4,
        },
    )
    write(home / "config" / "NaCl.extxyz", bulk("NaCl", "rocksalt", a=5.64))
    return path


def labels(home):
    if not attempts(home / "campaign", "label"):
        return {}
    state = folded(home / "campaign")
    return {frame.id: frame.label for use in ("train", "heldout") for frame in state.labelled_frames(use)}


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    home = tmp_path_factory.mktemp("begun")
    kill_when(start(config(home), home / "campaign"), lambda: len(labels(home)) >= 3)
    return home


@pytest.fixture
def home(begun, tmp_path):
    return shutil.copytree(begun, tmp_path / "home")


def dataset(name):
    from gpaw.setup_data import search_for_file

    return search_for_file(name)[1]


def install(monkeypatch, folder: Path, content: bytes):
    """Put a dataset in place of sodium's."""
    folder.mkdir()
    (folder / "Na.PBE.gz").write_bytes(gzip.compress(content))
    monkeypatch.setenv("GPAW_SETUP_PATH", str(folder))


def test_a_newer_gpaw_and_a_reworded_dataset_are_accepted_by_their_labels(home, tmp_path, monkeypatch):
    before = labels(home)
    install(monkeypatch, tmp_path / "datasets", dataset("Na.PBE") + b"<!-- the same numbers -->\n")
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "sitecustomize.py").write_text(NEWER_GPAW)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "newer"), os.environ.get("PYTHONPATH", "")]))
    kill_when(start(config(home), home / "campaign"), lambda: len(labels(home)) > len(before))
    (event,) = [e.event for e in read_entries(home / "campaign") if e.event.kind == "code_changed"]
    assert {name for name in event.new if event.new[name] != event.old[name]} == {"gpaw", "setup_Na"}
    assert event.new["gpaw"] == "99.1.0"
    assert len(event.probes) >= len(before)
    assert all(probe.deviation.energy_eV_per_atom < 1e-6 for probe in event.probes)
    assert before.items() < labels(home).items()
    assert set(attempts(home / "campaign", "probe").values()) == {1}


def test_a_dataset_with_another_valence_is_refused_with_the_deviations(home, tmp_path, monkeypatch):
    before, made = folded(home / "campaign"), attempts(home / "campaign", "label")
    install(monkeypatch, tmp_path / "datasets", dataset("Na.1.PBE"))
    code, output = run(config(home), home / "campaign")
    assert code == 2, output
    last = output.strip().splitlines()[-1]
    assert "the code of the labels changed (setup_Na: " in last
    assert "labels made again disagree (|ΔE| up to" in last
    assert f"its {len(labels(home))} labels are pre-training only (setup_Na: " in last
    after = folded(home / "campaign")
    assert after.codes == before.codes
    assert attempts(home / "campaign", "label") == made
    assert left_behind(home / "campaign") == []
