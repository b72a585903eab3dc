"""A calculator that keeps count of what it is asked, and may end its process at every frame."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from tests.support.slow_labels import SlowEMT


class CountedEMT(SlowEMT):
    """SlowEMT that writes a line into a file for every frame.

    Parameters
    ----------
    count : str
        The file.
    pause_s : float
        How long a frame takes (s).
    dies : bool
        Whether it ends its process instead of answering.
    """

    def __init__(self, count: str, pause_s: float = 0.0, dies: bool = False) -> None:
        super().__init__(pause_s)
        self._count, self._dies = Path(count), dies

    def calculate(self, atoms: Any = None, *words: Any, **keywords: Any) -> None:
        super().calculate(atoms, *words, **keywords)
        with self._count.open("a") as file:
            print(hashlib.sha256(self.atoms.positions.tobytes()).hexdigest(), file=file)
        if self._dies:
            os._exit(9)
