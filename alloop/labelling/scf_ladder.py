"""What is tried, one after the other, until the SCF converges.

A rung changes how self-consistency is reached, never what it is: functional, cutoff, k-points, convergence criteria and
the smearing of the final density are those of the config on every rung. The first rung is the config's own settings.
"""

from __future__ import annotations

from typing import Any

from alloop.config.science import GpawLabel

Rung = dict[str, Any]

USUAL: Rung = {"name": "msr1"}
"""GPAW's own mixer, in place of one that the config names."""
CAUTIOUS: Rung = {"name": "msr1", "beta": 0.02}
"""The same with smaller first steps."""
PLAIN: Rung = {"name": "pulay", "beta": 0.02}
"""Another kind of mixer, with small steps."""
START_WIDTH_eV = 0.3
"""Smearing of the density that a rung with a warm start converges first."""
ATOM_MAXITER = 300


def frame_ladder(label: GpawLabel) -> list[Rung]:
    """Return the changes of GPAW's keywords on each rung for a frame.

    ``start_width_eV`` is no keyword of GPAW: with it a rung converges at that smearing and at the initial total
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


def atom_ladder() -> list[Rung]:
    """Return the changes of GPAW's keywords on each rung for an isolated atom, whose moment Hund's rule holds."""
    return [{}, {"mixer": CAUTIOUS}, {"mixer": PLAIN}]
