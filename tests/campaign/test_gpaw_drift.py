"""Another PAW dataset between two runs of a campaign: real labels, nothing replaced."""

import gzip

import pytest
from ase.build import bulk
from ase.io import write

from tests.support.campaigns import attempts, folded, kill_when, left_behind, run, start, write_config
from tests.support.driving import QUICK

pytestmark = pytest.mark.slow


@pytest.fixture
def config(tmp_path):
    path = write_config(
        tmp_path / "config",
        systems=[{"name": "NaCl", "structure": "NaCl.extxyz"}],
        label={"engine": "gpaw", "xc": "PBE", "cutoff_eV": 200, "kpts": [2, 2, 2], "smearing_eV": 0.1},
        initial={"frames": 3, "rattle_A": 0.1},
        ladder={"rungs": [3, 5], "fits": 2},
        execution=QUICK,
    )
    write(tmp_path / "config" / "NaCl.extxyz", bulk("NaCl", "rocksalt", a=5.64))
    return path


def labels(folder):
    """Return the keys of the labels that are there, by frame; of no campaign none."""
    if not attempts(folder, "label"):
        return {}
    state = folded(folder)
    return {frame.id: frame.label for use in ("train", "heldout") for frame in state.labelled_frames(use)}


def dataset(name):
    from gpaw.setup_data import search_for_file

    return search_for_file(name)[1]


def test_a_dataset_with_another_valence_is_refused_with_the_deviations(config, tmp_path, monkeypatch):
    folder = tmp_path / "campaign"
    kill_when(start(config, folder), lambda: len(labels(folder)) >= 3)
    before, kept, made = folded(folder), labels(folder), attempts(folder, "label")
    (tmp_path / "Na.PBE.gz").write_bytes(gzip.compress(dataset("Na.1.PBE")))
    monkeypatch.setenv("GPAW_SETUP_PATH", str(tmp_path))
    code, output = run(config, folder)
    assert code == 2, output
    last = output.strip().splitlines()[-1]
    assert "the code of the labels changed (setup_Na: " in last
    assert "labels made again disagree (|ΔE| up to" in last
    assert "install the former code again" in last
    assert f"its {len(labels(folder))} labels are pre-training only (setup_Na: " in last
    after = folded(folder)
    assert kept.items() <= labels(folder).items()
    assert after.codes == before.codes
    assert attempts(folder, "label") == made
    assert set(attempts(folder, "probe").values()) == {1}
    assert left_behind(folder) == []
