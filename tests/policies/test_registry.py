import sys
import textwrap

import pytest

from policies import ExplorationPolicy, LeastExplored, RandomSelection, SelectionPolicy, StoppingPolicy
from policies.registry import BUILT_IN, load_policy

PROTOCOLS = {"selection": SelectionPolicy, "exploration": ExplorationPolicy, "stopping": StoppingPolicy}


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """A module of somebody's own, importable as ``own_policies``."""
    (tmp_path / "own_policies.py").write_text(
        textwrap.dedent(
            """
            class Mine:
                def __init__(self, strength, mood="calm"):
                    if strength < 0:
                        raise ValueError("strength must not be negative")
                    self.strength = strength

                def select(self, candidates, window, count, per_walker, seed):
                    return None

            class Anything:
                def __init__(self, **options):
                    self.options = options

                def next_segments(self, walkers, count=1, *, more=None):
                    return ()

            class WrongArguments:
                def select(self, frames, n):
                    return None

            class NamesOnly:
                def select(self, *, candidates, window, count, per_walker, seed):
                    return None

            class Empty:
                pass

            def function():
                pass
            """
        )
    )
    (tmp_path / "broken_policies.py").write_text("import no_such_package_at_all\n")
    (tmp_path / "crash_policies.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("own_policies", "broken_policies", "crash_policies"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("role", "name"), [(role, name) for role in BUILT_IN for name in BUILT_IN[role]])
def test_every_built_in_policy_loads_and_keeps_its_protocol(role, name):
    assert isinstance(load_policy(role, name, {}), PROTOCOLS[role])


def test_options_reach_the_constructor():
    assert load_policy("stopping", "ladder", {"tolerance_energy": 0.3}).tolerance_energy == 0.3
    assert load_policy("exploration", "policies.exploration:LeastExplored", {"restart_after": 7}).restart_after == 7
    assert type(load_policy("selection", "random", {})) is RandomSelection
    assert type(load_policy("exploration", "least_explored", {})) is LeastExplored


@pytest.mark.usefixtures("own_module")
def test_a_policy_of_ones_own():
    assert load_policy("selection", "own_policies:Mine", {"strength": 2}).strength == 2
    assert load_policy("exploration", "own_policies:Anything", {"x": 1}).options == {"x": 1}


@pytest.mark.usefixtures("own_module")
@pytest.mark.parametrize(
    ("role", "name", "options", "line"),
    [
        ("selecting", "random", {}, "unknown role 'selecting': did you mean 'selection'?"),
        ("selection", "disagrement", {}, "unknown selection policy 'disagrement': did you mean 'disagreement'?"),
        ("stopping", "xyz", {}, "unknown stopping policy 'xyz': known: ladder or module:Class"),
        ("stopping", "ladder", {"tolerance_force": 1}, "option 'tolerance_force': did you mean 'tolerance_forces'?"),
        (
            "stopping",
            "ladder",
            {"tolerance_energy": -1},
            "stopping policy 'ladder': tolerance_energy must be positive and finite, got -1",
        ),
        ("stopping", "ladder", {"tolerance_energy": "a"}, "stopping policy 'ladder': TypeError: must be real number"),
        ("selection", "random", {"bias": 1}, "unknown option 'bias': known: none"),
        (
            "selection",
            "no.such:Thing",
            {},
            "(ModuleNotFoundError: No module named 'no'); put the folder of the module into",
        ),
        ("selection", "broken_policies:A", {}, "cannot import 'broken_policies' (ModuleNotFoundError"),
        ("selection", "crash_policies:A", {}, "cannot import 'crash_policies' (ZeroDivisionError"),
        ("selection", ":A", {}, "selection policy ':A': cannot import ''"),
        ("selection", "own_policies:", {}, "no class '' in 'own_policies'; known: Anything"),
        ("selection", "own_policies:Mind", {}, "no class 'Mind' in 'own_policies'; did you mean 'Mine'?"),
        ("selection", "own_policies:function", {}, "no class 'function' in 'own_policies'"),
        ("selection", "own_policies:Mine", {}, "missing 1 required positional argument: 'strength'"),
        ("selection", "own_policies:Mine", {"strength": -1}, "'own_policies:Mine': strength must not be negative"),
        ("selection", "own_policies:Empty", {}, "Empty has no method select(candidates, window, count, per_walker"),
        ("stopping", "random", {}, "unknown stopping policy 'random'"),
        (
            "stopping",
            "policies.selection.baselines:RandomSelection",
            {},
            "RandomSelection has no method judge(rungs, ladder",
        ),
        ("selection", "own_policies:WrongArguments", {}, "WrongArguments.select cannot be called as select(candidates"),
        ("selection", "own_policies:NamesOnly", {}, "NamesOnly.select cannot be called as select(candidates"),
    ],
)
def test_a_mistake_is_one_line(role, name, options, line):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole line is compared below
        load_policy(role, name, options)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
