from dataclasses import asdict, replace

import numpy as np
import pytest

from policies.stopping.transport import (
    QUANTITIES,
    TransportEvidence,
    TransportTolerances,
    judge_transport,
    refuse_weak,
    transport_row,
)


def licl(energies, ln_sigmas=None, md=0.001, **why):
    sigmas = [-3.0] * len(energies) if ln_sigmas is None else ln_sigmas
    return TransportEvidence("LiCl", energies, [md] * len(energies), sigmas, [md] * len(sigmas), **why)


def test_evidence_is_one_number_per_fit():
    with pytest.raises(ValueError, match=r"LiCl: need \d+ arrays of one number per fit"):
        TransportEvidence("LiCl", [0.3], [0.01], [-3.0, -3.1], [0.1, 0.1])
    with pytest.raises(ValueError, match="LiCl: a standard error is negative"):
        TransportEvidence("LiCl", [0.3], [-0.01], [-3.0], [0.1])


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.field)
def test_every_quantity_is_in_evidence_rows_and_judgements(quantity):
    evidence = licl([0.30, 0.31])
    row = asdict(transport_row(evidence))
    assert {f"{part}{quantity.field}" for part in ("", "se_", "spread_", "md_")} <= set(row)
    changed = {judgement.metric: judgement for judgement in judge_transport(evidence, evidence, TransportTolerances())}
    judgement = changed[f"{quantity.name} of LiCl"]
    assert (judgement.unit, judgement.tolerance) == (quantity.unit, TransportTolerances().tolerance_of(quantity))


def test_evidence_does_not_change_behind_its_back():
    array = np.array([0.3, 0.31])
    evidence = licl(array)
    array[:] = 9.0
    assert evidence.activation_energy_eV.tolist() == [0.3, 0.31]


def test_what_says_nothing_says_why():
    assert licl([0.30, 0.31]).nothing() is None
    assert licl([0.30, 0.31], unmeasured="too short").nothing() == "unmeasured: too short"
    both = licl([0.30, 0.31], unmeasured="too short", unphysical="it melted")
    assert both.nothing() == "unphysical: it melted"
    assert licl([0.30]).nothing() == "unmeasured: 1 of at least 2 fits have it"
    assert licl([0.30]).nothing(fewest=1) is None
    assert "finite" in licl([0.30, np.nan]).nothing()


@pytest.mark.parametrize(
    ("energies", "md", "says"),
    [
        # One fit alone is lost in its error, or negative; the mean of both is above zero by two standard errors.
        ([0.16, 0.28], 0.11, None),
        ([0.04, 0.50], 0.10, "not above zero by two standard errors (0.270 ± 0.230 eV, mean of 2 fits)"),
        ([-0.30, -0.28], 0.02, "is negative (-0.290 ± 0.014 eV, mean of 2 fits)"),
        ([0.30], 0.01, None),
    ],
)
def test_whether_an_activation_energy_stands_is_told_of_the_mean_over_the_fits(energies, md, says):
    found = refuse_weak(licl(energies, md=md))
    assert (found.unmeasured is None) == (says is None)
    assert (says or "") in (found.unmeasured or "")
    assert refuse_weak(licl(energies, md=md, unphysical="it melted")).unmeasured is None


def test_orderings_whose_own_slopes_are_lost_may_have_one_together():
    whole = refuse_weak(mixed(0.15, 0.19, md=0.12))
    assert whole.unmeasured is None
    assert refuse_weak(whole.orderings[0]).unmeasured is not None
    assert "not above zero by two standard errors" in refuse_weak(mixed(0.02, 0.40)).unmeasured


def test_a_row_keeps_what_is_known_beside_why_it_does_not_count():
    row = transport_row(licl([0.30, np.nan, 0.34], unphysical="fit 1 melted"))
    assert (row.activation_energy_eV, row.unphysical, row.unmeasured) == (pytest.approx(0.32), "fit 1 melted", None)
    assert transport_row(licl([0.30], unmeasured="too short")).se_activation_energy_eV is None
    assert transport_row(licl([0.30]), alone=True).se_activation_energy_eV == 0.001


@pytest.mark.parametrize(
    ("last", "md", "finding", "limit"),
    [
        ([0.30, 0.301, 0.302], 0.001, "equivalent", None),
        ([0.40, 0.401, 0.402], 0.001, "different", None),
        ([0.30, 0.301, 0.302], 0.03, "undecided", "dynamics"),
        ([0.26, 0.30, 0.34], 0.001, "undecided", "fits"),
        ([0.32, 0.33, 0.34], 0.001, "undecided", "change"),
    ],
)
def test_an_undecided_change_says_what_keeps_it_so(last, md, finding, limit):
    energy, sigma, *_ = judge_transport(licl([0.30, 0.301, 0.302], md=md), licl(last, md=md), TransportTolerances())
    assert (energy.finding, energy.limit) == (finding, limit)
    assert (energy.unit, energy.system, sigma.finding) == ("eV", "LiCl", "equivalent")


def test_the_level_of_a_comparison_is_that_of_its_place_on_the_ladder():
    before, after = licl([0.30, 0.301, 0.302]), licl([0.301, 0.302, 0.303])
    for level, critical in ((0.05, 2.132), (0.01, 3.747)):
        judgements = judge_transport(before, after, TransportTolerances(), level)
        assert [judgement.level for judgement in judgements] == [level] * 2
        assert [judgement.critical for judgement in judgements] == pytest.approx([critical] * 2, abs=1e-3)


def test_a_change_beyond_the_tolerance_is_not_blamed_on_fits_that_scatter_as_their_dynamics_do():
    before, after = licl([0.168, 0.325, 0.293], md=0.11), licl([0.140, 0.123, 0.002], md=0.10)
    energy, *_ = judge_transport(before, after, TransportTolerances())
    assert (energy.finding, energy.limit) == ("undecided", "change")


def mixed(*energies, md=0.001):
    """Two fits each of the orderings of one composition."""
    ordered = [replace(licl([one, one + 0.001], md=md), system=str(place)) for place, one in enumerate(energies)]
    return TransportEvidence.of_orderings("mixed", ordered)


def test_one_ordering_is_its_composition():
    (energy, one) = (0.3, replace(licl([0.3, 0.301]), system="0"))
    assert asdict(transport_row(mixed(energy))) == asdict(transport_row(one))


def test_the_error_of_a_composition_holds_the_spread_between_its_orderings_and_not_the_dynamics_twice():
    wide, narrow = transport_row(mixed(0.30, 0.34)), transport_row(mixed(0.30, 0.34, md=0.1))
    assert wide.activation_energy_eV == pytest.approx(0.3205)
    assert wide.se_activation_energy_eV == pytest.approx(0.02, rel=0.01)
    assert narrow.se_activation_energy_eV == pytest.approx(0.1 / 2)


@pytest.mark.parametrize(
    ("last", "finding", "limit"),
    [((0.30, 0.40), "equivalent", None), ((0.26, 0.44), "undecided", "orderings"), ((0.37, 0.47), "different", None)],
)
def test_orderings_that_change_differently_leave_their_composition_undecided(last, finding, limit):
    energy, *_ = judge_transport(mixed(0.30, 0.40), mixed(*last), TransportTolerances(), 0.05)
    assert (energy.finding, energy.limit, energy.system) == (finding, limit, "mixed")
