"""What a campaign was founded on."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.decisions.charter import Charter, stable_integer
from tests.support.histories import FOUNDATION, ROCK_SALT, History
from tests.support.small import config


def charter(**settings):
    return History(**settings).charter


def test_a_charter_holds_what_the_campaign_was_created_with():
    history = History(systems={"A": ROCK_SALT, "B": ROCK_SALT}, foundation=True)
    assert list(history.charter.systems) == ["A", "B"]
    assert history.charter.elements == ("Na", "Cl")
    assert history.charter.foundation == f"foundation:{FOUNDATION}"
    assert History(foundation=True, head="omol").charter.foundation == f"foundation:{FOUNDATION}#omol"
    assert (History().charter.foundation, History().charter.goal) == (None, "verdict")


def test_a_foundation_that_is_a_committee_gives_every_member_one_of_its_own_in_turn():
    found = charter(foundation=True, foundation_members=2)
    names = (f"foundation:{FOUNDATION}@0", f"foundation:{FOUNDATION}@1")
    assert found.foundations == names
    assert found.foundation == names[0]
    assert [found.foundation_of(member) for member in range(4)] == [*names, *names]


def test_a_foundation_of_one_model_is_where_every_member_begins_and_without_one_none_does():
    assert {charter(foundation=True).foundation_of(member) for member in range(3)} == {f"foundation:{FOUNDATION}"}
    assert charter().foundations == ()
    assert charter().foundation_of(1) is None


def test_policies_are_made_with_the_options_of_the_config():
    found = charter(
        explore={"options": {"restart_after": 7}},
        ladder={"tolerance_energy": 0.2, "options": {"resamples": 200}},
    )
    assert found.exploration.restart_after == 7
    assert found.stopping.tolerance_energy == 0.2


def test_a_policy_that_cannot_be_loaded_is_said_in_one_line():
    history = History()
    with pytest.raises(ValueError, match="greedy") as caught:
        Charter.of(history.state.created, config(ladder={"policy": "greedy"}))
    assert "\n" not in str(caught.value)


class Never:
    """A stopping policy that is never satisfied."""

    def judge(self, rungs, ladder, seed):
        return None


def test_the_yardstick_has_the_tolerances_of_the_config_whatever_policy_decides():
    found = charter(ladder={"policy": f"{__name__}:Never", "tolerance_forces": 0.3})
    assert isinstance(found.stopping, Never)
    assert found.yardstick.tolerance_forces == 0.3


# -- walkers -----------------------------------------------------------------------------------------------------


def test_there_is_a_walker_for_every_replica_temperature_and_system_and_a_held_out_one_beside_each():
    found = charter(systems={"A": ROCK_SALT, "B": ROCK_SALT}, explore={"temperatures_K": [600, 950.5], "replicas": 2})
    assert [walker.id for walker in found.walkers("train")] == [
        *("A.600K.0", "B.600K.0", "A.950.5K.0", "B.950.5K.0"),
        *("A.600K.1", "B.600K.1", "A.950.5K.1", "B.950.5K.1"),
    ]
    assert [walker.id for walker in found.walkers("heldout")][:3] == [
        "A.600K.heldout0",
        "B.600K.heldout0",
        "A.950.5K.heldout0",
    ]
    last = found.walkers("heldout")[-1]
    assert (last.system, last.temperature_K, last.role) == ("B", 950.5, "heldout")
    assert len(found.walkers("train")) == len(found.walkers("heldout")) == 8


GROUPED = {"systems": dict.fromkeys("ABC", ROCK_SALT), "compositions": {"B": "BC", "C": "BC"}}


def test_orderings_of_a_composition_are_grouped_and_a_system_without_any_is_its_own():
    found = charter(**GROUPED)
    assert [found.composition(name) for name in "ABC"] == ["A", "BC", "BC"]
    assert [found.orderings(name) for name in "ABC"] == [("A",), ("B", "C"), ("B", "C")]


@pytest.mark.parametrize(("frames", "shares"), [(0, [0, 0, 0]), (1, [1, 1, 0]), (5, [5, 3, 2]), (8, [8, 4, 4])])
def test_initial_frames_are_shared_over_the_orderings_of_a_composition(frames, shares):
    found = charter(**GROUPED, initial={"frames": frames})
    assert [found.initial_frames(name) for name in "ABC"] == shares


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(0, 300))
def test_compositions_have_equal_shares_however_many_orderings_they_have(orderings, temperatures, replicas, turns):
    names = ["A", *(f"B{number}" for number in range(orderings))]
    found = charter(
        systems=dict.fromkeys(names, ROCK_SALT),
        compositions=dict.fromkeys(names[1:], "B"),
        explore={"temperatures_K": [600 + 100 * number for number in range(temperatures)], "replicas": replicas},
    )
    walkers, had = found.walkers("train"), Counter()
    for _ in range(turns):
        had[min(walkers, key=lambda walker: walker.share(had[walker.id])).id] += 1
    of_system = {name: sum(had[one.id] for one in walkers if one.system == name) for name in names}
    assert abs(of_system["A"] - (turns - of_system["A"])) <= temperatures * replicas
    _, *others = of_system.values()
    assert max(others) - min(others) <= temperatures * replicas


# -- held-out frames ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rung", "frames"), [(1, 8), (32, 8), (33, 9), (36, 9), (37, 10), (1000, 250)])
def test_a_rung_is_judged_on_its_share_rounded_up_but_on_the_minimum_at_least(rung, frames):
    assert charter(heldout={"fraction": 0.25, "minimum": 8}).heldout_target(rung) == frames


# -- seeds and bootstrap samples ---------------------------------------------------------------------------------


def test_seeds_are_the_same_for_every_run_and_differ_by_purpose_and_by_campaign():
    assert charter().seed("explore/A/0") == charter().seed("explore/A/0")
    purposes = [f"explore/A/{number}" for number in range(50)]
    assert len({charter().seed(purpose) for purpose in purposes}) == 50
    assert charter().seed("judge") != charter(seed=4).seed("judge")
    assert all(0 <= charter().seed(purpose) < 2**31 for purpose in purposes)


def test_an_integer_of_a_text_never_changes():
    assert stable_integer("") == 16406829232824261652
    assert stable_integer("a") != stable_integer("b")


@given(st.integers(1, 15), st.text(max_size=10))
def test_the_weight_of_a_frame_depends_on_nothing_but_seed_member_and_frame(member, frame):
    weight = charter().bootstrap_weight(member, frame)
    assert 0 <= weight <= 20
    assert charter(fit={"every_labels": 3}).bootstrap_weight(member, frame) == weight


def test_bootstrap_weights_are_poisson_counts_with_mean_one():
    found = charter()
    counts = Counter(found.bootstrap_weight(1, f"frame{number}") for number in range(4000))
    expected = {0: 0.3679, 1: 0.3679, 2: 0.1839, 3: 0.0613, 4: 0.0153}
    for count, share in expected.items():
        assert counts[count] / 4000 == pytest.approx(share, abs=4 * (share / 4000) ** 0.5)


def test_members_draw_different_samples():
    found = charter()
    frames = [f"frame{number}" for number in range(60)]
    samples = {tuple(found.bootstrap_weight(member, frame) for frame in frames) for member in range(1, 5)}
    assert len(samples) == 4
