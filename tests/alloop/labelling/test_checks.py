import importlib.util

import gpaw
import pytest

from alloop.config.science import AseLabel, GpawLabel
from alloop.labelling.checks import check_label_settings

ELEMENTS = ("Li", "In", "Cl")
HAS_LIBXC = bool(gpaw.get_libraries()["libxc"])


def test_good_settings_have_no_problem():
    assert check_label_settings(GpawLabel(), ELEMENTS) == []
    assert check_label_settings(GpawLabel(gpaw={"convergence": {"forces": 0.02}, "nbands": "120%"}), ELEMENTS) == []
    assert check_label_settings(GpawLabel(spin=True, magmoms={"In": 1.0}, charge=-1), ELEMENTS) == []


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
    problems = check_label_settings(GpawLabel(**settings), ELEMENTS)
    assert len(problems) == 1
    assert "\n" not in problems[0]
    for word in words:
        assert word in problems[0]


def test_an_element_without_a_dataset_is_named():
    assert "Po.PBE" in check_label_settings(GpawLabel(), ["Li", "Po"])[0]
    assert "`Xx`" in check_label_settings(GpawLabel(), ["Li", "Xx"])[0]


@pytest.mark.parametrize("xc", ["r2SCAN", "SCAN"])
def test_meta_functionals_go_by_their_short_names_where_libxc_is(xc):
    problems = check_label_settings(GpawLabel(xc=xc), ELEMENTS)
    if HAS_LIBXC:
        assert problems == []
    else:
        assert problems[0].startswith(f"label.xc: `{xc}` needs libxc")


def test_pbesol_says_what_it_lacks():
    problems = check_label_settings(GpawLabel(xc="PBEsol"), ELEMENTS)
    assert "PBEsol" in problems[0]
    assert ("gpaw-setup" if HAS_LIBXC else "needs libxc") in problems[0]


def test_dispersion_without_its_package_says_how_to_get_it():
    problems = check_label_settings(GpawLabel(dispersion="d3"), ELEMENTS)
    if importlib.util.find_spec("dftd3"):
        assert problems == []
        assert "no parameters" in check_label_settings(GpawLabel(dispersion="d3", xc="LDA"), ELEMENTS)[0]
    else:
        assert "pip install dftd3" in problems[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"calculator": "ase.calculators.emt:EMTX"}, ("label.calculator", "EMTX")),
        ({"calculator": "no_such_module:X"}, ("label.calculator", "cannot import `no_such_module`", "PYTHONPATH")),
        ({"calculator": "ase.units:kB"}, ("label.calculator", "not a class")),
        ({"calculator": "ase.calculators.singlepoint:SinglePointCalculator"}, ("label.arguments", "atoms")),
    ],
)
def test_a_wrong_ase_calculator_is_one_line(settings, words):
    problems = check_label_settings(AseLabel(engine="ase", **settings), ELEMENTS)
    assert len(problems) == 1
    assert "\n" not in problems[0]
    for word in words:
        assert word in problems[0]


def test_a_good_ase_calculator_has_no_problem():
    lj = AseLabel(engine="ase", calculator="ase.calculators.lj:LennardJones", arguments={"sigma": 2.0})
    assert check_label_settings(lj, ELEMENTS) == []
