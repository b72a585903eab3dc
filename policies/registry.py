"""Find and construct the policy that a config names."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, overload

from policies.exploration import ExplorationPolicy
from policies.selection.contract import SelectionPolicy
from policies.stopping.ladder import StoppingPolicy

BUILT_IN: dict[str, dict[str, str]] = {
    "selection": {
        "disagreement": "policies.selection.disagreement:DisagreementSelection",
        "random": "policies.selection.baselines:RandomSelection",
        "uniform": "policies.selection.baselines:UniformSelection",
    },
    "exploration": {"least_explored": "policies.exploration:LeastExplored"},
    "stopping": {"ladder": "policies.stopping:LadderStopping"},
}

_LONGEST_TEXT = 1000
_METHODS: dict[str, Callable[..., object]] = {
    "selection": SelectionPolicy.select,
    "exploration": ExplorationPolicy.next_segments,
    "stopping": StoppingPolicy.judge,
}


@overload
def load_policy(role: Literal["selection"], name: str, options: Mapping[str, object]) -> SelectionPolicy: ...
@overload
def load_policy(role: Literal["exploration"], name: str, options: Mapping[str, object]) -> ExplorationPolicy: ...
@overload
def load_policy(role: Literal["stopping"], name: str, options: Mapping[str, object]) -> StoppingPolicy: ...
@overload
def load_policy(role: str, name: str, options: Mapping[str, object]) -> object: ...
def load_policy(role: str, name: str, options: Mapping[str, object]) -> object:
    """Return the policy of a role, constructed with its options.

    Parameters
    ----------
    role : str
        ``selection``, ``exploration`` or ``stopping``.
    name : str
        A name of `BUILT_IN`, or ``module:Class`` for anybody's.
    options : mapping of str to object
        Keyword arguments of the constructor.

    Returns
    -------
    object
        A policy with the method of the role's Protocol.

    Raises
    ------
    ValueError
        With one line that says what is wrong: an unknown role or name, a module that does not import, a class that
        is missing, options that it does not take, or a class without the Protocol's method.

    Examples
    --------
    >>> load_policy("stopping", "ladder", {"tolerance_forces": 0.05}).tolerance_forces
    0.05
    >>> load_policy("selection", "randm", {})
    Traceback (most recent call last):
    ValueError: unknown selection policy 'randm': did you mean 'random'?
    """
    if role not in BUILT_IN:
        raise ValueError(f"unknown role {role!r}: {_hint(role, list(BUILT_IN))}")
    label = f"{role} policy {name!r}"
    cls = _find(role, name, label)
    policy = _construct(cls, options, label)
    _check_method(policy, _METHODS[role], label)
    return policy


def _find(role: str, name: str, label: str) -> type[Any]:
    if ":" not in name and name not in BUILT_IN[role]:
        raise ValueError(f"unknown {label}: {_hint(name, list(BUILT_IN[role]), 'or module:Class')}")
    module_name, _, class_name = BUILT_IN[role].get(name, name).partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a foreign module may raise anything while it is imported
        missing = isinstance(error, ModuleNotFoundError) and error.name == module_name.partition(".")[0]
        mend = "; put the folder of the module into PYTHONPATH" if missing else ""
        raise ValueError(f"{label}: cannot import {module_name!r} ({_one_line(error)}){mend}") from error
    cls = getattr(module, class_name, None)
    if not inspect.isclass(cls):
        classes = [key for key, value in vars(module).items() if inspect.isclass(value)]
        raise ValueError(f"{label}: no class {class_name!r} in {module_name!r}; {_hint(class_name, classes)}")
    return cls


def _construct(cls: type[Any], options: Mapping[str, object], label: str) -> object:
    known, takes_any = _options_of(cls)
    unknown = [] if takes_any else [key for key in options if key not in known]
    if unknown:
        raise ValueError(f"{label}: unknown option {unknown[0]!r}: {_hint(unknown[0], known)}")
    try:
        return cls(**options)
    except (Exception, SystemExit) as error:  # a foreign constructor may raise anything
        raise ValueError(f"{label}: {_one_line(error)}") from error


def _options_of(cls: type[Any]) -> tuple[list[str], bool]:
    """Return the names of a constructor's options, and whether it takes any other."""
    try:
        parameters = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):
        return [], True
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in parameters if p.kind in named], any(p.kind is p.VAR_KEYWORD for p in parameters)


def _check_method(policy: object, wanted: Callable[..., object], label: str) -> None:
    parameters = [name for name in inspect.signature(wanted).parameters if name != "self"]
    call = f"{wanted.__name__}({', '.join(parameters)})"
    method = getattr(policy, wanted.__name__, None)
    if not callable(method):
        raise ValueError(f"{label}: {type(policy).__name__} has no method {call}")
    try:
        signature = inspect.signature(method)
        signature.bind(*parameters)
        signature.bind(**dict.fromkeys(parameters))
    except TypeError as error:
        raise ValueError(f"{label}: {type(policy).__name__}.{wanted.__name__} cannot be called as {call}") from error


def _hint(name: str, known: list[str], more: str = "") -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    choices = ", ".join(sorted(known)) or "none"
    return f"known: {choices}{' ' + more if more else ''}"


def _one_line(error: BaseException) -> str:
    try:
        text = " ".join(str(error)[:_LONGEST_TEXT].split())
    except Exception:  # what an error says of itself is foreign code too
        text = "it cannot say what"
    return text if text and isinstance(error, ValueError) else f"{type(error).__name__}: {text}".rstrip(": ")
