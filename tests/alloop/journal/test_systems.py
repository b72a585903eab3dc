"""The systems of a campaign in its journal."""

import pytest
from ase.build import bulk

from alloop.journal.systems import SystemRecord
from alloop.materials.structure import Structure


@pytest.mark.parametrize(
    ("told", "composition"), [({}, "A"), ({"composition": "A"}, "A"), ({"composition": "AB"}, "AB")]
)
def test_a_system_is_a_composition_of_its_own_unless_its_journal_says_otherwise(told, composition):
    structure = Structure.from_atoms(bulk("NaCl", "rocksalt", 5.6)).model_dump(mode="json")
    assert SystemRecord.model_validate({"name": "A", "structure": structure, **told}).composition == composition
