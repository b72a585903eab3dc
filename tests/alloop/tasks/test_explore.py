import itertools
import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.canonical import canonical_json
from alloop.dynamics import temperature_limit
from alloop.dynamics.phase import Evaluation
from alloop.materials.contacts import min_contact
from alloop.materials.structure import Structure
from alloop.potential.architecture import new_model
from alloop.potential.committee import Look, Prediction
from alloop.potential.model_files import write_model
from alloop.tasks.explore import Exploration
from alloop.tasks.requests import ExploreRequest, ExploreWalker
from alloop.tasks.results import ExploreSummary, OffersData, Result, Snapshot
from alloop.tasks.worker import compute
from alloop.tasks.workspace import Workspace
from policies.calibration import Calibration, SpeciesMap

COPPER = Structure.from_atoms(bulk("Cu", cubic=True))
ALL_ENDS = {"length", "disagreement", "contact", "temperature", "volume", "nan"}


class Toy:
    """A committee in interface: forces are those of copper times a factor, disagreement is how far atoms went."""

    def __init__(self, factor=1.0, per_A=1.0, spoil_after=None, members=4):
        self.factor, self.per_A, self.spoil_after, self.members = factor, per_A, spoil_after, members
        self.calls = self.looks = 0
        self.places = COPPER.to_atoms().positions

    def __len__(self):
        return self.members

    def forces(self, atoms, *, stress=False):
        self.calls += 1
        copy = atoms.copy()
        copy.calc = EMT()
        forces = self.factor * copy.get_forces()
        if self.spoil_after is not None and self.calls > self.spoil_after:
            forces[0] = np.nan
        return Prediction(0.0, forces, self.factor * copy.get_stress() if stress else None)

    def look(self, atoms, *, stress=False):
        self.looks += 1
        away = self.per_A * np.linalg.norm(atoms.positions - self.places, axis=1)
        return Look(self.forces(atoms), away if self.members > 1 else None)

    def field(self, atoms):
        return ToyField(self, atoms)


class ToyField:
    """The same for many walkers."""

    def __init__(self, toy, atoms):
        self.toy, self.atoms = toy, atoms

    def _all(self, positions_A, stretches):
        for row, one in enumerate(positions_A):
            atoms = self.atoms.copy()
            atoms.positions[:] = one
            if stretches is not None:
                atoms.set_cell(atoms.cell * stretches[row])
            yield atoms

    def __call__(self, positions_A, walkers, stretches=None):
        found = [self.toy.forces(atoms, stress=stretches is not None) for atoms in self._all(positions_A, stretches)]
        contacts = [min_contact(atoms) for atoms in self._all(positions_A, stretches)]
        forces, virials = np.array([one.forces_eV_per_A for one in found]), None
        if stretches is not None:
            volumes = self.atoms.get_volume() * stretches**3
            virials = volumes * np.array([one.stress_eV_per_A3[:3].sum() for one in found])
        return Evaluation(np.zeros(len(forces)), forces, np.array(contacts), virials)

    def disagreement(self, positions_A, walkers, stretches=None):
        found = [self.toy.look(atoms).disagreement_eV_per_A for atoms in self._all(positions_A, stretches)]
        return None if self.toy.members == 1 else np.array(found)


def request(**fields):
    standard = {
        "structure": COPPER,
        "start": None,
        "members": ("fit:a", "fit:b", "fit:c", "fit:d"),
        "dtype": "float64",
        "ensemble": "nvt",
        "temperature_K": 500.0,
        "pressure_GPa": 0.0,
        "timestep_fs": 4.0,
        "friction_per_fs": 0.01,
        "steps": 100,
        "check_every_steps": 5,
        "random_steps": (),
        "max_offers": 3,
        "lower_eV_per_A": 0.1,
        "upper_eV_per_A": 50.0,
        "stop_contact": 0.5,
        "min_contact": 0.6,
        "stop_temperature_factor": 4.0,
        "seed": 1,
    }
    return ExploreRequest(**{**standard, **fields})


def walk(toy, snapshot=None, **fields):
    return alone(*Exploration(request(**fields), toy, [snapshot]).run())


def alone(summary, data):
    """What came of the only walker."""
    (own,), (last_good,) = summary.walkers, data.last_good
    return own, Walked(data.structures, last_good)


@dataclass(frozen=True)
class Walked:
    structures: tuple
    last_good: Snapshot | None


def as_json(summary, data):
    return canonical_json([summary.model_dump(mode="json"), data.last_good and data.last_good.model_dump(mode="json")])


def why(summary):
    return [offer.why for offer in summary.offers]


def kinetic_temperature(snapshot):
    atoms = snapshot.structure.to_atoms()
    atoms.set_momenta(np.array(snapshot.momenta))
    return atoms.get_temperature() * len(atoms) / (len(atoms) - 1)


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


def test_npt_walkers_of_one_task_have_cells_of_their_own_and_go_on_in_them():
    members = walkers(temperature_K=(300.0, 900.0), seed=(4, 5), steps=(30, 30), random_steps=((), ()))
    _, first = explored(Toy(), members, ensemble="npt", lower_eV_per_A=None)
    cells = [np.array(one.structure.cell_A) for one in first.last_good]
    assert len({cell[0, 0] for cell in cells}) == 2
    summary, data = explored(Toy(), members, first.last_good, ensemble="npt", lower_eV_per_A=None)
    assert [one.ended for one in summary.walkers] == ["length", "length"]
    for before, one in zip(cells, data.last_good, strict=True):
        assert np.linalg.det(one.structure.cell_A) == pytest.approx(np.linalg.det(before), rel=0.2)
        assert np.linalg.det(one.structure.cell_A) != np.linalg.det(before)


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


def walkers(**lists):
    """Walkers that differ in the fields named."""
    common = {"start": None, "temperature_K": 500.0, "steps": 100, "random_steps": (), "seed": 1}
    names, values = tuple(lists), zip(*lists.values(), strict=True)
    return tuple(ExploreWalker(**{**common, **dict(zip(names, one, strict=True))}) for one in values)


def explored(toy, members, snapshots=None, **fields):
    base = request(**fields)
    asked = base.model_copy(update={"walkers": members})
    return Exploration(asked, toy, list(snapshots or [None] * len(members))).run()


def test_every_walker_ends_for_itself_and_the_others_go_on():
    members = walkers(
        temperature_K=(300.0, 3000.0, 300.0), seed=(1, 2, 3), steps=(100, 100, 60), random_steps=((7,),) * 3
    )
    summary, data = explored(Toy(), members, upper_eV_per_A=0.34, lower_eV_per_A=0.2)
    assert [one.ended for one in summary.walkers] == ["length", "disagreement", "length"]
    assert [one.steps for one in summary.walkers] == [100, summary.walkers[1].steps, 60]
    assert 7 < summary.walkers[1].steps < 60
    offers = [offer for one in summary.walkers for offer in one.offers]
    assert [offer.index for offer in offers] == list(range(len(data.structures)))
    assert [offer.structure_sha256 for offer in offers] == [one.digest() for one in data.structures]
    assert why(summary.walkers[1])[0] == "random"
    assert len(summary.walkers[1].offers) > 1
    assert all(one is not None for one in data.last_good)


@pytest.mark.parametrize("ensemble", ["nvt", "npt"])
def test_a_walker_finds_the_same_alone_and_among_others(ensemble):
    members = walkers(temperature_K=(300.0, 900.0), seed=(4, 5), steps=(30, 30), random_steps=((9,), (3, 21)))
    together, data = explored(Toy(), members, ensemble=ensemble, lower_eV_per_A=0.02)
    for place, member in enumerate(members):
        alone_summary, own = explored(Toy(), (member,), ensemble=ensemble, lower_eV_per_A=0.02)
        (alone_walker,) = alone_summary.walkers
        assert why(alone_walker) == why(together.walkers[place])
        assert alone_walker.looks == together.walkers[place].looks
        ends = [np.array(one.last_good[at].structure.positions_A) for one, at in ((own, 0), (data, place))]
        np.testing.assert_allclose(*ends, atol=1e-9)


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


def test_results_of_the_time_of_one_walker_can_be_read(tmp_path):
    workspace = Workspace(tmp_path)
    summary = {"offers": [], "ended": "contact", "steps": 7, "looks": 2}
    snapshot = {"structure": COPPER.model_dump(mode="json"), "momenta": [[0.0] * 3] * 4}
    data = {"structures": [COPPER.model_dump(mode="json")], "last_good": snapshot}
    workspace.write(Result(key="a1", kind="explore", status="ok", summary=summary, data=data))
    assert workspace.segment("a1", 0).ended == "contact"
    assert workspace.last_good("a1") == workspace.last_good("a1#0") is not None
    assert workspace.offered("explore/a1#0") == COPPER


ELECTROLYTE = Structure.from_atoms(
    bulk("LiCl", "rocksalt", a=5.14, cubic=True),
)


def workspace_with_models(folder, scale_eV_per_A, names="ab"):
    workspace = Workspace(folder)
    for seed, name in enumerate(names):
        model = new_model(
            {"channels": 8, "max_ell": 1, "correlation": 1, "cutoff_A": 4.0},
            {3: 0.0, 17: 0.0},
            average_neighbours=14.0,
            scale_eV_per_A=scale_eV_per_A,
            shift_eV=0.0,
            dtype="float32",
            seed=seed,
        )
        write_model(workspace.model_path(f"fit:{name}"), model)
    return workspace


def mace_request(**fields):
    return request(**{"structure": ELECTROLYTE, "dtype": "float32", "timestep_fs": 2.0, "steps": 40, **fields})


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return workspace_with_models(tmp_path_factory.mktemp("campaign"), 0.8, "abcd")


def perform(task, workspace):
    result = compute(task, workspace)
    assert result.status == "ok"
    told, data = ExploreSummary.model_validate(result.summary), OffersData.model_validate(result.data)
    return result, *alone(told, data)


def test_the_same_request_gives_the_same_bits(workspace):
    task = mace_request(random_steps=(11,), lower_eV_per_A=0.0, upper_eV_per_A=1e3)
    first, summary, _ = perform(task, workspace)
    again, _, _ = perform(task, workspace)
    other, _, _ = perform(mace_request(random_steps=(11,), lower_eV_per_A=0.0, upper_eV_per_A=1e3, seed=2), workspace)
    assert canonical_json([first.summary, first.data]) == canonical_json([again.summary, again.data])
    assert canonical_json(first.data) != canonical_json(other.data)
    assert summary.offers
    assert summary.looks == 9


def test_a_walker_continues_from_the_file_of_its_last_segment(workspace):
    lasting = {"lower_eV_per_A": None, "stop_temperature_factor": 1e6, "stop_contact": 0.01, "min_contact": 0.02}
    task = mace_request(**lasting)
    first, _, before = perform(task, workspace)
    workspace.write(first)
    _, _, after = perform(mace_request(**lasting, start=f"{task.key()}#0", steps=1), workspace)
    positions = [np.array(data.last_good.structure.positions_A) for data in (before, after)]
    assert 0 < np.abs(positions[1] - positions[0]).max() < 0.2
    assert np.abs(positions[0] - np.array(ELECTROLYTE.positions_A)).max() > 0.03


def test_unphysical_models_explode_and_the_result_is_sane(tmp_path):
    workspace = workspace_with_models(tmp_path, scale_eV_per_A=100.0)
    atoms = ELECTROLYTE.to_atoms()
    atoms.rattle(0.2, seed=1)
    task = mace_request(structure=Structure.from_atoms(atoms), members=("fit:a", "fit:b"), lower_eV_per_A=None)
    _, summary, data = perform(task, workspace)
    assert (summary.ended, why(summary)) == ("temperature", ["last_good"])
    assert min_contact(data.structures[0].to_atoms()) >= 0.6
    assert data.last_good is not None


@pytest.mark.parametrize(("scale_eV_per_A", "ended"), [(1e38, "temperature"), (1e39, "nan")])
def test_models_without_measure_end_the_walker_before_its_first_step(tmp_path, scale_eV_per_A, ended):
    workspace = workspace_with_models(tmp_path, scale_eV_per_A)
    distorted = ELECTROLYTE.to_atoms()
    distorted.rattle(0.02)
    task = mace_request(members=("fit:a", "fit:b"), structure=Structure.from_atoms(distorted))
    _, summary, data = perform(task, workspace)
    assert (summary.ended, summary.steps, data.structures) == (ended, 0, ())
    assert data.last_good is None
