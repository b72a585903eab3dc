"""Labels as programs: on several ranks (real MPI, real GPAW), and with a limit of time."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from alloop.config.label import GpawLabel
from alloop.failures import OutOfTimeError, TaskFailure
from alloop.labelling import gpaw_job as script
from alloop.labelling.errors import CodeMismatchError, NotConvergedError, RanksError
from alloop.labelling.gpaw_engine import ENGINE, dataset_names, launch_problem, run_gpaw
from alloop.labelling.gpaw_keywords import gpaw_job
from alloop.labelling.ranks import Launch
from tests.support import mpi
from tests.support.waiting import wait_for

FAST = GpawLabel(cutoff_eV=200, kpts=(2, 2, 2))
SLOW = GpawLabel(cutoff_eV=900, kpts=(4, 4, 4), maxiter=1000, gpaw={"convergence": {"energy": 1e-14}})


def crystal(size=1):
    atoms = bulk("LiCl", "rocksalt", a=5.14)
    atoms.positions[0] += [0.1, 0.04, 0.0]
    return atoms.repeat((size, 1, 1))


CODE = ENGINE.identity(FAST, {"Li", "Cl"})


def two(limit_s=None, python=mpi.PYTHON):
    return Launch(2, mpi.COMMAND, str(python), limit_s)


@pytest.fixture
def ranks(monkeypatch):
    if why := mpi.missing():
        pytest.skip(why)
    for name, value in mpi.AS_ROOT.items():
        monkeypatch.setenv(name, value)


def job(settings=SLOW, atoms=None):
    atoms = atoms or crystal()
    return {**gpaw_job(atoms, settings), "code": CODE, "datasets": dataset_names(settings, {"Li", "Cl"})}


def rank_processes(folder, count=2):
    """Wait until the ranks of a folder compute, and return them."""
    log = folder / "log.txt"
    assert wait_for(lambda: log.exists() and "iter:" in log.read_text(), 60), "no rank computes"
    found = [p for p in mpi.programs_of(folder) if "mpi" not in p.name() and _computes(p)]
    assert len(found) == count
    return found


def _computes(process):
    words = process.cmdline()
    return any(Path(word).name == "gpaw_job.py" for word in words) and "alloop.labelling.leash" not in words


def test_a_program_on_one_core_answers_what_this_process_would(tmp_path):
    here = ENGINE.single_point(crystal(), FAST, CODE, tmp_path)
    there = ENGINE.single_point(crystal(), FAST, CODE, tmp_path, Launch(limit_s=120))
    assert there.energy_eV == here.energy_eV
    assert np.array_equal(there.forces_eV_per_A, here.forces_eV_per_A)
    assert np.array_equal(there.stress_eV_per_A3, here.stress_eV_per_A3)
    assert there.scf_iterations == here.scf_iterations


def test_a_limit_of_time_ends_a_program_that_would_compute_for_ever(tmp_path):
    with pytest.raises(OutOfTimeError, match=r"^no answer within 0\.05 min on 1 core$"):
        run_gpaw(job(), tmp_path, Launch(limit_s=3.0))
    assert mpi.programs_of(tmp_path) == []


def test_failures_cross_from_the_program_as_what_they_are(tmp_path):
    with pytest.raises(NotConvergedError, match="no self-consistency"):
        run_gpaw(job(FAST.model_copy(update={"maxiter": 1})), tmp_path, Launch())
    bad = job(FAST)
    bad |= {"moments_muB": [1e6, 0.0], "keywords": {**bad["keywords"], "spinpol": True}}
    with pytest.raises(TaskFailure, match=r"^dft: \w+Error: "):
        run_gpaw(bad, tmp_path, Launch())


def test_other_code_is_refused_before_anything_is_computed(tmp_path):
    for wanted in ({**CODE, "gpaw": "1.0"}, {**CODE, "setup_Li": "0" * 16}):
        with pytest.raises(CodeMismatchError, match=r"(gpaw|setup_Li) is .* the campaign needs (1\.0|0000)"):
            run_gpaw({**job(), "code": wanted}, tmp_path, Launch())
        assert not (tmp_path / "log.txt").exists()


def test_a_launcher_that_does_not_exist_is_named(tmp_path):
    why = launch_problem(Launch(2, "no_such_launcher -n {ranks}"), CODE, {}, tmp_path)
    assert why.startswith("there is no program `no_such_launcher`; install")
    why = launch_problem(Launch(2, "env -n {ranks}", "/no/such/python"), CODE, {}, tmp_path)
    assert why == "there is no Python `/no/such/python`; correct mpi_python"


def test_a_program_that_dies_tells_its_last_words(tmp_path):
    launcher = tmp_path / "launcher"
    launcher.write_text("#!/bin/sh\necho start; echo 'OSError: no such node'; echo ----; exit 3\n")
    launcher.chmod(0o755)
    with pytest.raises(RanksError, match=r"launcher` left no answer, exit status 3: OSError: no such node$"):
        run_gpaw(job(), tmp_path, Launch(2, f"{launcher} {{ranks}}"))


def test_ranks_know_nothing_of_the_ranks_and_jobs_around_the_worker(tmp_path, monkeypatch):
    for name in ("OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "SLURM_JOB_ID", "PBS_NODEFILE", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "9")
    for name, kept in (("mpiexec", set()), ("srun", {"SLURM_JOB_ID", "PBS_NODEFILE"})):
        launcher = tmp_path / name
        launcher.write_text("#!/bin/sh\nenv > seen\n")
        launcher.chmod(0o755)
        with pytest.raises(RanksError):
            run_gpaw(job(), tmp_path, Launch(2, f"{launcher} -n {{ranks}}"))
        seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines() if "=" in line)
        assert {name for name in seen if re.match("OMPI_|PMI|SLURM_JOB|PBS_", name)} - set(mpi.AS_ROOT) == kept
        assert seen["OMP_NUM_THREADS"] == "1"


def test_the_program_runs_where_there_is_no_alloop(tmp_path):
    shutil.copy(script.__file__, tmp_path)
    (tmp_path / script.JOB).write_text(json.dumps({**job(FAST), "ranks": 1}))
    block = "import sys; sys.modules['alloop'] = None; import runpy; runpy.run_path(sys.argv[1], run_name='__main__')"
    program = [sys.executable, "-c", block.replace("sys.argv[1]", "sys.argv.pop(1)"), str(tmp_path / "gpaw_job.py")]
    subprocess.run([*program, str(tmp_path)], check=True, cwd=tmp_path)
    assert json.loads((tmp_path / script.ANSWER).read_text())["code"]["gpaw"] == CODE["gpaw"]


@pytest.mark.slow
def test_two_ranks_answer_what_one_process_does(ranks, tmp_path):
    one = ENGINE.single_point(crystal(), FAST, CODE, tmp_path)
    many = ENGINE.single_point(crystal(), FAST, CODE, tmp_path, two())
    assert many.energy_eV == pytest.approx(one.energy_eV, abs=1e-6)
    assert many.forces_eV_per_A == pytest.approx(one.forces_eV_per_A, abs=1e-5)
    assert many.stress_eV_per_A3 == pytest.approx(one.stress_eV_per_A3, abs=1e-6)
    assert many.scf_iterations == one.scf_iterations
    assert launch_problem(two(), CODE, dataset_names(FAST, {"Li", "Cl"}), tmp_path) is None


@pytest.mark.slow
def test_a_timeout_leaves_no_rank(ranks, tmp_path):
    begin = time.monotonic()
    with pytest.raises(OutOfTimeError) as caught:
        run_gpaw(job(), tmp_path, two(limit_s=6.0))
    assert str(caught.value) == "no answer within 0.1 min on 2 ranks"
    assert time.monotonic() - begin < 6 + 10
    assert mpi.programs_of(tmp_path) == []


@pytest.mark.slow
def test_ranks_do_not_outlive_a_killed_worker(ranks, tmp_path):
    (tmp_path / "task.json").write_text(json.dumps(job()))
    code = (
        "import json, sys; from pathlib import Path; from alloop.labelling.gpaw_engine import run_gpaw\n"
        "from alloop.labelling.ranks import Launch\n"
        "folder = Path(sys.argv[1]); job = json.loads((folder / 'task.json').read_text())\n"
        "run_gpaw(job, folder, Launch(2, sys.argv[2], sys.argv[3]))\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), mpi.COMMAND, str(mpi.PYTHON)])
    assert {process.environ()["OMP_NUM_THREADS"] for process in rank_processes(tmp_path)} == {"1"}
    worker.kill()
    worker.wait()
    assert mpi.gone(tmp_path, 5)


@pytest.mark.slow
def test_a_rank_that_dies_is_a_lost_attempt_and_not_a_hang(ranks, tmp_path):
    def kill_one():
        os.kill(rank_processes(tmp_path)[0].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    begin = time.monotonic()
    with pytest.raises(RanksError, match=r"^`mpiexec` left no answer, exit status \d+: .*signal 9"):
        run_gpaw(job(), tmp_path, two(limit_s=100))
    killer.join()
    assert time.monotonic() - begin < 60
    assert mpi.programs_of(tmp_path) == []


@pytest.mark.slow
def test_a_launcher_that_is_killed_takes_its_ranks_with_it(ranks, tmp_path):
    def kill_launcher():
        rank_processes(tmp_path)
        for process in mpi.programs_of(tmp_path):
            if process.name() in ("mpiexec", "orterun", "mpirun"):
                process.kill()

    killer = threading.Thread(target=kill_launcher)
    killer.start()
    with pytest.raises(RanksError, match="left no answer"):
        run_gpaw(job(), tmp_path, two(limit_s=100))
    killer.join()
    assert mpi.programs_of(tmp_path) == []


@pytest.mark.slow
def test_a_gpaw_without_mpi_is_told_and_so_is_the_mend(ranks, tmp_path):
    why = launch_problem(two(python=sys.executable), CODE, {}, tmp_path)
    assert "built without MPI; `make gpaw-mpi`" in why
    assert "\n" not in why
