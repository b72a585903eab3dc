from benchmarks.stopping import rates, table


def test_agreement_is_rarer_the_further_the_truth_moves():
    still, moved = (rates(move, 3, 0.05, 0.1, repeats=60) for move in (0.0, 2.0))
    assert still.at_last >= still.at_once > 0.5
    assert (moved.at_once, moved.at_last) == (0.0, 0.0)


def test_short_dynamics_agree_only_when_they_are_made_longer():
    short = rates(0.0, 3, 0.05, 0.3, repeats=40)
    assert short.at_once < 0.1 < 0.6 < short.at_last
    assert 1 < short.length <= 16
    never = rates(0.0, 3, 0.05, 0.3, repeats=40, doublings=0)
    assert (never.at_last, never.length) == (never.at_once, 1)


def test_the_table_has_a_row_for_each():
    lines = list(table(repeats=1, doublings=1))
    assert len(lines) == 2 + 2 * 3 * 4
    assert {line.count("|") for line in lines} == {8}
