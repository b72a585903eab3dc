"""Small campaigns of every kind, with failing tasks and dying drivers: what holds for all of them."""

import itertools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.loops import STARTED, config, loop

LONGEST = 3000


class Died(Exception):
    """The driver was killed."""


@dataclass
class Setting:
    """A campaign, its workers, and the number of journal writes that each of its first drivers lives for."""

    changes: dict
    workers: dict
    lives: list[int]
    computed: list[str] = field(default_factory=list)
    orders: list[list[str]] = field(default_factory=list)


@st.composite
def a_setting(draw, overlap):
    def pick(*choices):
        return draw(st.sampled_from(choices))

    foundation = pick(None, "f" * 64)
    systems = pick(1, 1, 2, 3)
    initial = pick(0, 2, 4) if foundation else pick(1, 2, 4)
    first = max(initial * systems, pick(1, 2, 6))
    rungs = [first, first + pick(1, 6), first + pick(7, 12)][: pick(1, 2, 3)]
    changes = {
        "overlap": overlap,
        "initial": {"frames": initial},
        "potential": {"committee": pick(2, 3)},
        "ladder": {"rungs": rungs, "fits": pick(1, 2), "lookahead_rungs": pick(0, 1, 2)},
        "fit": {"every_labels": pick(1, 3, 25), "warm_start": pick(True, False)},
        "explore": {"temperatures_K": pick([600], [600, 1000]), "replicas": pick(1, 2), "random_offers": pick(1, 2)},
        "select": {"batch": pick(1, 2, 6), "per_walker": pick(1, 2), "policy": pick("random", "disagreement")},
        "heldout": {"minimum": pick(2, 4), "fraction": pick(0.1, 1.0), "from_generation": pick(0, 1, 3)},
        "budget": pick({}, {}, {"labels": 5}, {"labels": 20}),
    }
    failing = ("label/A.600K.0/", "label/A.initial", "explore/A.600K.0", "explore/A.600K.heldout0", "explore/A.")
    failing += ("evaluate/", "fit/g1/m1", "initial/A", "atom/Na", "label/")
    fail = draw(st.dictionaries(st.sampled_from(failing), st.just("broken"), max_size=2)) if pick(True, False) else {}
    workers = {"systems": systems, "foundation": foundation, "fail": fail}
    workers |= {"slots": pick(1, 2, 5), "seed": pick(None, 1, 2)}
    return Setting(changes, workers, draw(st.lists(st.integers(1, 30), max_size=8)))


def live(setting, folder, writes):
    """Drive the campaign until its verdict, or until the driver dies at a journal write."""
    campaign = loop(folder, config(**setting.changes), **setting.workers)
    campaign.tick_s = 0.0
    hears, appends, append = itertools.count(), itertools.count(1), campaign.journal.append

    def stop():
        assert next(hears) < LONGEST, "the campaign does not end"

    def dying(events, results=None):
        if next(appends) == writes:
            raise Died
        return append(events, results)

    campaign.stop, campaign.journal.append = stop, dying
    try:
        return campaign, campaign.run(STARTED)
    except Died:
        return campaign, None
    finally:
        setting.computed += [key for _, key in campaign.workers.computed]
        setting.orders.append(list(campaign.state.train_order))
        campaign.journal.close()


def lived(setting, folder):
    """Drive the campaign to its verdict, over as many drivers as it takes."""
    for writes in [*setting.lives, None]:
        campaign, verdict = live(setting, folder, writes)
        if verdict is not None:
            return campaign.state
    raise AssertionError("the last driver died too")


SETTINGS = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@SETTINGS
@given(setting=st.one_of(a_setting(overlap=True), a_setting(overlap=False)))
def test_every_campaign_ends_and_pays_for_nothing_twice(setting):
    with tempfile.TemporaryDirectory() as folder:
        state = lived(setting, Path(folder))
    assert len(setting.computed) == len(set(setting.computed))
    assert all(later[: len(earlier)] == earlier for earlier, later in itertools.pairwise(setting.orders))
    assert state.labels_spent() <= setting.changes["budget"].get("labels", state.labels_spent())
    for size, rung in state.rungs.items():
        order = state.train_order[: state.train_order.index(rung.frames[-1]) + 1]
        assert list(rung.frames) == [i for i in order if state.frames[i].status == "labelled"]
        assert len(rung.frames) == size
    trained, heldout = ({state.frames[i].walker for i in o} for o in (state.train_order, state.heldout_order))
    assert trained.isdisjoint(heldout)
    if not setting.workers["fail"] and not setting.changes["budget"]:
        assert state.verdict.verdict in ("converged", "ladder_exhausted"), state.verdict.reason


@SETTINGS
@given(setting=a_setting(overlap=False), slots=st.sampled_from([1, 3, 7]))
def test_lockstep_is_the_same_campaign_whatever_dies_and_whatever_ends_first(setting, slots):
    other = Setting(setting.changes, {**setting.workers, "slots": slots, "seed": 5}, [])
    with tempfile.TemporaryDirectory() as folder:
        first, again = lived(setting, Path(folder, "a")), lived(other, Path(folder, "b"))
    if "budget.failed_labels" in first.verdict.reason:
        return  # an emergency ends a round before all of it is done
    assert again.verdict.verdict == first.verdict.verdict
    assert again.train_order == first.train_order
    assert again.heldout_order == first.heldout_order
    assert again.judged == first.judged
    assert [g.models for g in again.generations] == [g.models for g in first.generations]
