"""Numbers of several campaigns beside each other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alloop.status.numbers import plus_minus, powers


@dataclass(frozen=True)
class Compared:
    """One number of one campaign.

    Attributes
    ----------
    campaign : str
        Its name; where several have one name, its folder.
    quantity : str
        What it is, with the system where it is of one.
    rung : int or None
        Training labels of the rung; None for a number of the whole campaign.
    value, se : float or None
        The number and its standard error; None where they are not known.
    unit : str
        Unit of both.
    text : str
        What stands for a number that is none, such as a verdict.
    """

    campaign: str
    quantity: str
    rung: int | None
    value: float | None
    se: float | None = None
    unit: str = ""
    text: str = ""

    def words(self) -> str:
        """Return it as a table shows it."""
        if self.text:
            return self.text
        if self.value is None:
            return "–"
        if self.se is not None:
            return plus_minus(self.value, self.se, "").strip()
        return f"{self.value:g}" if float(self.value).is_integer() else powers(self.value)


def rows_of(found: Sequence[Compared]) -> list[tuple[str, ...]]:
    """Return the rows of a table: quantity with its unit, rung, and what each campaign has, in words.

    The whole campaigns come first, then each quantity by rung.
    """
    names = list(dict.fromkeys(one.campaign for one in found))
    quantities = list(dict.fromkeys(one.quantity for one in found))
    cells = {(one.quantity, one.rung, one.campaign): one for one in found}
    wanted = dict.fromkeys((one.quantity, one.rung) for one in found)
    rows = []
    for quantity, rung in sorted(wanted, key=lambda row: (row[1] is not None, quantities.index(row[0]), row[1] or 0)):
        here = [cells.get((quantity, rung, name)) for name in names]
        unit = next((one.unit for one in here if one is not None and one.unit), "")
        what = f"{quantity} ({unit})" if unit else quantity
        size = "" if rung is None else str(rung) if rung else "foundation"
        rows.append((what, size, *("–" if one is None else one.words() for one in here)))
    return rows
