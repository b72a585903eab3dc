import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import gpaw
import pytest

from alloop.config.label import GpawLabel
from alloop.labelling.gpaw_checks import check_gpaw_settings

ELEMENTS = ("Li", "In", "Cl")
ROOT = Path(__file__).parents[3]
HAS_LIBXC = bool(gpaw.get_libraries()["libxc"])


def test_good_settings_have_no_problem():
    assert check_gpaw_settings(GpawLabel(), ELEMENTS) == []
    assert check_gpaw_settings(GpawLabel(gpaw={"convergence": {"forces": 0.02}, "nbands": "120%"}), ELEMENTS) == []
    assert check_gpaw_settings(GpawLabel(spin=True, magmoms={"In": 1.0}, charge=-1), ELEMENTS) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gpaw": {"convergance": {}}}, ("label.gpaw.convergance", "did you mean `convergence`?")),
        ({"gpaw": {"kpts": [2, 2, 2]}}, ("label.gpaw.kpts", "`label.kpts`")),
        ({"gpaw": {"mode": "lcao"}}, ("label.gpaw.mode", "`label.cutoff_eV`")),
        ({"gpaw": {"occupations": {}}}, ("label.gpaw.occupations", "`label.smearing_eV`")),
        ({"gpaw": {"legacy_gpaw": True}}, ("label.gpaw.legacy_gpaw", "delete it")),
        ({"gpaw": {"convergence": {"force": 1}}}, ("label.gpaw", '"force"')),
        ({"gpaw": {"mixer": {"name": "nope"}}}, ("label.gpaw", "nope")),
        ({"gpaw": {"eigensolver": "nope"}}, ("label.gpaw", "older code")),
        ({"gpaw": {"nbands": 3}}, ("label.gpaw", "Too few bands")),
        ({"gpaw": {"setups": {"Li": "nope"}}}, ("label.gpaw.setups", "Li.nope.PBE")),
        ({"gpaw": {"setups": {0: "paw"}}}, ("label.gpaw.setups", "not atom numbers")),
        ({"xc": "PEB"}, ("label.xc", "did you mean `PBE`?")),
        ({"xc": "pbe"}, ("label.xc", "did you mean `PBE`?")),
        ({"xc": "pyPBEsol"}, ("label.xc", "no PAW dataset", "Li.PBEsol", "gpaw-setup")),
        ({"charge": 0.5}, ("label.charge", "whole number")),
        ({"spin": True}, ("label.spin", "magmoms")),
        ({"magmoms": {"Li": 1.0}}, ("label.magmoms", "spin: true")),
        ({"spin": True, "magmoms": {"Fe": 1.0}}, ("label.magmoms.Fe", "no system holds")),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_the_key_and_the_mend(settings, words):
    problems = check_gpaw_settings(GpawLabel(**settings), ELEMENTS)
    assert len(problems) == 1
    assert "\n" not in problems[0]
    for word in words:
        assert word in problems[0]


def test_an_element_without_a_dataset_is_named():
    assert "Po.PBE" in check_gpaw_settings(GpawLabel(), ["Li", "Po"])[0]
    assert "`Xx`" in check_gpaw_settings(GpawLabel(), ["Li", "Xx"])[0]


def test_a_dataset_is_advised_to_be_made_only_where_gpaw_can_make_it():
    """For an element without parameters `gpaw-setup` ends in a traceback."""
    (polonium,) = check_gpaw_settings(GpawLabel(), ["O", "Po"])
    assert "gpaw-setup" not in polonium
    assert "GPAW cannot make one of Po: set GPAW_SETUP_PATH to the folder of one that you have" in polonium
    (lanthanum,) = check_gpaw_settings(GpawLabel(xc="revPBE"), ["La", "O"])
    assert "make it with `gpaw-setup -f revPBE La` and set GPAW_SETUP_PATH to its folder" in lanthanum
    (lithium,) = check_gpaw_settings(GpawLabel(xc="pyPBEsol"), ["Li"])
    assert "no PAW dataset Li.PBEsol; make it with `gpaw-setup -f pyPBEsol Li`" in lithium  # PBEsol would need libxc


@pytest.mark.slow
def test_the_advised_command_makes_a_dataset_that_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run([Path(sys.executable).with_name("gpaw-setup"), "-f", "PW91", "Li"], check=True, capture_output=True)
    check = "from alloop.labelling.gpaw_checks import *; print(check_gpaw_settings(GpawLabel(xc='PW91'), ['Li']))"
    environ = {**os.environ, "GPAW_SETUP_PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", check], env=environ, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize("xc", ["r2SCAN", "SCAN"])
def test_meta_functionals_go_by_their_short_names_where_libxc_is(xc):
    problems = check_gpaw_settings(GpawLabel(xc=xc), ELEMENTS)
    if HAS_LIBXC:
        assert problems == []
    else:
        assert problems[0].startswith(f"label.xc: `{xc}` needs libxc")


def test_pbesol_says_what_it_lacks():
    problems = check_gpaw_settings(GpawLabel(xc="PBEsol"), ELEMENTS)
    assert "PBEsol" in problems[0]
    assert ("gpaw-setup" if HAS_LIBXC else "needs libxc") in problems[0]


def test_dispersion_without_its_package_says_how_to_get_it():
    problems = check_gpaw_settings(GpawLabel(dispersion="d3"), ELEMENTS)
    if importlib.util.find_spec("dftd3"):
        assert problems == []
        assert "no parameters" in check_gpaw_settings(GpawLabel(dispersion="d3", xc="LDA"), ELEMENTS)[0]
    else:
        assert "pip install dftd3" in problems[0]
