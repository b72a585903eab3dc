from alloop.decisions.next_events import decide
from alloop.journal.events import RungJudged, VerdictReached
from alloop.status.advice import advice
from alloop.status.messages import closing_lines
from alloop.status.summary import summary
from tests.support.histories import History


def finished() -> History:
    """Two rungs on four frames that cannot tell, and a verdict."""
    ladder = {"rungs": [6, 12], "fits": 2}
    history = History(ladder=ladder).atoms().labelled(6).fitted(rung=6).heldout(4).evaluated(6, 4, error=0.3)
    history.say(*decide(history.state, history.charter, idle=False))
    history.labelled(6).fitted(rung=12).evaluated(12, 4, error=0.2)
    return history.say(*decide(history.state, history.charter, idle=False))


def test_a_campaign_has_advice_with_its_verdict_and_none_before():
    assert advice(History().atoms().labelled(6).state) == ()
    history = finished()
    assert history.state.verdict.verdict == "ladder_exhausted"
    (found,) = advice(history.state)
    assert found.keys["ladder.rungs"] == "[6, 12, 24]"


def test_the_terminal_and_the_status_end_with_the_key_to_change():
    status = summary(finished().state, 0.0)
    assert any(line.startswith("Next: ") for line in closing_lines(status))
    assert status.to_json()["advice"][0]["keys"]["ladder.rungs"] == "[6, 12, 24]"


def test_production_that_breaks_above_what_walkers_explore_is_told_with_the_temperatures():
    history = History(
        ladder={"rungs": [6, 12], "fits": 2}, measure={"mobile": "Li", "temperatures_K": [800, 1000, 1200]}
    )
    history.atoms().labelled(12).fitted(rung=6).fitted(rung=12).heldout(4)
    bare = {"kinetic_K": None, "volume_A3": 500.0, "ions": 24, "charge_e": 1.0, "length_ps": 8.0, "replicas": 1}
    merged = "a run ended after 1 ps: two atoms merged"
    broken = {"temperatures": [{**bare, "temperature_K": 1200.0, "unphysical": merged}], "unphysical": merged}
    for rung in ("r6", "r12"):
        history.produced(rung, ended="contact").measured(rung, 0, 8.0, broken)
    history.say(VerdictReached(verdict="ladder_exhausted", reason=""))
    (found,) = (one for one in advice(history.state) if "measure." in "".join(one.keys))
    assert found.keys == {"measure.temperatures_K": "[800, 1000]"}
    assert "walkers explore up to 1000 K only" in found.gain


def test_a_system_whose_ions_hardly_moved_is_told():
    history = History(ladder={"rungs": [6, 12], "fits": 2}, measure={"mobile": "Li", "max_ps": 8, "production_ps": 8})
    history.atoms().labelled(12).fitted(rung=6).fitted(rung=12).heldout(4)
    history.produced("r12").measured("r12", 0, 8.0, {"temperatures": [], "unmeasured": "ions moved less than a hop"})
    history.say(VerdictReached(verdict="ladder_exhausted", reason=""))
    (found,) = (one for one in advice(history.state) if "activation energy" in one.limit)
    assert found.limit == "no activation energy of A in runs of 8 ps"
    assert found.keys == {"measure.max_ps": "16"}


def test_a_fit_whose_slope_is_lost_in_its_error_needs_no_longer_runs_where_the_mean_stands():
    def told(row):
        history = History(
            ladder={"rungs": [6, 12], "fits": 2}, measure={"mobile": "Li", "max_ps": 8, "production_ps": 8}
        )
        history.atoms().labelled(12).fitted(rung=6).fitted(rung=12).heldout(4)
        history.produced("r12").measured("r12", 0, 8.0, {"temperatures": [], "unmeasured": "lost in its error"})
        table = ({"size": 12, "transport": [{"system": "A", **row}]},)
        history.say(RungJudged(size=12, heldout=4, table=table, judgements=(), production_ps=8.0))
        history.say(VerdictReached(verdict="ladder_exhausted", reason=""))
        return [one.limit for one in advice(history.state) if "activation energy" in one.limit]

    assert told({"unmeasured": None}) == []
    assert told({"unmeasured": "lost in its error"}) == ["no activation energy of A in runs of 8 ps"]
