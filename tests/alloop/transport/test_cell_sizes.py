import numpy as np
import pytest

from alloop.transport.cell_sizes import size_series
from alloop.transport.results import Measured, TemperatureTransport, TransportSummary


def cell(atoms, D, se, **more):
    """Return the results of a cell of 10 Å³ per atom at 600 K."""
    at = TemperatureTransport(
        temperature_K=600.0,
        kinetic_K=None,
        volume_A3=10.0 * atoms,
        ions=atoms // 2,
        charge_e=1.0,
        length_ps=100.0,
        replicas=1,
        D_tracer_cm2_s=Measured(value=D, se=se),
        **more,
    )
    return atoms, TransportSummary(temperatures=(at,))


def law(atoms, infinite=1e-5, slope=-2e-5):
    return infinite + slope / (10.0 * atoms) ** (1 / 3)


SIZES = (50, 100, 200, 400)


def test_points_on_a_line_in_the_inverse_edge_give_the_infinite_cell():
    found = size_series([cell(n, law(n), 1e-7) for n in SIZES], "Li", 600.0)
    assert found.D_infinite_cm2_s.value == pytest.approx(1e-5)
    assert found.slope_A_cm2_s.value == pytest.approx(-2e-5)
    assert found.note == "D rises with the size of the cell: take the extrapolated one"
    assert [point.atoms for point in found.points] == [*SIZES]


def test_the_error_of_the_infinite_cell_holds_the_truth_as_often_as_it_says():
    rng, held, repeats = np.random.default_rng(0), 0, 400
    for _ in range(repeats):
        drawn = [cell(n, law(n) + 2e-7 * rng.normal(), 2e-7) for n in SIZES]
        D = size_series(drawn, "Li", 600.0).D_infinite_cm2_s
        held += abs(D.value - 1e-5) < D.se
    # Errors that only grow cover a little more than 68 %.
    assert 0.63 < held / repeats < 0.82


def test_no_size_dependence_is_said():
    found = size_series([cell(n, 1e-5, 2e-7) for n in SIZES], "Li", 600.0)
    assert found.note.startswith("D does not depend on the size of the cell beyond its error bars")


def test_two_cells_test_no_line_and_one_gives_none():
    assert "two cells: nothing tests" in size_series([cell(n, law(n), 1e-7) for n in (50, 400)], "Li", 600.0).note
    alone = size_series([cell(50, 1e-5, 1e-7), cell(100, 1e-5, 1e-7, unmeasured="too few hops")], "Li", 600.0)
    assert alone.D_infinite_cm2_s is None
    assert "fewer than two cells" in alone.note
