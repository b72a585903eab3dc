import sys
from subprocess import CalledProcessError

import pytest
from ase.build import bulk

from alloop.config.label import AseLabel
from alloop.labelling.ase_engine import ENGINE
from alloop.labelling.errors import CodeMismatchError, NotConvergedError

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


def test_a_long_text_among_the_arguments_is_not_taken_for_a_file():
    label = AseLabel(engine="ase", calculator="ase.calculators.cp2k:CP2K", arguments={"inp": "&FORCE_EVAL\n" * 100})
    assert set(ENGINE.identity(label, ["Cu"])) == {"calculator", "module"}


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


def compute(folder, name, **arguments):
    label = AseLabel(engine="ase", calculator=f"tests.support.calculators:{name}", arguments=arguments)
    return ENGINE.compute(bulk("Cu", cubic=True), label, folder)


def test_a_calculator_that_did_not_converge_gives_no_number(tmp_path):
    with pytest.raises(NotConvergedError, match="Unconverged` did not reach self-consistency"):
        compute(tmp_path, "Unconverged")


@pytest.mark.parametrize("status", [1, 2, 125])
def test_a_program_that_gives_up_is_an_answer(tmp_path, status):
    with pytest.raises(ENGINE.answers, match=f"Ends` ended with exit status {status}$"):
        compute(tmp_path, "Ends", status=status)


@pytest.mark.parametrize("status", [-9, 127, 137])
def test_a_program_that_is_missing_or_killed_is_a_fault_of_the_machine(tmp_path, status):
    with pytest.raises(CalledProcessError) as caught:
        compute(tmp_path, "Ends", status=status)
    assert not isinstance(caught.value, ENGINE.answers)


@pytest.mark.parametrize(("when", "why"), [("made", r"no section \[program\]"), ("used", "set PROGRAM_COMMAND")])
def test_a_calculator_that_lacks_something_blames_the_machine_and_not_the_frame(tmp_path, when, why):
    with pytest.raises(CodeMismatchError, match=f"NotSetUp` cannot start on this machine: {why}$"):
        compute(tmp_path, "NotSetUp", when=when)


@pytest.mark.parametrize(
    ("calculator", "arguments", "words"),
    [
        (
            "ase.calculators.lj:LennardJones",
            {"epsilonn": 0.05},
            "knows no `epsilonn` and would compute without it; did you",
        ),
        (
            "ase.calculators.lj:LennardJones",
            {"cutoff": 6.0},
            "knows no `cutoff` and would compute without it; correct or",
        ),
        ("ase.calculators.emt:EMT", {"asap_cutof": True}, "did you mean `asap_cutoff`?"),
        ("ase.calculators.mopac:MOPAC", {"mehtod": "PM7"}, "did you mean `method`?"),
    ],
)
def test_an_argument_that_would_be_ignored_is_told(calculator, arguments, words):
    (problem,) = ENGINE.check(AseLabel(engine="ase", calculator=calculator, arguments=arguments), ELEMENTS)
    assert problem.startswith(f"label.arguments: {calculator} ")
    assert words in problem


@pytest.mark.parametrize(
    ("calculator", "arguments"),
    [
        ("ase.calculators.lj:LennardJones", {"epsilon": 0.05, "sigma": 2.3, "rc": 6.0, "ro": 5.0, "smooth": True}),
        ("ase.calculators.morse:MorsePotential", {"epsilon": 1.0, "r0": 2.0}),
        ("ase.calculators.eam:EAM", {"elements": ["Cu"], "potential": "Cu.eam"}),
        ("ase.calculators.mopac:MOPAC", {"method": "PM7", "charge": 0, "GNORM": 0.1}),
        ("ase.calculators.vasp:Vasp", {"encut": 520, "kspacing": 0.3}),
        ("ase.calculators.cp2k:CP2K", {"inp": "&FORCE_EVAL"}),
    ],
)
def test_arguments_that_a_class_uses_or_writes_into_an_input_are_fine(calculator, arguments):
    assert ENGINE.check(AseLabel(engine="ase", calculator=calculator, arguments=arguments), ELEMENTS) == []


@pytest.mark.parametrize(
    ("body", "why"), [("raise TypeError('old Python')", "TypeError: old Python"), ("exit(3)", "SystemExit: 3")]
)
def test_a_module_that_fails_while_it_is_imported_is_told(tmp_path, monkeypatch, body, why):
    (tmp_path / "failing_calculator.py").write_text(f"import sys\n\n{body.replace('exit', 'sys.exit')}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (problem,) = ENGINE.check(AseLabel(engine="ase", calculator="failing_calculator:X"), ELEMENTS)
    where = "(failing_calculator.py, line 3)"
    assert problem == f"label.calculator: cannot import `failing_calculator`: {why} {where}"
