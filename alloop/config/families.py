"""The compositions of a system: one, or one for each value of x and y."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alloop.config.expressions import ExpressionError, evaluated
from alloop.config.orderings import Share
from alloop.config.science import SystemConfig

MOST_COMPOSITIONS = 500
_ROUNDING = 1e-9


class FamilyError(ValueError):
    """A share that has no value between 0 and 1, or values that make no family.

    Parameters
    ----------
    where : tuple
        Its key in the system.
    what : str
        What is wrong and the mend, in one line.
    """

    def __init__(self, where: tuple[str | int, ...], what: str) -> None:
        super().__init__(where, what)
        self.where, self.what = where, what

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class Composition:
    """One composition of a system.

    Attributes
    ----------
    name : str
        Name of the system, with x and y if it has several.
    substitute : mapping
        Shares by the element or site that they replace.
    values : mapping
        Values of x and y, as far as the system has them.
    """

    name: str
    substitute: Mapping[str, Mapping[str, float]]
    values: Mapping[str, float] = field(default_factory=dict)


def compositions(system: SystemConfig) -> tuple[Composition, ...]:
    """Return the compositions of a system, x before y.

    Raises
    ------
    FamilyError
        If a share or a value of x or y is not a number between 0 and 1, there are too many, or two are the same.
    """
    _refuse_unused(system)
    found = []
    for values in _values(system):
        name = "".join([system.name, *(f"-{variable}{value:.4g}" for variable, value in values.items())])
        found.append(Composition(name, _shares(system, values), values))
        if len(found) > MOST_COMPOSITIONS:
            raise FamilyError(("x",), f"gives more than {MOST_COMPOSITIONS} compositions; give fewer values")
    _refuse_doubles(system, found)
    return tuple(found)


def _values(system: SystemConfig) -> Iterator[dict[str, float]]:
    """Yield the values of x and y."""
    if not system.x and not system.y:
        yield {}
        return
    for i, written in enumerate(system.x):
        x = _share(written, {}, ("x", i))
        if isinstance(system.y, str):
            yield {"x": x, "y": _share(system.y, {"x": x}, ("y",))}
        elif system.y:
            for j, other in enumerate(system.y):
                yield {"x": x, "y": _share(other, {}, ("y", j))}
        else:
            yield {"x": x}


def _shares(system: SystemConfig, values: Mapping[str, float]) -> dict[str, dict[str, float]]:
    return {
        name: {species: _share(share, values, ("substitute", name, species)) for species, share in shares.items()}
        for name, shares in system.substitute.items()
    }


def _share(written: Share, values: Mapping[str, float], where: tuple[str | int, ...]) -> float:
    try:
        value = evaluated(written, values)
    except ExpressionError as error:
        raise FamilyError(where, f"`{written}` {error}") from error
    if not -_ROUNDING <= value <= 1.0 + _ROUNDING:
        at = " at " + ", ".join(f"{name} = {number:g}" for name, number in values.items()) if values else ""
        raise FamilyError(where, f"`{written}` is {value:.4g}{at}; it must be a number between 0 and 1")
    return min(1.0, max(0.0, value))


def _refuse_doubles(system: SystemConfig, found: Sequence[Composition]) -> None:
    """Refuse values that lead to one composition twice: it would be computed twice, and count twice."""
    names: dict[str, Composition] = {}
    made: dict[tuple[object, ...], Composition] = {}
    for one in found:
        if one.name in names:
            doubled = len({f"{other.values['x']:.4g}" for other in found}) < len(system.x)
            what = f"gives `{one.name}` twice, with values to four digits; leave one of them out"
            raise FamilyError(("x" if doubled else "y",), what)
        shares = tuple((name, *sorted(own.items())) for name, own in sorted(one.substitute.items()))
        if (other := made.get(shares)) is not None:
            variable = next(name for name, value in one.values.items() if value != other.values[name])
            what = f"changes nothing between `{other.name}` and `{one.name}`; use {variable} in `substitute`"
            raise FamilyError((variable,), f"{what}, or give it one value")
        names[one.name] = made[shares] = one


def _refuse_unused(system: SystemConfig) -> None:
    if system.y and not system.x:
        raise FamilyError(("y",), "needs values of x; write `x: […]`, or rename y to x")
    if system.x and not system.substitute:
        raise FamilyError(("x",), "changes nothing without `substitute`; add one, or delete this line")
