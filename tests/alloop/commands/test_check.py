import io
import json
import os
import tempfile
from pathlib import Path

import pytest
from ase.build import bulk
from rich.console import Console

from alloop.commands.check import run_check
from alloop.commands.run import run_campaign
from alloop.config import ConfigError
from tests.support.configs import BASE, Folder, make_folder

EMT = "engine: ase\n  calculator: ase.calculators.emt:EMT"
GPAW = "engine: gpaw\n  xc: PBE\n  cutoff_eV: 340\n  kpts: [2, 2, 2]"
SMALL = "committee: 2\n  architecture: {channels: 4, max_ell: 1, correlation: 1, layers: 1, cutoff_A: 3.5}"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Folder:
    home = make_folder(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(home.root)
    return home


def check(path, **options) -> str:
    out = io.StringIO()
    run_check(path, console=Console(file=out, width=100), **options)
    return out.getvalue()


def test_shows_what_would_run_and_creates_nothing(folder):
    path = folder.config(BASE)
    before = folder.listing()
    shown = check(path)
    assert folder.listing() == before
    for wanted in (
        "LiCl",
        "GPAW PBE, plane waves 340 eV, 2×2×2",
        "12 → 24 → 48",
        "60: 48 for training and 12 held out",
    ):
        assert wanted in shown
    assert "--probe" in shown


def test_uploading_of_artifacts_is_told_and_is_the_users_choice(folder):
    assert "are uploaded" not in check(folder.config(BASE))
    assert "are uploaded" in check(folder.config(BASE + "\nmonitor:\n  wandb:\n    artifacts: true\n"))


def test_lengths_of_runs_and_settings_far_from_what_the_crystal_needs_are_told(folder):
    measure = "\nmeasure: {mobile: Li, temperatures_K: [600, 800, 1000], production_ps: 12, max_ps: 12}\n"
    shown = check(folder.config(BASE.replace("cutoff_eV: 340", "cutoff_eV: 120") + measure))
    assert "runs of 12 ps in LiCl" in " ".join(shown.split())
    assert "label.cutoff_eV: 120 eV is low; `alloop init` would take 340" in shown


def test_json_is_one_object_for_scripts(folder):
    told = json.loads(check(folder.config(BASE), as_json=True))
    assert told["projection"]["labels"] == 60
    assert told["projection"]["systems"][0]["elements"] == ["Li", "Cl"]
    assert told["projection"]["dft_core_hours"] is None
    assert len(told["science_sha256"]) == 64


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("temperatures_K: [600, 1000]", "temperatures_K: [600]", "explore.replicas: all held-out frames come from one"),
        ("rungs: [12, 24, 48]", "rungs: [12, 24, 48]\n  fits: 1", "ladder.fits: the spread of fits is unknown"),
    ],
)
def test_a_ladder_that_cannot_converge_is_told_before_it_is_climbed(folder, old, new, told):
    assert old in BASE
    assert "Never converges" not in check(folder.config(BASE))
    assert told in check(folder.config(BASE.replace(old, new)))


def test_what_the_ladder_can_decide_is_told_as_a_warning_or_a_row(folder):
    short = check(folder.config(BASE))
    assert "decides little: two rungs that do not differ agree at the largest rung in about 0 %" in short
    assert "; 80 % takes 3 fits on " in short
    told = json.loads(check(folder.config(BASE), as_json=True))["ladder_decides"]
    assert (told["enough"], told["fits"], told["walkers"], told["frames"]) == (False, 3, 2, 12)
    assert told["energy"] < 0.05
    long = BASE.replace("temperatures_K: [600, 1000]", "temperatures_K: [600, 1000]\n  replicas: 60")
    enough = check(folder.config(long.replace("minimum: 6", "minimum: 600").replace("labels: 64", "labels: 900")))
    assert "decides little" not in enough
    assert "ladder decides" in enough


@pytest.mark.parametrize(
    ("foundation", "licence", "restricted"), [("medium-mpa-0", "MIT", False), ("medium-omat-0", "ASL", True)]
)
def test_the_licence_of_a_foundation_is_told_and_what_it_does_not_allow(folder, foundation, licence, restricted):
    path = folder.broken("foundation: null", f"foundation: {foundation}")
    shown = check(path)
    assert f"foundation {foundation}: " in shown
    assert licence in shown
    assert (f"foundation `{foundation}` is for non-commercial use only" in shown) == restricted
    told = json.loads(check(path, as_json=True))
    assert licence in told["models"]["foundation"]["licence"]
    assert bool(told["licences"]) == restricted


def test_config_that_cannot_run_is_refused(folder):
    for old, new in (("labels: 64", "labels: 10"), ("seed: 7", "sead: 7")):
        with pytest.raises(ConfigError):
            check(folder.broken(old, new))


def test_probe_times_a_real_label_of_every_system_and_leaves_nothing(folder):
    folder.frames("structures/LiCl.extxyz", bulk("Al", a=4.05, cubic=True))
    folder.frames("structures/Cu.extxyz", bulk("Cu", a=3.6, cubic=True))
    second = "  - {name: Cu, structure: structures/Cu.extxyz}\ndata:"
    text = BASE.replace(GPAW, EMT).replace("data:", second).replace("frames: 8", "frames: 4")
    path = folder.config(text.replace("committee: 4", SMALL))
    before = folder.listing()
    told = json.loads(check(path, probe=True, as_json=True))
    seconds = [system["label_s"] for system in told["projection"]["systems"]]
    assert all(0 < s < 30 for s in seconds)
    assert told["projection"]["dft_core_hours"] == pytest.approx(30 * sum(seconds) / 3600)
    rest = told["potential_cost"]
    assert 0 < rest["exploring_core_hours"] < 1
    assert 0 < rest["fits_core_hours"] < rest["wall_h"] * 10
    assert folder.listing() == before
    assert list(Path(os.environ["TMPDIR"]).iterdir()) == []


def test_probe_that_gives_no_label_says_why(folder):
    gate = f"{EMT}\n  max_force_eV_per_A: 0.000001"
    folder.frames("structures/LiCl.extxyz", bulk("Al", a=4.05))
    path = folder.config(BASE.replace(GPAW, gate).replace("repeat: [1, 1, 1]", "repeat: [2, 1, 1]"))
    with pytest.raises(ConfigError, match=r"small\.yaml:5: systems\[0\]: a label of `LiCl` failed \(forces: "):
        check(path, probe=True)


def test_the_log_of_a_failed_probe_can_be_read(folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the label is computed in a process of its own
    failing = "engine: ase\n  calculator: tests.support.calculators:LogsAndFails\n  arguments: {log: OUTCAR}"
    path = folder.config(BASE.replace(GPAW, failing))
    with pytest.raises(ConfigError, match=r"a label of `LiCl` failed \(dft: RuntimeError: no \(log: /") as caught:
        check(path, probe=True)
    (kept,) = Path(os.environ["TMPDIR"]).iterdir()
    assert f"(log: {kept})" in str(caught.value)
    assert kept.read_text() == "what happened"
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("name", "says"), [("small", "is a file"), ("my runs", "must start with a letter")])
def test_check_says_of_the_folder_what_run_would_say(folder, name, says):
    (folder.root / "runs").mkdir()
    (folder.root / "runs" / "small").write_text("mine")
    with pytest.raises(ConfigError, match=says):
        check(folder.broken("name: small", f"name: {name}"))


def test_check_refuses_a_place_with_a_space_as_run_does(folder, monkeypatch):
    path, place = folder.config(BASE), folder.root / "my runs (1)"
    place.mkdir()
    monkeypatch.chdir(place)
    with pytest.raises(ConfigError, match="the path holds ' '"):
        check(path)
    with pytest.raises(ConfigError, match="the path holds ' '"):
        run_campaign(path, None, Console(quiet=True))


@pytest.mark.slow
def test_probe_times_gpaw(folder):
    text = BASE.replace("cutoff_eV: 340\n  kpts: [2, 2, 2]", "cutoff_eV: 200\n  kpts: [1, 1, 1]")
    path = folder.config(text.replace("committee: 4", SMALL))
    told = json.loads(check(path, probe=True, as_json=True))
    assert 0 < told["projection"]["systems"][0]["label_s"] < 120
