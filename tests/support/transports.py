"""Made-up transport of rungs: an exact Arrhenius law per fit, with error bars."""

from __future__ import annotations

import math

from alloop.report.transport.tables import HeldoutErrors, RungTransport
from alloop.transport.results import (
    ArrheniusTransport,
    Curve,
    Measured,
    SigmaAt,
    TemperatureCurves,
    TemperatureTransport,
    TransportCurves,
    TransportSummary,
)

K_eV = 8.617333262e-5
TEMPERATURES_K = (600.0, 700.0, 800.0)


def summary_of(energy_eV: float = 0.3, D0: float = 1e-3, se_ln_D: float = 0.1, **more) -> TransportSummary:
    """Return what an exact law D = D0 exp(-E/kT) gives at three temperatures."""
    law = {kelvin: D0 * math.exp(-energy_eV / (K_eV * kelvin)) for kelvin in (*TEMPERATURES_K, 300.0, 573.15)}
    temperatures = tuple(
        TemperatureTransport(
            temperature_K=kelvin,
            kinetic_K=kelvin + 1,
            volume_A3=450.0,
            ions=24,
            charge_e=1.0,
            length_ps=200.0,
            replicas=2,
            D_tracer_cm2_s=Measured(value=law[kelvin], se=law[kelvin] * se_ln_D),
            D_charge_cm2_s=Measured(value=2 * law[kelvin], se=None),
            haven=Measured(value=0.5),
            planes_cm2_s={"ab": Measured(value=1.2 * law[kelvin], se=0.1 * law[kelvin])},
            sigma_ne_S_per_cm=Measured(value=1e4 * law[kelvin], se=1e3 * law[kelvin]),
            se_ln_D=se_ln_D,
        )
        for kelvin in TEMPERATURES_K
    )
    targets = tuple(
        SigmaAt(
            temperature_K=kelvin,
            ln_sigma=Measured(value=math.log(1e4 * law[kelvin]), se=se_ln_D * scale),
            sigma_S_per_cm=1e4 * law[kelvin],
            how="extrapolated",
            volume_A3=450.0,
            volume_from_K=600.0,
        )
        for kelvin, scale in ((300.0, 5.0), (573.15, 1.0))
    )
    arrhenius = ArrheniusTransport(
        activation_energy_eV=Measured(value=energy_eV, se=0.01),
        planes_eV={"ab": Measured(value=energy_eV + 0.02, se=0.015)},
        targets=targets,
        used_K=TEMPERATURES_K,
    )
    return TransportSummary(**{"temperatures": temperatures, "arrhenius": arrhenius, **more})


def curves_of(shortest_A: float = 2.1) -> TransportCurves:
    """Return short curves at two temperatures."""
    time = (0.0, 1.0, 2.0, 4.0)
    at = [
        TemperatureCurves(
            temperature_K=kelvin,
            msd_A2=Curve(x=time, y=(0.0, 2.0, 4.0, 8.0), se=(0.0, 0.1, 0.2, 0.4)),
            msd_framework_A2=Curve(x=time, y=(0.0, 0.2, 0.2, 0.2)),
            g_r={"Li-Li": Curve(x=(1.0, 2.0, 3.0), y=(0.0, 0.5, 1.5)), "Cl-Li": Curve(x=(1.0, 2.0), y=(0.0, 3.0))},
            shortest_A={"Li-Li": Curve(x=(0.0, 1.0), y=(shortest_A + 0.3, shortest_A))},
            conserved_meV_per_atom=(Curve(x=(0.0, 1.0), y=(0.0, 0.3)),),
        )
        for kelvin in (600.0, 800.0)
    ]
    return TransportCurves(temperatures=tuple(at))


def rung(size: int, fit: int = 0, kind: str = "acquired", system: str = "Li3InCl6", curves=None, **more):
    """Return one fit of a rung."""
    return RungTransport(size, kind, system, fit, summary_of(**more), curves)


LADDER = (
    rung(0, energy_eV=0.15),
    *(rung(50, fit, energy_eV=0.27 + 0.01 * fit) for fit in range(3)),
    *(rung(100, fit, energy_eV=0.29 + 0.01 * fit, curves=curves_of() if fit == 0 else None) for fit in range(3)),
    *(rung(50, fit, kind="random subset", energy_eV=0.30) for fit in range(3)),
)
ERRORS = {
    ("acquired", 50): HeldoutErrors(Measured(value=81.9, se=2.2), Measured(value=4.31, se=0.37)),
    ("acquired", 100): HeldoutErrors(Measured(value=70.1, se=1.9), Measured(value=3.9)),
}


def valid(figure):
    """Return a figure after plotly has looked at every property of it."""
    from plotly.graph_objects import Figure

    Figure(figure)
    return figure
