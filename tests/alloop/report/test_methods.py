from __future__ import annotations

from copy import copy

import pytest

from alloop.report.methods import methods_section
from alloop.report.model_use import model_section
from alloop.report.render import html_of
from alloop.state.fold import fold
from alloop.state.state import CampaignState
from tests.support.histories import ANSWERS, History
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
    for setting in ("in 80 iterations", "0.6 sums of their covalent radii", "boxes of 10 Å"):
        assert setting in told
    assert "48 labels could be trained on (" in told
    assert "and 12, from molecular dynamics runs of their own, served for judging only" in told
    assert "doi:10.1063/5.0182685" in told
    assert "doi:10.1103/PhysRevLett.77.3865" in told


def test_the_paragraph_names_the_settings_of_walkers_fits_and_comparison(state):
    told, config = words(methods_section(state)), state.config
    explore, select, heldout = (config[name] for name in ("explore", "select", "heldout"))
    for setting in (
        f"friction {explore['friction_per_fs']:g} 1/fs",
        f"in segments of {explore['segment_fs']:g} fs",
        f"{select['batch']} at a time and at most {select['per_walker']} of a segment",
        f"a frame every {heldout['segment_fs']:g} fs",
        f"in at most {config['fit']['max_steps']} steps",
        f"tolerances: {config['ladder']['tolerance_forces']:g} of the force RMSE",
    ):
        assert setting in told


def test_refits_that_took_more_steps_than_the_config_says_at_most_are_told_and_no_fits_of_rungs():
    history = History().atoms().labelled(12).fitted(rung=12).opened()
    longest = history.config.fit.max_steps
    for task in history.state.tasks.values():
        if task.purpose == "fit/r12/f0":
            task.finished.summary["steps"] = longest + 2000
    assert f"in at most {longest} steps" in words(methods_section(history.state))
    history.begin("fit/g1/m0", {"rung": None, "generation": 1, "member": 0})
    history.end("fit/g1/m0", {**ANSWERS["fit"], "steps": longest + 500})
    assert f"in at most {longest + 500} steps" in words(methods_section(history.state))


def test_the_fit_of_a_rung_that_was_tried_again_is_told_as_it_was_done(state):
    again = copy(state)
    again.tasks = {
        purpose.replace("/f0", "/f0/again1") if purpose.startswith("fit/r") else purpose: task
        for purpose, task in state.tasks.items()
        if not (purpose.startswith("fit/r") and not purpose.endswith("/f0"))
    }
    assert "Optimiser steps: " in words(methods_section(state))
    assert "Optimiser steps: " in words(methods_section(again))


def test_the_paragraph_says_how_transport_was_measured():
    measured = History(measure={"mobile": "Li", "temperatures_K": [600, 800], "production_ps": 40, "max_ps": 80}).state
    told = words(methods_section(measured))
    assert "Transport of Li was measured" in told
    assert "at 600, 800 K" in told
    assert "40 to 80 ps after" in told


@pytest.mark.parametrize(
    ("xc", "doi"),
    [("PBEsol", "PhysRevLett.100.136406"), ("MGGA_X_R2SCAN+MGGA_C_R2SCAN", "acs.jpclett.0c02405")],
)
def test_the_functional_is_cited_by_whichever_name_it_has(xc, doi):
    assert doi in words(methods_section(History(label={"engine": "gpaw", "xc": xc}).state))


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
