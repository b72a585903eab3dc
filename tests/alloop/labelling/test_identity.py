import gzip
import hashlib
import sys
from pathlib import Path

import gpaw
import pytest

from alloop.config.science import AseLabel, GpawLabel
from alloop.labelling.datasets import dataset_sha256
from alloop.labelling.identity import code_identity


def test_gpaw_and_every_dataset_are_named_by_their_content():
    import gpaw_data

    identity = code_identity(GpawLabel(), ["Li", "Cl"])
    content = gzip.decompress(Path(gpaw_data.datapath(), "Li.PBE.gz").read_bytes())
    assert identity["gpaw"] == gpaw.__version__
    assert identity["setup_Li"] == hashlib.sha256(content).hexdigest()[:16]
    assert set(identity) == {"gpaw", "setup_Li", "setup_Cl"}


def test_another_dataset_is_another_identity(tmp_path, monkeypatch):
    usual = code_identity(GpawLabel(), ["Li"])
    (tmp_path / "Li.PBE").write_text("another dataset")
    monkeypatch.setattr(gpaw, "setup_paths", gpaw.setup_paths)
    gpaw.setup_paths.insert(0, str(tmp_path))
    dataset_sha256.cache_clear()
    try:
        assert code_identity(GpawLabel(), ["Li"])["setup_Li"] != usual["setup_Li"]
    finally:
        gpaw.setup_paths.remove(str(tmp_path))
        dataset_sha256.cache_clear()


def test_settings_choose_the_dataset():
    usual = code_identity(GpawLabel(), ["Ag"])
    eleven = code_identity(GpawLabel(gpaw={"setups": {"Ag": "11"}}), ["Ag"])
    with_u = code_identity(GpawLabel(gpaw={"setups": {"Ag": ":d,3.0"}}), ["Ag"])
    assert eleven["setup_Ag"] != usual["setup_Ag"]
    assert with_u == usual


def test_a_calculator_is_named_by_the_version_of_its_package():
    import ase

    label = AseLabel(engine="ase", calculator="ase.calculators.emt:EMT")
    assert code_identity(label, ["Cu"]) == {"calculator": "ase.calculators.emt:EMT", "module": f"ase {ase.__version__}"}


@pytest.mark.parametrize("changed", ["module", "file"])
def test_a_calculator_of_ones_own_is_named_by_its_source_and_its_files(tmp_path, monkeypatch, changed):
    source, model = tmp_path / "own_calculator.py", tmp_path / "model.bin"
    source.write_text("class Own: ...\n")
    model.write_bytes(b"1")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_calculator", raising=False)
    label = AseLabel(engine="ase", calculator="own_calculator:Own", arguments={"model": str(model)})
    before = code_identity(label, [])
    if changed == "module":
        source.write_text("class Own: pass\n")
    else:
        model.write_bytes(b"2")
    assert code_identity(label, []) != before
