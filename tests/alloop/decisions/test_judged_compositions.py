"""Rungs of a composition whose orderings are measured apart."""

import pytest
from ase.build import bulk

from tests.support.judging import MEASURE, OWN, Asked, fitted, judged, transport

GROUPED = {"systems": dict.fromkeys("ABC", bulk("NaCl", "rocksalt", 5.6)), "compositions": {"B": "BC", "C": "BC"}}


def measured_in_all(energies, **settings):
    """Rungs of 6 and 12 whose transport is measured in A, B and C."""
    history = fitted(6, 12, **GROUPED, measure=MEASURE, ladder=OWN, **settings).evaluated(6, 4).evaluated(12, 4)
    for rung in ("r6", "r12"):
        for fit in (0, 1):
            for system, found in energies.items():
                history.measured(rung, fit, 4.0, found, system)
    return history


def test_the_transport_of_a_composition_is_the_mean_over_its_orderings_with_their_spread_in_its_error():
    events = judged(measured_in_all({"A": transport(0.30), "B": transport(0.30), "C": transport(0.34)}))
    alone, both = events[-1].table[-1]["transport"]
    assert [one["system"] for one in (alone, both)] == ["A", "BC"]
    assert [one["orderings"] for one in (alone, both)] == [1, 2]
    assert both["activation_energy_eV"] == pytest.approx(0.32)
    assert both["orderings_activation_energy_eV"] == pytest.approx(0.02 * 2**0.5)
    assert both["se_activation_energy_eV"] == pytest.approx(0.02)
    assert alone["se_activation_energy_eV"] == pytest.approx(0.01 / 2**0.5)
    assert [one["metric"] for one in events[-1].judgements if "activation" in one["metric"]] == [
        "activation energy of A",
        "activation energy of BC",
    ]


def test_orderings_that_differ_alike_on_both_rungs_are_no_change():
    events = judged(measured_in_all({"A": transport(0.3), "B": transport(0.2), "C": transport(0.5)}))
    changes = {one["metric"]: one for one in events[-1].judgements}
    of_one, of_both = changes["activation energy of A"], changes["activation energy of BC"]
    assert of_both["delta"] == pytest.approx(0.0)
    assert of_both["se_delta"] == pytest.approx(of_one["se_delta"] / 2**0.5)


def test_a_composition_of_which_an_ordering_says_nothing_says_nothing_and_names_it():
    melted = transport(0.3, unphysical="the framework melted")
    judged(measured_in_all({"A": transport(0.3), "B": transport(0.3), "C": melted}))
    alone, both = Asked.rungs[-1].transport
    assert alone.nothing() is None
    assert both.nothing() == "unphysical: C: fit 0: the framework melted"
