import pytest

from alloop.commands.label_comparison import find_other_labels
from alloop.config import load_config
from tests.support.configs import BASE
from tests.support.labelled_frames import emt_frames, scaled

GPAW = BASE[BASE.index("  engine: gpaw") : BASE.index("\nfit:")]
EMT_CONFIG = BASE.replace(GPAW, "  engine: ase\n  calculator: ase.calculators.emt:EMT\n")


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({}, None),
        ({"stress": -1}, "has a stress component of -0.0"),
        ({"forces": 1.2}, "has a force component of"),
        ({"energy": 2}, "eV per atom, and `label` gives"),
    ],
)
def test_labels_that_are_not_those_of_the_campaign_are_told_by_one_made_again(folder, factors, words):
    folder.frames("known.extxyz", *scaled(emt_frames(2), **factors), format="extxyz")
    folder.frames("structures/LiCl.extxyz", emt_frames(1)[0])
    for reference in ("same", "other"):
        config = EMT_CONFIG.replace("initial: []", f"initial: [known.extxyz]\n  reference: {reference}")
        found = list(find_other_labels(load_config(folder.config(config))))
        assert len(found) == (words is not None and reference == "same")
        assert not found or words in found[0][1]
