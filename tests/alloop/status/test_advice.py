from alloop.decisions.next_events import decide
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
