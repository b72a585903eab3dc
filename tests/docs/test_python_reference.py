"""docs/python.md is what its generator writes, and names all that the documentation imports of alloop."""

import ast
import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
DESIGNERS = {"own_engine.md", "elsewhere.md"}
"""Pages whose Python changes alloop's own code, or takes what other programs have."""


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_python_reference", DOCS / "make_python_reference.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def imported(source):
    """Yield module and name of everything that Python imports of alloop and the policies."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ("alloop", "policies"):
            yield from (f"{node.module}:{alias.name}" for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "alloop":
            yield f"alloop:{node.attr}"


def sources():
    for path in sorted(DOCS.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        for number, block in enumerate(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)):
            yield pytest.param(block, id=f"{path.relative_to(DOCS)}-{number}")
    for path in sorted(DOCS.rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        yield pytest.param(code, id=path.name)


def test_the_page_is_current(maker):
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    assert page == maker.reference(), "run: python docs/make_python_reference.py"


@pytest.mark.parametrize("source", [one for one in sources() if one.id.partition("-")[0] not in DESIGNERS])
def test_what_the_documentation_imports_is_on_the_page(source, maker):
    listed = {name for group in maker.GROUPS for name in group.names}
    assert set(imported(source)) <= listed


def test_an_import_that_is_not_on_the_page_is_found(maker):
    found = set(imported("import alloop\nfrom alloop.state.fold import fold\nalloop.raed('x')"))
    assert found == {"alloop.state.fold:fold", "alloop:raed"}


def test_every_object_says_what_it_is(maker):
    for section in re.split(r"^### ", maker.reference(), flags=re.MULTILINE)[1:]:
        words = re.sub(r"^```.*?^```$", "", section.partition("\n")[2], flags=re.MULTILINE | re.DOTALL)
        assert re.match(r"\s*\w", words), section[:40]
