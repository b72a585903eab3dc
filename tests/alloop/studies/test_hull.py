"""The study of energies above the hull: what it asks for, refuses and says."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ase.build import bulk
from ase.io import write

from alloop.commands.study import fitting, prepared
from alloop.config.errors import ConfigError
from alloop.config.loading import config_from_text
from alloop.config.studies import StudiesConfig
from alloop.decisions.next_tasks import plan
from alloop.journal.events import ConfigChanged
from alloop.journal.journal import JournalError
from alloop.studies import relax
from alloop.studies.hull import STUDY
from alloop.studies.study import Number, tables
from tests.support.histories import ROCK_SALT, History
from tests.support.small import SMALL

FREE = {"local": 100}
SYSTEMS = {"A": ROCK_SALT, "B-gs": ROCK_SALT, "B-0": ROCK_SALT}
COMPOSITIONS = {"B-gs": "B", "B-0": "B"}
GIVEN = {
    "name": "elements",
    "same_settings": True,
    "phases": [
        {"name": "Na", "formula": "Na", "energy_eV_per_atom": -1.0},
        {"name": "Cl2", "formula": "Cl2", "energy_eV_per_formula": -4.0},
    ],
}
RELAXED = {
    "name": "salts",
    "phases": [{"name": "Na", "structure": "Na.extxyz"}, {"name": "NaCl3", "structure": "NaCl3.extxyz"}],
}
LATTICE = {"a_A": 5.0, "b_A": 5.0, "c_A": 5.0, "alpha_deg": 90.0, "beta_deg": 90.0, "gamma_deg": 90.0}
LATTICE |= {"volume_A3": 125.0, "energy_eV_per_atom": -3.0}


def with_rungs(*families, **changes):
    """Return a campaign with two fits of its largest rung, and families of phases in its config."""
    given = {"systems": SYSTEMS, "compositions": COMPOSITIONS, "studies": {"hull": {"families": list(families)}}}
    history = History(**{**given, **changes}).atoms().labelled(12).fitted(rung=6)
    return history.fitted(rung=12).rung_fits(12)


def loaded(folder, *families, **sections):
    """Return a config in a folder that has the structures of sodium and of NaCl3."""
    write(folder / "a.extxyz", ROCK_SALT)
    write(folder / "Na.extxyz", bulk("Na", "bcc", 4.3))
    salt = bulk("NaCl", "rocksalt", 5.6).repeat((2, 1, 1))
    salt.symbols[0] = "Cl"
    write(folder / "NaCl3.extxyz", salt)
    sections = {**SMALL, "studies": {"hull": {"families": list(families)}}, **sections}
    return config_from_text(yaml.safe_dump(sections), Path("c.yaml"), folder)


def wanted(history, study=STUDY):
    return plan(history.state, history.charter, FREE, study.stage())


def do(history, tasks, energies):
    """Let relaxations end at energies (eV per atom) by (system or phase, fit or member), or with a reason."""
    for task in tasks:
        told = task.context
        name = (told["system"] or told["phase"], f"m{told['member']}" if told["fit"] is None else told["fit"])
        found = energies[name]
        if isinstance(found, str):
            history.study(task, reason=found, detail="told")
            continue
        relaxed = LATTICE | {"energy_eV_per_atom": found}
        rest = {"steps": 9, "max_force_eV_per_A": 0.004, "stress_GPa": None, "moved_A": 0.1}
        history.study(task, summary={"start": LATTICE, "relaxed": relaxed, **rest})
    return history


ENERGIES = {("A", 0): -3.0, ("A", 1): -3.2, ("A", "m1"): -3.1, ("A", "m2"): -3.4}
ENERGIES |= {("B-gs", 0): -2.9, ("B-gs", 1): -2.8, ("B-gs", "m1"): -2.9, ("B-gs", "m2"): -2.9}
ENERGIES |= {("B-0", 0): -2.7, ("B-0", 1): -3.0, ("B-0", "m1"): -2.7, ("B-0", "m2"): -2.7}


def rows(history):
    columns = [column.name for column in tables(history.state)["hull"].columns]
    found = (dict(zip(columns, row, strict=True)) for row in tables(history.state)["hull"].rows)
    return {(row["hull of"].partition(" ")[0], row["composition"]): row for row in found}


# -- what is asked for -------------------------------------------------------------------------------------------


def test_every_fit_and_every_other_member_of_the_committee_relaxes_every_ordering():
    history = with_rungs(GIVEN)
    models = [*history.state.rungs[12].models.values(), *list(history.state.generations[-1].models.values())[1:]]
    assert [task.build().model for task in wanted(history)] == [model for model in models for _ in SYSTEMS]
    assert len(set(models)) == 4


def test_an_ordering_that_the_study_of_lattices_relaxed_has_the_same_key():
    history = with_rungs(GIVEN)
    lattices = {task.build().key() for task in plan(history.state, history.charter, FREE, relax.STUDY.stage())}
    own = {task.build().key() for task in wanted(history) if task.context["fit"] is not None}
    assert own == lattices


def test_the_members_of_the_committee_can_be_left_out():
    history = with_rungs(GIVEN, studies={"hull": {"families": [GIVEN], "members": False}})
    assert len(wanted(history)) == 2 * len(SYSTEMS)


def test_reference_structures_are_relaxed_by_the_same_models(tmp_path):
    history = with_rungs(RELAXED)
    ready = fitting(STUDY, loaded(tmp_path, RELAXED), history.state)
    phases = [task for task in wanted(history, ready) if task.context["phase"]]
    assert [task.context["formula"] for task in phases[:2]] == ["Na", "NaCl3"]
    assert len(phases) == 2 * 4


# -- what is said ------------------------------------------------------------------------------------------------


def test_the_lowest_ordering_counts_and_spreads_of_fits_and_committee_are_errors():
    history = with_rungs(GIVEN)
    do(history, wanted(history), ENERGIES)
    found = rows(history)
    single, mixed = found["elements", "A"], found["elements", "B"]
    # Half Na at -1 and half Cl2 at -2 eV per atom: the hull is at -1.5.
    assert single["energy above the hull"] == Number(pytest.approx(-1600.0), pytest.approx(141.42, abs=0.01))
    assert single["committee spread"].value == pytest.approx(208.17, abs=0.01)
    assert mixed["energy above the hull"].value == pytest.approx(-1450.0)
    assert (mixed["orderings"], mixed["lowest ordering"]) == ("2", "B-gs (1 of 2 fits)")
    assert mixed["decomposition"] == "0.50 Cl2 + 0.50 Na"
    assert single["hull of"] == "elements (Na, Cl2, with given energies of the label settings)"
    assert single["note"] == "fixed cells"


def test_compositions_that_are_phases_themselves_are_never_below_the_hull():
    history = with_rungs({**GIVEN, "compositions": True})
    do(history, wanted(history), ENERGIES)
    found = rows(history)
    assert found["elements", "A"]["energy above the hull"].value == pytest.approx(0.0)
    assert found["elements", "A"]["decomposition"] == "1.00 A"
    assert found["elements", "B"]["energy above the hull"].value == pytest.approx(150.0)
    assert found["elements", "B"]["hull of"].endswith("settings; the compositions of the campaign)")


def test_a_phase_without_a_label_is_a_warning_beside_the_number(tmp_path):
    history = with_rungs(RELAXED)
    phases = {("Na", model): -1.0 for model in (0, 1, "m1", "m2")} | {("NaCl3", m): -2.0 for m in (0, 1, "m1", "m2")}
    ready = fitting(STUDY, loaded(tmp_path, RELAXED), history.state)
    do(history, wanted(history, ready), ENERGIES | phases)
    row = rows(history)["salts", "A"]
    assert row["energy above the hull"].value == pytest.approx(-3100 + 1000 / 3 + 4000 / 3)
    assert row["hull of"] == "salts (Na, NaCl3, relaxed by the same models)"
    assert row["note"] == "no label has the composition of Na, NaCl3; fixed cells"


def test_orderings_and_fits_that_did_not_relax_are_named_and_left_out():
    history = with_rungs(GIVEN)
    do(history, wanted(history), ENERGIES | {("A", 1): "steps", ("B-0", 0): "nan"})
    found = rows(history)
    assert found["elements", "A"]["energy above the hull"] == Number(pytest.approx(-1500.0))
    assert found["elements", "A"]["note"] == "fixed cells; A: steps: told"
    assert found["elements", "B"]["orderings"] == "1 of 2"
    assert found["elements", "B"]["note"] == "fixed cells; B-0: nan: told"


def test_other_given_energies_change_the_numbers_and_relax_nothing_again():
    history = with_rungs(GIVEN)
    do(history, wanted(history), ENERGIES)
    higher = {**GIVEN, "phases": [{**GIVEN["phases"][0], "energy_eV_per_atom": -0.8}, GIVEN["phases"][1]]}
    changed = {**history.state.config, "studies": {"hull": {"families": [higher]}}}
    history.say(ConfigChanged(config=changed, changes=("studies",)))
    assert wanted(history) == []
    assert rows(history)["elements", "A"]["energy above the hull"].value == pytest.approx(-1700.0)


# -- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("families", "key", "why"),
    [
        ([{"name": "none"}], "families[0]", "has no phases"),
        ([GIVEN, GIVEN], "studies.hull", "the name `elements` is there 2 times"),
        ([{**GIVEN, "phases": [GIVEN["phases"][0]] * 2}], "families[0]", "the name `Na` is there 2 times"),
        (
            [{**GIVEN, "phases": [*GIVEN["phases"], RELAXED["phases"][0] | {"name": "sodium"}]}],
            "families[0]",
            "mixes structures",
        ),
        ([{**GIVEN, "same_settings": False}], "families[0]", "same_settings: true"),
        (
            [RELAXED, {"name": "b", "phases": [{"name": "Na", "structure": "other.extxyz"}]}],
            "studies.hull",
            "`Na` is one structure here and another there",
        ),
        (
            [{**GIVEN, "phases": [{"name": "Na", "formula": "sodium", "energy_eV_per_atom": -1.0}]}],
            "families[0].phases[0]",
            "is not a formula",
        ),
    ],
)
def test_families_that_make_no_hull_are_refused_in_one_line_with_the_config(tmp_path, families, key, why):
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, *families)
    assert key in str(error.value)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_a_hull_without_phases_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"studies\.hull: a hull is made of phases"):
        prepared(loaded(tmp_path), STUDY, None)


def test_a_journal_whose_results_have_no_formula_is_refused_in_one_line():
    history = with_rungs(GIVEN)
    (task, *_) = wanted(history)
    history.study(replace(task, context={**task.context, "formula": "salt"}), reason="nan", detail="told")
    with pytest.raises(JournalError, match="restore it from a copy"):
        tables(history.state)


@pytest.mark.parametrize(
    ("phases", "why"),
    [
        ([{"name": "Na", "structure": "Na.extxyz"}], "no phase has Cl, which NaCl has; add phases"),
        (
            [*RELAXED["phases"], {"name": "LiCl", "structure": "LiCl.extxyz"}],
            "`LiCl` has Li, which the potential was not fitted to",
        ),
        ([{"name": "Na", "structure": "gone.extxyz"}], "no such file: `gone.extxyz`"),
    ],
)
def test_phases_that_do_not_fit_the_campaign_are_refused_in_one_line(tmp_path, phases, why):
    write(tmp_path / "LiCl.extxyz", bulk("LiCl", "rocksalt", 5.1))
    family = {"name": "salts", "phases": phases}
    with pytest.raises(ConfigError, match=why) as error:
        fitting(STUDY, loaded(tmp_path, family), with_rungs(family).state)
    assert "\n" not in str(error.value)


def test_pressure_and_a_cell_without_a_fitted_stress_are_refused(tmp_path):
    for settings, key in (({"pressure_GPa": 1.0}, "pressure_GPa"), ({"cell": True}, "cell")):
        config = loaded(tmp_path, GIVEN, studies={"hull": {"families": [GIVEN]}, "relax": settings})
        with pytest.raises(ConfigError, match=f"studies.relax.{key}"):
            prepared(config, STUDY, None)


def test_a_phase_is_a_structure_or_a_formula_with_one_energy():
    for phase in (
        {"name": "Na"},
        {"name": "Na", "formula": "Na"},
        {"name": "Na", "structure": "Na.extxyz", "energy_eV_per_atom": -1.0},
        {"name": "Na", "formula": "Na", "energy_eV_per_atom": -1.0, "energy_eV_per_formula": -1.0},
    ):
        with pytest.raises(ValueError, match="needs either `structure`, or `formula`"):
            StudiesConfig.model_validate({"hull": {"families": [{"name": "f", "phases": [phase]}]}})
