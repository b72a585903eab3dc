"""Isolated atoms that several sources give: the computed one counts, and a disagreement is told."""

import pytest
from ase.io import write

from alloop.campaign.checking import notes_of
from alloop.campaign.known_atoms import atom_request
from alloop.campaign.opening import create
from alloop.campaign.reuse import checked
from alloop.config.loading import load_config
from alloop.journal.journal import Journal
from alloop.labelling.identity import code_identity
from alloop.tasks.contract.label import AtomSummary
from alloop.tasks.contract.records import Result, Timing
from alloop.tasks.workspace import Workspace
from tests.support.campaigns import write_config
from tests.support.labelled_frames import isolated


def compute(workspace, loaded, energy_eV):
    """Leave the isolated atom of copper as the label engine does."""
    key = atom_request(loaded, code_identity(loaded.config.label, ["Al", "Cu"]), "Cu").key()
    summary = AtomSummary(energy_eV=energy_eV).model_dump(mode="json")
    timing = Timing(started_t=0.0, finished_t=1.0, cpu_s=1.0, cores=1, host="x", pid=1)
    workspace.write(Result(key=key, kind="atom", status="ok", summary=summary, timing=timing))
    return key


@pytest.mark.parametrize("where", ["another campaign", "its own folder"])
def test_a_computed_atom_counts_before_that_of_a_file_and_a_disagreement_is_told(tmp_path, where):
    earlier = write_config(tmp_path / "earlier")
    other = Workspace(tmp_path / "other")
    with Journal(other.root) as journal:
        create(load_config(earlier), journal, other, None)
    named = {"campaigns": [str(other.root)]} if where == "another campaign" else {}
    config = write_config(tmp_path / "config", data={"initial": ["atoms.xyz"], "reference": "same", **named})
    write(config.parent / "atoms.xyz", [isolated("Al"), isolated("Cu", REF_energy=1.05)], format="extxyz")
    loaded, own = load_config(config), Workspace(tmp_path / "own")
    computing = other if named else own
    with Journal(own.root) as journal:
        key = compute(computing, loaded, 1.0)
        imports = checked(loaded, own.root)
        assert [note for note in notes_of(loaded, imports, own) if "isolated atom of" in note] == [
            f"the isolated atom of Cu has 1 eV in {computing.root} and 1.05 eV in atoms.xyz, which is 50 meV apart; "
            f"that of {computing.root} is taken"
        ]
        create(loaded, journal, own, None, imports)
    assert own.read("atom", key).summary["energy_eV"] == 1.0
