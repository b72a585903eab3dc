"""Settings of studies, which change no decision of a campaign.

They may change when a campaign resumes. A section has the name of its study.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alloop.config.base import Count, Positive, Section, Sublattice


class RelaxConfig(Section):
    """Relaxed lattice of every system, by every fit of the largest rung."""

    cell: bool | None = Field(
        None,
        description="True: the cell relaxes too, which takes a fitted stress; false: ions in a fixed cell; None: the "
        "cell relaxes where the stress is fitted.",
    )
    pressure_GPa: Annotated[float, Field(allow_inf_nan=False)] = Field(
        0.0, description="External pressure on a cell that relaxes."
    )
    max_force_eV_per_A: Positive = Field(
        0.01, description="A structure is relaxed when no force is larger, those on the cell included."
    )
    max_steps: Count = Field(500, description="A structure that takes more steps counts as not relaxed.")
    dft: Annotated[int, Field(ge=0)] = Field(0, description="How many systems the label engine relaxes as well.")


class ScratchConfig(Section):
    """Fits of the largest rung's labels from what the campaign starts from, against fits from random weights."""

    fits: Count = Field(3, description="Fits from either start, different only in their seed.")
    temperatures_K: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = Field(
        None, description="Temperatures of the MD under every fit; None: the hottest of `explore`."
    )
    ps: Positive = Field(20.0, description="Length of the MD of a fit that survives.")
    repeat: tuple[Count, Count, Count] = Field((1, 1, 1), description="Supercell along each lattice vector.")


class DisorderConfig(Section):
    """Canonical Monte Carlo of orderings, by every fit of the largest rung."""

    sublattices: Annotated[tuple[Sublattice, ...], Field(min_length=1)] | None = Field(
        None, description="Elements whose ions exchange places, as in `[[In, Y], [Br, Cl]]`; None: `explore.swaps`."
    )
    temperatures_K: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = Field(
        None, description="Temperatures, one walker each; None: those of `explore`."
    )
    sweeps: Count = Field(
        250, description="Length of a run: attempts per ion that can swap. The first fifth equilibrates."
    )
    every_fs: Positive = Field(20.0, description="MD from one attempt to the next.")
    repeat: tuple[Count, Count, Count] = Field((1, 1, 1), description="Supercell along each lattice vector.")


class StudiesConfig(Section):
    """Settings of ``alloop study NAME``."""

    relax: RelaxConfig = Field(RelaxConfig(), description="Relaxed lattices.")
    scratch: ScratchConfig = Field(ScratchConfig(), description="Fine-tuned against from scratch.")
    disorder: DisorderConfig = Field(DisorderConfig(), description="Short-range order against temperature.")
