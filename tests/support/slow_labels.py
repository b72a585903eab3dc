"""A label engine that takes its time, so that a test can interrupt it."""

import time

from ase.calculators.emt import EMT


class SlowEMT(EMT):
    """EMT that waits before it answers, but not for a lone atom.

    Parameters
    ----------
    pause_s : float
        How long (s).
    """

    def __init__(self, pause_s: float) -> None:
        super().__init__()
        self._pause_s = pause_s

    def calculate(self, atoms=None, *arguments, **keywords):
        time.sleep(self._pause_s if atoms is not None and len(atoms) > 1 else 0.0)
        super().calculate(atoms, *arguments, **keywords)
