"""What every request is made of; requests of fits are in `test_task_requests_of_fits`."""

from dataclasses import replace

import pytest
from ase import Atoms
from ase.build import bulk

from alloop.decisions import task_requests
from alloop.decisions.production_runs import Measurement, next_segments
from alloop.decisions.walkers import next_segment
from alloop.journal.events import LabelsImported, SubsetRecord, SubsetsDrawn
from alloop.tasks.contract.explore import SwapsAsked
from alloop.tasks.contract.references import SegmentRef
from tests.support.histories import FOUNDATION, HELDOUT_WALKERS, ROCK_SALT, WALKERS, History
from tests.support.summaries import calibration_summary

CODE = {"gpaw": "1", "setup_Na": "n", "setup_Cl": "c", "setup_K": "k"}
TWO_SALTS = {"A": ROCK_SALT, "B": bulk("KCl", "rocksalt", 6.3)}


def with_committee(**settings):
    return History(**settings).atoms().labelled(6).fitted(rung=6)


# -- labels ------------------------------------------------------------------------------------------------------


def test_an_isolated_atom_is_asked_for_with_the_code_of_its_own_element_only():
    history = History(systems=TWO_SALTS, code=CODE)
    request = task_requests.atom(history.charter, history.state, "Na")
    assert (request.element, request.code) == ("Na", {"gpaw": "1", "setup_Na": "n"})
    assert request.settings == history.config.label.model_dump(mode="json")


def test_a_label_is_asked_for_with_its_offer_and_the_code_of_the_elements_in_it():
    history = History(systems=TWO_SALTS, code=CODE)
    history.rattled(1, "B")
    frame = history.state.frames["B.initial/0/0"]
    request = task_requests.label(history.charter, history.state, frame)
    assert (request.source, request.structure_sha256) == (frame.source, frame.offer.structure_sha256)
    assert request.code == {"gpaw": "1", "setup_Cl": "c", "setup_K": "k"}
    assert request.settings == history.config.label.model_dump(mode="json")


def test_all_labels_of_a_system_have_the_grid_of_its_cell_where_k_points_are_a_spacing():
    label = {"engine": "gpaw", "kpts": {"spacing_per_A": 0.5}}
    history = History(systems={"A": ROCK_SALT, "B": ROCK_SALT.repeat((1, 2, 3))}, label=label)
    grids = {}
    for name in "AB":
        history.rattled(1, name)
        request = task_requests.label(history.charter, history.state, history.state.frames[f"{name}.initial/0/0"])
        grids[name] = request.settings["kpts"]
        again = task_requests.relabel(history.charter, "abc", {}, name)
        assert again.settings == request.settings
    assert grids == {"A": [4, 4, 4], "B": [4, 2, 2]}
    same = History(systems={"A": ROCK_SALT}, label={"engine": "gpaw", "kpts": [4, 4, 4]})
    frame = history.state.frames["A.initial/0/0"]
    keys = {task_requests.label(one.charter, history.state, frame).key() for one in (history, same)}
    assert len(keys) == 1


def test_a_label_made_again_is_asked_for_with_the_changed_code():
    history = History()
    request = task_requests.relabel(history.charter, "abc", {"gpaw": "2"})
    assert (request.label, request.code) == ("abc", {"gpaw": "2"})
    assert request.settings == history.config.label.model_dump(mode="json")


def test_rattled_copies_of_every_system_have_a_seed_of_their_own():
    history = History(systems=TWO_SALTS, initial={"frames": 5, "rattle_A": 0.2, "strain": 0.01})
    one, two = (task_requests.initial(history.charter, name) for name in "AB")
    assert one.structure == history.charter.systems["A"]
    assert (one.frames, one.rattle_A, one.strain) == (5, 0.2, 0.01)
    assert one.min_contact == history.config.label.min_contact
    assert one.seed != two.seed


# -- exploring ---------------------------------------------------------------------------------------------------


def explored(history, *names, role="train"):
    walkers = [walker for walker in history.charter.walkers(role) if walker.id in names]
    segments = [next_segment(history.state, history.charter, walker, restart=False) for walker in walkers]
    return task_requests.explore(history.charter, history.state, history.state.generations[-1], segments)


def test_a_walker_explores_under_the_whole_committee_and_offers_frames_inside_the_window():
    history = with_committee(explore={"segment_fs": 100, "timestep_fs": 2, "random_offers": 3})
    request = explored(history, *WALKERS[:2])
    models = history.state.generations[0].models
    assert request.members == (models[0], models[1], models[2])
    assert (request.lower_eV_per_A, request.upper_eV_per_A) == (0.05, 1.0)
    assert request.structure == history.charter.systems["A"]
    assert {(walker.steps, len(walker.random_steps)) for walker in request.walkers} == {(50, 3)}
    assert [walker.temperature_K for walker in request.walkers] == [600.0, 1000.0]


def test_ions_swap_in_the_systems_that_hold_two_elements_of_a_sublattice():
    mixed = bulk("NaCl", "rocksalt", 5.64, cubic=True)
    mixed.symbols[0] = "K"
    systems = {"A": ROCK_SALT, "B": mixed}
    swaps = {"sublattices": [["Na", "K"], ["Br", "Cl"]], "every_fs": 90, "temperature_K": 700}
    plain, swapping = (
        History(systems=systems, explore=more).atoms().labelled(6).fitted(rung=6) for more in ({}, {"swaps": swaps})
    )
    assert swapping.charter.config.explore.timestep_fs == 2
    found = {}
    for name in "AB":
        own = [one.id for one in swapping.charter.walkers("train") if one.system == name]
        found[name] = explored(swapping, *own).swaps
        assert explored(plain, *own).swaps is None
    assert found == {"A": None, "B": SwapsAsked(sublattices=(("Na", "K"),), every_steps=45, temperature_K=700)}


def test_a_foundation_that_is_a_committee_explores_as_one_and_its_leader_moves_held_out_walkers():
    history = History(foundation=True, foundation_members=4)
    names = tuple(f"foundation:{FOUNDATION}@{member}" for member in range(3))
    assert explored(history, WALKERS[0]).members == names
    assert explored(history, HELDOUT_WALKERS[0], role="heldout").members == names[:1]


def test_a_held_out_walker_is_driven_by_the_leader_alone_and_offers_one_frame_for_no_reason():
    history = with_committee(heldout={"segment_fs": 50, "minimum": 4}, explore={"timestep_fs": 2})
    request = explored(history, HELDOUT_WALKERS[0], role="heldout")
    assert request.members == (history.state.generations[0].models[0],)
    assert request.lower_eV_per_A is None
    (walker,) = request.walkers
    assert (walker.steps, len(walker.random_steps)) == (25, 1)


def test_a_held_out_walker_equilibrates_where_it_begins_at_the_resting_lattice_and_only_there():
    settings = {"segment_fs": 50, "equilibration_fs": 200, "minimum": 4}
    history = with_committee(heldout=settings, explore={"timestep_fs": 2}, rules=4)
    (walker,) = explored(history, HELDOUT_WALKERS[0], role="heldout").walkers
    assert walker.steps == 125
    assert 100 < walker.random_steps[0] <= 125
    charter = history.charter
    mover = next(one for one in charter.walkers("heldout") if one.id == HELDOUT_WALKERS[0])
    goes_on = replace(next_segment(history.state, charter, mover, restart=False), start=SegmentRef("0" * 64))
    (walker,) = task_requests.explore(charter, history.state, history.state.generations[-1], [goes_on]).walkers
    assert walker.steps == 25


def test_frames_are_offered_at_different_random_steps_that_follow_from_the_seed_of_the_segment():
    history = with_committee(explore={"segment_fs": 1000, "random_offers": 5})
    (walker,) = explored(history, WALKERS[0]).walkers
    assert sorted(set(walker.random_steps)) == list(walker.random_steps)
    assert len(walker.random_steps) == 5
    assert all(1 <= step <= walker.steps for step in walker.random_steps)
    assert explored(history, WALKERS[0]).walkers[0] == walker
    assert explored(history, WALKERS[1]).walkers[0].random_steps != walker.random_steps


@pytest.mark.parametrize(("segment_fs", "steps"), [(10, 5), (3, 2), (2, 1), (0.1, 1)])
def test_a_short_segment_has_a_step_at_least_and_no_more_looks_and_offers_than_steps(segment_fs, steps):
    history = with_committee(
        explore={"segment_fs": segment_fs, "timestep_fs": 2, "random_offers": 4, "check_every_steps": 50}
    )
    request = explored(history, WALKERS[0])
    assert request.walkers[0].steps == request.check_every_steps == steps
    assert len(request.walkers[0].random_steps) == min(4, steps)


def test_walkers_of_a_young_cold_committee_stay_near_the_labels_and_held_out_ones_need_not():
    history = with_committee(rules=4)
    labels = tuple(frame.label for frame in history.state.labelled_frames("train"))
    assert explored(history, WALKERS[0]).nearby == labels
    assert explored(history, HELDOUT_WALKERS[0], role="heldout").nearby == ()


@pytest.mark.parametrize(
    "settings", [{"rules": 3}, {"rules": 4, "foundation": True}, {"rules": 4, "teacher": {"model": "chgnet"}}]
)
def test_walkers_of_committees_that_know_the_walls_go_where_they_go(settings):
    assert explored(with_committee(**settings), WALKERS[0]).nearby == ()


def test_walkers_go_where_they_go_once_expected_errors_are_trusted():
    history = with_committee(rules=4)
    history.do("calibrate/g0/6", {"generation": 0, "labels": 6}, calibration_summary())
    assert explored(history, WALKERS[0]).nearby == ()


@pytest.fixture
def calibrated():
    history = with_committee()
    assert explored(history, WALKERS[0]).calibration is None
    return history.do("calibrate/g0/6", {"generation": 0, "labels": 6}, calibration_summary())


def test_the_newest_trusted_calibration_says_what_disagreement_means_but_not_to_held_out_walkers(calibrated):
    assert explored(calibrated, WALKERS[0]).calibration == calibrated.state.calibration()
    assert explored(calibrated, HELDOUT_WALKERS[0], role="heldout").calibration is None


# -- selections and calibrations ---------------------------------------------------------------------------------


def asked(history, count=6, oldest=-1):
    history.asked(count, oldest)
    return task_requests.select(history.charter, history.state, history.state.asked)


def test_a_selection_is_asked_among_all_segments_since_the_one_before():
    history = with_committee()
    first = history.offer(WALKERS[1], "random", "random")
    history.offer(WALKERS[0], "random")
    request = asked(history)
    assert request.before is None
    assert [(one.walker, one.segment, one.generation, one.place) for one in request.segments] == [
        (WALKERS[1], 0, 0, 0),
        (WALKERS[0], 0, 0, 0),
    ]
    history.selected(first[:1])
    history.offer(WALKERS[2])
    request = asked(history)
    assert request.before == history.state.tasks["select/1"].key
    assert [one.walker for one in request.segments] == [WALKERS[2]]


def test_a_selection_has_the_settings_of_the_config_and_the_numbers_of_its_event():
    history = with_committee(select={"per_walker": 3, "options": {"diversity": 0.2}})
    request = asked(history, count=4, oldest=-1)
    models = history.state.generations[0].models
    assert (request.count, request.oldest, request.seed, request.generation) == (4, -1, 1, 0)
    assert (request.policy, request.options, request.per_walker) == ("disagreement", {"diversity": 0.2}, 3)
    assert (request.lower_eV_per_A, request.upper_eV_per_A) == (0.05, 1.0)
    assert request.members == tuple(models[member] for member in range(3))
    assert request.probes == 1


def test_a_selection_knows_what_is_labelled_and_what_is_ordered_and_not_what_failed():
    history = with_committee().failing(1).pending(2)
    request = asked(history)
    frames, order = history.state.frames, history.state.train_order
    assert request.known == tuple(frames[name].label for name in order[:6])
    assert request.ordered == tuple(frames[name].source for name in order[-2:])


def test_a_selection_knows_for_how_long_each_walker_had_no_frame_chosen():
    history = with_committee()
    chosen = [*history.offer(WALKERS[0], "random"), history.offer(WALKERS[3], "random", "random")[0]]
    history.offer(WALKERS[1], "random")
    history.selected(chosen)
    for _ in range(3):
        history.offer(WALKERS[0], "random")
    history.offer(WALKERS[2])
    history.offer(HELDOUT_WALKERS[0], "random")
    assert asked(history).quiet == {WALKERS[0]: 3, WALKERS[1]: 1, WALKERS[2]: 1}


def test_a_calibration_is_made_from_the_chosen_frames_with_their_probabilities_and_which_were_random():
    history = with_committee().labelled(1).labelled(1, why="probe").labelled(1, why="random").pending(1)
    request = task_requests.calibrate(history.state)
    names = history.state.train_order[6:9]
    assert [frame.id for frame in request.frames] == names
    assert [frame.probe for frame in request.frames] == [False, True, True]
    assert [frame.label for frame in request.frames] == [history.state.frames[name].label for name in names]
    assert [frame.selection for frame in request.frames] == [
        history.state.tasks[f"select/{number}"].key for number in (1, 2, 3)
    ]
    assert [frame.walker for frame in request.frames] == [history.state.frames[name].walker for name in names]
    assert [frame.labels for frame in request.frames] == [None] * 3
    assert (request.labels, request.heldout, request.members) == (6, (), ())


def test_a_calibration_says_how_many_labels_the_committee_had_that_looked_and_who_looks_at_held_out_frames():
    history = with_committee(heldout={"minimum": 8, "from_generation": 0}).labelled(2).heldout(2)
    for task in history.state.tasks.values():
        if task.task == "select":
            task.context = {"generation": 0}
    history.fitted()
    request = task_requests.calibrate(history.state)
    assert ([frame.labels for frame in request.frames], request.labels) == ([6, 6], 8)
    assert request.heldout == tuple(frame.label for frame in history.state.labelled_frames("heldout"))
    assert request.heldout_walkers == tuple(frame.walker for frame in history.state.labelled_frames("heldout"))
    assert request.members == tuple(history.state.generations[1].models[member] for member in (0, 1, 2))


# -- evaluations -------------------------------------------------------------------------------------------------


def test_a_model_is_evaluated_on_the_first_labelled_held_out_frames():
    history = with_committee().heldout(2)
    history.label(history.drawn(1), reason="scf")
    history.heldout(3)
    request = task_requests.evaluate(history.charter, history.state, "fit:abc", 4)
    labelled = [frame.label for frame in history.state.labelled_frames("heldout")]
    assert len(labelled) == 5
    assert (request.model, request.frames) == ("fit:abc", tuple(labelled[:4]))


def test_random_subsets_are_evaluated_on_the_frames_drawn_for_them():
    history = with_committee().heldout(4)
    drawn = tuple(history.state.train_order[:3])
    rungs = (SubsetRecord(size=3, frames=tuple(history.state.train_order[3:])),)
    history.say(SubsetsDrawn(number=0, rungs=rungs, heldout=drawn, seed=1))
    request = task_requests.evaluate(history.charter, history.state, "fit:abc", -1)
    assert request.frames == tuple(history.state.frames[name].label for name in drawn)


# -- transport ---------------------------------------------------------------------------------------------------

MEASURE = {
    "mobile": "Na",
    "temperatures_K": [600, 900, 800],
    "production_ps": 2,
    "segment_ps": 1,
    "sample_fs": 20,
    "snapshot_samples": 10,
    "timestep_fs": 2,
    "walkers_per_task": 2,
    "equilibration_ps": 3,
}


def produced(history, batch=0, fit=0):
    (rung,) = history.state.rungs.values()
    segments = next_segments(history.state, history.charter, [rung])
    return task_requests.produce(history.charter, next(one for one in segments if (one.batch, one.fit) == (batch, fit)))


def test_a_production_run_has_a_whole_number_of_snapshots_and_is_equilibrated_once():
    history = with_committee(measure=MEASURE)
    request = produced(history)
    assert (request.sample_every_steps, request.snapshot_every, request.steps) == (10, 10, 500)
    assert (request.equilibration_steps, request.start) == (1500, None)
    assert [walker.temperature_K for walker in request.walkers] == [600.0, 900.0]
    assert [walker.temperature_K for walker in produced(history, batch=1).walkers] == [800.0]
    assert request.model == history.state.rungs[6].models[0]
    history.produced("r6")
    assert produced(history).start == history.state.runs["r6", 0, "A", 0].segments[0]


@pytest.mark.parametrize(("segment_ps", "steps"), [(1.0, 500), (1.05, 500), (1.15, 600), (0.01, 100)])
def test_a_segment_is_rounded_to_whole_snapshots_and_has_one_at_least(segment_ps, steps):
    assert produced(with_committee(measure={**MEASURE, "segment_ps": segment_ps})).steps == steps


def test_runs_of_one_fit_number_temperature_and_replica_have_one_seed_on_every_rung():
    history = with_committee(measure={**MEASURE, "replicas": 2, "walkers_per_task": 6})
    seeds = [walker.seed for walker in produced(history).walkers]
    assert len(set(seeds)) == 6
    other = History(measure={**MEASURE, "replicas": 2, "walkers_per_task": 6}).atoms().labelled(12).fitted(rung=12)
    assert [walker.seed for walker in produced(other).walkers] == seeds
    assert not set(seeds) & {walker.seed for walker in produced(history, fit=1).walkers}


def test_the_supercell_is_as_wide_as_asked_or_as_the_config_repeats_it():
    cubic = Atoms("NaCl", positions=[(0, 0, 0), (2.5, 2.5, 2.5)], cell=(5, 5, 5), pbc=True)
    wide = History(systems={"A": cubic}, measure={**MEASURE, "min_width_A": 12})
    assert len(task_requests.supercell(wide.charter, "A").numbers) == 2 * 27
    repeated = History(systems={"A": cubic}, measure={**MEASURE, "repeat": [1, 2, 1]})
    assert len(task_requests.supercell(repeated.charter, "A").numbers) == 4


def measured(history, fit=0):
    (rung,) = history.state.rungs.values()
    return task_requests.measure(history.charter, history.state, Measurement(rung, fit, "A", 2.0))


def test_transport_is_measured_from_the_segments_of_all_runs_each_at_its_place_in_its_task():
    history = with_committee(measure=MEASURE).produced("r6").produced("r6").produced("r6", batch=1, reason="lost")
    both = tuple(history.state.runs["r6", 0, "A", 0].segments)
    assert [(run.temperature_K, run.walker, run.segments) for run in measured(history).runs] == [
        (600.0, 0, both),
        (900.0, 1, both),
        (800.0, 0, ()),
    ]


def test_the_temperature_that_is_judged_is_always_among_the_targets():
    history = with_committee(measure={**MEASURE, "targets_K": [500, 300]}, ladder={"conductivity_at_K": 400})
    assert measured(history).targets_K == (300.0, 400.0, 500.0)


@pytest.mark.parametrize(("at_K", "density"), [(None, 800.0), (650, 650.0)])
def test_the_density_is_of_the_first_fit_at_the_middle_temperature_or_the_one_of_the_config(at_K, density):
    history = with_committee(measure={**MEASURE, "density_at_K": at_K})
    assert measured(history).density_at_K == density
    assert measured(history, fit=1).density_at_K is None


def test_imported_labels_are_known_to_a_selection():
    history = History().say(LabelsImported(reference="same", source="file", keys=("a", "b"))).atoms().fitted()
    assert asked(history).known == ("a", "b")
