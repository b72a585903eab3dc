import math

import numpy as np
import pytest

from policies.calibration.reliability import BINS, calibrate, held_back
from policies.calibration.scales import Points


def campaign(rng, frames=120, probes=40, slope=2.0, probe_slope=None, atoms=6):
    """Selected frames of high disagreement, and probes of the common kind, which may err by another slope."""
    d, e, frame, probability, probe = [], [], [], [], []
    for i in range(frames):
        is_probe = i < probes
        level = 0.05 if is_probe else 0.3
        of_atoms = level * np.exp(rng.normal(0, 0.5, atoms))
        b = probe_slope if is_probe and probe_slope else slope
        d.extend(of_atoms)
        e.extend(b * of_atoms * np.linalg.norm(rng.normal(size=(atoms, 3)), axis=1))
        frame += [f"f{i:03d}"] * atoms
        probability += [0.1 if is_probe else 1.0] * atoms
        probe += [is_probe] * atoms
    return Points(d, e, ("Li",) * len(d), tuple(frame), probability, probe)


def test_an_honest_committee_is_trusted_and_its_table_says_why():
    report = calibrate(campaign(np.random.default_rng(1)))
    assert report.trusted, report.doubts
    for among in ("probe", "selected"):
        rows = [row for row in report.table if row.among == among]
        assert len(rows) == BINS
        assert sum(row.atoms for row in rows) == 6 * (40 if among == "probe" else 80)
        assert np.all(np.diff([row.predicted_eV_per_A for row in rows]) > 0)
        for row in rows:
            assert abs(row.observed_eV_per_A - row.predicted_eV_per_A) < 4 * row.se_observed_eV_per_A
            assert 0.75 < row.coverage <= 1.0


def test_a_committee_overconfident_where_nobody_selected_is_found_out_by_its_probes():
    """Common frames err as much as the rare ones do, though the members agree about them."""
    rng = np.random.default_rng(2)
    points = campaign(rng, slope=1.0, probe_slope=1.0)
    lone = points.probe & np.isin(points.frame, [f"f{i:03d}" for i in range(12)])
    e = np.where(lone, 20.0 * points.error_eV_per_A, points.error_eV_per_A)
    spoilt = Points(points.disagreement_eV_per_A, e, points.species, points.frame, points.probability, points.probe)
    report = calibrate(spoilt)
    assert not report.trusted
    assert "true / expected error is" in report.doubts["Li"]


@pytest.mark.parametrize(
    ("frames", "probes", "doubt"),
    [
        (7, 5, "labels are worth 7.0 frames of the present committee, 8 are needed"),
        (40, 2, "2 random frames, 5 are needed"),
    ],
)
def test_too_little_is_said_with_numbers(frames, probes, doubt):
    report = calibrate(campaign(np.random.default_rng(3), frames, probes))
    assert report.doubts == {"Li": doubt}


def test_nothing_is_known_without_labels():
    report = calibrate(Points([], [], (), (), [], []))
    assert not report.trusted
    assert (report.table, report.overall) == ((), ())


def test_a_frame_is_predicted_without_its_own_label():
    """One wild frame moves the prediction of the others and not its own."""
    points = campaign(np.random.default_rng(4), frames=25, probes=5)
    own = np.array(points.frame) == "f007"
    wild = np.where(own, 1e3, points.error_eV_per_A)
    changed = Points(points.disagreement_eV_per_A, wild, points.species, points.frame, points.probability, points.probe)
    before, after = held_back(points)[0], held_back(changed)[0]
    assert after[own] == pytest.approx(before[own])
    assert not np.allclose(after, before, rtol=0.01)


def test_error_bars_count_frames_and_not_atoms():
    """Atoms of a frame err together: sixty copies of one atom say no more than the atom."""
    rng = np.random.default_rng(5)
    d = np.repeat(rng.lognormal(-2, 0.5, 30), 60)
    e = np.repeat(rng.lognormal(-2, 0.5, 30), 60)
    frame = tuple(f"f{i // 60:02d}" for i in range(1800))
    many = calibrate(Points(d, e, ("Li",) * 1800, frame, np.ones(1800), np.ones(1800, bool)))
    few = calibrate(Points(d[::60], e[::60], ("Li",) * 30, frame[::60], np.ones(30), np.ones(30, bool)))
    (a,), (b,) = many.overall, few.overall
    assert a.se_observed_eV_per_A == pytest.approx(b.se_observed_eV_per_A)
    assert a.se_observed_eV_per_A == pytest.approx(e[::60].std(ddof=1) / math.sqrt(30), rel=0.01)
