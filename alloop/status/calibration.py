"""Status of the calibration: which error a disagreement means, and whether that can be trusted. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alloop.status.numbers import finite, many
from alloop.tasks.contract.calibrate import CalibrateSummary
from policies.calibration.reliability import ReliabilityRow


@dataclass(frozen=True)
class Fared:
    """How the expected errors of a species fared on labels that they did not know; None where it is not known.

    Attributes
    ----------
    among : str
        ``probe``: frames drawn at random; ``selected``: all others.
    expected_eV_per_A, observed_eV_per_A : float
        Mean expected and mean true length of the force error (eV/Å).
    ratio, se_ratio : float or None
        Observed over expected, and its standard error.
    coverage, se_coverage : float
        Share of the errors below their 90 % bound, and its standard error.
    """

    species: str
    among: str
    expected_eV_per_A: float
    observed_eV_per_A: float
    ratio: float | None
    se_ratio: float | None
    coverage: float
    se_coverage: float | None
    frames: int
    atoms: int

    @classmethod
    def of(cls, row: ReliabilityRow) -> Fared:
        """Read a row of a calibration's summary."""
        expected, error = row.predicted_eV_per_A, row.se_observed_eV_per_A
        known = expected > 0
        return cls(
            species=row.species or "all",
            among=row.among,
            expected_eV_per_A=expected,
            observed_eV_per_A=row.observed_eV_per_A,
            ratio=finite(row.observed_eV_per_A / expected) if known else None,
            se_ratio=finite(error / expected) if known and error is not None else None,
            coverage=row.coverage,
            se_coverage=row.se_coverage,
            frames=row.frames,
            atoms=row.atoms,
        )


@dataclass(frozen=True)
class CalibrationStatus:
    """The newest calibration.

    Attributes
    ----------
    generation : int
        Generation it was made for.
    frames, probes, heldout : int
        Labelled frames behind it, how many of them are random probes, and how many others are held-out frames.
    doubts : dict
        Why the expected errors of a species cannot be trusted.
    in_use : int or None
        Its generation, if expected errors of some species are used; None: disagreements are taken as expected errors.
    elements_in_use : tuple of str
        These species.
    at_disagreement_eV_per_A : float
        A disagreement that is usual (eV/Å).
    expected_error_eV_per_A : dict
        What is expected there, by species (eV/Å).
    fared : tuple of Fared
        How the expected errors of every species fared on labels that were held back.
    """

    generation: int
    frames: int
    probes: int
    heldout: int
    trusted: bool
    doubts: dict[str, str]
    in_use: int | None
    elements_in_use: tuple[str, ...]
    at_disagreement_eV_per_A: float
    expected_error_eV_per_A: dict[str, float]
    fared: tuple[Fared, ...]

    @classmethod
    def of(cls, calibrations: Mapping[int, CalibrateSummary]) -> CalibrationStatus:
        """Read the calibrations of some generations.

        Raises
        ------
        ValueError
            If there is none.
        """
        generation = max(calibrations)
        summary = calibrations[generation]
        calibration, used = summary.calibration, summary.in_use()
        at = usual(one.typical_eV_per_A for one in calibration.maps.values())
        return cls(
            generation=generation,
            frames=summary.frames,
            probes=summary.probes,
            heldout=summary.heldout,
            trusted=summary.trusted,
            doubts=summary.doubts,
            in_use=None if used is None else generation,
            elements_in_use=() if used is None else tuple(used.maps),
            at_disagreement_eV_per_A=at,
            expected_error_eV_per_A={name: float(one.expected_error(at)) for name, one in calibration.maps.items()},
            fared=tuple(Fared.of(row) for row in summary.overall),
        )


def newest(calibrations: Mapping[int, CalibrateSummary]) -> CalibrationStatus | None:
    """Return the newest calibration, None before the first."""
    return CalibrationStatus.of(calibrations) if calibrations else None


def usual(values: Iterable[float]) -> float:
    """Return a number with one digit, 1, 2 or 5, in the middle of some; 0.1 without any.

    Examples
    --------
    >>> usual([0.08, 0.13]), usual([0.3, 0.6, 0.4]), usual([])
    (0.1, 0.5, 0.1)
    """
    logs = [math.log10(value) for value in values if finite(value) is not None and value > 0]
    if not logs:
        return 0.1
    middle = sum(logs) / len(logs)
    power = math.floor(middle)
    nearest = min((1, 2, 5, 10), key=lambda digit: abs(middle - power - math.log10(digit)))
    return float(f"{nearest}e{power}")


def calibration_text(status: CalibrationStatus) -> str:
    """Return what a disagreement means, or why that cannot be said."""
    heldout = f", {status.heldout} held out" if status.heldout else ""
    made = f"{many(status.frames, 'label')} ({many(status.probes, 'probe')}{heldout})"
    if status.trusted:
        return f"{made}: {meaning_text(status)}"
    known = f"; {meaning_text(status)}" if status.elements_in_use else ""
    return f"{made}, not trusted: {'; '.join(grouped(status.doubts))}; {instead(status)} until then{known}"


def instead(status: CalibrationStatus) -> str:
    """Return what is used in place of expected errors that cannot be trusted."""
    if not status.elements_in_use:
        return "disagreements are taken as expected errors"
    return f"disagreements of {', '.join(status.doubts)} are taken as expected errors"


def meaning_text(status: CalibrationStatus) -> str:
    """Return which errors a usual disagreement means, of the species that can be trusted."""
    errors = status.expected_error_eV_per_A
    means = ", ".join(f"{name} {errors[name]:.2g}" for name in status.elements_in_use)
    return f"a disagreement of {status.at_disagreement_eV_per_A:g} eV/Å means an expected error of {means} eV/Å"


def grouped(doubts: Mapping[str, str]) -> list[str]:
    """Return why expected errors cannot be trusted, species of the same doubt together.

    Examples
    --------
    >>> grouped({"Cl": "few frames", "In": "few probes", "Li": "few frames"})
    ['Cl, Li: few frames', 'In: few probes']
    >>> grouped({})
    ['no label came with a disagreement']
    """
    of_doubt: dict[str, list[str]] = {}
    for name, doubt in doubts.items():
        of_doubt.setdefault(doubt, []).append(name)
    return [f"{', '.join(names)}: {doubt}" for doubt, names in of_doubt.items()] or [
        "no label came with a disagreement"
    ]
