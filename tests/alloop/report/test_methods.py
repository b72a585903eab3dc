from __future__ import annotations

import pytest

from alloop.report.methods import methods_section
from alloop.report.model_use import model_section
from alloop.report.render import html_of
from alloop.state.fold import fold
from alloop.state.state import CampaignState
from tests.support.histories import History
from tests.support.journals import play


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return fold(play(tmp_path_factory.mktemp("campaign")))


def words(sections) -> str:
    return " ".join(html_of(block for section in sections for block in section.blocks).split())


def test_the_paragraph_names_every_setting_of_the_labels_with_its_unit(state):
    told = words(methods_section(state))
    for setting in ("PBE functional", "plane waves up to 340 eV", "k-points", "smearing of 0.05 eV", "gpaw 26.7.0"):
        assert setting in told
    assert "48 labels could be trained on (" in told
    assert "and 12, from molecular dynamics runs of their own, served for judging only" in told
    assert "doi:10.1063/5.0182685" in told
    assert "doi:10.1103/PhysRevLett.77.3865" in told


def test_a_foundation_is_cited_with_its_licence():
    told = words(
        methods_section(History(foundation=True, potential={"foundation": {"name": "mh-1", "head": "omat_pbe"}}).state)
    )
    assert "from the foundation mh-1" in told
    assert "2401.00096" in told


def test_the_script_loads_the_exported_model_in_the_precision_of_its_fit(state):
    (section,) = model_section(state)
    code = section.blocks[1].text
    compile(code, "script", "exec")
    assert 'model_paths="export/leader.model"' in code
    assert f'default_dtype="{state.config["potential"].get("dtype", "float32")}"' in code


def test_nothing_is_said_before_the_campaign_began():
    assert methods_section(CampaignState()) == model_section(CampaignState()) == ()
