import ast
import subprocess
import sys
from pathlib import Path

import pytest

from alloop.potential import mace_api

ROOT = Path(__file__).parents[3]


def test_importing_the_potential_prints_nothing():
    done = subprocess.run([sys.executable, "-c", "import alloop.potential.committee"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_load_of_alloops_says_whether_it_may_unpickle():
    calls = [
        (path, {keyword.arg for keyword in node.keywords})
        for path in (ROOT / "alloop").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]
    assert calls
    assert [path for path, keywords in calls if "weights_only" not in keywords] == []


@pytest.mark.parametrize("folder", ["alloop", "policies", "benchmarks", "tests"])
def test_no_other_module_imports_mace_or_e3nn(folder):
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*.py")
        if packages_of(path) & {"mace", "e3nn"} and path != Path(mace_api.__file__)
    }
    assert found == set()


def packages_of(path):
    """Return the packages that a file imports anywhere, in functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_the_check_sees_imports_in_functions(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("import torch\ndef f():\n    import mace.cli\n    from e3nn.o3 import Irreps\n")
    assert packages_of(path) == {"torch", "mace", "e3nn"}
