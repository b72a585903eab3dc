"""The SCF ladder: attempts with other settings, one after the other, until the SCF converges.

An attempt changes how self-consistency is reached, never what it is: functional, cutoff, k-points, convergence criteria
and the smearing of the final density are those of the config in every attempt. The first has the config's own settings.
"""

from __future__ import annotations

from typing import Any

from alloop.config.label import GpawLabel

Attempt = dict[str, Any]

USUAL: Attempt = {"name": "msr1"}
"""GPAW's own mixer, in place of one that the config names."""
CAUTIOUS: Attempt = {"name": "msr1", "beta": 0.02}
"""The same with smaller first steps."""
PLAIN: Attempt = {"name": "pulay", "beta": 0.02}
"""Another kind of mixer, with small steps."""
START_WIDTH_eV = 0.3
"""Smearing (eV) of the density that an attempt with a warm start converges first."""
ATOM_MAXITER = 300


def frame_ladder(label: GpawLabel) -> list[Attempt]:
    """Return the changes of GPAW's keywords in each attempt for a frame.

    ``start_width_eV`` is not a keyword of GPAW: with it an attempt converges at that smearing and at the initial total
    moment first, and goes on from there with the configured smearing and a free moment.
    """
    patient = {"maxiter": 2 * label.maxiter}
    warm = {"start_width_eV": max(START_WIDTH_eV, 2.0 * label.smearing_eV)}
    return [
        {},
        {**patient, "mixer": CAUTIOUS},
        {**patient, "mixer": USUAL, **warm},
        {**patient, "mixer": PLAIN, **warm},
    ]


def atom_ladder() -> list[Attempt]:
    """Return the changes of GPAW's keywords in each attempt for an isolated atom, whose moment Hund's rule holds."""
    return [{}, {"mixer": CAUTIOUS}, {"mixer": PLAIN}]
