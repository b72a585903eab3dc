"""Real GPAW that does not converge: the campaign ends with the reason, and nobody asks it again."""

import pytest
from ase.build import bulk
from ase.io import write

from tests.campaign.test_tiny_gpaw import SALT
from tests.support.campaigns import attempts, folded, run, write_config

pytestmark = pytest.mark.slow


def campaign(tmp_path, **label):
    sections = {**SALT, "label": {**SALT["label"], **label}, "monitor": {"wandb": {"enabled": False}}}
    config = write_config(tmp_path / "config", **sections)
    write(tmp_path / "config" / "LiCl.extxyz", bulk("LiCl", "rocksalt", a=5.15))
    return run(config, tmp_path / "campaign")


def test_an_scf_that_never_converges_is_told_with_its_log_and_not_tried_again(tmp_path):
    code, output = campaign(tmp_path, maxiter=1)
    told, folder = " ".join(output.split()), tmp_path / "campaign"
    assert code == 3, output
    assert "label LiCl.initial/0/0 failed (SCF did not converge): no self-consistency" in told
    assert "Verdict: stopped: nothing is left that could be done (3 scf; last: label/LiCl.initial/0/" in told
    assert set(attempts(folder, "label").values()) == {1}
    assert len(list((folder / "logs" / "label").glob("*.txt"))) == 3
    assert folded(folder).failures["scf"] == 3
    assert "Traceback" not in output
