import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.dynamics import temperature_limit
from alloop.materials.contacts import closest_pairs, comes_closer, min_contact
from alloop.tasks.kinds.explore import Exploration, nearest_allowed
from alloop.tasks.workspace import Workspace
from policies.calibration.scales import Calibration, SpeciesMap
from tests.support.models import labelled, put_labels
from tests.support.toys import (
    ALL_ENDS,
    COPPER,
    Toy,
    alone,
    as_json,
    kinetic_temperature,
    request,
    walk,
    why,
)


def test_a_healthy_walker_goes_its_length_and_continues_from_its_end():
    summary, data = walk(Toy(), lower_eV_per_A=40.0)
    assert (summary.ended, summary.steps, summary.looks, summary.offers) == ("length", 100, 20, ())
    assert 100 < summary.mean_temperature_K < 1500
    assert 0 < summary.max_disagreement_eV_per_A < 40
    assert data.last_good is not None
    assert data.last_good.structure != COPPER


def test_a_frame_inside_the_window_is_offered_with_what_is_known_of_it():
    summary, data = walk(Toy(), max_offers=1)
    (offer,) = summary.offers
    structure = data.structures[0]
    away = np.linalg.norm(structure.to_atoms().positions - COPPER.to_atoms().positions, axis=1)
    assert offer.why == "disagreement"
    assert offer.disagreement_eV_per_A == pytest.approx(away.max())
    assert offer.disagreement_eV_per_A == summary.max_disagreement_eV_per_A
    assert offer.min_contact == min_contact(structure.to_atoms())
    assert offer.structure_sha256 == structure.digest()
    assert offer.temperature_K > 0
    assert offer.step % 5 == 0


def test_disagreement_offers_are_few_spaced_and_away_from_random_frames():
    summary, _ = walk(Toy(), steps=250, random_steps=(100,), lower_eV_per_A=0.01, max_offers=5)
    steps = [offer.step for offer in summary.offers]
    assert why(summary).count("disagreement") == 5
    assert steps == sorted(steps)
    assert all(later - earlier >= 50 / 4 for earlier, later in itertools.pairwise(steps))


def test_a_walker_ends_where_atoms_come_closer_than_they_may_and_offers_the_last_frame_before():
    free, _ = walk(Toy(), lower_eV_per_A=40.0)
    nearest_A = {(29, 29): 2.45}
    summary, data = walk(Toy(), lower_eV_per_A=40.0, nearest_A=nearest_A)
    assert (free.ended, summary.ended) == ("length", "contact")
    assert why(summary) == ["last_good"]
    assert closest_pairs([data.structures[0].to_atoms()])[29, 29] >= 2.45
    assert not comes_closer(data.last_good.structure.to_atoms(), nearest_A)


def test_frames_at_random_steps_are_gated_where_atoms_come_too_close():
    summary, _ = walk(Toy(), lower_eV_per_A=None, random_steps=(1,), nearest_A={(29, 29): 3.0})
    assert why(summary) == []
    assert summary.gated == {"contact": 1}


def test_how_close_atoms_may_come_follows_from_the_labels_named(tmp_path):
    workspace = Workspace(tmp_path)
    near = COPPER.to_atoms()
    near.positions[0] += 0.2
    keys = put_labels(workspace, [labelled(near)])
    allowed_A = nearest_allowed(request(nearby=keys), workspace)
    assert allowed_A == {(29, 29): pytest.approx(0.85 * closest_pairs([near])[29, 29])}
    assert nearest_allowed(request(), workspace) == {}


def test_requests_without_labels_nearby_keep_their_key():
    assert request().key() == request(nearby=()).key() != request(nearby=("a",)).key()


def test_random_frames_are_offered_whatever_the_committee_says():
    toy = Toy()
    summary, data = walk(toy, lower_eV_per_A=None, upper_eV_per_A=1e-6, random_steps=(7, 60, 100, 101))
    assert why(summary) == ["random"] * 3
    assert [offer.step for offer in summary.offers] == [7, 60, 100]
    assert all(offer.disagreement_eV_per_A > 0 for offer in summary.offers)
    assert (summary.ended, summary.looks, toy.looks, len(data.structures)) == ("length", 3, 3, 3)


def test_a_random_frame_with_a_short_contact_is_counted_and_not_offered():
    summary, data = walk(Toy(), lower_eV_per_A=None, random_steps=(50, 51), min_contact=1.2)
    assert summary.offers == data.structures == ()
    assert summary.gated == {"contact": 2}
    assert summary.ended == "length"
    assert data.last_good is None


def test_beyond_the_window_the_walker_stops_and_offers_the_last_frame_inside_it():
    summary, data = walk(Toy(), upper_eV_per_A=0.3, lower_eV_per_A=0.29999, temperature_K=1500.0, steps=400)
    assert (summary.ended, why(summary)) == ("disagreement", ["last_good"])
    assert summary.steps < 400
    assert summary.max_disagreement_eV_per_A > 0.3
    (offer,) = summary.offers
    assert 0.1 < offer.disagreement_eV_per_A <= 0.3
    assert summary.steps - 5 <= offer.step < summary.steps
    away = data.last_good.structure.to_atoms().positions - COPPER.to_atoms().positions
    assert np.linalg.norm(away, axis=1).max() <= 0.3


def test_one_model_alone_neither_offers_nor_stops_by_disagreement():
    summary, _ = walk(Toy(members=1), members=("fit:a",), upper_eV_per_A=0.2, random_steps=(30,))
    assert (summary.ended, why(summary), summary.looks) == ("length", ["random"], 0)
    assert summary.offers[0].disagreement_eV_per_A is None
    assert summary.max_disagreement_eV_per_A is None


def test_atoms_that_fall_together_end_the_walker_and_its_last_good_frame_is_offered():
    summary, data = walk(Toy(factor=-3.0), lower_eV_per_A=None, stop_temperature_factor=1e6)
    assert (summary.ended, why(summary)) == ("contact", ["last_good"])
    (offer,) = summary.offers
    assert 0.6 <= offer.min_contact < 0.8
    assert 0 < summary.steps - offer.step <= 5
    assert min_contact(data.last_good.structure.to_atoms()) >= 0.6


def test_a_runaway_temperature_ends_the_walker_between_two_looks():
    summary, _ = walk(Toy(factor=-3.0), lower_eV_per_A=None, check_every_steps=100)
    assert summary.ended == "temperature"
    assert summary.steps < 100
    assert why(summary) == ["last_good"]
    assert summary.offers[0].step == summary.steps - 1
    assert summary.offers[0].temperature_K <= temperature_limit(500.0, 4.0, 4)


def test_forces_that_are_no_numbers_end_the_walker():
    summary, data = walk(Toy(spoil_after=13), lower_eV_per_A=None)
    assert (summary.ended, summary.steps, why(summary)) == ("nan", 13, ["last_good"])
    assert summary.offers[0].step == 12
    json.loads(as_json(summary, data))


def test_a_member_that_answers_nan_ends_the_walker():
    summary, data = walk(Toy(per_A=math.nan), random_steps=(3,))
    assert summary.ended == "nan"
    assert why(summary) == ["random"]
    as_json(summary, data)


def test_a_cell_that_runs_away_ends_an_npt_walker():
    summary, _ = walk(Toy(), ensemble="npt", pressure_GPa=-40.0, lower_eV_per_A=None, steps=3000)
    assert summary.ended == "volume"
    assert why(summary) == ["last_good"]


def test_npt_moves_the_cell_and_nvt_does_not():
    _, npt = walk(Toy(), ensemble="npt", lower_eV_per_A=None)
    _, nvt = walk(Toy(), lower_eV_per_A=None)
    assert npt.last_good.structure.cell_A != COPPER.cell_A
    assert nvt.last_good.structure.cell_A == COPPER.cell_A


def test_a_last_good_frame_is_not_offered_twice():
    summary, _ = walk(Toy(spoil_after=13), lower_eV_per_A=None, random_steps=(12,))
    assert (summary.ended, why(summary)) == ("nan", ["random"])


def test_a_segment_that_goes_bad_at_once_offers_nothing_and_restarts_from_its_start():
    summary, data = walk(Toy(spoil_after=1), lower_eV_per_A=None, steps=10)
    assert (summary.ended, summary.steps, summary.offers) == ("nan", 1, ())
    assert data.last_good.structure == COPPER
    assert kinetic_temperature(data.last_good) > 0
    assert walk(Toy(spoil_after=0), steps=10)[1].last_good is None


def test_a_start_beyond_the_window_is_not_continued():
    structure = COPPER.model_copy(update={"positions_A": ((0.5, 0.0, 0.0), *COPPER.positions_A[1:])})
    summary, data = walk(Toy(), structure=structure, upper_eV_per_A=0.2, check_every_steps=1)
    assert (summary.ended, summary.steps, summary.offers, data.last_good) == ("disagreement", 1, (), None)


def test_a_snapshot_is_continued_with_its_momenta():
    _, first = walk(Toy(), friction_per_fs=1e-6, lower_eV_per_A=None, steps=50)
    _, whole = walk(Toy(), friction_per_fs=1e-6, lower_eV_per_A=None, steps=60)
    _, rest = walk(Toy(), first.last_good, friction_per_fs=1e-6, lower_eV_per_A=None, steps=10, seed=9)
    ends = [np.array(data.last_good.structure.positions_A) for data in (whole, rest)]
    assert np.allclose(*ends, atol=0.02)
    assert np.abs(ends[0] - np.array(first.last_good.structure.positions_A)).max() > 0.03


@given(
    factor=st.sampled_from([1.0, 0.3, -1.0, -4.0]),
    lower=st.one_of(st.none(), st.floats(0.0, 0.3)),
    width=st.floats(0.01, 1.0),
    gates=st.tuples(st.floats(0.4, 0.9), st.floats(0.5, 1.0)),
    random_steps=st.lists(st.integers(0, 45), max_size=4),
    check=st.integers(1, 12),
    spoil=st.one_of(st.none(), st.integers(0, 60)),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=40, deadline=None)
def test_whatever_happens_offers_are_fit_for_dft(factor, lower, width, gates, random_steps, check, spoil, seed):
    asked = request(
        lower_eV_per_A=lower,
        upper_eV_per_A=(lower or 0.0) + width,
        stop_contact=gates[0],
        min_contact=gates[1],
        random_steps=tuple(random_steps),
        check_every_steps=check,
        steps=40,
        seed=seed,
    )
    told, answer = Exploration(asked, Toy(factor=factor, spoil_after=spoil), [None]).run()
    summary, data = alone(told, answer)
    limit_K = temperature_limit(500.0, 4.0, 4)
    assert [offer.index for offer in summary.offers] == list(range(len(data.structures)))
    assert len({offer.step for offer in summary.offers}) == len(summary.offers)
    for offer, structure in zip(summary.offers, data.structures, strict=True):
        atoms = structure.to_atoms()
        assert np.isfinite(atoms.positions).all()
        assert min_contact(atoms) >= asked.min_contact
        assert offer.temperature_K <= limit_K
        assert offer.structure_sha256 == structure.digest()
        if offer.why == "random":
            assert offer.step in random_steps
        elif offer.why == "disagreement":
            assert lower <= offer.disagreement_eV_per_A <= asked.upper_eV_per_A
    assert why(summary).count("disagreement") <= asked.max_offers
    assert why(summary).count("last_good") <= (summary.ended != "length")
    assert summary.ended in ALL_ENDS - (set() if lower is not None else {"disagreement"})
    if data.last_good is not None:
        assert min_contact(data.last_good.structure.to_atoms()) >= asked.min_contact
        assert kinetic_temperature(data.last_good) <= limit_K
    as_json(summary, data)


def test_near_the_window_the_committee_looks_more_often():
    often, _ = walk(Toy(per_A=1.0), lower_eV_per_A=0.13, check_every_steps=10)
    seldom, _ = walk(Toy(per_A=0.01), lower_eV_per_A=0.13, check_every_steps=10)
    assert seldom.looks == 10 < often.looks < 100


def test_what_a_calibration_expects_decides_and_both_numbers_are_told():
    twice = SpeciesMap(typical_eV_per_A=0.1, scale_eV_per_A=0.2, share=1.0, mean_factor=1.0)
    calibration = Calibration({"Cu": twice}, 6.0)
    fields = {"random_steps": (2,), "lower_eV_per_A": 1.0, "temperature_K": 1500.0, "steps": 300}
    plain, _ = walk(Toy(), upper_eV_per_A=0.15, **fields)
    calibrated, _ = walk(Toy(), upper_eV_per_A=0.3, calibration=calibration, **fields)
    assert calibrated.ended == plain.ended == "disagreement"
    assert calibrated.steps == plain.steps
    for offer in calibrated.offers:
        assert offer.expected_error_eV_per_A == pytest.approx(2.0 * offer.disagreement_eV_per_A)
    assert all(offer.expected_error_eV_per_A == offer.disagreement_eV_per_A for offer in plain.offers)
