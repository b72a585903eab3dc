"""Shares written as expressions of x and y, such as ``1 - x``; nothing but arithmetic is ever computed."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

_LONGEST = 100
_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}


class ExpressionError(ValueError):
    """An expression that has no value; the message goes on after its text."""


def evaluated(expression: float | str, values: Mapping[str, float]) -> float:
    """Return the value of an expression of numbers, names, ``+ - * /`` and parentheses.

    Parameters
    ----------
    expression : float or str
        A number, or the expression.
    values : mapping
        Value of every name that it may hold.

    Raises
    ------
    ExpressionError
        If it holds anything else, or is no finite number.

    Examples
    --------
    >>> evaluated("(1 - x) / 2", {"x": 0.5}), evaluated(0.25, {})
    (0.25, 0.25)
    """
    if not isinstance(expression, str):
        return float(expression)
    if len(expression) > _LONGEST:
        raise ExpressionError(f"is longer than {_LONGEST} characters")
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body, values)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError("is not an expression such as `1 - x`") from None
    except (ZeroDivisionError, OverflowError):
        raise ExpressionError("has no value: it divides by zero, or is too large") from None
    if not math.isfinite(value):
        raise ExpressionError("is not a finite number")
    return value


def _value(node: ast.expr, values: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.Name):
        if node.id not in values:
            known = " and ".join(values) or "there are no names here"
            raise ExpressionError(f"names `{node.id}`; known: {known}")
        return values[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_value(node.left, values), _value(node.right, values))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_value(node.operand, values))
    raise ExpressionError("may hold only numbers, x, y, + - * / and parentheses")
