"""The structure of the code: which room may import which, and how long files and functions may be."""

import ast
import graphlib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    {"__main__"},
    {"cli"},
    {"commands"},
    {"reading"},
    {"monitor"},
    {"report"},
    {"outputs"},
    {"campaign"},
    {"simulation"},
    {"studies"},
    {"status"},
    {"decisions"},
    {"workers"},
    {"state"},
    {"journal"},
    {"proposal"},
    {"checks"},
    {"tasks"},
    {"trajectories"},
    {"labelling", "potential", "transport"},
    {"dynamics"},
    {"materials"},
    {"config"},
    {"files"},
    {"failures"},
)
"""Rooms of `alloop`, the highest first: a room imports lower ones only."""
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 400, 40


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("alloop", "policies", cache_dir=None)


def room(module):
    """Return the room of a module: the folder or file below ``alloop``, or ``policies``."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "alloop" else package


def imports(graph):
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            yield module, imported


def test_every_room_has_its_layer(graph):
    known = set().union(*LAYERS)
    assert {room(module) for module in graph.modules if module.startswith("alloop.")} <= known


def test_no_room_imports_a_higher_one(graph):
    height = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    upwards = [
        f"{module} imports {imported}"
        for module, imported in imports(graph)
        if room(module) != room(imported) and room(module) in height and room(imported) in height
        if height[room(imported)] <= height[room(module)]
    ]
    assert upwards == []


def test_policies_do_not_know_alloop(graph):
    assert [one for one in imports(graph) if one[0].startswith("policies") and one[1].startswith("alloop")] == []


def test_no_module_imports_itself_by_way_of_others(graph):
    order = graphlib.TopologicalSorter({m: graph.find_modules_directly_imported_by(m) - {m} for m in graph.modules})
    order.prepare()  # raises CycleError with the circle


def test_what_workers_run_does_not_know_the_loop(graph):
    above = {name for layer in LAYERS[: LAYERS.index({"tasks"})] for name in layer}
    worker = graph.find_upstream_modules("alloop.tasks.worker")
    assert {room(module) for module in worker} & above == set()


def test_the_top_of_the_package_holds_few_loose_files():
    loose = {path.name for path in (ROOT / "alloop").glob("*.py")} - {"__init__.py", "__main__.py"}
    assert len(loose) <= 4, loose


def sources():
    for package in ("alloop", "policies"):
        yield from sorted((ROOT / package).rglob("*.py"))


def test_no_file_is_too_long():
    long = {str(path.relative_to(ROOT)) for path in sources() if len(path.read_text().splitlines()) > LINES_OF_A_FILE}
    assert long == set()


def test_no_function_is_too_long():
    long = {
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines(node) > LINES_OF_A_FUNCTION
    }
    assert long == set()


def lines(function):
    """Return the lines of a function without its docstring, from its name to its end."""
    whole = function.end_lineno - function.lineno + 1
    first = function.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return whole - (first.end_lineno - first.lineno + 1 if has_docstring else 0)
