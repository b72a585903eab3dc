from __future__ import annotations

import json
import re
from html import unescape

import pytest

from alloop.report.page import figures_of, page
from alloop.report.render import html_of
from alloop.report.transport.density_figure import DensityView
from alloop.report.transport.sections import TransportData, transport_sections
from alloop.report.transport.tables import RungTransport
from alloop.state.state import CampaignState
from alloop.transport.density import DensitySettings
from alloop.transport.sites import analyse_density
from tests.support.hoppers import hopping
from tests.support.transports import ERRORS, LADDER, curves_of, rung


def html_of_sections(data: TransportData) -> str:
    return "".join(html_of(section.blocks) for section in transport_sections(data))


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


@pytest.fixture(scope="module")
def data() -> TransportData:
    story = hopping()
    result, grid = analyse_density([story.run], DensitySettings(resolution_A=0.4, smear_A=0.4), story.start)
    return TransportData(LADDER, [DensityView("Li3InCl6", "acquired", 100, 0, result, grid)], ERRORS)


@pytest.fixture(scope="module")
def html(data):
    return html_of_sections(data)


def test_nothing_measured_nothing_said():
    assert transport_sections(TransportData()) == ()


def test_the_table_has_a_row_per_rung_with_units_and_error_bars(html):
    told = words(html)
    for heading in ("Activation energy, eV", "σ at 300 °C, S/cm", "σ at 300 K, S/cm", "Force RMSE, meV/Å"):
        assert heading in told
    assert "50 labels acquired 3 81.9 ± 2.2 4.31 ± 0.37 0.2800 ± 0.0058" in told
    assert "0.150 ± 0.010" in told  # the foundation, with the error of its dynamics
    assert "3.9 error bar unknown" in told
    assert "extrapolated volume of 600 K" in told
    assert "×/÷" in told
    assert "50 labels, random subset 3" in told


def test_every_section_says_how_its_numbers_came_about(data):
    sections = transport_sections(data)
    assert len(sections) == 4
    assert all(section.how for section in sections)
    assert "Acquired rungs are the first labels" in sections[0].how


def test_a_rung_that_failed_says_so():
    melted = rung(50, arrhenius=None, unphysical="framework <melted> at 800 K")
    html = html_of_sections(TransportData([melted]))
    assert "unphysical: framework &lt;melted&gt; at 800 K" in html
    assert "–" in words(html)


def test_what_a_reader_should_know_of_the_runs_is_told_once_with_whose_it_is():
    summary = rung(50).summary
    near = [at.model_copy(update={"notes": ("ions <barely> moved",)}) for at in summary.temperatures[:2]]
    one = RungTransport(50, "acquired", "LIC", 0, summary.model_copy(update={"temperatures": tuple(near)}), None)
    told = html_of_sections(TransportData([one]))
    assert "LIC, 50 labels, fit 0, 600 K; LIC, 50 labels, fit 0, 700 K: ions &lt;barely&gt; moved" in told
    assert "Remarks" not in html_of_sections(TransportData([rung(50)]))


def test_atoms_that_merged_stand_out():
    html = html_of_sections(TransportData([rung(50, curves=curves_of(shortest_A=0.7))]))
    assert '<span class="different">0.70 Å</span>' in html
    assert "1.28 Å" in html


def test_planes_and_diffusivities_stand_in_their_units(html):
    told = words(html)
    assert "ab plane" in told
    assert re.search(r"D at 600 K \(3\.0\d ± 0\.\d+\) × 10⁻⁶ cm²/s", told)
    assert "0.3200 ± 0.0087 eV" in told


def test_collective_conductivity_stands_beside_that_of_nernst_and_einstein(html):
    told = words(html)
    assert "D D of charge Haven ratio σ, Nernst–Einstein σ, collective" in told
    charge = r"\(?6\.\d.{1,30}? cm²/s( error bar unknown)?"
    assert re.search(
        rf"100 labels 600 K \(3\.0\d ± 0\.\d+\) × 10⁻⁶ cm²/s {charge} 0\.500 ± 0\.000 .*? S/cm – 600 ps", told
    )


def test_the_share_of_covalent_radii_is_that_of_the_measurement():
    html = html_of_sections(TransportData([rung(50, curves=curves_of(shortest_A=1.2))], min_contact=0.4))
    assert '<span class="different">' not in html
    assert "1.02 Å" in html


def test_density_states_level_normalisation_and_jumps(data, html):
    told, density = words(html), data.densities[0].result.density
    how = transport_sections(data)[-1].how
    assert "Likeliest path along each lattice vector of the cell shown" in told
    assert "no path seen, above" in told
    assert "The next jump of the same ion undoes 1.000" in told
    assert f"n = {density.level_per_A3:.3g} Å⁻³ (P = 0.0001 Å⁻³)" in told
    assert "N = 32 Li in the cell shown" in told
    assert "its integral over the cell shown is the number of ions" in how
    jumps = {f"{jump.start} to {jump.end}": jump for jump in data.densities[0].result.sites.jumps}
    out = jumps["host to interstitial"]
    assert f"host to interstitial {out.jumps} {out.rate_per_ps.value:.3f} ± " in told
    assert re.search(r"host to host 0 < 0\.\d+ /ps", told)


def test_every_figure_has_its_place_in_the_page(data):
    shown = page(CampaignState(), [], data)
    drawn = json.loads(re.search(r"const figures = (.*?);\n", shown, re.DOTALL).group(1))
    names = {plot.name for plot in figures_of(transport_sections(data))}
    assert {"transport-density-0", "transport-arrhenius"} <= names <= set(drawn)
    assert all(f'id="{name}"' in shown for name in names)


def test_figures_stay_small(data):
    for plot in figures_of(transport_sections(data)):
        assert len(json.dumps(plot.figure)) < 1_500_000, plot.name
