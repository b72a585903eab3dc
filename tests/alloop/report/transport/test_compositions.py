"""Transport of the compositions that have several orderings."""

import csv
import io

import pytest

from alloop.report.transport.compositions import composition_rungs, composition_table, compositions_csv
from tests.support.transports import rung

COMPOSITIONS = {"A": "A", "B": "BC", "C": "BC"}
ENERGIES_eV = {"A": 0.30, "B": 0.30, "C": 0.34}
RUNGS = [rung(50, fit, system=name, energy_eV=energy) for fit in range(2) for name, energy in ENERGIES_eV.items()]


def test_only_compositions_of_several_orderings_have_rows_and_only_where_all_are_measured():
    (found,) = composition_rungs(RUNGS, COMPOSITIONS)
    assert (found.size, found.first.system, found.first.orderings, found.first.fits) == (50, "BC", 2, 2)
    assert composition_rungs([one for one in RUNGS if one.system != "C"], COMPOSITIONS) == ()


def test_numbers_are_means_over_the_orderings_whose_spread_is_in_the_error():
    (found,) = composition_rungs(RUNGS, COMPOSITIONS)
    assert found.first.activation_energy_eV == pytest.approx(0.32)
    assert found.first.se_activation_energy_eV == pytest.approx(0.02)
    assert set(found.rows) == {300.0, 573.15}
    assert found.rows[573.15].ln_sigma < found.rows[573.15].se_ln_sigma
    rows = list(csv.DictReader(io.StringIO(compositions_csv([found]))))
    assert [(row["composition"], row["orderings"], row["temperature_K"]) for row in rows] == [
        ("BC", "2", "300"),
        ("BC", "2", "573.15"),
    ]
    assert float(rows[0]["activation_energy_between_orderings_eV"]) == pytest.approx(0.04 / 2**0.5)


def test_an_ordering_that_melted_is_named_instead_of_numbers():
    melted = [*RUNGS[:-1], rung(50, 1, system="C", energy_eV=0.34, unphysical="the framework melted")]
    (found,) = composition_rungs(melted, COMPOSITIONS)
    assert found.first.unphysical == "C: the framework melted"
    (table, _) = composition_table([found])
    assert table.rows[0][-1].text == "C: the framework melted"
