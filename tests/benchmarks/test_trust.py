import pytest

from benchmarks.trust import Case, outcomes, row


def share(made, chosen):
    return sum(map(chosen, made)) / len(made)


def test_a_row_says_how_many_were_trusted_and_how_many_of_these_were_off():
    case = Case(labels=24, heldout=12, ratio=1.0, debris=True)
    made = outcomes(case, repeats=2)
    assert len(made) == 6
    assert row(case, made).startswith("| 24 | 12 | 1 | yes | ")


@pytest.mark.slow
@pytest.mark.parametrize("debris", [False, True])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.5, 2.0])
def test_what_is_off_by_more_than_the_factor_is_trusted_in_at_most_a_twentieth(ratio, debris):
    made = outcomes(Case(labels=48, heldout=12, ratio=ratio, debris=debris), repeats=40)
    assert share(made, lambda one: one.trusted and one.off) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("debris", [False, True])
def test_what_is_true_is_trusted_after_twelve_held_out_frames(debris):
    made = outcomes(Case(labels=48, heldout=12, ratio=1.0, debris=debris), repeats=40)
    assert share(made, lambda one: one.trusted) >= 0.65
