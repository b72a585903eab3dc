import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from benchmarks import fitting_data, losses
from benchmarks.short_contacts import agreement, shortest_contacts
from tests.support.models import SMALL, frames, labelled, lithium_chloride, make_small_foundation


def pair(distance_A):
    return Atoms("LiCl", positions=[[0.0, 0.0, 0.0], [0.0, distance_A, 0.0]], cell=np.eye(3) * 12, pbc=True)


def test_the_shortest_contacts_of_all_frames_are_found_the_shortest_first():
    found = shortest_contacts([pair(2.4), pair(1.4), pair(1.9), pair(11.0)], 2)
    assert [set(contact.atoms) for contact in found] == [{6, 7}, {2, 3}]
    assert found[0].radii == pytest.approx(1.0 / 2.30)
    ascending = found[1].atoms == (2, 3)
    assert found[1].direction == pytest.approx((0.0, 1.0 if ascending else -1.0, 0.0))


def test_a_contact_is_right_where_its_atoms_are_driven_as_the_label_drives_them():
    contacts = shortest_contacts([pair(1.4), pair(1.4)], 2)
    labels = np.array([[0.0, -5.0, 0.0], [0.0, 5.0, 0.0]] * 2)
    assert agreement(labels, labels, contacts) == (100.0, pytest.approx(1.0))
    assert agreement(np.vstack([-labels[:2], labels[2:]]), labels, contacts)[0] == 50.0
    assert agreement(-labels, labels, contacts) == (0.0, pytest.approx(-1.0))


@pytest.mark.slow
def test_the_table_has_a_row_for_every_start_and_loss(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fitting_data, "SHAPE", SMALL)
    write(tmp_path / "known.extxyz", frames(4))
    write(tmp_path / "test.extxyz", [*frames(2, first_seed=9), labelled(lithium_chloride(12, rattle_A=0.5))])
    make_small_foundation(tmp_path / "start.model")
    files = {"--dataset": "known.extxyz", "--test": "test.extxyz", "--init": "start.model"}
    arguments = [word for option, name in files.items() for word in (option, str(tmp_path / name))]
    losses.main([*arguments, "--labels", "4", "--seeds", "1", "--steps", "2", "--widths", "0.1", "--contacts", "2"])
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith("| 4")]
    assert len(rows) == 2 * 2
    assert {row.count("|") for row in rows} == {lines[2].count("|")}
    assert not any("nan" in row for row in rows)
    assert "0 of them" in lines[0]


def test_the_stand_in_has_thermal_and_broken_frames():
    options = losses._parser().parse_args(["--labels", "12"])
    known, tests = losses.labelled_frames(options)
    largest = [np.abs(frame.arrays["REF_forces"]).max() for frame in known]
    assert len(known) == 12
    assert min(largest[5::6]) > 2 * max(largest[:5])
    assert len(tests) == 36


def test_a_file_of_labels_needs_one_to_judge_on_and_enough_labels(tmp_path):
    path = tmp_path / "known.extxyz"
    write(path, frames(2))
    with pytest.raises(SystemExit, match="--dataset needs --test"):
        losses.main(["--dataset", str(path)])
    with pytest.raises(SystemExit, match="has 2 labels to fit; ask for fewer with --labels"):
        losses.main(["--dataset", str(path), "--test", str(path)])
