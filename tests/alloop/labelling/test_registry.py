"""Every engine that a config can name is whole."""

import subprocess
import sys

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


def test_dumped_settings_lead_back_to_their_engine():
    for label in (GpawLabel(cutoff_eV=500), AseLabel(engine="ase", calculator="ase.calculators.emt:EMT")):
        again = label_settings(label.model_dump(mode="json"))
        assert again == label
        assert engine_of(again) is ENGINES[type(label)]


def test_the_driver_knows_the_engines_without_loading_gpaw_or_pytorch():
    code = "import sys, alloop.labelling.registry; print({'gpaw', 'torch', 'mace'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
