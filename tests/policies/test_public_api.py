import ast
import doctest
import importlib
import pkgutil
import sys
from pathlib import Path

import pytest

import policies

MODULES = ["policies", *(module.name for module in pkgutil.walk_packages(policies.__path__, "policies."))]
FOLDER = Path(policies.__file__).parent


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_documentation_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_is_an_example_of_a_policy_of_ones_own():
    assert doctest.testmod(policies).attempted >= 5


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_policies_stand_on_numpy_and_scikit_learn_alone(path):
    roots = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            roots.add((node.module or "").partition(".")[0])
    third_party = {root for root in roots if root not in sys.stdlib_module_names}
    assert third_party <= {"policies", "numpy", "scipy", "sklearn"}


def test_what_is_public_exists_and_is_documented():
    for name in policies.__all__:
        assert getattr(policies, name) is not None
    assert (FOLDER / "py.typed").exists()
