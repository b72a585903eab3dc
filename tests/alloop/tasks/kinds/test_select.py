from collections import Counter

import numpy as np
import pytest

from alloop.failures import PolicyError
from alloop.tasks.contract.records import Offer, OffersSummary, Result
from alloop.tasks.contract.select import SELECT, SegmentSource, SelectRequest, SelectSummary
from alloop.tasks.worker import compute, perform
from alloop.tasks.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def put_segment(workspace, walker, segment, disagreements, generation=1):
    """Write the result of a segment that offers a frame for each disagreement, and return its source."""
    offers = [
        Offer(
            index=index,
            why="random" if value is None else "disagreement",
            step=index,
            temperature_K=600.0,
            disagreement_eV_per_A=value,
            min_contact=0.9,
            structure_sha256="0" * 64,
        )
        for index, value in enumerate(disagreements)
    ]
    key = f"{walker}{segment}".lower()
    summary = OffersSummary(offers=tuple(offers)).model_dump(mode="json")
    workspace.write(Result(key=key, kind="explore", status="ok", summary=summary))
    return SegmentSource(key=key, walker=walker, segment=segment, system="A", generation=generation)


def request(*segments, **changes):
    usual = {"generation": 1, "oldest": 1, "policy": "disagreement", "options": {}, "seed": 1}
    window = {"lower_eV_per_A": 0.1, "upper_eV_per_A": 1.0, "count": 2, "per_walker": 5}
    return SelectRequest(**{"before": None, "segments": segments, **usual, **window, **changes})


def selected(workspace, wanted):
    """Make a selection and return it as it is read back."""
    return workspace.data(SELECT, perform(str(workspace.root), "select", wanted.model_dump(mode="json")))


def test_the_policy_sees_the_frames_of_all_segments(workspace):
    a = put_segment(workspace, "A", 0, [0.2, 0.9, 0.05])
    b = put_segment(workspace, "B", 3, [0.5, 2.0])
    found = selected(workspace, request(a, b))
    assert [(frame.id, frame.rank) for frame in found.chosen] == [("A/0/1", 1), ("B/3/0", 2)]
    assert found.rejected == {"A/0/2": "known", "B/3/1": "beyond"}
    assert [frame.id for frame in found.waiting] == ["A/0/0"]


def test_what_was_left_over_is_a_candidate_of_the_next_selection(workspace):
    first = request(put_segment(workspace, "A", 0, [0.2, 0.9, 0.8]))
    selected(workspace, first)
    second = request(put_segment(workspace, "A", 1, [0.3, 0.15]), before=first.key())
    assert [frame.id for frame in selected(workspace, second).chosen] == ["A/1/0", "A/0/0"]


def test_frames_of_an_older_committee_are_stale(workspace):
    old, new = put_segment(workspace, "A", 0, [0.9], generation=0), put_segment(workspace, "B", 0, [0.2])
    found = selected(workspace, request(old, new))
    assert found.rejected == {"A/0/0": "stale"}
    assert [frame.id for frame in found.chosen] == ["B/0/0"]


def test_the_order_of_the_segments_does_not_matter(workspace):
    sources = [put_segment(workspace, f"W{i}", 0, [None, 0.2 + i / 100]) for i in range(8)]
    there = selected(workspace, request(*sources, policy="random", count=5))
    back = selected(workspace, request(*reversed(sources), policy="random", count=5))
    assert there == back


def test_every_candidate_is_counted_once(workspace):
    rng = np.random.default_rng(5)
    sources = [put_segment(workspace, f"W{i}", 0, rng.uniform(0, 1.5, 20).tolist()) for i in range(10)]
    summary = SelectSummary.model_validate(compute(request(*sources, count=7), workspace).summary)
    assert summary.candidates == 200
    assert summary.chosen == 7
    assert summary.chosen + summary.waiting + sum(summary.rejected.values()) == 200


def test_a_file_that_rotted_costs_its_frames_and_not_the_selection(workspace):
    whole, rotten = put_segment(workspace, "A", 0, [0.2]), put_segment(workspace, "B", 0, [0.9])
    workspace.result_path("explore", rotten.key).write_text("{")
    result = compute(request(whole, rotten, before="gone"), workspace)
    assert result.summary["unreadable"] == 2
    assert [frame["id"] for frame in result.data["chosen"]] == ["A/0/0"]


@pytest.mark.parametrize(("policy", "complaint"), [("Raises", "my bug"), ("TooMany", "chose 3 frames, 2 were wanted")])
def test_a_policy_that_fails_is_named_and_leaves_no_result(workspace, monkeypatch, tmp_path, policy, complaint):
    (tmp_path / "mine.py").write_text(
        "from policies.selection import Choice, Selection\n"
        "class Raises:\n"
        "    def select(self, candidates, window, count, per_walker, seed):\n"
        "        raise ValueError('my bug')\n"
        "class TooMany:\n"
        "    def select(self, candidates, window, count, per_walker, seed):\n"
        "        return Selection(tuple(Choice(i, i + 1, 'any') for i in range(count + 1)))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    wanted = request(put_segment(workspace, "A", 0, [0.2, 0.9, 0.8]), policy=f"mine:{policy}")
    with pytest.raises(PolicyError, match=rf"^select\.policy: the policy 'mine:{policy}' failed .*{complaint}"):
        perform(str(workspace.root), "select", wanted.model_dump(mode="json"))
    assert workspace.read("select", wanted.key()) is None


def test_frames_are_shared_over_compositions_and_not_over_their_orderings(workspace):
    sources = [
        put_segment(workspace, name, 0, errors).model_copy(update={"system": name})
        for name, errors in (("A", [0.2, 0.21, 0.22]), ("B", [0.9, 0.8, 0.7]), ("C", [0.91, 0.81, 0.71]))
    ]
    alone, grouped = (
        Counter(frame.id[0] for frame in selected(workspace, request(*sources, count=6, **more)).chosen)
        for more in ({}, {"compositions": {"B": "BC", "C": "BC"}})
    )
    assert alone == {"A": 2, "B": 2, "C": 2}
    assert grouped["A"] == 3


def test_the_key_of_a_selection_among_systems_without_orderings_is_what_it_was():
    assert request().key() == "1113c63135d65a2557b43e7f21250f65896f4357"
