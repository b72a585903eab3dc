import re
from dataclasses import replace

import numpy as np
import pytest

from alloop.dynamics.trajectory import Trajectory
from alloop.transport.measure import measure
from alloop.transport.results import TransportSummary
from alloop.transport.settings import MeasureSettings
from tests.support.walkers import KB_EV, exchanging, flying, free_walk, hopping, lattice_gas, trajectory

LITHIUM = MeasureSettings(mobile="Li", min_contact=0.0)
ISOTROPIC = 0.05 * np.eye(3)


def run(temperature_K=600.0, *, seed=0, frames=800, ions=12, D=0.05, **given):
    rng = np.random.default_rng(seed)
    path = free_walk(rng, frames, ions, D * np.eye(3))
    return trajectory(path, temperature_K=temperature_K, rng=rng, **given)


def hot_to_cold(**changes):
    return {T: [run(T, D=0.05 * np.exp(0.25 / KB_EV * (1 / 600 - 1 / T)))] for T in (600.0, 700.0, 900.0)} | changes


def test_a_barrier_crossing_lattice_gas_gives_its_barrier():
    """Hard-core lattice gas with hops exp(-E/kT): the barrier, and the exact collective diffusivity of this model."""
    energy_eV, filling, side = 0.25, 0.25, 6
    runs, truth = {}, {}
    for seed, T in enumerate((600.0, 750.0, 1000.0)):
        attempts = 0.1 * np.exp(energy_eV / KB_EV * (1 / 1000 - 1 / T))
        replicas = []
        for replica in range(2):
            rng = np.random.default_rng(10 * seed + replica)
            path, ions = lattice_gas(rng, 2000, attempts * round(filling * side**3), side=side, filling=filling)
            replicas.append(trajectory(path, temperature_K=T, cell_A=2.5 * side * np.eye(3), rng=rng, every=100))
        runs[T] = replicas
        # Å² per frame of 100 fs, in cm²/s
        truth[T] = attempts * (1 - (ions - 1) / (side**3 - 1)) * 2.5**2 / 6 * 1e-4 / 0.1
    summary, _ = measure(runs, MeasureSettings("Li", min_contact=0.0, min_displacement_A=2.5))
    energy = summary.arrhenius.activation_energy_eV
    assert energy.value == pytest.approx(energy_eV, abs=2.5 * energy.se)
    assert energy.se < 0.012
    assert {name: plane.value for name, plane in summary.arrhenius.planes_eV.items()} == pytest.approx(
        {"ab": energy_eV, "ac": energy_eV}, abs=0.04
    )
    for point in summary.temperatures:
        charge = point.D_charge_cm2_s
        assert charge.value == pytest.approx(truth[point.temperature_K], abs=3 * charge.se)
        assert charge.se < 0.3 * charge.value
        assert point.haven.value == pytest.approx(1.0, abs=3 * point.haven.se)


def test_ions_that_slow_down_where_it_is_hotter_have_no_activation_energy():
    runs = {T: [run(T, D=0.05 * np.exp(0.15 / KB_EV * (1 / T - 1 / 800)))] for T in (600.0, 800.0, 1000.0)}
    summary, _ = measure(runs, replace(LITHIUM, targets_K=(300.0, 800.0)))
    assert "is negative (-0.1" in summary.unmeasured
    assert summary.unmeasured == summary.arrhenius.weak
    assert [target.temperature_K for target in summary.arrhenius.targets] == [800.0]


def test_numbers_are_consistent_and_survive_the_journal():
    summary, curves = measure(hot_to_cold(), LITHIUM)
    assert TransportSummary.model_validate_json(summary.model_dump_json()) == summary
    assert (summary.unmeasured, summary.unphysical) == (None, None)
    assert summary.arrhenius.activation_energy_eV.value == pytest.approx(0.25, abs=0.03)
    point, curve = summary.temperatures[0], curves.temperatures[0]
    assert point.sigma_ne_S_per_cm.value / point.sigma_collective_S_per_cm.value == pytest.approx(point.haven.value)
    assert point.D_tracer_cm2_s.value == pytest.approx(0.05e-4 / 0.1, rel=0.2)
    assert curve.msd_A2.y[-1] == pytest.approx(point.msd_end_A2, rel=1e-4)
    assert len(curve.msd_A2.x) == len(curve.msd_A2.se) <= 200
    assert max(curve.msd_framework_A2.y) < 0.2
    assert len(curve.shortest_A["Cl-Li"].x) > 10


def test_charge_that_does_not_move_has_no_collective_conductivity():
    runs = [trajectory(exchanging(np.random.default_rng(seed), 1000, 20, 0.02)) for seed in range(3)]
    point = measure({600.0: runs}, LITHIUM)[0].temperatures[0]
    assert point.unmeasured is None
    assert (point.D_charge_cm2_s, point.haven, point.ln_haven, point.sigma_collective_S_per_cm) == (None,) * 4
    assert any("D_charge, Haven ratio and collective σ not measured: " in note for note in point.notes), point.notes


def test_ions_that_keep_their_direction_for_a_twentieth_of_the_run_are_noticed():
    path = flying(np.random.default_rng(1), 2000, 20, 100, 0.02)
    point = measure({600.0: [trajectory(path)]}, LITHIUM)[0].temperatures[0]
    assert any("ions keep their direction for" in note for note in point.notes), point.notes


def test_one_short_run_knows_single_ions_better_than_their_sum():
    point = measure({600.0: [trajectory(hopping(np.random.default_rng(4), 200, 40, 0.05))]}, LITHIUM)[0].temperatures[0]
    assert point.unmeasured is None
    assert point.haven is None
    assert "not measured: only" in " ".join(point.notes), point.notes


def test_a_drifting_crystal_diffuses_no_faster():
    still, _ = measure({600.0: [run()]}, LITHIUM)
    drifting, _ = measure({600.0: [run(drift_A=np.linspace(0, 80, 800)[:, None] * np.ones(3))]}, LITHIUM)
    assert drifting.temperatures[0].D_tracer_cm2_s.value == pytest.approx(
        still.temperatures[0].D_tracer_cm2_s.value, rel=1e-3
    )


def test_other_mobile_atoms_are_not_counted():
    summary, _ = measure({600.0: [run()]}, replace(LITHIUM, mobile="Na"))
    assert summary.temperatures[0].unmeasured == "there is no mobile Na"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (free_walk(np.random.default_rng(0), 400, 12, 1e-4 * np.eye(3)), "less than a hop of 2 Å"),
        (free_walk(np.random.default_rng(0), 400, 12, 5e-3 * np.eye(3)), "too short: ions need"),
        (np.random.default_rng(0).normal(scale=3.0, size=(400, 12, 3)), "no diffusion|does not grow"),
        (np.linspace(0, 50, 400)[:, None, None] * np.random.default_rng(0).normal(size=(12, 3)), "no diffusion"),
        (flying(np.random.default_rng(0), 2000, 20, 300, 0.02), "no diffusion yet: ions keep their direction for 1"),
        (np.zeros((400, 12, 3)), "did not move"),
        (free_walk(np.random.default_rng(0), 20, 12, ISOTROPIC), "20 samples are too few"),
        (free_walk(np.random.default_rng(0), 100, 1, ISOTROPIC), "only .* independent displacements"),
    ],
    ids=["still", "slow", "rattling", "ballistic", "persistent", "frozen", "few samples", "one ion"],
)
def test_what_cannot_be_measured_says_why(path, says):
    summary, _ = measure({600.0: [trajectory(path)]}, LITHIUM)
    assert re.search(says, summary.temperatures[0].unmeasured), summary.temperatures[0].unmeasured
    assert summary.arrhenius is None
    assert "0 of 1 temperatures" in summary.unmeasured


def test_a_molten_framework_costs_its_temperature_only():
    rng = np.random.default_rng(1)
    liquid = free_walk(rng, 80, 4, 0.3 * np.eye(3))
    runs = hot_to_cold() | {1200.0: [run(1200.0, D=0.4, framework_A=liquid)]}
    summary, _ = measure(runs, LITHIUM)
    assert summary.unphysical is None
    assert summary.arrhenius.used_K == (600.0, 700.0, 900.0)
    assert "melted" in summary.arrhenius.rejected["1200 K"]


def test_groups_that_turn_are_no_melt():
    rng = np.random.default_rng(1)
    # Four anions about one centre, in a random orientation at every snapshot.
    turning = rng.normal(size=(80, 4, 3))
    turning *= 2.0 / np.linalg.norm(turning, axis=2, keepdims=True)
    summary, _ = measure({600.0: [run(framework_A=turning)]}, LITHIUM)
    assert summary.temperatures[0].unphysical is None


def test_a_framework_that_melts_everywhere_is_unphysical():
    rng = np.random.default_rng(1)
    runs = {T: [run(T, framework_A=free_walk(rng, 80, 4, 0.3 * np.eye(3)))] for T in (600.0, 700.0)}
    summary, _ = measure(runs, LITHIUM)
    assert "melted" in summary.unphysical


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda r: replace(r, mobile_A=np.where(np.arange(800)[:, None, None] < 700, r.mobile_A, np.nan)), "exploded"),
        (lambda r: replace(r, kinetic_K=np.linspace(600, 9000, 800)), "reached 9000 K"),
        (lambda r: replace(r, conserved_eV=np.linspace(0, 20, 800)), "drifts by"),
        (lambda r: replace(r, cell_A=np.zeros((3, 3))), "no cell"),
    ],
    ids=["not a number", "hot", "drift", "no cell"],
)
def test_a_run_that_cannot_be_marks_the_model_unphysical(broken, says):
    summary, curves = measure(hot_to_cold() | {700.0: [broken(run(700.0))]}, LITHIUM)
    assert says in summary.unphysical
    assert summary.unphysical.startswith("700 K")
    assert "700 K" in summary.arrhenius.rejected
    assert len(curves.temperatures) == 3


def test_merged_ions_are_unphysical():
    merged = np.repeat(free_walk(np.random.default_rng(0), 800, 2, ISOTROPIC), [1, 1], axis=1)
    pair = trajectory(merged)
    close = pair.snapshots_A.copy()
    close[40, 1] = close[40, 0] + [0.7, 0, 0]
    summary, _ = measure({600.0: [replace(pair, snapshots_A=close)]}, MeasureSettings("Li"))
    assert "atoms merged: Li-Li came as close as 0.70 Å" in summary.unphysical


def test_odd_runs_are_left_out_and_said_so():
    summary, _ = measure({600.0: [run(), run(seed=1, frames=200), run(seed=2, interval_fs=50.0)]}, LITHIUM)
    point = summary.temperatures[0]
    assert point.replicas == 1
    assert "2 of 3 runs left out" in point.notes[0]


def test_no_runs_are_no_error():
    assert measure({}, LITHIUM)[0].unmeasured == "no temperature was simulated"
    assert measure({600.0: []}, LITHIUM)[0].temperatures[0].unmeasured == "there is no run"


def test_the_beginning_can_be_left_out():
    one = run()
    summary, _ = measure({600.0: [one]}, replace(LITHIUM, skip_ps=30.0))
    assert summary.temperatures[0].length_ps == pytest.approx(one.length_ps - 30.0)


def test_a_file_gives_what_memory_gives(tmp_path):
    one = trajectory(hopping(np.random.default_rng(0), 600, 10, 0.05))
    file = tmp_path / "run.npz"
    file.write_bytes(one.to_bytes())
    with file.open("rb") as opened:
        assert measure({600.0: [Trajectory.load(opened)]}, LITHIUM)[0] == measure({600.0: [one]}, LITHIUM)[0]
