from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pytest

from alloop.report.transport.tables import (
    by_element,
    combine_rungs,
    combined,
    temperatures_csv,
    transport_csv,
    write_tables,
)
from alloop.transport.results import Measured
from tests.support.transports import ERRORS, LADDER, TEMPERATURES_K, rung, summary_of


def rows(content: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content)))


def test_rungs_are_combined_by_how_they_were_chosen():
    found = combine_rungs(LADDER)
    assert [(row.kind, row.size, len(row.fits)) for row in found] == [
        ("acquired", 0, 1),
        ("acquired", 50, 3),
        ("acquired", 100, 3),
        ("random subset", 50, 3),
    ]
    assert [row.label for row in found] == ["foundation", "50 labels", "100 labels", "50 labels, random subset"]
    assert found[1].scalars["activation_energy_eV"].value == pytest.approx(0.28)


def test_a_further_mobile_element_is_shown_like_another_system():
    fits = by_element(rung(50, element="Li", others={"Na": summary_of(energy_eV=0.4)}))
    assert [row["system"] for row in rows(transport_csv(fits)) if row["fit"] == "all"] == ["Li3InCl6", "Li3InCl6, Na"]
    assert combine_rungs(fits)[1].scalars["activation_energy_eV"].value == pytest.approx(0.4)
    assert by_element(rung(50)) == (rung(50),)


def test_the_error_bar_holds_the_spread_between_fits_and_that_of_the_dynamics():
    apart = [Measured(value=value, se=0.001) for value in (0.2, 0.3, 0.4)]
    assert combined(apart, alone=False).se == pytest.approx(0.1 / math.sqrt(3))
    alike = [Measured(value=0.3, se=0.06)] * 4
    assert combined(alike, alone=False).se == pytest.approx(0.03)


def test_one_fit_has_no_error_bar_but_the_foundation_has_that_of_its_dynamics():
    one = [Measured(value=0.3, se=0.06)]
    assert combined(one, alone=False).se is None
    assert combined(one, alone=True).se == pytest.approx(0.06)
    assert combined([], alone=True) is None


def test_conductivity_is_averaged_as_a_logarithm():
    (row,) = combine_rungs([rung(50, 0, D0=1e-3), rung(50, 1, D0=4e-3)])
    hot = row.sigma_at(573.15)
    single = rung(50, 0, D0=2e-3).summary.arrhenius.targets[1]
    assert hot.sigma_S_per_cm == pytest.approx(single.sigma_S_per_cm)
    assert hot.how == ("extrapolated",)
    assert hot.volumes_from_K == (600.0,)


def test_csv_has_units_in_its_head_and_a_row_per_fit_and_rung():
    table = rows(transport_csv(LADDER, ERRORS))
    assert len(table) == len(LADDER) + 4
    (whole,) = [row for row in table if (row["labels"], row["chosen"], row["fit"]) == ("50", "acquired", "all")]
    assert float(whole["activation_energy_eV"]) == pytest.approx(0.28)
    assert float(whole["force_rmse_meV_per_A"]) == 81.9
    assert whole["sigma_300K_how"] == "extrapolated"
    assert float(whole["ln_sigma_300K_se"]) > float(whole["ln_sigma_573.15K_se"]) > 0
    single = next(row for row in table if row["labels"] == "50" and row["fit"] == "1")
    assert float(single["activation_energy_se_eV"]) == 0.01
    assert single["force_rmse_meV_per_A"] == ""


def test_unmeasured_fits_are_named_and_leave_cells_empty():
    broken = rung(50, 1, arrhenius=None, unmeasured="ions moved 0.4 Å, less than 2 Å")
    table = rows(transport_csv([rung(50, 0), broken]))
    assert table[1]["activation_energy_eV"] == table[1]["sigma_300K_S_per_cm"] == ""
    assert table[1]["flags"] == "unmeasured: ions moved 0.4 Å, less than 2 Å"
    assert table[2]["flags"] == "fit 1 unmeasured: ions moved 0.4 Å, less than 2 Å"


def with_slope(fit, energy_eV, se_eV):
    """Return a fit whose slope is lost in its error."""
    one = rung(50, fit, energy_eV=energy_eV)
    line = one.summary.arrhenius
    weak = {"weak": "lost", "targets": (), "held_back": line.targets}
    weak |= {"activation_energy_eV": Measured(value=energy_eV, se=se_eV)}
    lost = {"arrhenius": line.model_copy(update=weak), "unmeasured": "lost"}
    return replace(one, summary=one.summary.model_copy(update=lost))


def test_a_fit_whose_slope_is_lost_in_its_error_is_in_the_mean():
    table = rows(transport_csv([rung(50, 0, energy_eV=0.28), with_slope(1, 0.18, 0.12)]))
    assert [float(row["activation_energy_eV"]) for row in table] == pytest.approx([0.28, 0.18, 0.23])
    assert [row["flags"] for row in table] == ["", "unmeasured: lost", ""]
    assert [bool(row["sigma_300K_S_per_cm"]) for row in table] == [True, False, True]


def test_a_mean_that_is_lost_in_its_error_extrapolates_nothing():
    table = rows(transport_csv([rung(50, 0, energy_eV=0.30), with_slope(1, 0.02, 0.12)]))
    assert float(table[2]["activation_energy_eV"]) == pytest.approx(0.16)
    assert "not above zero by two standard errors (0.160 ± 0.140 eV, mean of 2 fits)" in table[2]["flags"]
    assert table[2]["sigma_300K_S_per_cm"] == ""


def test_a_conductivity_that_a_fit_lacks_has_no_mean():
    older = with_slope(1, 0.18, 0.12)
    line = older.summary.arrhenius.model_copy(update={"held_back": ()})
    older = replace(older, summary=older.summary.model_copy(update={"arrhenius": line}))
    (row,) = combine_rungs([rung(50, 0, energy_eV=0.28), older])
    assert row.sigma == ()


def test_what_is_unphysical_is_not_said_to_be_unmeasured_besides():
    (row,) = combine_rungs([rung(50, arrhenius=None, unmeasured="nothing to fit", unphysical="melted")])
    assert row.flags == ("unphysical: melted",)


def test_every_temperature_has_a_row():
    table = rows(temperatures_csv(LADDER))
    assert len(table) == len(LADDER) * len(TEMPERATURES_K)
    first = table[0]
    assert float(first["temperature_K"]) == 600
    D = LADDER[0].summary.temperatures[0].D_tracer_cm2_s
    assert float(first["D_tracer_cm2_per_s"]) == pytest.approx(D.value)
    assert float(first["D_tracer_se_cm2_per_s"]) == pytest.approx(D.se)
    assert float(first["D_ab_cm2_per_s"]) == pytest.approx(1.2 * D.value)
    assert first["D_charge_se_cm2_per_s"] == ""


def test_tables_are_written_where_there_is_something_to_write(tmp_path):
    assert write_tables(tmp_path / "nothing", []) == ()
    assert not (tmp_path / "nothing").exists()
    table, temperatures = write_tables(tmp_path, LADDER, ERRORS)
    assert table.name == "transport.csv"
    assert rows(table.read_text())[0]["system"] == "Li3InCl6"
    assert len(rows(temperatures.read_text())) == len(LADDER) * len(TEMPERATURES_K)
