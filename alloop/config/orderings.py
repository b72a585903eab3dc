"""How a system of a config is made of a disordered crystal, or of a parent and what is substituted in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from alloop.config.base import Count, Positive, Section

Share = Annotated[float, Field(allow_inf_nan=False)] | str
"""A number, or an expression of x and y."""
Row = tuple[int, int, int]
_ROWS = 3


class CellConfig(Section):
    """The cell in which ions are ordered: one of its two keys."""

    atoms: Count | None = Field(
        None,
        description="Most atoms: the largest supercell of up to so many atoms that makes all fractions whole, in its "
        "most cubic shape.",
    )
    matrix: tuple[Row, Row, Row] | None = Field(
        None, description="Vectors of the supercell as rows of whole numbers, in units of those of the structure file."
    )

    @field_validator("matrix", mode="before")
    @classmethod
    def _of_rows(cls, written: Any) -> Any:
        if not isinstance(written, list):
            return written
        if len(written) == _ROWS and all(isinstance(row, int) for row in written):
            a, b, c = written
            raise ValueError(f"needs three rows; along the axes, write [[{a}, 0, 0], [0, {b}, 0], [0, 0, {c}]]")
        return tuple(tuple(row) if isinstance(row, list) else row for row in written)

    @model_validator(mode="after")
    def _one_of_both(self) -> CellConfig:
        if (self.atoms is None) == (self.matrix is None):
            raise ValueError("needs one of `atoms` and `matrix`, as in `cell: {atoms: 80}`")
        return self


class OrderingsConfig(Section):
    """Which ordered cells are made of a disordered crystal."""

    method: Literal["auto", "enumerate", "monte_carlo", "random"] = Field(
        "auto",
        description="`enumerate`: all orderings up to symmetry. `monte_carlo`: swaps of ions at `temperature_K`. "
        "`random`: samples with equal chances. `auto`: `enumerate` up to 50000 orderings, else `monte_carlo`.",
    )
    ground_state: bool = Field(True, description="Take the ordering of lowest Ewald energy.")
    samples: Annotated[int, Field(ge=0, le=1000)] = Field(0, description="Other orderings to take.")
    temperature_K: Positive = Field(1000.0, description="Temperature of the samples, for instance of the synthesis.")
    permittivity: Annotated[float, Field(ge=1)] = Field(
        10.0, description="Relative permittivity that screens the charges: without it, order is overstated."
    )
    sweeps: Count = Field(
        500,
        description="Monte Carlo sweeps (one attempt per mixed site) of an annealing, before the first sample, and "
        "between two samples.",
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(0, description="Seed of the orderings.")

    @model_validator(mode="after")
    def _of_at_least_one(self) -> OrderingsConfig:
        if not self.ground_state and self.samples == 0:
            raise ValueError("takes no ordering at all; write `samples: 1` or more, or leave out `ground_state: false`")
        return self
