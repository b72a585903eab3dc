"""What every study is, and the table that it gives."""

import pytest

from alloop.config.studies import StudiesConfig
from alloop.studies.study import NAMES, Column, Number, Study, Table, study, tables
from alloop.tasks.registry import KINDS
from tests.support.histories import History

TABLE = Table(
    title="Lattices",
    columns=(Column("system"), Column("a", "Å", ".3f"), Column("energy", "eV/atom")),
    rows=(("A", Number(5.6402, 0.0031), Number(-3.5)), ("B", None, None)),
    how="by hand",
)


@pytest.mark.parametrize("name", NAMES)
def test_every_section_of_the_config_has_a_study_of_its_name(name):
    found = study(name)
    assert isinstance(found, Study)
    assert found.name == name
    assert set(found.kinds) <= set(KINDS.values())
    assert found.settings(History().charter.config) == getattr(StudiesConfig(), name)


def test_a_study_that_nobody_wrote_is_not_found():
    with pytest.raises(KeyError):
        study("alchemy")


def test_a_number_is_written_with_its_error_and_what_is_unknown_is_empty():
    assert [column.title for column in TABLE.columns] == ["system", "a (Å)", "energy (eV/atom)"]
    assert TABLE.texts() == [["A", "5.6402 ± 0.0031", "-3.5"], ["B", "", ""]]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (6.78658, 0.01702, "6.787 ± 0.017"),
        (81.94, 12.3, "82 ± 12"),
        (5.64021, 0.0, "5.640 ± 0.000"),
        (5.64021, 0.000004, "5.6402 ± 0.0000"),
    ],
)
def test_a_value_has_as_many_decimals_as_its_error(value, error, text):
    table = Table("t", (Column("a", "Å", ".3f"),), ((Number(value, error),),), "")
    assert table.texts() == [[text]]


def test_every_row_is_one_line_with_names_and_units():
    assert TABLE.lines() == ["A: a 5.6402 ± 0.0031 Å, energy -3.5 eV/atom", "B: nothing"]


def test_scripts_find_units_in_the_keys_and_errors_beside_the_values():
    assert TABLE.to_json() == [
        {"system": "A", "a (Å)": 5.6402, "a (Å) ±": 0.0031, "energy (eV/atom)": -3.5},
        {"system": "B", "a (Å)": None, "energy (eV/atom)": None},
    ]


def test_a_campaign_without_studies_has_no_tables():
    assert tables(History().state) == {}
