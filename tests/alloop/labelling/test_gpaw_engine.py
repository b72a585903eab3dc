import gzip
import hashlib
from pathlib import Path

import gpaw

from alloop.config.label import GpawLabel
from alloop.labelling.gpaw_datasets import dataset_sha256
from alloop.labelling.gpaw_engine import ENGINE


def test_gpaw_and_every_dataset_are_named_by_their_content():
    import gpaw_data

    identity = ENGINE.identity(GpawLabel(), ["Li", "Cl"])
    content = gzip.decompress(Path(gpaw_data.datapath(), "Li.PBE.gz").read_bytes())
    assert identity["gpaw"] == gpaw.__version__
    assert identity["setup_Li"] == hashlib.sha256(content).hexdigest()[:16]
    assert set(identity) == {"gpaw", "setup_Li", "setup_Cl"}


def test_another_dataset_is_another_identity(tmp_path, monkeypatch):
    usual = ENGINE.identity(GpawLabel(), ["Li"])
    (tmp_path / "Li.PBE").write_text("another dataset")
    monkeypatch.setattr(gpaw, "setup_paths", gpaw.setup_paths)
    gpaw.setup_paths.insert(0, str(tmp_path))
    dataset_sha256.cache_clear()
    try:
        assert ENGINE.identity(GpawLabel(), ["Li"])["setup_Li"] != usual["setup_Li"]
    finally:
        gpaw.setup_paths.remove(str(tmp_path))
        dataset_sha256.cache_clear()


def test_settings_choose_the_dataset():
    usual = ENGINE.identity(GpawLabel(), ["Ag"])
    eleven = ENGINE.identity(GpawLabel(gpaw={"setups": {"Ag": "11"}}), ["Ag"])
    with_u = ENGINE.identity(GpawLabel(gpaw={"setups": {"Ag": ":d,3.0"}}), ["Ag"])
    assert eleven["setup_Ag"] != usual["setup_Ag"]
    assert with_u == usual
