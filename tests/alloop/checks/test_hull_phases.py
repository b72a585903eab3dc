"""Reference phases of hulls, judged before a campaign begins."""

from pathlib import Path

import pytest
import yaml
from ase.io import write

from alloop.checks.crosscheck import cross_check
from alloop.config.errors import ConfigError
from alloop.config.loading import config_from_text
from tests.support.histories import ROCK_SALT
from tests.support.small import SMALL


@pytest.mark.parametrize(
    ("phase", "key", "why"),
    [
        ({"structure": "missing.cif"}, "phases[0].structure", "missing.cif"),
        ({"formula": "Li2O", "energy_eV_per_atom": -3.0}, "phases[0].formula", "has Li, which the potential was not"),
        ({"formula": "Na", "energy_eV_per_atom": -1.0}, "families[0]", "makes no hull"),
    ],
)
def test_families_that_make_no_hull_are_refused_before_a_campaign_begins(tmp_path, phase, key, why):
    write(tmp_path / "a.extxyz", ROCK_SALT)
    family = {"name": "f", "same_settings": "formula" in phase, "phases": [{"name": "one", **phase}]}
    text = yaml.safe_dump({**SMALL, "studies": {"hull": {"families": [family]}}})
    loaded = config_from_text(text, Path("c.yaml"), tmp_path)
    with pytest.raises(ConfigError) as refused:
        cross_check(loaded)
    (line,) = refused.value.lines()
    assert key in line
    assert why in line
    cross_check(loaded, begun=True)


@pytest.mark.parametrize("compositions", [True, False])
def test_a_phase_shares_no_name_with_a_composition_of_its_hull(tmp_path, compositions):
    write(tmp_path / "a.extxyz", ROCK_SALT)
    name = SMALL["systems"][0]["name"]
    phases = [{"name": name, "structure": "a.extxyz"}]
    family = {"name": "f", "compositions": compositions, "phases": phases}
    text = yaml.safe_dump({**SMALL, "studies": {"hull": {"families": [family]}}})
    loaded = config_from_text(text, Path("c.yaml"), tmp_path)
    if not compositions:
        cross_check(loaded)
        return
    with pytest.raises(ConfigError, match=rf"phases\[0\].name.*`{name}` is a composition of the campaign"):
        cross_check(loaded)
