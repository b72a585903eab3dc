"""Held-out errors by composition and system."""

import pytest

from alloop.journal.events import HeldoutDrawn
from alloop.report.heldout_errors import errors_csv, errors_table
from alloop.status.heldout_errors import heldout_errors
from tests.support.histories import ROCK_SALT, History

GROUPED = {"systems": dict.fromkeys("ABC", ROCK_SALT), "compositions": {"B": "BC", "C": "BC"}}
WALKERS = ("A.600K.heldout0", "A.1000K.heldout0", "B.600K.heldout0", "C.600K.heldout0")
OF_FRAMES = (0.1, 0.1, 0.2, 0.4)


def judged(**systems):
    """A rung of 6 labels, with two frames of A, one of B and one of C, whose force errors are `OF_FRAMES` (eV/Å)."""
    history = History(**systems).atoms().labelled(6).fitted(rung=6)
    frames = [frame for walker in WALKERS for frame in history.offer(walker, "random")]
    history.say(HeldoutDrawn(frames=tuple(frames))).label(frames)
    errors = {"energy_error_eV_per_atom": [0.01] * 4, "forces_squared_error": [error**2 for error in OF_FRAMES]}
    for fit, model in history.state.rungs[6].models.items():
        history.do(f"evaluate/r6/f{fit}/h4", {"model": model, "heldout": 4, "of": "r6", "retirements": 0}, errors)
    return history.judged(6).state


def test_every_composition_is_told_with_all_its_orderings_and_then_each_of_them():
    found = heldout_errors(judged(**GROUPED))
    assert [(one.composition, one.system, one.frames) for one in found] == [
        ("A", None, 2),
        ("BC", None, 2),
        ("BC", "B", 1),
        ("BC", "C", 1),
    ]
    assert [one.rmse_forces_meV_per_A for one in found] == pytest.approx([100, 100 * 10**0.5, 200, 400])
    assert [one.rmse_energy_meV_per_atom for one in found] == pytest.approx([10] * 4)
    assert [one.se_forces_meV_per_A is None for one in found] == [False, False, True, True]


def test_a_campaign_of_one_system_has_its_errors_in_the_table_of_rungs():
    assert heldout_errors(judged()) == heldout_errors(History(**GROUPED).state) == ()


def test_table_and_csv_have_a_row_for_each():
    found = heldout_errors(judged(**GROUPED))
    (table,) = errors_table(found)
    assert [row[1].text for row in table.rows] == ["all", "all", "B", "C"]
    assert errors_csv(found).splitlines()[3].startswith("BC,B,6,1,200,,10,")
    assert (errors_table(()), errors_csv(())) == ((), "")
