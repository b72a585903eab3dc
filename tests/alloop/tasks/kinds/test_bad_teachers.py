"""Teachers in processes of their own that hang, die, raise, or answer nonsense: at some frames, or at all."""

from pathlib import Path

import numpy as np
import psutil
import pytest

from alloop.failures import TaskFailure
from alloop.labelling import ase_engine, calculator_process
from alloop.labelling.errors import RanksError
from alloop.labelling.registry import engine_of, label_settings
from alloop.tasks.attempts import broken_by
from alloop.tasks.contract.teach import TEACH, TeachData, TeachRequest, TeachSummary
from alloop.tasks.kinds import teach as teaching
from alloop.tasks.kinds.teach import teach
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace
from tests.alloop.tasks.kinds.test_teach import asked
from tests.support.waiting import wait_for

MODULE = '''
import os, time
from pathlib import Path

import numpy as np
from ase.calculators.calculator import SCFError
from ase.calculators.emt import EMT


class Bad(EMT):
    """EMT that goes wrong as it is told, where the first atom went up, right and back, or everywhere."""

    def __init__(self, notes):
        super().__init__()
        self.notes = Path(notes)

    def calculate(self, *words, **keywords):
        super().calculate(*words, **keywords)
        what, where = (self.notes / "order").read_text().split()
        if where == "everywhere" or (self.atoms.positions[0] > 0).all():
            with (self.notes / "wrong").open("a") as file:
                print(os.getpid(), file=file)
            getattr(self, what)()

    def hangs(self):
        time.sleep(300)

    def dies(self):
        print("out of memory on purpose", flush=True)
        os._exit(9)

    def slips(self):
        raise TypeError("no neighbours")

    def unconverged(self):
        raise SCFError("80 iterations were too few\\nand more words")

    def nan(self):
        self.results["forces"] = self.results["forces"] * np.nan

    def nan_energy(self):
        self.results["energy"] = self.results["free_energy"] = float("nan")

    def explodes(self):
        self.results["forces"] = self.results["forces"] * 1e6

    def deep(self):
        self.results["energy"] = self.results["free_energy"] = -1e6
'''


@pytest.fixture(scope="module", autouse=True)
def _ended():
    yield
    calculator_process.end_all()


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """The folder of its package, which holds what it shall do and notes what it did."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "bad_teacher.py").write_text(MODULE)
    return folder


SEED = 2
"""With it the first atom of one frame goes up, right and back."""


def told(teacher: Path, what: str, where: str = "here and there") -> TeachRequest:
    """Tell the teacher how to go wrong, and return a request to it."""
    (teacher / "order").write_text(f"{what} {where.partition(' ')[0]}")
    (teacher / "wrong").unlink(missing_ok=True)
    section = {"engine": "ase", "calculator": "bad_teacher:Bad", "arguments": {"notes": str(teacher)}}
    settings = label_settings({**section, "python": str(teacher), "min_contact": 0.5})
    code = engine_of(settings).identity(settings, ["Cu"])
    return asked(seed=SEED).model_copy(update={"teacher": settings.model_dump(mode="json"), "code": code})


def taught(request: TeachRequest, folder: Path) -> tuple[TeachSummary, TeachData]:
    summary, data = teach(request, Workspace(folder), Machine())
    return TEACH.summary.model_validate(summary), TEACH.data.model_validate(data)


@pytest.fixture
def impatient(monkeypatch):
    """Wait for an answer 3 s only, but as long as ever for a process to start."""
    described = ase_engine._described
    monkeypatch.setattr(ase_engine, "_described", lambda label, limit_s=None: described(label))
    monkeypatch.setattr(teaching, "LIMIT_S", 3.0)


def wrong(teacher: Path) -> list[int]:
    """Return the process of every answer that went wrong."""
    return [int(process) for process in (teacher / "wrong").read_text().split()]


def gone(process: int) -> bool:
    return not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE


ANSWERS = ("slips", "unconverged", "nan", "nan_energy", "explodes", "deep")


@pytest.mark.parametrize("what", [*ANSWERS, "dies", "hangs"])
def test_a_frame_at_which_a_teacher_goes_wrong_is_left_out_and_no_other(teacher, tmp_path, request, what):
    if what == "hangs":
        request.getfixturevalue("impatient")
    summary, data = taught(told(teacher, what), tmp_path)
    assert wrong(teacher)
    assert (summary.frames, summary.refused) == (7, 1)
    assert len(data.labels) == len(data.temperatures_K) == 7
    for label in data.labels:
        assert not (label.structure.to_atoms().positions[0] > 0).all()
        assert np.isfinite(label.forces_eV_per_A).all()
        assert abs(label.energy_eV) < 100
    assert summary.largest_force_eV_per_A < 30


def test_a_teacher_whose_code_raises_stays_up_so_that_no_number_of_such_frames_is_too_large(
    teacher, tmp_path, monkeypatch
):
    monkeypatch.setattr(teaching, "BREAKS", 0)
    summary, _ = taught(told(teacher, "slips"), tmp_path)
    assert (summary.frames, summary.refused) == (7, 1)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("unconverged", "NotConvergedError: 80 iterations were too few"),
        ("nan", "forces: a force is not a finite number"),
        ("explodes", "forces: a force component is .* eV/Å, limit 30 eV/Å"),
    ],
)
def test_a_teacher_that_is_wrong_everywhere_is_one_line(teacher, tmp_path, what, words):
    begin = "teacher: the teacher labels 0 of 8 frames; the last one without: "
    with pytest.raises(TaskFailure, match=begin + words) as failure:
        taught(told(teacher, what, "everywhere"), tmp_path)
    assert failure.value.reason == "teacher"
    assert "\n" not in str(failure.value)


def test_a_teacher_that_hangs_is_given_up_in_one_line_and_its_process_is_gone(
    teacher, tmp_path, monkeypatch, impatient
):
    request = told(teacher, "hangs", "everywhere")
    monkeypatch.setattr(teaching, "BREAKS", 0)
    with pytest.raises(TaskFailure, match=r"the teacher gives no answer: no answer within 0\.05 min") as failure:
        taught(request, tmp_path)
    assert failure.value.reason == "teacher"
    assert "\n" not in str(failure.value)
    (process,) = wrong(teacher)
    assert wait_for(lambda: gone(process), 10)
    assert list(tmp_path.rglob("scratch/*")) == []


def test_a_process_that_ends_again_and_again_is_a_fault_of_the_machine_in_one_line(teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(teaching, "BREAKS", 1)
    words = "`bad_teacher:Bad` ended with exit status 9: out of memory on purpose"
    with pytest.raises(RanksError, match=words) as error:
        taught(told(teacher, "dies", "everywhere"), tmp_path)
    broken = broken_by(error.value)
    assert broken.kind == "machine"
    assert "\n" not in broken.text
    assert len(set(wrong(teacher))) == 2
    (log,) = (tmp_path / "logs" / "teach").iterdir()
    assert "out of memory on purpose" in log.read_text()
    assert log.name in broken.text
