from pathlib import Path

import pytest

from alloop.checks.decidability import decidable
from alloop.config import load_config
from policies.stopping.forecast import ENERGY, FORCES, agreement
from tests.support.configs import BASE, Folder, make_folder

QUICKSTART = Path(__file__).parents[3] / "configs" / "quickstart.yaml"


@pytest.fixture
def folder(tmp_path) -> Folder:
    return make_folder(tmp_path)


def known(folder: Folder, *changes: tuple[str, str]):
    text = BASE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return decidable(load_config(folder.config(text)).config)


def test_the_quickstart_decides_little():
    found = decidable(load_config(QUICKSTART).config)
    assert (found.fits, found.walkers, found.frames) == (2, 4, 12)
    assert found.before < 0.05
    assert 0.1 < found.at_end < 0.5
    assert not found.enough
    for words in (
        "(force RMSE ",
        "before it at most 1 %; 2 fits, 12 held-out frames of 4 walkers",
        "; 80 % takes 2 fits on ",
    ):
        assert words in str(found)


def test_fits_that_begin_with_other_members_decide_less():
    config = load_config(QUICKSTART).config
    ladder = config.ladder.model_copy(update={"fits_begin_with": "members"})
    assert decidable(config.model_copy(update={"ladder": ladder})).at_end < decidable(config).at_end / 2


def test_a_floor_counts_as_a_fraction_of_the_usual_error(folder):
    bare = known(folder, ("heldout:\n  fraction: 0.25\n  minimum: 6", "heldout:\n  fraction: 0.25\n  minimum: 60"))
    floors = "  policy: ladder\n  floor_energy_meV_per_atom: 1.2\n"
    floored = known(
        folder,
        ("heldout:\n  fraction: 0.25\n  minimum: 6", "heldout:\n  fraction: 0.25\n  minimum: 60"),
        ("  policy: ladder\n", floors),
    )
    assert floored.forces == bare.forces
    assert floored.energy > bare.energy + 0.2


def test_it_is_the_chance_of_the_largest_rung_and_what_would_be_enough(folder):
    found = known(folder)
    assert found.forces == agreement(3, 2, 12, tolerance=0.1, scatter=FORCES)
    assert found.energy == agreement(3, 2, 12, tolerance=0.1, scatter=ENERGY)
    assert found.before <= found.at_end == min(found.forces, found.energy)
    assert [fits for fits, _ in found.mends] == [3, 4]
    for fits, walkers in found.mends:
        assert agreement(fits, walkers, 6 * walkers, tolerance=0.1, scatter=ENERGY) >= 0.8


def test_a_large_held_out_set_decides_and_needs_no_mend(folder):
    replicas = ("temperatures_K: [600, 1000]", "temperatures_K: [600, 1000]\n  replicas: 60")
    found = known(folder, replicas, ("minimum: 6", "minimum: 600"))
    assert found.enough
    assert found.mends == ()
    assert "takes" not in str(found)


def test_two_rungs_have_no_comparison_before_the_last(folder):
    found = known(folder, ("rungs: [12, 24, 48]", "rungs: [12, 24]"))
    assert found.before is None
    assert "before it" not in str(found)


def test_a_tolerance_that_no_set_can_see_is_said(folder):
    found = known(folder, ("rungs: [12, 24, 48]", "rungs: [12, 24, 48]\n  tolerance_forces: 0.001"))
    assert str(found).endswith("; with 3 fits no held-out set is enough for the tolerances")


@pytest.mark.parametrize(
    "change",
    [
        ("rungs: [12, 24, 48]", "rungs: [12, 24, 48]\n  fits: 1"),
        ("rungs: [12, 24, 48]", "rungs: [48]"),
        ("temperatures_K: [600, 1000]", "temperatures_K: [600]"),
        ("policy: ladder", "policy: own:Mine"),
    ],
)
def test_what_compares_nothing_decides_nothing(folder, change):
    assert known(folder, change) is None
