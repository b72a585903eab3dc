"""Every engine that a config can name is whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from alloop.config.campaign import CampaignConfig
from alloop.config.fields import every_section, tag_of
from alloop.config.label import AseLabel, GpawLabel, LabelCommon
from alloop.labelling.engine import LabelEngine
from alloop.labelling.registry import ENGINES, engine_of, label_settings

SECTIONS = [section for path, section in every_section(CampaignConfig) if path == ("label",)]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_label_section_of_the_config_has_an_engine(section):
    engine = ENGINES[section]
    assert isinstance(engine, LabelEngine)
    assert engine.settings is section
    assert issubclass(section, LabelCommon)
    assert type(engine).__module__ == f"alloop.labelling.{tag_of(section)['engine']}_engine"


OF_CALCULATORS = (
    "config/loading.py",
    "labelling/calculator_process.py",
    "labelling/teachers.py",
    "checks/teachers.py",
)
"""A teacher is a calculator of the engine ``ase``, and both may live in another Python, whose place is a path."""


def test_no_other_file_names_the_settings_of_an_engine():
    """An engine is added with its section and its own files, so all others ask the engine."""
    alloop = Path(__file__).parents[3] / "alloop"
    own = {path for section in SECTIONS for path in files_of(section, alloop)} | {alloop / "config" / "label.py"}
    own |= {alloop / name for name in OF_CALCULATORS}
    named = {
        path.relative_to(alloop)
        for path in set(alloop.rglob("*.py")) - own
        if any(section.__name__ in path.read_text(encoding="utf-8") for section in SECTIONS)
    }
    assert named == set()


def files_of(section, alloop):
    """Return the files of an engine: their names begin with the engine's."""
    return (alloop / "labelling").glob(f"{tag_of(section)['engine']}_*.py")


def test_dumped_settings_lead_back_to_their_engine():
    for label in (GpawLabel(cutoff_eV=500), AseLabel(engine="ase", calculator="ase.calculators.emt:EMT")):
        again = label_settings(label.model_dump(mode="json"))
        assert again == label
        assert engine_of(again) is ENGINES[type(label)]


def test_the_driver_knows_the_engines_without_loading_gpaw_or_pytorch():
    code = "import sys, alloop.labelling.registry; print({'gpaw', 'torch', 'mace'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
