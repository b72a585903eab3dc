import numpy as np
import pytest

from benchmarks.stop_rule import LADDER, Shape, heldout_rates, ladder_stops, tables, transport_rates


def test_the_tables_have_a_row_for_each():
    lines = list(tables(repeats=2))
    heldout, ladders, transport = "\n".join(lines).split("\n\n")
    assert [len(part.splitlines()) for part in (heldout, ladders, transport)] == [
        2 + 6 * 3 + 2 + 4,
        2 + 4 * 5,
        2 + 7 * 2,
    ]
    for part in (heldout, ladders, transport):
        assert len({line.count("|") for line in part.splitlines()}) == 1


def test_rungs_alike_agree_more_often_than_others():
    shapes = (Shape(3, 6, 4), Shape(3, 6, 4))
    still, moved = (heldout_rates(move, shapes, repeats=100) for move in (0.0, -3.0))
    assert moved.agree == 0.0 <= still.agree
    assert still.stated == pytest.approx(still.scatter, rel=0.4)


def test_a_ladder_stops_once():
    stops = ladder_stops(0.0, Shape(3, 12, 4, fit_spread=0.0), repeats=30)
    assert stops.shape == (len(LADDER) - 1,)
    assert 0 < stops.sum() <= 1


def test_fits_that_begin_alike_on_both_rungs_make_the_change_smaller_than_is_stated():
    other, alike = (heldout_rates(0.0, (Shape(3, 6, 4, 0.05, share),) * 2, repeats=150) for share in (0.0, 0.9))
    assert alike.scatter < 0.6 * other.scatter
    assert alike.stated > 1.5 * alike.scatter


@pytest.mark.slow
def test_rungs_that_do_not_differ_are_seen_to():
    pair = (Shape(3, 12, 10), Shape(3, 12, 10))
    assert heldout_rates(0.0, pair, repeats=3000).agree >= 0.80


@pytest.mark.slow
@pytest.mark.parametrize(("move", "fit_spread"), [(-1.0, 0.03), (1.0, 0.012)])
def test_a_change_of_the_tolerance_passes_in_five_per_cent(move, fit_spread):
    pair = (Shape(3, 12, 10, fit_spread),) * 2
    assert heldout_rates(move, pair, repeats=3000).agree <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 3000)


@pytest.mark.slow
@pytest.mark.parametrize(("move", "fit_spread"), [(-1.0, 0.012), (1.0, 0.03)])
def test_a_ladder_whose_every_rung_moves_by_the_tolerance_seldom_stops(move, fit_spread):
    assert ladder_stops(move, Shape(3, 12, 10, fit_spread), repeats=1000).sum() <= 0.10


@pytest.mark.slow
@pytest.mark.parametrize("move", [-1.0, 1.0])
def test_a_ladder_of_fits_that_begin_alike_stops_even_less(move):
    assert ladder_stops(move, Shape(3, 12, 10, 0.05, alike=0.5), repeats=600).sum() <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize(("fits", "spreads"), [((2, 5), (0.15, 0.02)), ((5, 2), (0.02, 0.15))])
def test_a_few_noisy_fits_do_not_borrow_the_certainty_of_sharp_ones(fits, spreads):
    assert transport_rates(1.0, fits, spreads, repeats=4000) <= 0.066 + 2 * np.sqrt(0.066 * 0.934 / 4000)
