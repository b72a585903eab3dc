"""What the user of ``alloop analyse`` asks for, and the analysis that answers it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alloop.trajectories.frames import TrajectoryError
from alloop.trajectories.reading import LENGTHS, ReadSettings, read_run
from alloop.trajectories.sizes import Analyses, analyse_cells
from alloop.trajectories.timing import Said
from alloop.transport.settings import MeasureSettings

TARGETS_K = (300.0, 573.15)


@dataclass(frozen=True)
class Wishes:
    """The command line.

    Attributes
    ----------
    files : list of str
        Trajectories.
    mobile, charge, types : str
        Mobile elements, their charges (e) and the elements of atom types, separated by commas.
    temperatures_K, targets_K : list of float or None
        Temperatures of the files, and those of wanted conductivities (K).
    timestep_fs : float or None
        Time step (fs).
    steps_per_frame : int or None
        Steps between frames.
    skip_ps, sample_fs : float
        Time cut off (ps), and time between samples (fs).
    length_unit : str or None
        Unit of lengths; None: Å, unless the atoms speak against it.
    density_at_K : float or None
        Temperature of the density (K).
    """

    files: list[str]
    mobile: str
    temperatures_K: list[float] | None
    timestep_fs: float | None
    steps_per_frame: int | None
    charge: str
    targets_K: list[float] | None
    skip_ps: float
    sample_fs: float
    types: str
    length_unit: str | None
    density_at_K: float | None

    def settings(self) -> MeasureSettings:
        """Return the settings of the measurement.

        Raises
        ------
        TrajectoryError
            If an element or a charge cannot be used.
        """
        mobile = _elements(self.mobile, "--mobile")
        if len(set(mobile)) < len(mobile):
            raise TrajectoryError(f"--mobile {self.mobile}: an element is there twice")
        charges = self.charge.split(",")
        try:
            values = [float(charge) for charge in charges]
        except ValueError:
            raise TrajectoryError(f"--charge {self.charge}: a charge is a number, as in 1 or 1,2") from None
        if len(values) not in (1, len(mobile)):
            raise TrajectoryError(f"--charge {self.charge}: name one charge, or one for each of {self.mobile}")
        if not all(0 < abs(value) < math.inf for value in values):
            raise TrajectoryError(f"--charge {self.charge}: a charge is a number other than zero, as in 1 or 1,2")
        charge_e = values[0] if len(values) == 1 else dict(zip(mobile, values, strict=True))
        targets = tuple(self.targets_K or TARGETS_K)
        _refuse_not_positive([("--target", target) for target in targets])
        if not 0 <= self.skip_ps < math.inf:
            raise TrajectoryError(f"--skip-ps {self.skip_ps:g}: must be a number of zero or more")
        return MeasureSettings(mobile=mobile, charge_e=charge_e, targets_K=targets, skip_ps=self.skip_ps)

    def said(self) -> list[Said]:
        """Return what is said of each file.

        Raises
        ------
        TrajectoryError
            If temperatures are neither one nor as many as files, or a number is not above zero.
        """
        given: list[float | None] = list(self.temperatures_K) if self.temperatures_K else [None]
        if len(given) not in (1, len(self.files)):
            raise TrajectoryError(
                f"{len(given)} temperatures for {len(self.files)} files: name one, or one for each file"
            )
        _refuse_not_positive([("--timestep-fs", self.timestep_fs), ("--sample-fs", self.sample_fs)])
        _refuse_not_positive([("--temperature", one) for one in given])
        own = given if len(given) == len(self.files) else given * len(self.files)
        unit_A = None if self.length_unit is None else LENGTHS[self.length_unit]
        return [Said(self.timestep_fs, self.steps_per_frame, kelvin, unit_A) for kelvin in own]


def analysed(wishes: Wishes) -> Analyses:
    """Read the files and return what they say.

    Raises
    ------
    TrajectoryError
        If something cannot be used, in one line.
    """
    settings, said = wishes.settings(), wishes.said()
    types = _elements(wishes.types, "--types") if wishes.types else ()
    reading = ReadSettings(settings.elements, wishes.sample_fs, types)
    runs = [read_run(file, own, reading) for file, own in zip(wishes.files, said, strict=True)]
    return analyse_cells(runs, settings, wishes.density_at_K)


def _refuse_not_positive(numbers: Sequence[tuple[str, float | None]]) -> None:
    for name, value in numbers:
        if value is not None and not 0 < value < math.inf:
            raise TrajectoryError(f"{name} {value:g}: must be above zero")


def _elements(text: str, option: str) -> tuple[str, ...]:
    from ase.data import atomic_numbers

    found = tuple(word.strip() for word in text.split(","))
    for symbol in found:
        if not atomic_numbers.get(symbol):
            raise TrajectoryError(f"{option} {text}: `{symbol}` is no element; write it as in Li or Li,Na")
    return found
