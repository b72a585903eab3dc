from alloop.status.transport import transport_text

ROW = {"system": "LiCl", "activation_energy_eV": 0.3, "se_activation_energy_eV": 0.01, "ln_sigma": -2.0, "at_K": 600.0}


def test_every_quantity_has_its_unit_and_says_how_well_it_is_known():
    assert transport_text(ROW) == "LiCl: Ea 0.300 ± 0.010 eV, σ(600 K) 0.135 S/cm (error bar unknown)"
    nothing = transport_text(
        {"system": "LiCl", "activation_energy_eV": None, "ln_sigma": None, "unmeasured": "too cold"}
    )
    assert nothing == "LiCl: Ea unmeasured, σ unmeasured (unmeasured: too cold)"


def test_a_row_older_than_a_quantity_is_told_without_it():
    older = {name: value for name, value in ROW.items() if "ln_sigma" not in name}
    assert transport_text(older) == "LiCl: Ea 0.300 ± 0.010 eV"


def test_why_numbers_are_limited_or_not_to_be_believed_is_said_once():
    assert transport_text({**ROW, "narrow": "10 Å wide"}).endswith("(10 Å wide)")
    broken = transport_text({**ROW, "narrow": "10 Å wide", "unphysical": "it melted", "unmeasured": "too short"})
    assert broken.endswith("(unphysical: it melted)")
