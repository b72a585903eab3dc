import sys

import pytest

from alloop.config.label import AseLabel
from alloop.labelling.ase_engine import ENGINE

ELEMENTS = ("Li", "In", "Cl")


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
    problems = ENGINE.check(AseLabel(engine="ase", **settings), ELEMENTS)
    assert len(problems) == 1
    assert "\n" not in problems[0]
    for word in words:
        assert word in problems[0]


def test_a_good_ase_calculator_has_no_problem():
    lj = AseLabel(engine="ase", calculator="ase.calculators.lj:LennardJones", arguments={"sigma": 2.0})
    assert ENGINE.check(lj, ELEMENTS) == []


def test_a_calculator_is_named_by_the_version_of_its_package():
    import ase

    label = AseLabel(engine="ase", calculator="ase.calculators.emt:EMT")
    assert ENGINE.identity(label, ["Cu"]) == {
        "calculator": "ase.calculators.emt:EMT",
        "module": f"ase {ase.__version__}",
    }


@pytest.mark.parametrize("changed", ["module", "file"])
def test_a_calculator_of_ones_own_is_named_by_its_source_and_its_files(tmp_path, monkeypatch, changed):
    source, model = tmp_path / "own_calculator.py", tmp_path / "model.bin"
    source.write_text("class Own: ...\n")
    model.write_bytes(b"1")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_calculator", raising=False)
    label = AseLabel(engine="ase", calculator="own_calculator:Own", arguments={"model": str(model)})
    before = ENGINE.identity(label, [])
    if changed == "module":
        source.write_text("class Own: pass\n")
    else:
        model.write_bytes(b"2")
    assert ENGINE.identity(label, []) != before
