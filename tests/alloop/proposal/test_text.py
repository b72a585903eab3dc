import pytest
import yaml
from ase import Atoms

from alloop.checks.sanity import find
from alloop.config.campaign import CampaignConfig
from alloop.materials.structure import Structure
from alloop.proposal.disorder import propose_ordering
from alloop.proposal.text import Proposal, config_text
from tests.support.disordered import nasicon


def crystal(symbols, width_A=6.5):
    atoms = Atoms(symbols, cell=[width_A] * 3, pbc=True)
    atoms.set_scaled_positions([(k / len(atoms), 0, 0) for k in range(len(atoms))])
    return (Structure.from_atoms(atoms),)


ORDERED = Proposal("mine", "a.cif", crystal("Li3PS4"), "Li")
ORDERING = propose_ordering(nasicon())
PROPOSALS = [
    ORDERED,
    Proposal("mine", 'a "b".cif', crystal("LiFeO2"), "Li", place="slurm", teacher="chgnet"),
    Proposal("mine", "a.cif", crystal("LiH", 4.0), "Li", calculator="ase.calculators.emt:EMT"),
    Proposal(
        *("mine", "a.cif", tuple(one.structure for one in ORDERING.made.ordered), "Na", ORDERING),
        foundation="alloop-electrolytes-0",
    ),
]


@pytest.mark.parametrize("proposal", PROPOSALS)
def test_text_is_a_config_in_which_everything_fits(proposal):
    config = CampaignConfig.model_validate(yaml.safe_load(config_text(proposal)))
    assert list(find(config)) == []
    assert config.systems[0].structure == proposal.file
    assert config.measure.mobile == proposal.mobile


def test_orderings_of_one_crystal_share_its_initial_frames():
    (line,) = (line for line in config_text(PROPOSALS[3]).splitlines() if line.startswith("  frames:"))
    assert line.endswith("# of all orderings together, labelled before the first fit")
    assert "orderings together" not in config_text(ORDERED)


def test_comments_are_of_this_crystal_and_this_place():
    text = config_text(ORDERED, ["96 labels"])
    assert "#   96 labels" in text
    assert "thiophosphate" in text
    assert "halide" not in text
    assert "Li3InCl6" not in text
    assert max(map(len, text.splitlines())) <= 120
    assert "kind: slurm" in config_text(PROPOSALS[1])
    assert "magmoms: {Fe: 5}" in config_text(PROPOSALS[1])
