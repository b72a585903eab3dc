"""A label engine that goes wrong at some frames: at which, and how, depends on the frame alone."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tests.support.raising import ANSWERS, ERRORS, USUAL, answers
from tests.support.slow_labels import SlowEMT

STRANGE = tuple(name for name in ANSWERS if name not in USUAL)
"""Answers of the wrong shape or kind, or with values that no frame has."""


class WildEMT(SlowEMT):
    """SlowEMT that raises one of `ERRORS`, or gives one of `STRANGE`, at a share of the frames.

    Parameters
    ----------
    pause_s : float
        How long a label takes (s).
    share : float
        How many of the frames, between 0 and 1; half of them are errors, half are answers.
    """

    def __init__(self, pause_s: float, share: float) -> None:
        super().__init__(pause_s)
        self._share = share

    def calculate(self, atoms: Any = None, *words: Any, **keywords: Any) -> None:
        super().calculate(atoms, *words, **keywords)
        wrong = wrong_at(self.atoms.positions, self._share) if len(self.atoms) > 1 else ""
        if wrong in ERRORS:
            ERRORS[wrong]()
        if wrong in STRANGE:
            self.results.update(answers(len(self.atoms), self.results["energy"])[wrong])
            self.results.pop("free_energy")


def wrong_at(positions: ArrayLike, share: float) -> str:
    """Return the name of what goes wrong at the frame with these positions, or nothing."""
    digest = hashlib.sha256(np.asarray(positions, dtype=np.float64).tobytes()).digest()
    draw, which = int.from_bytes(digest[:8]) / 2**64, int.from_bytes(digest[8:16])
    if draw >= share:
        return ""
    names = tuple(ERRORS) if draw < share / 2 else STRANGE
    return names[which % len(names)]
