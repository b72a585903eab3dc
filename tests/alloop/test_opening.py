import numpy as np
from ase.build import bulk
from ase.io import write

from alloop.config.loading import load_config
from alloop.journal import Journal
from alloop.opening import create, open_state
from alloop.tasks.workspace import Workspace
from tests.support.campaigns import write_config


def labelled(seed):
    atoms = bulk("Cu", "fcc", a=3.8, cubic=True)
    atoms.rattle(0.05, seed=seed)
    atoms.info["REF_energy"] = -1.0
    atoms.arrays["REF_forces"] = np.zeros((len(atoms), 3))
    return atoms


def test_a_labelled_frame_that_stands_in_two_files_is_one_label(tmp_path):
    data = {"initial": ["one.extxyz", "two.extxyz"], "reference": "same"}
    path = write_config(tmp_path / "config", data=data)
    write(path.parent / "one.extxyz", [labelled(1), labelled(2), labelled(2)])
    write(path.parent / "two.extxyz", [labelled(2), labelled(3)])
    with Journal(tmp_path / "campaign") as journal:
        state = create(load_config(path), journal, Workspace(tmp_path / "campaign"), None)
        assert state.labelled("train") == len(set(state.train_order)) == 3
        assert len(journal.result_keys()) == 3
        assert open_state(journal).train_order == state.train_order
