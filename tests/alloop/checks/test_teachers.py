"""A teacher that cannot teach is told in one line, with file, line and the way out."""

import hashlib
import sys
from pathlib import Path

import pytest

from alloop.campaign.reuse import checked
from alloop.checks.crosscheck import cross_check
from alloop.config import ConfigError, load_config
from alloop.journal.events import GenerationOpened
from alloop.labelling import calculator_process
from alloop.labelling.errors import RanksError
from alloop.labelling.teachers import TEACHERS
from tests.support.configs import BASE, Folder
from tests.support.loops import found
from tests.support.models import pickled, small_foundation

OF_TEACHER = BASE.count("\n") + 2
"""Line of the teacher in the configs of these tests."""
CALCULATOR = """
from ase.calculators.emt import EMT


class Universal(EMT):
    type_map = {3: 0, 8: 1}
"""


@pytest.fixture(autouse=True)
def _ended():
    yield
    calculator_process.end_all()


def told(folder: Folder, teacher: str, *, begun: bool = False) -> str:
    path = folder.config(f"{BASE}\nteacher: {teacher}\n")
    with pytest.raises(ConfigError) as caught:
        cross_check(load_config(path), begun=begun)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}:{OF_TEACHER}: teacher")
    return line


def installed(monkeypatch, tmp_path: Path, name: str, **modules: str) -> Path:
    """Put the packages of a teacher, as a prefix of this Python would hold them."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    packages = TEACHERS[name].packages
    for module, source in modules.items():
        package = packages / module
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "calculator.py").write_text(source)
    return packages


@pytest.mark.parametrize("name", list(TEACHERS))
def test_a_teacher_that_is_not_installed_is_told_with_the_way_out(folder, monkeypatch, tmp_path, name):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    make = TEACHERS[name].make
    line = told(folder, name)
    assert f"`{name}` is not installed here; `make {make}` installs it" in line
    assert f"pip install --no-deps --target {tmp_path}/teachers/{make} " in line
    assert "write `teacher: null` to start without one" in line


def test_a_campaign_that_is_being_taught_is_not_told_to_drop_its_teacher_which_it_would_refuse(
    folder, monkeypatch, tmp_path
):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    line = told(folder, "sevennet-l3i5", begun=True)
    assert line.endswith("or begin a campaign of another `name` with `teacher: null`")


@pytest.mark.parametrize(
    ("teacher", "says"),
    [
        ("sevenet-l3i5", "did you mean `sevennet-l3i5`?"),
        ("medium-mpa0", "did you mean `medium-mpa-0`?"),
        ("{model: chgnet, head: pbe}", "teacher.head: `chgnet` is no MACE model, and only those have heads"),
        (f"{{model: {{path: nowhere.model, sha256: {'a' * 64}}}}}", "teacher.model.path: no such file"),
        ("{model: {calculator: 'emt:EMT', python: nowhere}}", "teacher.model.python: there is no"),
    ],
)
def test_a_wrong_teacher_is_one_line(folder, teacher, says):
    assert says in told(folder, teacher)


def test_a_half_installed_teacher_is_told_with_the_way_out(folder, monkeypatch, tmp_path):
    packages = installed(monkeypatch, tmp_path, "sevennet-l3i5", sevenn="import braceexpand_is_gone\n")
    line = told(folder, "sevennet-l3i5")
    assert "does not start: cannot import `sevenn.calculator`: No module named 'braceexpand_is_gone'" in line
    assert f"cannot import `sevenn.calculator`: No module named 'braceexpand_is_gone'; `rm -r {packages}" in line
    assert f"`rm -r {packages} && make sevennet` installs it again" in line


def test_a_teacher_that_does_not_answer_may_be_sound_on_a_machine_that_is_busy(folder, monkeypatch, tmp_path):
    def silent(*_):
        raise RanksError("`sevenn.calculator` was not imported: no answer within 5 min on 1 core")

    monkeypatch.setattr(calculator_process, "describe", silent)
    installed(monkeypatch, tmp_path, "sevennet-l3i5", sevenn="")
    line = told(folder, "sevennet-l3i5")
    assert "5 min on 1 core; a machine without other work may be fast enough; if not, `rm -r" in line


def test_elements_that_the_teacher_does_not_know_are_named(folder, tmp_path):
    (tmp_path / "universal.py").write_text(CALCULATOR)
    line = told(folder, f"{{model: {{calculator: 'universal:Universal', python: {tmp_path}}}}}")
    assert "`universal:Universal` does not know Cl of `LiCl`; choose another teacher" in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("", "the model has 2 heads; name one of them as `head`: pbe, r2scan"),
        (
            ", head: lda",
            "teacher.head: `teacher.model` does not start: the model has no head `lda`; it has: pbe",
        ),
        (", head: r2scam", "the model has no head `r2scam`; did you mean `r2scan`?"),
    ],
)
def test_the_heads_of_a_mace_model_are_listed(folder, head, says):
    file = folder.root / "teacher.model"
    file.write_bytes(pickled(small_foundation((3, 17), heads=("pbe", "r2scan"))))
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()
    line = told(folder, f"{{model: {{path: teacher.model, sha256: {checksum}}}{head}}}")
    assert says.replace("teacher.model`", f"{file}`") in line


def test_a_good_teacher_passes(folder):
    file = folder.root / "teacher.model"
    file.write_bytes(pickled(small_foundation((3, 17))))
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()
    model = f"{{path: teacher.model, sha256: {checksum}}}"
    cross_check(load_config(folder.config(f"{BASE}\nteacher: {{model: {model}}}\n")))


def test_a_campaign_that_has_fitted_labels_goes_on_where_its_teacher_is_not_installed(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    loaded = load_config(folder.config(f"{BASE}\nteacher: chgnet\n"))
    root = tmp_path / "run"
    with found(root, loaded.config) as journal:
        with pytest.raises(ConfigError, match="`chgnet` is not installed here"):
            checked(loaded, root)
        journal.append([GenerationOpened(number=0, upto=0, labels=8)])
        assert checked(loaded, root) == ()
