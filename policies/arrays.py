"""Make arrays read-only."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Number = TypeVar("_Number", bound=np.generic)


def frozen(array: NDArray[_Number]) -> NDArray[_Number]:
    """Return the array itself, which cannot be written to any more."""
    array.setflags(write=False)
    return array


def frozen_floats(values: ArrayLike) -> NDArray[np.float64]:
    """Return a copy as 64-bit floats, which cannot be written to."""
    return frozen(np.array(values, dtype=np.float64))
