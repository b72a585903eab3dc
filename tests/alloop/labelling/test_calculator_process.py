"""Calculators in another Python or in a folder of packages, with every way in which they may fail."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from ase.build import bulk

from alloop.config.label import AseLabel
from alloop.failures import OutOfTimeError, TaskFailure
from alloop.labelling import calculator_process, calculator_server
from alloop.labelling.ase_engine import ENGINE
from alloop.labelling.errors import CodeMismatchError, NotConvergedError, RanksError
from alloop.labelling.ranks import OUTPUT, Launch
from tests.support.waiting import wait_for

MODULE = '''
import os, signal, sys, time
from pathlib import Path

import numpy as np
from ase.calculators.calculator import BadConfiguration, Calculator, SCFError
from ase.calculators.emt import EMT


class Odd(EMT):
    """EMT that does what it is told to when it computes."""

    def __init__(self, what="", made=""):
        super().__init__()
        self.what = what
        self.count = 0
        if made:
            raise BadConfiguration(made)

    def calculate(self, *words, **keywords):
        super().calculate(*words, **keywords)
        self.count += 1
        self.results["energy"] = self.results["free_energy"] = float(os.getpid())
        for word in self.what.split():
            getattr(self, word)()

    def raises(self):
        raise ValueError("no parameters for Xx\\nsecond line")

    def shouts(self):
        raise RuntimeError("x" * 10_000_000)

    def unconverged(self):
        raise SCFError("80 iterations were too few")

    def typo(self):
        raise TypeError("what is this?")

    def once(self):
        mark = Path(self.directory).parent / "mark"
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGSEGV)

    def ends(self):
        mark = Path(self.directory).parent / "mark"
        if not mark.exists():
            mark.touch()
            os._exit(0)

    def burns(self):
        while time.process_time() < 1.5:
            pass

    def dies(self):
        print("LicenceError: none left", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)

    def leaves(self):
        os._exit(3)

    def leaves_in_peace(self):
        os._exit(0)

    def hangs(self):
        time.sleep(300)

    def nan(self):
        self.results["forces"] = self.results["forces"] * np.nan

    def explodes(self):
        self.results["forces"] = self.results["forces"] + 1e6

    def prints(self):
        print("alloop-answer:{}", flush=True)
        os.system("echo alloop-answer:{}")
        print("words " * 200_000)
        assert sys.stdin.read() == ""

    def writes(self):
        (Path(self.directory) / "log.txt").write_text("here")

    def knows(self):
        import mace_is_not_here
'''


@pytest.fixture(autouse=True)
def _ended():
    yield
    calculator_process.end_all()


@pytest.fixture
def packages(tmp_path):
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "only_there.py").write_text(MODULE)
    return folder


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def odd(packages, what="", **further):
    settings = {"calculator": "only_there:Odd", "arguments": {"what": what}, "python": str(packages)} | further
    return AseLabel(engine="ase", **settings)


def point(label, folder, limit_s=None):
    return ENGINE.single_point(bulk("Cu", cubic=True), label, {}, folder, limit_s and Launch(limit_s=limit_s))


def servers():
    """Return the processes of calculators, without their leashes."""
    running = [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
    return [p for p in running if calculator_server.__file__ in p.cmdline()[:2]]


def leashes():
    running = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    return [p for p in running if "alloop.labelling.leash" in p.cmdline()]


def test_a_folder_of_packages_is_first_and_its_process_stays_up(packages, scratch):
    label = odd(packages)
    assert ENGINE.check(label, ["Cu"]) == []
    first, second = point(label, scratch), point(label, scratch)
    assert first.energy_eV == second.energy_eV != os.getpid()
    assert first.forces_eV_per_A.shape == (4, 3)
    assert first.stress_eV_per_A3.shape == (6,)
    assert "only_there" not in sys.modules


def test_the_numbers_are_those_of_the_same_calculator_in_this_python(scratch):
    here = AseLabel(engine="ase", calculator="ase.calculators.emt:EMT")
    there = here.model_copy(update={"python": sys.executable})
    assert ENGINE.identity(here, ["Cu"]) == ENGINE.identity(there, ["Cu"])
    one, other = point(here, scratch), point(there, scratch)
    assert one.energy_eV == other.energy_eV
    np.testing.assert_array_equal(one.forces_eV_per_A, other.forces_eV_per_A)
    np.testing.assert_array_equal(one.stress_eV_per_A3, other.stress_eV_per_A3)


def test_a_module_of_ones_own_is_found_by_this_python_wherever_it_lies(packages, scratch, monkeypatch):
    monkeypatch.syspath_prepend(str(packages))
    label = odd(packages, python=sys.executable)
    assert ENGINE.check(label, ["Cu"]) == []
    assert point(label, scratch).forces_eV_per_A.shape == (4, 3)


def test_another_python_gets_the_module_by_pythonpath_only(packages, tmp_path, scratch, monkeypatch):
    python = tmp_path / "python"  # the same one, but alloop cannot know that
    python.write_text(f'#!/bin/sh\necho "module loaded"\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.syspath_prepend(str(packages))
    (line,) = ENGINE.check(odd(packages, python=str(python)), ["Cu"])
    assert line.startswith("label.calculator: cannot import `only_there`")
    assert f"{python} -m pip install" in line
    monkeypatch.setenv("PYTHONPATH", f"{packages}:{os.environ.get('PYTHONPATH', '')}")
    calculator_process.end_all()
    assert point(odd(packages, python=str(python)), scratch).forces_eV_per_A.shape == (4, 3)


def test_the_identity_names_the_package_of_the_folder(packages):
    label = odd(packages)
    by_file = ENGINE.identity(label, ["Cu"])
    information = packages / "only_there-1.2.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: only-there\nVersion: 1.2\n")
    (information / "top_level.txt").write_text("only_there\n")
    (information / "RECORD").write_text("only_there.py,,\n")
    calculator_process.end_all()
    assert ENGINE.identity(label, ["Cu"]) == {"calculator": "only_there:Odd", "module": "only-there 1.2"}
    assert set(by_file) == {"calculator", "module"}


def test_other_code_than_asked_for_is_refused(packages, scratch):
    with pytest.raises(CodeMismatchError, match="module"):
        ENGINE.single_point(bulk("Cu"), odd(packages), {"module": "only-there 1.1"}, scratch)


# -- what a calculator may do wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        ("raises", TaskFailure, "ValueError: no parameters for Xx$"),
        ("shouts", TaskFailure, "RuntimeError: x{100,500}$"),
        ("unconverged", NotConvergedError, "80 iterations were too few"),
        ("typo", RanksError, "TypeError: what is this"),
        ("knows", RanksError, "ModuleNotFoundError: No module named 'mace_is_not_here'"),
    ],
)
def test_an_error_of_a_calculator_is_told_and_the_process_goes_on(packages, scratch, what, error, words):
    with pytest.raises(error, match=words):
        point(odd(packages, what), scratch)
    assert (scratch / OUTPUT).stat().st_size <= 100_000
    (server,) = servers()
    with pytest.raises(error):
        point(odd(packages, what), scratch)
    assert servers() == [server]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("dies", "ended by SIGSEGV: LicenceError: none left"),
        ("leaves", "ended with exit status 3"),
        ("leaves_in_peace", "the process of `only_there:Odd` ended twice without an answer, with exit status 0"),
    ],
)
def test_a_process_that_dies_is_a_fault_of_the_machine(packages, scratch, what, words):
    with pytest.raises(RanksError, match=words):
        point(odd(packages, what), scratch)
    assert servers() == []


def test_a_process_that_died_is_started_again_by_the_next_question(packages, scratch):
    label = odd(packages, "once")
    with pytest.raises(RanksError, match="SIGSEGV"):
        point(label, scratch)
    assert point(label, scratch).forces_eV_per_A.shape == (4, 3)


def test_a_process_that_was_killed_between_two_questions_is_no_fault(packages, scratch):
    first = point(odd(packages), scratch)
    os.kill(int(first.energy_eV), signal.SIGKILL)
    assert wait_for(lambda: not leashes(), 10)
    assert point(odd(packages), scratch).energy_eV != first.energy_eV


def test_a_hang_ends_at_the_limit_with_its_process(packages, scratch):
    point(odd(packages), scratch)
    started = time.monotonic()
    with pytest.raises(OutOfTimeError, match=r"no answer within 0\.05 min on 1 core"):
        point(odd(packages, "hangs"), scratch, limit_s=3.0)
    assert time.monotonic() - started < 8
    assert len(servers()) == 1  # that of the other calculator


def test_numbers_that_are_none_and_forces_without_bound_reach_the_gates(packages, scratch):
    assert np.isnan(point(odd(packages, "nan"), scratch).forces_eV_per_A).all()
    assert point(odd(packages, "explodes"), scratch).forces_eV_per_A.max() > 9e5


def test_what_a_calculator_prints_does_not_come_between_the_answers(packages, scratch):
    label = odd(packages, "prints")
    assert point(label, scratch).energy_eV == point(label, scratch).energy_eV


def test_a_calculator_works_in_the_folder_of_the_label(packages, scratch):
    point(odd(packages, "writes"), scratch)
    assert (scratch / "log.txt").read_text() == "here"


# -- what may be wrong with the settings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "start", "mend"),
    [
        ({"python": "/no/such"}, "label.python: there is no `/no/such`", "pip install --target"),
        ({"python": "/etc/passwd"}, "label.python: `/etc/passwd` is no program", "folder of packages"),
        ({"python": "/bin/true"}, "label.python: `/bin/true` ended without an answer", "is it a Python"),
        ({"python": "/bin/false"}, "label.python: the process of", "ended with exit status 1"),
        ({"calculator": "only_there:Even"}, "label.calculator: `only_there` has no `Even`", ""),
        ({"calculator": "not_there:Odd"}, "label.calculator: cannot import `not_there`", "pip install --target"),
        ({"calculator": "half_there:Odd"}, "label.calculator: cannot import `half_there`: No module named 'gone'", ""),
        ({"arguments": {"wath": 1}}, "label.arguments: only_there:Odd: got an unexpected keyword", ""),
    ],
)
def test_what_cannot_start_is_one_line(packages, change, start, mend):
    (packages / "half_there.py").write_text("import gone\n")
    lines = ENGINE.check(odd(packages, **change), ["Cu"])
    assert len(lines) == 1
    assert lines[0].startswith(start)
    assert mend in lines[0]
    assert "\n" not in lines[0]


def test_a_folder_that_is_mended_is_read_again(packages):
    (packages / "only_there.py").rename(packages / "aside.py")
    assert ENGINE.check(odd(packages), ["Cu"])
    (packages / "aside.py").rename(packages / "only_there.py")
    assert ENGINE.check(odd(packages), ["Cu"]) == []


def test_a_calculator_that_cannot_be_made_blames_the_machine(packages, scratch):
    label = odd(packages, arguments={"made": "no model file"})
    with pytest.raises(CodeMismatchError, match="Odd` cannot start on this machine: no model file"):
        point(label, scratch)


def test_a_python_without_ase_is_told(tmp_path, packages):
    (packages / "ase.py").write_text("raise ImportError('no ase')\n")
    (line,) = ENGINE.check(odd(packages), ["Cu"])
    assert line.startswith("label.python: ")
    assert "cannot import `ase`: no ase; install it there" in line


# -- how long a process lives ------------------------------------------------------------------------------------


def test_threads_share_one_process(packages, scratch):
    energies = []
    threads = [
        threading.Thread(target=lambda: energies.append(point(odd(packages), scratch).energy_eV)) for _ in "1234"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(energies) == 4
    assert len(set(energies)) == 1


def test_a_process_that_is_asked_nothing_ends_and_the_next_question_does_not_notice(packages, scratch, monkeypatch):
    server = scratch / "server.py"
    text = Path(calculator_server.__file__).read_text()
    server.write_text(text.replace(f"IDLE_S = {calculator_server.IDLE_S}", "IDLE_S = 0.2"))
    monkeypatch.setattr(calculator_server, "__file__", str(server))
    before = point(odd(packages), scratch).energy_eV
    assert wait_for(lambda: not leashes(), 10)
    assert point(odd(packages), scratch).energy_eV != before


def test_a_process_that_ends_by_itself_as_it_is_asked_is_no_fault(packages, scratch):
    assert point(odd(packages, "ends"), scratch).forces_eV_per_A.shape == (4, 3)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None])
def test_it_ends_with_the_process_that_asked(packages, how):
    script = (
        "import sys, time\n"
        "from alloop.config.label import AseLabel\n"
        "from alloop.labelling.calculator_process import single_point\n"
        "from pathlib import Path\n"
        "cell = [[4, 0, 0], [0, 4, 0], [0, 0, 4]]\n"
        "frame = {'numbers': [29], 'positions': [[0, 0, 0]], 'cell': cell, 'pbc': [True] * 3}\n"
        "label = AseLabel.model_validate_json(sys.argv[1])\n"
        "print(single_point(label, frame, Path('.'), None)['energy_eV'], flush=True)\n"
        "time.sleep(float(sys.argv[2]))\n"
    )
    words = [sys.executable, "-c", script, odd(packages).model_dump_json(), "300" if how else "0"]
    owner = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=packages)
    server = int(float(owner.stdout.readline()))
    if how:
        owner.send_signal(how)
    owner.wait(20)
    assert wait_for(lambda: not psutil.pid_exists(server), 10)


def test_the_time_of_a_process_counts_once(packages, scratch):
    def used_s():
        times = os.times()
        return times.children_user + times.children_system + calculator_process.cpu_s()

    before = used_s()
    point(odd(packages, "burns"), scratch)
    running = used_s() - before
    calculator_process._process(odd(packages, "burns")).end()
    ended = used_s() - before
    assert running > 1.4
    assert ended == pytest.approx(running, abs=0.8)


def test_the_program_runs_in_any_python_that_has_ase_and_numpy():
    script = "import runpy, sys; runpy.run_path(sys.argv[1]); print(*sys.modules)"
    words = [sys.executable, "-c", script, calculator_server.__file__]
    imported = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert not {name.partition(".")[0] for name in imported} & {"alloop", "mace", "torch", "pydantic"}
