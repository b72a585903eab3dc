"""Transport of the rungs in words: every value with its unit and its error bar. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from alloop.status.numbers import finite, plus_minus
from policies.stopping.transport import QUANTITIES, Quantity

SHORT = {"activation energy": "Ea"}
"""What a line of text calls a quantity, where that is not its name."""


def rung_name(size: int) -> str:
    """Return the name of a rung: its number of labels, or ``foundation`` where it has none.

    Examples
    --------
    >>> rung_name(50), rung_name(0)
    ('rung 50', 'foundation')
    """
    return f"rung {size}" if size else "foundation"


def quantity_text(quantity: Quantity, row: Mapping[str, Any]) -> str:
    """Return a quantity of a system on a rung in words.

    Examples
    --------
    >>> quantity_text(QUANTITIES[0], {"activation_energy_eV": 0.3, "se_activation_energy_eV": 0.01})
    'Ea 0.300 ± 0.010 eV'
    """
    if quantity.field == "ln_sigma":
        return conductivity_text(row)
    value, error = finite(row.get(quantity.field)), finite(row.get(f"se_{quantity.field}"))
    return f"{SHORT.get(quantity.name, quantity.name)} {plus_minus(value, error, quantity.unit)}".rstrip()


def conductivity_text(row: Mapping[str, Any]) -> str:
    """Return the conductivity of a system on a rung in words; its error bar is a factor.

    Examples
    --------
    >>> conductivity_text({"ln_sigma": -2.0, "se_ln_sigma": 0.1, "at_K": 573.15})
    'σ(573 K) 0.135 S/cm ×/÷ 1.11'
    """
    ln_sigma, error = finite(row.get("ln_sigma")), finite(row.get("se_ln_sigma"))
    at_K = finite(row.get("at_K"))
    name = "σ" if at_K is None else f"σ({at_K:.0f} K)"
    if ln_sigma is None or not -600 < ln_sigma < 600:
        return f"{name} unmeasured"
    bar = "(error bar unknown)" if error is None else f"×/÷ {math.exp(min(error, 600)):.3g}"
    return f"{name} {math.exp(ln_sigma):.3g} S/cm {bar}"


def transport_text(row: Mapping[str, Any]) -> str:
    """Return the transport of a system on a rung in one line."""
    quantities = [quantity_text(quantity, row) for quantity in QUANTITIES if quantity.field in row]
    said = f"{row.get('system', '?')}: {', '.join(quantities)}"
    if (orderings := int(row.get("orderings") or 1)) > 1:
        said = f"{said}, mean of {orderings} orderings"
    for what in ("unphysical", "unmeasured"):
        if row.get(what):
            return f"{said} ({what}: {row[what]})"
    return f"{said} ({row['narrow']})" if row.get("narrow") else said
