import pytest

from alloop.config.science import LadderConfig
from alloop.transport.quantities import read_quantities
from alloop.transport.results import Measured
from policies.stopping.transport import QUANTITIES, TransportTolerances
from tests.support.transports import summary_of

FIELDS = {quantity.field for quantity in QUANTITIES}


def test_every_quantity_is_read_with_its_error():
    found = read_quantities(summary_of(energy_eV=0.31), 573.15)
    assert set(found) == FIELDS
    assert found["activation_energy_eV"] == Measured(value=0.31, se=0.01)
    assert all(isinstance(reading, Measured) for reading in found.values())


def test_what_could_not_be_measured_says_why():
    still = summary_of().model_copy(update={"arrhenius": None, "unmeasured": "the ions did not move"})
    found = read_quantities(still, 573.15)
    assert found["activation_energy_eV"] == found["ln_sigma"] == "the ions did not move"
    assert read_quantities(None, 573.15) == dict.fromkeys(FIELDS, "a measurement failed")
    assert read_quantities(summary_of(), 450.0)["ln_sigma"] == "there is no conductivity at 450 K"


def test_a_slope_lost_in_its_error_is_part_of_a_mean_and_so_is_what_it_extrapolates():
    summary = summary_of()
    simulated = summary.arrhenius.targets[1].model_copy(update={"how": "simulated"})
    outside = summary.arrhenius.targets[0].model_copy(update={"how": "extrapolated"})
    weak = summary.arrhenius.model_copy(update={"weak": "lost", "targets": (simulated,), "held_back": (outside,)})
    summary = summary.model_copy(update={"arrhenius": weak, "unmeasured": "lost"})
    energy = summary.arrhenius.activation_energy_eV
    assert read_quantities(summary, 573.15) == {"activation_energy_eV": energy, "ln_sigma": simulated.ln_sigma}
    assert read_quantities(summary, outside.temperature_K)["ln_sigma"] == outside.ln_sigma
    assert summary.unmeasured_apart_from_slope is None


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.field)
def test_every_quantity_has_its_tolerance_in_the_config(quantity):
    assert getattr(LadderConfig(), quantity.tolerance_key) == TransportTolerances().tolerance_of(quantity)
