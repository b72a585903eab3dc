"""Code of the labels that changes under a campaign, by the real loop on simulated workers."""

import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.campaign.loop import CodeRefusedError
from alloop.campaign.opening import open_state
from alloop.decisions.changed_code import due, labels_to_relabel
from alloop.journal.events import CodeChanged, ConfigChanged, TaskPlanned
from alloop.journal.journal import Journal, read_entries
from alloop.state.fold import fold
from tests.support.loops import CODE, STARTED, config, loop

HARMLESS, HARMFUL = {"gpaw": "2"}, {"gpaw": "3", "off_eV_per_A": "0.5"}
LONGEST = 3000


class Died(Exception):
    """The driver was killed."""


def live(folder, writes=None, changes=None, computed=None, lose=(), **keywords):
    """Drive a campaign to its verdict, or until the driver dies at a journal write."""
    campaign = loop(folder, config(**(changes or {})), **keywords)
    campaign.tick_s, campaign.workers.lose = 0.0, lose
    hears, appends, append = itertools.count(), itertools.count(1), campaign.journal.append

    def stop():
        assert next(hears) < LONGEST, "the campaign does not end"

    def dying(events, results=None):
        if next(appends) == writes:
            raise Died
        return append(events, results)

    campaign.stop, campaign.journal.append = stop, dying
    try:
        campaign.run(STARTED)
    except Died:
        pass
    finally:
        campaign.journal.close()
        if computed is not None:
            computed += [key for _, key in campaign.workers.computed]
    return campaign


def labels(state):
    return {frame.id: frame.label for use in ("train", "heldout") for frame in state.labelled_frames(use)}


def planned_code(folder):
    """Return the code that each label was last asked from, by purpose."""
    events = [entry.event for entry in read_entries(folder)]
    asked = [event for event in events if isinstance(event, TaskPlanned) and event.task in ("label", "atom")]
    return {event.purpose: event.request["code"] for event in asked}


def test_changed_code_that_agrees_is_accepted_and_makes_the_labels_that_are_still_to_come(tmp_path):
    before = live(tmp_path, writes=70)
    old = labels(before.state)
    assert len(old) >= 5
    after = live(tmp_path, code=HARMLESS)
    (event,) = [entry.event for entry in read_entries(tmp_path) if isinstance(entry.event, CodeChanged)]
    assert (event.old, event.new) == (CODE, HARMLESS)
    assert {probe.label for probe in event.probes} < set(old.values())
    assert after.state.verdict is not None
    assert old.items() <= labels(after.state).items()
    codes = planned_code(tmp_path)
    for frame in labels(after.state):
        assert codes[f"label/{frame}"] == (CODE if frame in old else HARMLESS)
    assert after.state.e0s_eV == before.state.e0s_eV


def test_changed_code_that_disagrees_is_refused_each_time_and_the_former_code_goes_on(tmp_path):
    before = live(tmp_path, writes=70)
    for _ in range(2):
        with pytest.raises(CodeRefusedError, match=r"5 of 5 labels made again disagree .*500 meV/Å of 10"):
            live(tmp_path, code=HARMFUL)
    after = fold(read_entries(tmp_path))
    assert labels(after) == labels(before.state)
    assert after.code == CODE
    assert set(after.running) <= set(before.state.running)
    assert live(tmp_path).state.verdict is not None
    assert set(map(str, planned_code(tmp_path).values())) == {str(CODE)}


def test_a_probe_that_cannot_be_made_refuses_the_code_with_its_reason(tmp_path):
    live(tmp_path, writes=70)
    with pytest.raises(CodeRefusedError, match=r"could not be made again \(scf: simulated\)"):
        live(tmp_path, code=HARMLESS, fail={"probe/1/2": "scf"})


def test_code_that_comes_back_during_the_probes_ends_the_question(tmp_path):
    live(tmp_path, writes=70)
    live(tmp_path, code=HARMLESS, writes=4)
    assert fold(read_entries(tmp_path)).drift is not None
    state = live(tmp_path).state
    assert state.drift is None
    assert state.codes == [CODE]
    assert state.verdict is not None


def test_without_labels_changed_code_is_accepted_and_the_isolated_atoms_are_computed_again(tmp_path):
    before = live(tmp_path, writes=10)
    assert before.state.e0s_eV
    assert not labels(before.state)
    after = live(tmp_path, code=HARMFUL)
    assert after.state.verdict is not None
    assert set(map(str, planned_code(tmp_path).values())) == {str(HARMFUL)}
    assert "probe" not in {task.task for task in after.state.tasks.values()}


def test_a_label_that_machines_failed_at_is_ordered_from_the_new_code_when_they_are_replaced(tmp_path):
    live(tmp_path, writes=60)
    lost = live(tmp_path, writes=40, lose=("label/",)).state
    failed = [frame.id for frame in lost.frames.values() if frame.status == "failed"]
    assert failed
    live(tmp_path, writes=30, code=HARMLESS, lose=("explore/",))
    with Journal(tmp_path) as journal:
        journal.append([ConfigChanged(config=lost.config, changes=("execution",))])
    state = live(tmp_path).state
    codes = planned_code(tmp_path)
    assert all(state.frames[frame].status == "labelled" and codes[f"label/{frame}"] == HARMLESS for frame in failed)


def test_a_finished_campaign_does_not_ask_for_the_code(tmp_path):
    state = live(tmp_path).state
    assert due(state, HARMFUL) == []


def test_probes_are_the_same_labels_again_and_hold_every_element(tmp_path):
    early = live(tmp_path, writes=120, systems=3).state
    chosen = labels_to_relabel(early)
    assert len(chosen) == 5
    systems = {frame.label: frame.system for use in ("train", "heldout") for frame in early.labelled_frames(use)}
    assert {systems[key] for key in chosen} == {"A", "B", "C"}
    assert labels_to_relabel(live(tmp_path, systems=3).state) == chosen


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    lives=st.lists(
        st.tuples(st.integers(5, 60), st.sampled_from([None, HARMLESS, {"gpaw": "4"}, HARMFUL])), max_size=6
    ),
    overlap=st.booleans(),
)
def test_whatever_code_comes_and_goes_no_label_changes_or_is_lost_or_is_paid_for_twice(lives, overlap):
    known, computed, codes = {}, [], [CODE]
    changes = {"overlap": overlap, "ladder": {"rungs": [6, 12], "fits": 1}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for writes, code in [*lives, (None, None)]:
            try:
                live(folder, writes, changes, computed, code=code)
            except CodeRefusedError:
                assert code == HARMFUL
            state = fold(read_entries(folder))
            assert known.items() <= labels(state).items()
            assert codes == state.codes[: len(codes)]
            assert HARMFUL not in state.codes[len(codes) :] or not known
            known, codes = labels(state), list(state.codes)
        assert state.verdict is not None
        with Journal(folder) as journal:
            assert set(known.values()) <= set(journal.result_keys())
            assert open_state(journal).drift is None
    assert len(computed) == len(set(computed))
