import pytest

from alloop.decisions.label_sanity import absurd_label
from alloop.tasks.contract.label import LabelSummary
from tests.support.histories import ROCK_SALT, History

USUAL = {"energy_eV": -6.4, "atoms": 2, "max_force_eV_per_A": 0.1}


def judged(history, energy_eV):
    """Return what is said of a further label of the first system with an energy of its cell (eV)."""
    history.pending(1)
    name = history.state.train_order[-1]
    history.begin(f"label/{name}", {"frame": name})
    summary = LabelSummary(energy_eV=energy_eV, atoms=2, max_force_eV_per_A=0.1)
    return absurd_label(history.state, history.state.tasks[f"label/{name}"], summary)


def after(count, *energies_eV):
    """Return a campaign with so many usual labels, and others."""
    history = History().pending(count + len(energies_eV))
    for number, name in enumerate(list(history.state.train_order)):
        other = number - count
        history.label([name], summary=USUAL if other < 0 else {**USUAL, "energy_eV": energies_eV[other]})
    return history


@pytest.mark.parametrize(("energy_eV", "absurd"), [(-6.0, False), (10.0, False), (60.0, True), (-1e6, True)])
def test_an_energy_per_atom_far_from_those_of_its_system_is_refused(energy_eV, absurd):
    told = judged(after(6), energy_eV)
    assert (told is not None) is absurd
    if absurd:
        assert told == f"the energy is {energy_eV / 2:.4g} eV per atom, where -3.2 is usual among 6 labels of A"


@pytest.mark.parametrize(("compositions", "told"), [({}, None), ({"A": "AB", "B": "AB"}, "6 labels of AB")])
def test_orderings_of_a_composition_are_compared_with_each_other(compositions, told):
    history = History(systems=dict.fromkeys("AB", ROCK_SALT), compositions=compositions)
    frames = [*history.rattled(6, "A"), *history.rattled(1, "B")]
    history.selected(frames)
    for name in frames[:6]:
        history.label([name], summary=USUAL)
    history.begin(f"label/{frames[6]}", {"frame": frames[6]})
    summary = LabelSummary(energy_eV=60.0, atoms=2, max_force_eV_per_A=0.1)
    said = absurd_label(history.state, history.state.tasks[f"label/{frames[6]}"], summary)
    assert (told in said) if told else said is None


def test_few_labels_do_not_decide():
    assert judged(after(4), 60.0) is None


def test_absurd_labels_that_stand_do_not_make_a_sound_one_absurd():
    assert judged(after(6, 1e9, -1e9), -6.3) is None


def test_isolated_atoms_tell_an_absurd_energy_before_there_is_any_label():
    history = History().atoms()
    assert judged(history, -150.0) is None
    assert judged(history, -1e4) == "the energy is -5000 eV per atom, that of the isolated atoms -1"
