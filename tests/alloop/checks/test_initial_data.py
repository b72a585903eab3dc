from functools import partial

import numpy as np
import pytest

from alloop.checks.initial_data import (
    Brought,
    find_in_data,
    labels_brought,
    notes_on_data,
    read_initial_data,
)
from alloop.checks.isolated_atoms import isolated_atoms
from alloop.checks.labelled_frames import place_of
from alloop.config import ConfigError
from tests.support.configs import BASE
from tests.support.labelled_frames import boxed, config_with_frames, emt_frames, isolated, scaled


@pytest.fixture
def loaded(folder):
    return partial(config_with_frames, folder)


def refusals(config):
    return [what for _, what in find_in_data(config)]


def test_good_frames_are_taken_whole(loaded):
    config = loaded(emt_frames(12))
    assert refusals(config) == []
    assert list(notes_on_data(config)) == []
    assert labels_brought(config) == 12


def test_isolated_atoms_and_doubles_are_left_out_and_said(loaded):
    frames = emt_frames(3)
    apart = isolated("Cu")
    apart.info["config_type"], apart.info["REF_energy"] = "sweep", 0.5
    config = loaded([isolated("Al"), isolated("Cu", pbc="F F F"), apart, *frames, frames[0]])
    (file,) = read_initial_data(config).values()
    assert [label.number for label in file.labels] == [4, 5, 6]
    assert labels_brought(config) == 3
    assert refusals(config) == []
    (note,) = notes_on_data(config)
    assert "frame 1 taken for the energies of isolated atoms (Al), which are not computed" in note
    assert "frames 2, 3 left out, in which no atom has a neighbour (Cu)" in note
    assert "frame 7 left out as doubles" in note


def test_labels_of_other_campaigns_are_no_doubles_twice(loaded):
    frames = emt_frames(3)
    config = loaded(frames)
    known = frozenset(place_of(file) for file in next(iter(read_initial_data(config).values())).frames[:1])
    assert labels_brought(config, Brought(labels=1, places=known)) == 3


def test_labels_to_pre_train_on_are_doubles_only_with_their_values(loaded):
    frames = emt_frames(2)
    other = frames[0].copy()
    other.info["REF_energy"] += 1e-3
    config = loaded([*frames, other, frames[1]], reference="other")
    assert [len(file.labels) for file in read_initial_data(config).values()] == [3]
    assert labels_brought(config) == 0


def spoilt(what):
    frames = emt_frames(12)
    if what == "dummy":
        frames[10].symbols[0] = "X"
    elif what == "overlap":
        frames[9].positions[1] = frames[9].positions[2]
    elif what == "force":
        frames[9].arrays["REF_forces"][0, 0] = 1e4
    elif what == "energy":
        frames[9].info["REF_energy"] += 100.0
    elif what == "absurd energy":
        frames[9].info["REF_energy"] = 1e300
    elif what == "net force":
        frames[9].arrays["REF_forces"] += 2.0
    elif what == "stress of kbar":
        frames[9].info["REF_stress"] = 1602.2 * frames[9].info["REF_stress"]
    elif what == "no forces":
        frames = scaled(frames, forces=0.0)
    elif what == "no stresses":
        frames = scaled(frames, stress=0.0)
    elif what == "thin cell":
        frames[9].cell = [[100, 0, 0], [0, 100, 0], [100, 100, 1e-3]]
    elif what == "cell":
        frames[9].cell[0, 0] = 1e300
    elif what == "two labels":
        frames.append(frames[0].copy())
        frames[12].info["REF_energy"] += 1.0
    return frames


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("dummy", "frame 11 of `known.extxyz` holds atoms without an element (`X`)"),
        ("overlap", "frame 10 of `known.extxyz` has atoms 0.00 covalent-radius sums apart"),
        ("force", "frame 10 of `known.extxyz` has a force component of 1e+04 eV/Å, and label.max_force_eV_per_A"),
        ("energy", "frame 10 of `known.extxyz` has an energy of 25."),
        ("absurd energy", "frame 10 of `known.extxyz` has an energy of 2.5e+299 eV per atom"),
        ("net force", "frame 10 of `known.extxyz` has forces that add up to 2 eV/Å per atom"),
        ("stress of kbar", "frame 10 of `known.extxyz` has a stress of "),
        ("no forces", "all forces of `known.extxyz` are 0, though its energies differ"),
        ("no stresses", "all stresses of `known.extxyz` are 0, though its energies differ"),
        ("thin cell", "frame 10 of `known.extxyz` has positions or a cell that are not finite, no volume"),
        ("cell", "frame 10 of `known.extxyz` has positions or a cell that are not finite"),
        ("two labels", "frames 1 and 13 of `known.extxyz` are one structure with two labels"),
    ],
)
def test_a_frame_that_must_not_be_trained_on_is_named(loaded, what, words):
    for reference in ("same", "other"):
        (found,) = refusals(loaded(spoilt(what), reference))
        assert words in found


def test_a_truth_is_no_energy(loaded):
    frames = emt_frames(4)
    frames[2].info["REF_energy"] = True
    with pytest.raises(ConfigError, match=r"frame 3 of `known.extxyz` has a `REF_energy` that is not a number"):
        refusals(loaded(frames))


def test_forces_that_may_be_of_other_atoms_or_of_none_are_noted(loaded):
    frames = emt_frames(12)
    for atoms in frames:
        atoms.arrays["REF_forces"] = atoms.arrays["REF_forces"][[1, 2, 3, 0]]
    frames[4].arrays["REF_forces"] *= 0.0
    config = loaded(frames)
    assert refusals(config) == []
    order, none = notes_on_data(config)
    assert "are the forces in the order of the atoms" in order
    assert "frame 5: forces of exactly 0, as a perfect crystal has" in none


def test_a_virial_under_any_name_is_no_stress(loaded):
    volume = emt_frames(1)[0].cell.volume
    (unnamed,) = refusals(loaded(scaled(emt_frames(12), stress=-volume)))
    assert "is it a virial (eV)" in unnamed
    frames = emt_frames(12)
    for atoms in frames:
        atoms.info["REF_virials"] = -volume * atoms.info.pop("REF_stress")
    keyed = BASE.replace("initial: []", "initial: []\n  stress_key: REF_virials")
    (named,) = refusals(loaded(frames, config=keyed))
    assert "divide the virial by minus the volume" in named


def test_a_file_of_isolated_atoms_alone_gives_their_energies(loaded):
    config = loaded([isolated("Al"), isolated("Cu")])
    assert refusals(config) == []
    assert labels_brought(config) == 0
    assert isolated_atoms(config) == {"Al": 1.0, "Cu": 1.0}
    assert list(notes_on_data(config)) == [
        "known.extxyz: frames 1, 2 taken for the energies of isolated atoms (Al Cu), which are not computed"
    ]


def test_isolated_atoms_alone_are_nothing_to_fit_first(loaded):
    (found,) = refusals(loaded([isolated("Al")], config=BASE.replace("  frames: 8", "  frames: 0")))
    assert found.startswith("0 leaves nothing to fit first: data.initial holds isolated atoms alone")


@pytest.mark.parametrize(
    ("alone", "reference", "words"),
    [
        ([isolated("Al")], "other", "whose energies are taken with `reference: same` alone; delete it here"),
        ([boxed("Cu", 9.0)], "same", "need one energy per element under `REF_energy`, in a box of 10 Å or more"),
        ([isolated("Cu"), isolated("Cu", REF_energy=2.0)], "same", "of which none is taken"),
    ],
)
def test_a_file_of_isolated_atoms_alone_that_give_nothing_is_refused(loaded, alone, reference, words):
    (found,) = refusals(loaded(alone, reference))
    assert "`known.extxyz` holds isolated atoms alone, " in found
    assert words in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lambda text: text[:-60], r"frame 3 \(line 13\) is not whole"),
        (lambda text: text.replace("\n4\n", "\n\n4\n", 1), "an empty line 7, after which no frame is read"),
        (lambda text: text.replace("Al ", "D  "), r"frame 1 \(line 1\) names the isotope `D`; write H"),
        (lambda text: text.replace("4\n", "999999999\n", 1), "says 999999999 atoms, and the file holds 16"),
    ],
)
def test_a_file_that_is_not_whole_is_told_with_its_frame(loaded, text, words):
    with pytest.raises(ConfigError, match=words):
        read_initial_data(loaded(emt_frames(3), text=text))


def test_marks_and_ends_of_lines_change_nothing(loaded):
    plain = [atoms.positions for atoms in read_initial_data(loaded(emt_frames(3)))["known.extxyz"].frames]
    marked = loaded(emt_frames(3), text=lambda text: "\ufeff" + text.replace("\n", "\r\n") + "\r\n\r\n")
    assert np.array_equal([atoms.positions for atoms in read_initial_data(marked)["known.extxyz"].frames], plain)


def test_what_frames_carry_in_vain_or_lack_is_noted(loaded):
    frames = emt_frames(3)
    frames[0].symbols[1] = "Xe"
    frames[1].arrays["REF_forces"][:2] = 0.0
    frames[2].info["charge"] = 1
    frames[2].arrays["move_mask"] = np.array([False, True, True, True])
    del frames[2].info["REF_stress"]
    weighted = BASE.replace("stress_weight: 0.0", "stress_weight: 1.0")
    notes = list(notes_on_data(loaded(frames, config=weighted)))
    for words in (
        "frame 2: forces of exactly 0",
        "frame 3: its constraints",
        "frame 3: its charge (1) is not used",
        "frame 3: no stress under `REF_stress`",
        "holds Xe, which no system does",
    ):
        assert sum(words in note for note in notes) == 1, (words, notes)


def test_forces_of_fixed_atoms_are_those_of_the_file(loaded, folder):
    frames = emt_frames(2)
    for atoms in frames:
        atoms.arrays["move_mask"] = np.array([False, False, True, True])
        atoms.arrays["forces"], atoms.info["energy"] = atoms.arrays["REF_forces"], atoms.info["REF_energy"]
    keyed = BASE.replace("initial: []", "initial: []\n  energy_key: energy\n  forces_key: forces")
    (file,) = read_initial_data(loaded(frames, config=keyed)).values()
    for label, atoms in zip(file.labels, frames, strict=True):
        assert np.allclose(label.forces_eV_per_A, atoms.arrays["REF_forces"], atol=1e-7)
