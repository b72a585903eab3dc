"""Whether changed code still gives the labels that there are."""

import pytest
from ase.build import bulk

from alloop.decisions.changed_code import (
    ENERGY_TOLERANCE_EV_PER_ATOM,
    FORCE_TOLERANCE_EV_PER_A,
    STRESS_TOLERANCE_EV_PER_A3,
    agrees,
    answer,
    changed,
    due,
    labels_to_relabel,
    largest,
    relabelling,
    relabels_of,
)
from alloop.journal.events import CodeChanged, CodeDriftFound, CodeRefused, LabelsImported, VerdictReached
from alloop.tasks.contract.relabel import RelabelSummary
from tests.support.histories import ROCK_SALT, History
from tests.support.small import CODE

NEW = {"gpaw": "2"}
SAME = {"energy_eV_per_atom": 0.0, "force_eV_per_A": 0.0, "stress_eV_per_A3": 0.0}


def labels_of(history, count):
    return tuple(frame.label for frame in history.state.labelled_frames("train")[:count])


def asked(count=2, **settings):
    """A campaign in which some labels are made again."""
    history = History(**settings).labelled(6)
    return history.say(CodeDriftFound(code=NEW, labels=labels_of(history, count)))


# -- what changed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({"gpaw": "1", "a": "x"}, {"a": "x", "gpaw": "1"}, ""),
        ({"gpaw": "1"}, {"gpaw": "2"}, "gpaw: 1 → 2"),
        ({"gpaw": "1"}, {"gpaw": "1", "dftd3": "4"}, "dftd3: none → 4"),
        ({"gpaw": "1", "libxc": "6"}, {"gpaw": "1"}, "libxc: 6 → none"),
        ({"gpaw": "1", "libxc": "6"}, {"gpaw": "2", "libxc": "7"}, "gpaw: 1 → 2, libxc: 6 → 7"),
    ],
)
def test_differences_of_two_codes_in_words(old, new, words):
    assert changed(old, new) == words


# -- what a driver does that finds other code --------------------------------------------------------------------


def test_the_same_code_needs_nothing():
    assert due(History().labelled(3).state, dict(CODE)) == []


def test_other_code_makes_some_labels_again_before_anything_else():
    history = History().labelled(3)
    assert due(history.state, NEW) == [CodeDriftFound(code=NEW, labels=labels_of(history, 3))]


def test_without_a_label_other_code_is_accepted():
    history = History().atoms().pending(2)
    assert due(history.state, NEW) == [CodeChanged(old=dict(CODE), new=NEW, probes=())]


def test_the_question_is_asked_once_for_each_code():
    history = asked()
    assert due(history.state, NEW) == []
    assert due(history.state, {"gpaw": "3"}) == [
        CodeDriftFound(code={"gpaw": "3"}, labels=labels_to_relabel(history.state))
    ]


def test_the_former_code_ends_the_question():
    (event,) = due(asked().state, dict(CODE))
    assert (type(event), event.code) == (CodeRefused, NEW)


def test_a_campaign_with_a_verdict_asks_only_while_a_label_is_still_computed():
    history = History().labelled(2).say(VerdictReached(verdict="stopped", reason="enough"))
    assert due(history.state, NEW) == []
    history.pending(1).begin(f"label/{history.state.train_order[-1]}", {"frame": history.state.train_order[-1]})
    assert len(due(history.state, NEW)) == 1


# -- which labels are made again ---------------------------------------------------------------------------------


def several(**counts):
    systems = {"A": ROCK_SALT, "B": ROCK_SALT, "C": bulk("KCl", "rocksalt", 6.3)}
    history = History(systems=systems)
    for system, count in counts.items():
        frames = history.rattled(count, system)
        history.selected(frames).label(frames)
    return history


def systems_of(history):
    systems = {frame.label: frame.system for frame in history.state.frames.values()}
    return [systems[key] for key in labels_to_relabel(history.state)]


@pytest.mark.parametrize(
    ("counts", "systems"),
    [
        ({"A": 9}, "AAAAA"),
        ({"A": 2}, "AA"),
        ({"A": 9, "B": 9}, "AABAB"),
        ({"B": 9, "A": 9, "C": 9}, "ACBAC"),
        ({"B": 9}, "BBBBB"),
        ({"A": 1, "B": 9}, "ABBBB"),
    ],
)
def test_five_labels_are_made_again_the_systems_in_turn_after_those_with_new_elements(counts, systems):
    assert "".join(systems_of(several(**counts))) == systems


def test_the_earliest_labels_are_made_again_and_later_ones_change_nothing():
    history = History().labelled(5)
    before = labels_to_relabel(history.state)
    assert before == labels_of(history, 5)
    assert labels_to_relabel(history.labelled(20).state) == before


def test_imported_labels_are_made_again_only_if_they_come_from_a_campaign():
    files = LabelsImported(reference="same", source="file", keys=("a", "b"))
    others = LabelsImported(reference="same", source="folder", keys=("c", "d"), campaign="run1")
    assert labels_to_relabel(History().say(files).state) == ()
    assert set(labels_to_relabel(History().say(files, others).state)) == {"c", "d"}


def test_held_out_labels_are_made_again_where_there_are_few_others():
    history = History().labelled(2).atoms().fitted().heldout(2)
    assert len(labels_to_relabel(history.state)) == 4


# -- probes ------------------------------------------------------------------------------------------------------


def test_probes_are_named_by_the_question_and_their_number():
    history = asked()
    assert relabels_of(history.state) == [
        (f"probe/1/{number}", label) for number, label in enumerate(labels_of(history, 2))
    ]
    assert relabels_of(History().state) == []


def test_probes_are_open_until_the_last_one_has_ended_however_it_ended():
    history = asked()
    first, second = (label for _, label in relabels_of(history.state))
    assert relabelling(history.state)
    history.do("probe/1/0", {"label": first}, SAME).begin("probe/1/1", {"label": second})
    assert relabelling(history.state)
    history.end("probe/1/1", reason="scf")
    assert not relabelling(history.state)


def answered(*outcomes, stress_is_fitted=False):
    history = asked(len(outcomes))
    for (purpose, label), outcome in zip(relabels_of(history.state), outcomes, strict=True):
        summary = {**SAME, **outcome} if "reason" not in outcome else {}
        failure = outcome if "reason" in outcome else {}
        history.do(purpose, {"label": label}, summary, **failure)
    return answer(history.state, stress_is_fitted=stress_is_fitted)


def test_code_is_accepted_with_the_deviations_of_its_probes_if_all_agree():
    found = answered({"force_eV_per_A": 0.009}, {"energy_eV_per_atom": 0.0009})
    assert (type(found), found.old, found.new) == (CodeChanged, dict(CODE), NEW)
    assert [probe.deviation.force_eV_per_A for probe in found.probes] == [0.009, 0.0]


def test_one_label_that_disagrees_refuses_the_code():
    found = answered({}, {"force_eV_per_A": 0.02})
    assert (type(found), found.code) == (CodeRefused, NEW)
    assert found.reason.startswith("1 of 2 labels made again disagree (")
    assert "|ΔF| up to 20 meV/Å of 10" in found.reason


def test_one_label_that_cannot_be_made_refuses_the_code():
    found = answered({}, {"reason": "scf", "detail": "80 iterations"})
    assert found.reason == "a label could not be made again (scf: 80 iterations)"
    assert answered({"reason": "scf"}).reason == "a label could not be made again (scf)"


def test_stress_counts_only_where_it_is_fitted():
    off = {"stress_eV_per_A3": 0.01}
    assert type(answered(off)) is CodeChanged
    assert type(answered(off, stress_is_fitted=True)) is CodeRefused


# -- tolerances --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deviation", "fitted", "accepted"),
    [
        ((ENERGY_TOLERANCE_EV_PER_ATOM, FORCE_TOLERANCE_EV_PER_A, STRESS_TOLERANCE_EV_PER_A3), True, True),
        ((1.1e-3, 0.0, 0.0), False, False),
        ((0.0, 0.011, 0.0), False, False),
        ((0.0, 0.0, 0.0007), True, False),
        ((0.0, 0.0, 0.0007), False, True),
        ((0.0, 0.0, None), True, True),
    ],
)
def test_a_label_agrees_up_to_and_with_every_tolerance(deviation, fitted, accepted):
    summary = RelabelSummary(**dict(zip(RelabelSummary.model_fields, deviation, strict=True)))
    assert agrees(summary, stress_is_fitted=fitted) is accepted


def test_the_largest_deviations_are_said_beside_their_tolerances():
    some = [
        RelabelSummary(energy_eV_per_atom=0.002, force_eV_per_A=0.001, stress_eV_per_A3=None),
        RelabelSummary(energy_eV_per_atom=0.001, force_eV_per_A=0.05, stress_eV_per_A3=0.2 / 160.21766208),
    ]
    words = "|ΔE| up to 2 meV/atom of 1 tolerated, |ΔF| up to 50 meV/Å of 10"
    assert largest(some, stress_is_fitted=False) == words
    assert largest(some, stress_is_fitted=True) == f"{words}, |Δσ| up to 0.2 GPa of 0.1"
    assert largest(some[:1], stress_is_fitted=True).count("GPa") == 0
