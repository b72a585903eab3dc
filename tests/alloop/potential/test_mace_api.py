import ast
import re
from pathlib import Path

import pytest

from alloop.potential import mace_api

ROOT = Path(__file__).parents[3]


def test_every_load_of_alloops_says_whether_it_may_unpickle():
    calls = [
        (path, {keyword.arg for keyword in node.keywords})
        for path in (ROOT / "alloop").rglob("*.py")
        if "torch" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
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
    """Return the packages that a file which names one of them imports anywhere, in functions too."""
    names, text = set(), path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if re.search("mace|e3nn", text) else ():
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_the_check_sees_imports_in_functions(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("import torch\ndef f():\n    import mace.cli\n    from e3nn.o3 import Irreps\n")
    assert packages_of(path) == {"torch", "mace", "e3nn"}
