import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alloop.config.label import AseLabel, GpawLabel
from alloop.failures import OutOfTimeError, TaskFailure
from alloop.labelling.errors import CodeMismatchError
from alloop.labelling.identity import code_identity
from alloop.materials.structure import Structure
from alloop.tasks.contract.label import AtomRequest, AtomSummary, LabelData, LabelRequest, LabelSummary
from alloop.tasks.contract.records import OffersData, Result
from alloop.tasks.kinds.label import atom, label
from alloop.tasks.machine import Machine
from alloop.tasks.worker import compute
from alloop.tasks.workspace import DamagedResultError, Workspace
from tests.support import mpi

FAST = {"cutoff_eV": 200, "kpts": (2, 2, 2)}
LJ = AseLabel(
    engine="ase",
    calculator="ase.calculators.lj:LennardJones",
    arguments={"sigma": 2.2, "epsilon": 0.1, "rc": 6.0, "smooth": True},
)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def _crystal(move_A: float = 0.1) -> Atoms:
    atoms = bulk("LiCl", "rocksalt", a=5.14)
    atoms.positions[0] += [move_A, 0.4 * move_A, 0.0]
    return atoms


def _request(workspace: Workspace, atoms: Atoms, settings, code=None) -> LabelRequest:
    structure = Structure.from_atoms(atoms)
    data = OffersData(structures=(structure,)).model_dump(mode="json")
    workspace.write(Result(key="0ffe5", kind="initial", status="ok", data=data))
    return LabelRequest(
        source="initial/0ffe5#0",
        structure_sha256=structure.digest(),
        settings=settings.model_dump(mode="json"),
        code=code_identity(settings, set(atoms.symbols)) if code is None else code,
    )


def _reason(workspace, atoms, settings) -> TaskFailure:
    with pytest.raises(TaskFailure) as failure:
        label(_request(workspace, atoms, settings), workspace, Machine())
    assert "\n" not in failure.value.detail
    return failure.value


def _scratch_is_clean(workspace: Workspace) -> bool:
    return not any((workspace.root / "scratch").glob("*"))


def _logs(workspace: Workspace) -> list[str]:
    return [path.name for path in (workspace.root / "logs").rglob("*") if path.is_file()]


def test_a_gpaw_label_is_whole_and_leaves_nothing_behind(workspace):
    request = _request(workspace, _crystal(), GpawLabel(**FAST))
    result = compute(request, workspace)
    assert result.status == "ok"
    summary, data = LabelSummary.model_validate(result.summary), LabelData.model_validate(result.data)
    forces = np.array(data.forces_eV_per_A)
    assert forces.shape == (2, 3)
    assert forces[0, 0] < -0.05 < 0.05 < forces[1, 0]
    assert np.abs(forces.sum(axis=0)).max() < 0.05
    assert summary.max_force_eV_per_A == pytest.approx(np.abs(forces).max())
    assert summary.energy_eV == data.energy_eV
    assert (summary.atoms, len(data.stress_eV_per_A3)) == (2, 6)
    assert 3 < summary.scf_iterations < 80
    assert summary.scf_rung == 0
    assert data.structure.digest() == request.structure_sha256
    assert _scratch_is_clean(workspace)
    assert _logs(workspace) == []


@pytest.mark.slow
def test_forces_and_stress_are_derivatives_of_the_energy(workspace):
    settings = GpawLabel(
        cutoff_eV=500, kpts=(2, 2, 2), smearing_eV=0.2, gpaw={"convergence": {"density": 1e-6, "energy": 1e-6}}
    )

    def answer(atoms):
        return LabelData.model_validate(label(_request(workspace, atoms, settings), workspace, Machine())[1])

    def shifted(step_A):
        atoms = _crystal()
        atoms.positions[0, 0] += step_A
        return answer(atoms).energy_eV

    def strained(strain):
        atoms = _crystal()
        atoms.set_cell(atoms.cell.array @ np.diag([1 + strain, 1, 1]), scale_atoms=True)
        return answer(atoms).energy_eV

    data = answer(_crystal())
    force = -(shifted(0.02) - shifted(-0.02)) / 0.04
    assert data.forces_eV_per_A[0][0] == pytest.approx(force, abs=0.01)
    stress = (strained(0.005) - strained(-0.005)) / 0.01 / _crystal().get_volume()
    assert np.sign(data.stress_eV_per_A3[0]) == np.sign(stress)
    assert data.stress_eV_per_A3[0] == pytest.approx(stress, abs=0.003)


def test_scf_that_does_not_converge_is_a_failure_whose_log_is_kept(workspace):
    request = _request(workspace, _crystal(), GpawLabel(**FAST, maxiter=2))
    result = compute(request, workspace)
    assert (result.status, result.reason) == ("failed", "scf")
    assert result.detail.startswith("no self-consistency in 4 SCF attempts, 22 iterations (log: ")
    log = workspace.root / "logs" / "label" / f"{request.key()}.txt"
    assert str(log.relative_to(workspace.root)) in result.detail
    assert "iter:" in log.read_text()
    assert _scratch_is_clean(workspace)


def test_overlapping_atoms_never_reach_the_engine(workspace):
    atoms = _crystal()
    atoms.positions[1] = atoms.positions[0] + [0.8, 0, 0]
    failure = _reason(workspace, atoms, GpawLabel(**FAST))
    assert failure.reason == "contact"
    assert "0.3" in failure.detail
    assert not (workspace.root / "scratch").exists()


def test_a_cell_without_volume_is_refused(workspace):
    atoms = _crystal()
    atoms.cell[2] = atoms.cell[1]
    assert _reason(workspace, atoms, LJ).reason == "nonfinite"


def test_an_odd_electron_is_refused_unless_spin_or_charge_says_otherwise(workspace):
    vacancy = bulk("LiCl", "rocksalt", a=5.14, cubic=True)[1:]
    failure = _reason(workspace, vacancy, GpawLabel(**FAST))
    assert failure.reason == "odd_electrons"
    assert "label.spin" in failure.detail
    small = {"cutoff_eV": 200, "kpts": (1, 1, 1), "maxiter": 1}
    for settings in (GpawLabel(**small, charge=-1), GpawLabel(**small, spin=False)):
        assert _reason(workspace, vacancy, settings).reason == "scf"


def test_wild_forces_are_refused(workspace):
    failure = _reason(workspace, _crystal(), LJ.model_copy(update={"max_force_eV_per_A": 1e-4}))
    assert failure.reason == "forces"
    assert "limit 0.0001 eV/Å" in failure.detail


def test_an_engine_that_gives_up_is_a_failure(workspace):
    emt = AseLabel(engine="ase", calculator="ase.calculators.emt:EMT")
    failure = _reason(workspace, _crystal(), emt)
    assert failure.reason == "dft"
    assert _scratch_is_clean(workspace)


@pytest.mark.parametrize("log", ["OUTCAR", "vasp.out", "espresso.pwo", "cp2k.out"])
def test_the_output_of_an_external_program_is_kept_after_a_failure(workspace, log):
    calculator = "tests.support.calculators:LogsAndFails"
    settings = AseLabel(engine="ase", calculator=calculator, arguments={"log": log})
    failure = _reason(workspace, _crystal(), settings)
    (kept,) = _logs(workspace)
    assert failure.detail == f"RuntimeError: no (log: logs/label/{kept})"
    assert (workspace.root / "logs" / "label" / kept).read_text() == "what happened"


def test_what_gpaw_raises_is_a_failure_with_its_words(workspace):
    failure = _reason(workspace, _crystal(), GpawLabel(**FAST, gpaw={"nbands": 1}))
    assert failure.reason == "dft"
    assert "Too few bands" in failure.detail
    assert _scratch_is_clean(workspace)


def test_any_ase_calculator_labels(workspace):
    from ase.calculators.lj import LennardJones

    atoms = _crystal()
    summary, dumped = label(_request(workspace, atoms, LJ), workspace, Machine())
    atoms.calc = LennardJones(**LJ.arguments)
    data = LabelData.model_validate(dumped)
    assert data.energy_eV == pytest.approx(atoms.get_potential_energy())
    assert np.array(data.forces_eV_per_A) == pytest.approx(atoms.get_forces())
    assert np.array(data.stress_eV_per_A3) == pytest.approx(atoms.get_stress())
    assert summary["scf_iterations"] is None


def test_an_engine_without_stress_or_free_energy_labels_what_it_has(workspace):
    spring = AseLabel(
        engine="ase",
        calculator="ase.calculators.harmonic:SpringCalculator",
        arguments={"ideal_positions": _crystal(0.0).positions.tolist(), "k": 1.0},
    )
    _, dumped = label(_request(workspace, _crystal(), spring), workspace, Machine())
    data = LabelData.model_validate(dumped)
    assert data.stress_eV_per_A3 is None
    assert data.energy_eV == pytest.approx(0.5 * (0.1**2 + 0.04**2))


def test_scratch_of_a_killed_attempt_is_cleared_away(workspace):
    request = _request(workspace, _crystal(), LJ)
    leftover = workspace.root / "scratch" / f"{request.key()}.1"
    leftover.mkdir(parents=True)
    (leftover / "log.txt").write_text("half a calculation")
    label(request, workspace, Machine())
    assert _scratch_is_clean(workspace)


def test_another_structure_than_the_one_asked_for_is_refused(workspace):
    request = _request(workspace, _crystal(), LJ).model_copy(update={"structure_sha256": "0" * 64})
    with pytest.raises(DamagedResultError, match="not the structure"):
        label(request, workspace, Machine())


def test_a_machine_with_other_code_does_not_answer(workspace):
    request = _request(workspace, _crystal(), GpawLabel(**FAST), code={"gpaw": "0.1", "setup_Li": "0"})
    with pytest.raises(CodeMismatchError, match=r"the campaign needs 0\.1"):
        compute(request, workspace)


def _atom_request(element: str, settings) -> AtomRequest:
    code = code_identity(settings, [element])
    return AtomRequest(element=element, settings=settings.model_dump(mode="json"), code=code)


def test_the_reference_energy_of_lithium(workspace):
    dumped, data = atom(_atom_request("Li", GpawLabel(cutoff_eV=200)), workspace, Machine())
    summary = AtomSummary.model_validate(dumped)
    assert summary.magnetic_moment_muB == pytest.approx(1.0, abs=0.01)
    assert summary.energy_eV == pytest.approx(-0.30, abs=0.05)
    assert data == {}
    assert _scratch_is_clean(workspace)


@pytest.mark.slow
@pytest.mark.parametrize(("element", "moment"), [("In", 1.0), ("O", 2.0)])
def test_open_shells_converge_to_hunds_moment(workspace, element, moment):
    dumped, _ = atom(_atom_request(element, GpawLabel()), workspace, Machine())
    assert dumped["magnetic_moment_muB"] == pytest.approx(moment, abs=0.05)


def test_a_label_that_runs_into_the_limit_is_no_result_and_keeps_its_log(workspace):
    settings = GpawLabel(cutoff_eV=900, kpts=(4, 4, 4), maxiter=1000, gpaw={"convergence": {"energy": 1e-14}})
    request = _request(workspace, _crystal(), settings)
    with pytest.raises(OutOfTimeError) as caught:
        compute(request, workspace, Machine(label_timeout_min=0.1))
    kept = f"logs/label/{request.key()}.txt"
    assert str(caught.value) == (
        f"no answer within 0.1 min on 1 core, the limit of execution.label_timeout_min (log: {kept})"
    )
    assert "GPAW" in (workspace.root / kept).read_text() or "|__ |" in (workspace.root / kept).read_text()
    assert caught.value.timing.cpu_s > 1
    assert not workspace.result_path("label", request.key()).exists()
    assert _scratch_is_clean(workspace)


def test_a_limit_that_is_not_reached_changes_nothing(workspace):
    request = _request(workspace, _crystal(), LJ)
    free, limited = (compute(request, workspace, machine) for machine in (Machine(), Machine(label_timeout_min=1)))
    assert (limited.summary, limited.data) == (free.summary, free.data)
    slow = AseLabel(engine="ase", calculator="tests.support.slow_labels:SlowEMT", arguments={"pause_s": 60})
    with pytest.raises(OutOfTimeError):
        compute(_request(workspace, bulk("Cu", cubic=True), slow), workspace, Machine(label_timeout_min=0.02))
    emt = AseLabel(engine="ase", calculator="ase.calculators.emt:EMT")
    failed = compute(_request(workspace, _crystal(), emt), workspace, Machine(label_timeout_min=1))
    assert (failed.status, failed.reason) == ("failed", "dft")


@pytest.mark.slow
def test_a_label_on_two_ranks_is_the_label_of_one_and_both_cores_are_paid(workspace, monkeypatch):
    if why := mpi.missing():
        pytest.skip(why)
    for name, value in mpi.AS_ROOT.items():
        monkeypatch.setenv(name, value)
    machine = Machine(ranks_per_label=2, mpi_command=mpi.COMMAND, mpi_python=str(mpi.PYTHON), label_timeout_min=5)
    request = _request(workspace, _crystal(), GpawLabel(**FAST))
    one, two = compute(request, workspace), compute(request, workspace, machine)
    assert two.summary["energy_eV"] == pytest.approx(one.summary["energy_eV"], abs=1e-6)
    assert np.array(two.data["forces_eV_per_A"]) == pytest.approx(np.array(one.data["forces_eV_per_A"]), abs=1e-5)
    assert (one.timing.cores, two.timing.cores) == (1, 2)
    assert two.timing.cpu_s == pytest.approx(2 * (two.timing.finished_t - two.timing.started_t))
    dumped, _ = atom(_atom_request("Li", GpawLabel(cutoff_eV=200)), workspace, machine)
    assert dumped["magnetic_moment_muB"] == pytest.approx(1.0, abs=0.01)


def test_the_reference_energy_from_an_ase_calculator(workspace):
    emt = AseLabel(engine="ase", calculator="ase.calculators.emt:EMT")
    dumped, _ = atom(_atom_request("Cu", emt), workspace, Machine())
    assert dumped["energy_eV"] == pytest.approx(3.51, abs=0.01)
