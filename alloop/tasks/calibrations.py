"""A calibration, and how it fared, as tasks hand them on."""

from __future__ import annotations

from dataclasses import asdict

from alloop.tasks.results import Record
from policies.calibration import Calibration, SpeciesMap
from policies.reliability import CalibrationReport, ReliabilityRow


class SpeciesMapRecord(Record):
    """From disagreement to error of one species; see `policies.calibration.SpeciesMap`."""

    typical_eV_per_A: float
    scale_eV_per_A: float
    share: float
    mean_factor: float
    bound_factor: float
    frames: int
    effective_frames: float
    lowest_eV_per_A: float
    highest_eV_per_A: float


class CalibrationRecord(Record):
    """The maps of all species, by element; see `policies.calibration.Calibration`."""

    maps: dict[str, SpeciesMapRecord]
    dof: float

    @classmethod
    def of(cls, calibration: Calibration) -> CalibrationRecord:
        """Record a calibration."""
        maps = {name: SpeciesMapRecord(**asdict(one)) for name, one in sorted(calibration.maps.items())}
        return cls(maps=maps, dof=calibration.dof)

    def calibration(self) -> Calibration:
        """Return the calibration."""
        return Calibration({name: SpeciesMap(**one.model_dump()) for name, one in self.maps.items()}, self.dof)


class ReliabilityRecord(Record):
    """Atoms of one bin of expected error, and what their errors were; see `policies.reliability.ReliabilityRow`."""

    among: str
    species: str | None
    predicted_eV_per_A: float
    observed_eV_per_A: float
    se_observed_eV_per_A: float | None
    atoms: int
    frames: int
    coverage: float
    se_coverage: float | None

    @classmethod
    def of(cls, row: ReliabilityRow) -> ReliabilityRecord:
        """Record a row."""
        return cls(**asdict(row))


class CalibrateSummary(Record):
    """A calibration, how it fared on labels that it did not know, and where it is not to be trusted.

    Attributes
    ----------
    table, overall : tuple of ReliabilityRecord
        Bins of expected error, and the same of every species in one bin each; every frame is predicted by a
        calibration that did not see its label.
    made : tuple of ReliabilityRecord
        Bins of the expected errors as they were when the frames were chosen, of those chosen under a calibration that
        was trusted then.
    doubts : dict
        By species: why its expected errors cannot be trusted. Without a doubt all can be.
    frames, probes : int
        Labelled frames it was made from, and how many of them were drawn at random.
    """

    calibration: CalibrationRecord
    table: tuple[ReliabilityRecord, ...]
    overall: tuple[ReliabilityRecord, ...]
    made: tuple[ReliabilityRecord, ...]
    doubts: dict[str, str]
    frames: int
    probes: int

    @property
    def trusted(self) -> bool:
        """Whether the expected errors of all species can be trusted."""
        return bool(self.calibration.maps) and not self.doubts

    @classmethod
    def of(
        cls, report: CalibrationReport, made: tuple[ReliabilityRow, ...], frames: int, probes: int
    ) -> CalibrateSummary:
        """Record a report."""
        return cls(
            calibration=CalibrationRecord.of(report.calibration),
            table=tuple(map(ReliabilityRecord.of, report.table)),
            overall=tuple(map(ReliabilityRecord.of, report.overall)),
            made=tuple(map(ReliabilityRecord.of, made)),
            doubts=dict(report.doubts),
            frames=frames,
            probes=probes,
        )
