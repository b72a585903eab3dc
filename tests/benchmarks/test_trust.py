import pytest

from benchmarks.trust import Case, outcomes, row, walkers_row

BOTH = ("by_walker", "by_frame")


def share(made, chosen):
    return sum(map(chosen, made)) / len(made)


def test_a_row_says_how_many_were_trusted_and_how_many_of_these_were_off():
    case = Case(labels=24, heldout=12, ratio=1.0, debris=True)
    made = outcomes(case, repeats=2)
    assert len(made) == 6
    assert row(case, made).startswith("| 24 | 12 | 1 | yes | ")


def test_a_row_of_walkers_says_what_frames_and_what_walkers_would_have_shown():
    cells = walkers_row(Case(24, 12, 1.0, debris=False, walkers=4, frame_spread=0.5, shared=0.5), repeats=2).split("|")
    assert [cell.strip() for cell in cells[1:4]] == ["4 × 3", "0.5", "0.5"]
    assert len(cells) == 11


@pytest.mark.slow
@pytest.mark.parametrize(("ratio", "debris"), [(0.5, True), (2.0, False)])
def test_what_is_off_by_more_than_the_factor_is_trusted_in_at_most_a_twentieth(ratio, debris):
    made = outcomes(Case(labels=48, heldout=12, ratio=ratio, debris=debris), repeats=40)
    assert share(made, lambda one: one.trusted and one.off) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("debris", [False, True])
def test_what_is_true_is_trusted_after_twelve_held_out_frames(debris):
    made = outcomes(Case(labels=48, heldout=12, ratio=1.0, debris=debris), repeats=40)
    assert share(made, lambda one: one.trusted) >= 0.65


@pytest.mark.slow
def test_walkers_that_err_alike_are_seen_where_frames_that_count_alone_hide_them():
    made = outcomes(Case(48, 20, 1.0, debris=False, walkers=4, frame_spread=0.5, shared=0.5), repeats=40)
    falsely = [share(made, lambda one, how=how: getattr(one, how).trusted and one.off) for how in BOTH]
    assert falsely[0] <= falsely[1]
    held = [share(made, lambda one, how=how: getattr(one, how).held) for how in BOTH]
    assert held[0] > held[1] + 0.04


@pytest.mark.slow
def test_twelve_held_out_walkers_are_enough_to_trust_what_is_true():
    made = outcomes(Case(48, 24, 1.0, debris=False, walkers=12, shared=0.5), repeats=20)
    assert share(made, lambda one: one.trusted) >= 0.85
