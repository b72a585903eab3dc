"""Settings of a transport measurement, and the limits at which a run does not count as measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

PLANES: Mapping[str, tuple[int, int, int]] = MappingProxyType({"ab": (0, 0, 1), "ac": (0, 1, 0)})


@dataclass(frozen=True)
class MeasureSettings:
    """Settings of `alloop.transport.measure`.

    Attributes
    ----------
    mobile : str or tuple of str
        Element whose diffusion is measured, or several. The first has the numbers that everything else looks at.
    charge_e : float or mapping of str to float
        Charge of one of its ions (e); of several elements one for all, or one for each.
    targets_K : tuple of float
        Temperatures at which the conductivity is wanted (K).
    planes : mapping of str to (int, int, int)
        Names and Miller indices of planes, in the reciprocal lattice of the simulated cell; multiples of an index name
        the same plane, so a diagonal supercell needs no other indices than its unit cell.
    skip_ps : float
        Time cut off the beginning of every run (ps).
    min_displacement_A : float
        About one hop (Å). Diffusivities are fitted to lags over which ions move at least so far on root mean square.
    min_independent : float
        Independent displacements of at least a hop, over all ions and runs, that a diffusivity must rest on.
    slope : (float, float)
        Allowed slope of ln MSD against ln lag where the diffusivity is fitted; diffusion has 1, rattling 0.
    max_relative_se : float
        Standard error, in parts of the diffusivity, beyond which it is not known.
    max_framework_A : float
        Root mean squared displacement of every other element beyond which, while it still grows, the framework melts
        (Å). Any one of them may move 2.5 times as far, as groups like PS4 turn.
    min_contact : float
        Shortest distance ever seen, in sums of covalent radii, below which atoms have merged.
    max_drift_meV_per_atom_ps : float
        Drift of the conserved energy (meV/atom/ps) beyond which a run cannot be trusted, if the drift is also larger
        than the fluctuation of the energy.
    max_kinetic_ratio : float
        A kinetic temperature so many times its target says that a run exploded.
    g_r_reach_A : float
        Distance up to which g(r) is counted (Å).
    g_r_bin_A : float
        Width of its bins (Å).
    snapshots : int
        Snapshots of all atoms, over all replicas, that g(r) and contacts are counted in at most.
    curve_points : int
        Points of a curve at most.
    """

    mobile: str | tuple[str, ...]
    charge_e: float | Mapping[str, float] = 1.0
    targets_K: tuple[float, ...] = (300.0, 573.15)
    planes: Mapping[str, tuple[int, int, int]] = field(default_factory=lambda: PLANES)
    skip_ps: float = 0.0
    min_displacement_A: float = 2.0
    min_independent: float = 10.0
    slope: tuple[float, float] = (0.7, 1.4)
    max_relative_se: float = 0.5
    max_framework_A: float = 1.5
    min_contact: float = 0.5
    max_drift_meV_per_atom_ps: float = 0.2
    max_kinetic_ratio: float = 3.0
    g_r_reach_A: float = 8.0
    g_r_bin_A: float = 0.05
    snapshots: int = 100
    curve_points: int = 200

    def __post_init__(self) -> None:
        """Refuse planes without a direction, and ions without a charge.

        Raises
        ------
        ValueError
            If a plane's indices are all zero, or an element has no charge.
        """
        for name, miller in self.planes.items():
            if not any(miller):
                raise ValueError(f"plane {name}: Miller indices (0, 0, 0) name no plane; use (0, 0, 1) for ab")
        for element in self.elements:
            self.charge_of(element)

    @property
    def elements(self) -> tuple[str, ...]:
        """The mobile elements."""
        return (self.mobile,) if isinstance(self.mobile, str) else tuple(self.mobile)

    def charge_of(self, element: str) -> float:
        """Return the charge of an ion of a mobile element (e).

        Raises
        ------
        ValueError
            If it is not known.
        """
        if not isinstance(self.charge_e, Mapping):
            return self.charge_e
        if element not in self.charge_e:
            raise ValueError(f"charge_e names no charge of {element}")
        return self.charge_e[element]
