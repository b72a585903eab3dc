"""What measuring transport answers: small numbers for the journal, thinned curves for the report.

Every number that is unknown is None, never NaN. A standard error that is unknown is None too: no bar is not a bar of
zero.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """Base of the results: frozen, strict about its fields, and free of NaN and infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Measured(Record):
    """A number and its standard error (one standard deviation), in the same unit.

    Attributes
    ----------
    value : float
        The number.
    se : float or None
        Its standard error; None where none can be given.
    """

    value: float
    se: float | None = Field(default=None, ge=0)


class TemperatureTransport(Record):
    """Transport at one simulated temperature.

    Attributes
    ----------
    temperature_K : float
        Target temperature of the thermostat (K).
    kinetic_K : float or None
        Mean kinetic temperature of the runs (K).
    volume_A3 : float
        Volume of the simulated cell (Å³).
    ions : int
        Mobile ions in that cell.
    charge_e : float
        Charge of one of them (e).
    length_ps : float
        Time simulated, summed over replicas (ps).
    replicas : int
        Independent runs.
    D_tracer_cm2_s, D_charge_cm2_s : Measured or None
        Diffusivity of single ions, and of their summed displacement divided by their number (cm²/s).
    haven : Measured or None
        D_tracer / D_charge: 1 where ions move independently.
    ln_haven : Measured or None
        Its natural logarithm, whose error is nearer to a Gaussian's.
    planes_cm2_s : dict of Measured
        Diffusivity within each plane (cm²/s), by the plane's name.
    sigma_ne_S_per_cm, sigma_collective_S_per_cm : Measured or None
        Conductivity from D_tracer (Nernst–Einstein) and from D_charge (S/cm). Where several elements are mobile, the
        collective one is of all ions together.
    se_ln_D : float or None
        Standard error of ln D_tracer.
    msd_end_A2 : float or None
        Mean squared displacement at the longest lag used, half of the shortest run (Å²).
    unmeasured : str or None
        Why the runs say nothing about diffusion; None when they do. Diffusivities may be given all the same.
    unphysical : str or None
        Why the runs describe no solid that can exist; None when they do.
    barely : bool
        Whether ions moved so little more than what is asked for that D is rather too large.
    notes : tuple of str
        Further remarks for a reader.
    """

    temperature_K: float
    kinetic_K: float | None
    volume_A3: float
    ions: int
    charge_e: float
    length_ps: float
    replicas: int
    D_tracer_cm2_s: Measured | None = None
    D_charge_cm2_s: Measured | None = None
    haven: Measured | None = None
    ln_haven: Measured | None = None
    planes_cm2_s: dict[str, Measured] = {}
    sigma_ne_S_per_cm: Measured | None = None
    sigma_collective_S_per_cm: Measured | None = None
    se_ln_D: float | None = None
    msd_end_A2: float | None = None
    unmeasured: str | None = None
    unphysical: str | None = None
    barely: bool = False
    notes: tuple[str, ...] = ()


Law = Literal["line", "kink", "curve", "bent", "unknown"]


class TemperatureLaw(Record):
    """Whether one line holds in the Arrhenius plot.

    Attributes
    ----------
    law : str
        ``line``: one holds. ``kink``: two lines are preferred; ``curve``: one after Vogel, Fulcher and Tammann;
        ``bent``: one line does not hold, and the points do not tell a kink from a curve. ``unknown``: none is given up,
        but the points are too few or too uncertain to see a change of slope by half.
    chance : float
        Share of straight lines with the same temperatures and errors that look as bent as this.
    detectable_eV : float
        Change of slope (eV) that would be found in 80 % of cases where the points see it best.
    kink_K : float or None
        Where the two lines meet (K); this and what follows are None where no line is given up.
    kink_within_K : tuple of float or None
        The range of that within one standard error (K).
    above_eV, below_eV : Measured or None
        Activation energies at temperatures above and below the kink (eV); errors for a kink at its place.
    ln_D_at_kink : float or None
        ln D where the lines meet, D in cm²/s.
    vtf_T0_K : float or None
        T₀ of the curve (K), at which nothing would move.
    vtf_T0_within_K : tuple of float or None
        Its range within one standard error (K).
    vtf_B_eV, vtf_ln_D0 : float or None
        B of the curve (eV), and ln D₀ with D₀ in cm²/s.
    lead_bic : float or None
        BIC of the curve less that of the kink: above zero where the kink is preferred.
    """

    law: Law
    chance: float
    detectable_eV: float
    kink_K: float | None = None
    kink_within_K: tuple[float, float] | None = None
    above_eV: Measured | None = None
    below_eV: Measured | None = None
    ln_D_at_kink: float | None = None
    vtf_T0_K: float | None = None
    vtf_T0_within_K: tuple[float, float] | None = None
    vtf_B_eV: float | None = None
    vtf_ln_D0: float | None = None
    lead_bic: float | None = None


class SigmaAt(Record):
    """Conductivity at a target temperature.

    Attributes
    ----------
    temperature_K : float
        The target (K).
    ln_sigma : Measured
        Natural logarithm of the Nernst–Einstein conductivity in S/cm.
    sigma_S_per_cm : float
        That conductivity (S/cm).
    how : str
        ``simulated``: from runs at this temperature. ``interpolated``, ``extrapolated``: from the Arrhenius fit, inside
        or outside the simulated range.
    volume_A3 : float
        Volume of the cell that gave the density of ions (Å³).
    volume_from_K : float
        The simulated temperature whose cell that was (K).
    caution : str or None
        Why the line may not lead to this temperature: the points prefer another law. None where nothing speaks
        against it.
    """

    temperature_K: float
    ln_sigma: Measured
    sigma_S_per_cm: float
    how: Literal["simulated", "interpolated", "extrapolated"]
    volume_A3: float
    volume_from_K: float
    caution: str | None = None


class ArrheniusTransport(Record):
    """The weighted fit of ln D against 1/T.

    Attributes
    ----------
    activation_energy_eV : Measured
        Activation energy of D_tracer (eV).
    planes_eV : dict of Measured
        Activation energy within each plane (eV), by the plane's name.
    targets : tuple of SigmaAt
        Conductivity at the target temperatures.
    used_K : tuple of float
        Temperatures that were fitted (K).
    rejected : dict of str
        Why each other temperature was not fitted, by its name such as ``800 K``.
    notes : tuple of str
        What a reader should know of the fit.
    weak : str or None
        Why the slope alone is no activation energy: it is not above zero by two standard errors. None where it is.
    held_back : tuple of SigmaAt
        Conductivity at the targets outside the simulated range where the slope is weak: none of this fit alone, but
        part of a mean over fits whose activation energy stands.
    law : TemperatureLaw or None
        Whether one line holds; None with two temperatures, and in older results.
    """

    activation_energy_eV: Measured
    planes_eV: dict[str, Measured] = {}
    targets: tuple[SigmaAt, ...] = ()
    used_K: tuple[float, ...]
    rejected: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    weak: str | None = None
    held_back: tuple[SigmaAt, ...] = ()
    law: TemperatureLaw | None = None


class TransportSummary(Record):
    """Everything measured with one model on one structure, in numbers.

    Attributes
    ----------
    temperatures : tuple of TemperatureTransport
        One per simulated temperature, coldest first.
    arrhenius : ArrheniusTransport or None
        None where fewer than two temperatures can be used.
    unmeasured : str or None
        Why there is no activation energy with an error bar, or none above zero; None when there is one.
    unphysical : str or None
        Why the model cannot be trusted; None if no check failed.
    element : str or None
        The mobile element that the numbers belong to, where there are several.
    others : dict of TransportSummary
        The same of every other mobile element. Their collective conductivity is left out: that of the first is of all
        mobile ions together.
    """

    temperatures: tuple[TemperatureTransport, ...]
    arrhenius: ArrheniusTransport | None = None
    unmeasured: str | None = None
    unphysical: str | None = None
    element: str | None = None
    others: dict[str, TransportSummary] = {}

    @property
    def unmeasured_apart_from_slope(self) -> str | None:
        """Why the runs say nothing; None where they do, though the slope may be lost in its error."""
        lost = self.arrhenius is not None and self.unmeasured == self.arrhenius.weak
        return None if lost else self.unmeasured


class Curve(Record):
    """Points of a curve; `se` is empty or as long as `x` and `y`."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    se: tuple[float, ...] = ()


class TemperatureCurves(Record):
    """Thinned curves of one temperature, for plots. Pairs are named like ``Cl-Li``, elements in alphabetical order.

    Files may hold more: older ones have curves that nothing draws.

    Attributes
    ----------
    temperature_K : float
        Target temperature (K).
    msd_A2, msd_framework_A2 : Curve
        Mean squared displacement (Å²) against lag (ps): of the mobile ions, and of all other atoms.
    g_r : dict of Curve
        Pair distribution function against distance (Å); tends to 1.
    coordination : dict of float
        Mean number of neighbours up to the first minimum of g(r), by ``centre-neighbour``, both orders.
    first_minimum_A : dict of float
        Where that minimum lies (Å), by pair.
    shortest_A : dict of Curve
        Shortest distance of a pair (Å) against time (ps), first replica.
    conserved_meV_per_atom : tuple of Curve
        Conserved energy less its first value (meV/atom) against time (ps), one per replica.
    kinetic_K : tuple of Curve
        Kinetic temperature (K) against time (ps), one per replica.
    """

    model_config = ConfigDict(extra="ignore")

    temperature_K: float
    msd_A2: Curve | None = None
    msd_framework_A2: Curve | None = None
    g_r: dict[str, Curve] = {}
    coordination: dict[str, float] = {}
    first_minimum_A: dict[str, float] = {}
    shortest_A: dict[str, Curve] = {}
    conserved_meV_per_atom: tuple[Curve, ...] = ()
    kinetic_K: tuple[Curve, ...] = ()


class TransportCurves(Record):
    """The curves of every temperature, coldest first."""

    temperatures: tuple[TemperatureCurves, ...]
