"""The wheel, installed into an environment of its own, does what the README promises, far from the clone."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

import pytest
from ase.io import read

from alloop.config.foundations import SHIPPED
from tests.support.campaigns import write_config

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SOURCES = ("alloop", "policies", "configs")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class Installation:
    """An environment that holds the wheel, and a folder to work in."""

    def __init__(self, home: Path) -> None:
        self.bin = home / "venv" / "bin"
        self.cwd = home / "elsewhere"
        self.cwd.mkdir(parents=True)

    def __call__(self, *command: str | Path, timeout_s: float = 300.0) -> subprocess.CompletedProcess[str]:
        program, *words = map(str, command)
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        return subprocess.run(
            [str(self.bin / program), *words],
            cwd=self.cwd,
            env={**ours, **THREADS, "WANDB_MODE": "offline", "PYTHONNOUSERSITE": "1"},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the sources, so that nothing is left in the clone."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(source / "dist"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "absent from the `packages`" not in done.stdout + done.stderr
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Install the wheel where its dependencies can be seen and this clone cannot."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "venv", with_pip=True)
    installation = Installation(home)
    python = installation.bin / "python"
    _expose_dependencies(home / "dependencies", python)
    done = installation("python", "-m", "pip", "install", "--no-index", "--no-deps", wheel)
    assert done.returncode == 0, done.stderr[-2000:]
    return installation


def _expose_dependencies(folder: Path, python: Path) -> None:
    """Link every installed package but alloop into a folder that the new environment sees."""
    folder.mkdir()
    for home in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(home).iterdir():
            if entry.suffix != ".pth" and not _is_ours(entry.name) and not _is_installer(entry.name):
                (folder / entry.name).symlink_to(entry)
    site = next((python.parents[1] / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(f"{folder}\n")
    for script in _scripts("parsl"):
        body = script.read_text(encoding="utf-8").split("\n", 1)[1]
        copy = python.parent / script.name
        copy.write_text(f"#!{python}\n{body}", encoding="utf-8")
        copy.chmod(0o755)


def _is_ours(name: str) -> bool:
    return "alloop" in name or name.startswith("policies")


def _is_installer(name: str) -> bool:
    return name == "pip" or name.startswith("pip-")


def _scripts(name: str) -> Iterable[Path]:
    """Return the scripts that a package brought into the environment."""
    folder = Path(sysconfig.get_path("scripts")).resolve()
    files = (Path(str(path.locate())).resolve() for path in distribution(name).files or ())
    return [path for path in files if path.parent == folder and path.suffix == ".py"]


def test_it_ships_the_packages_with_their_files_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.partition("/")[0] for name in names if "dist-info" not in name} == {"alloop", "policies"}
    shipped = {f"alloop/foundations/{one.path.name}" for one in SHIPPED.values()}
    assert names >= {"alloop/py.typed", *shipped}


def test_the_clone_is_out_of_sight(installed):
    script = "import alloop, policies; print(alloop.__file__); print(policies.__file__)"
    places = installed("python", "-c", script).stdout.split()
    assert len(places) == 2
    assert all(Path(place).is_relative_to(installed.bin.parent) for place in places)


def test_all_that_the_wheel_asks_for_is_there(installed):
    told = installed("python", "-m", "pip", "check").stdout.splitlines()
    assert [line for line in told if line.startswith("alloop ")] == []


def test_the_quickstart_can_be_written_and_checked(installed):
    written = installed("alloop", "init", "--example", "quickstart", "mine")
    assert written.returncode == 0, written.stderr
    taught = installed("alloop", "check", "mine/quickstart.yaml")
    assert taught.returncode == 2
    assert taught.stderr.count("\n") == 1
    assert "pip install --no-deps --target" in taught.stderr
    config = installed.cwd / "mine" / "quickstart.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub("^teacher: .*$", "teacher: null", text, flags=re.MULTILINE), encoding="utf-8")
    checked = installed("alloop", "check", "mine/quickstart.yaml")
    assert checked.returncode == 0, checked.stderr
    assert "Li3InCl6" in checked.stdout
    told = installed("alloop", "check", "mine/quickstart.yaml", "--json")
    assert json.loads(told.stdout)["projection"]["labels"] == 60
    assert not (installed.cwd / "runs").exists()


def test_a_campaign_runs_to_its_verdict(installed):
    config = write_config(installed.cwd / "configs", ladder={"rungs": [4], "fits": 2})
    done = installed("alloop", "run", config, "--plain", timeout_s=600)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    root = installed.cwd / "runs" / "tiny"
    status = json.loads(installed("alloop", "status", root, "--json").stdout)
    assert status["verdict"] in ("converged", "ladder_exhausted")
    assert [rung["size"] for rung in status["rungs"]] == [4]
    assert "<html" in (root / "report.html").read_text(encoding="utf-8")
    frames = read(root / "export" / "dataset.extxyz", index=":")
    assert len(frames) == status["labels"]["train"] + status["labels"]["heldout"]
    script = (
        "from mace.calculators import MACECalculator as M; M(model_paths='runs/tiny/export/leader.model', device='cpu')"
    )
    loaded = installed("python", "-W", "ignore", "-c", script)
    assert loaded.returncode == 0, loaded.stderr[-2000:]


def test_the_report_and_the_committee_are_written_on_demand(installed):
    exported = installed("alloop", "export", "runs/tiny", "--committee", "--output", "committee")
    assert exported.returncode == 0, exported.stderr
    assert {path.name for path in (installed.cwd / "committee").glob("*.model")} == {"member-0.model", "member-1.model"}
    reported = installed("alloop", "report", "runs/tiny", "--output", "again.html")
    assert reported.returncode == 0, reported.stderr
    assert (installed.cwd / "again.html").stat().st_size > 1000
