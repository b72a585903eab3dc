import pytest

from alloop.config.label import AseLabel, GpawLabel
from alloop.materials.structure import Structure
from alloop.proposal.far_settings import find_far


def cell(edge_A: float, symbols: tuple[int, ...] = (3, 15, 16)) -> Structure:
    positions = tuple((2.0 * number, 0.0, 0.0) for number in range(len(symbols)))
    vectors = tuple(tuple(edge_A if i == j else 0.0 for j in range(3)) for i in range(3))
    return Structure(numbers=symbols, positions_A=positions, cell_A=vectors)


@pytest.mark.parametrize(
    ("label", "edge_A", "told"),
    [
        ({"cutoff_eV": 120, "kpts": (2, 2, 2)}, 7.0, ["120 eV is low; `alloop init` would take 400 (P or S"]),
        ({"cutoff_eV": 340, "kpts": (2, 2, 2)}, 7.0, []),
        ({"cutoff_eV": 400, "kpts": (1, 1, 1)}, 7.0, ["1×1×1 are few; `alloop init` would take 2×2×2 (faces are 7.0"]),
        ({"cutoff_eV": 400, "kpts": (2, 2, 1)}, 7.0, ["2×2×1 are few"]),
        ({"cutoff_eV": 400, "kpts": (1, 1, 1)}, 9.0, []),
        ({"cutoff_eV": 400, "kpts": (2, 2, 2)}, 12.0, ["2×2×2 are many; `alloop init` would take 1×1×1"]),
        ({"cutoff_eV": 400, "kpts": {"spacing_per_A": 0.5}}, 7.0, []),
        ({"cutoff_eV": 400, "kpts": {"spacing_per_A": 1.0}}, 7.0, ["1×1×1 are few"]),
    ],
)
def test_cutoff_and_k_points_far_from_those_of_a_first_config_are_told(label, edge_A, told):
    found = list(find_far(GpawLabel.model_validate(label), {"crystal": cell(edge_A)}))
    assert len(found) == len(told)
    assert all(one in what for one, (_, what) in zip(told, found, strict=True))


def test_one_cutoff_is_for_all_systems_and_of_several_cells_one_with_too_few_k_points_is_named():
    systems = {"sulfide": cell(12.0), "oxide": cell(6.0, (3, 8))}
    (_, low), (_, few) = find_far(GpawLabel(cutoff_eV=400, kpts=(1, 1, 1)), systems)
    assert "would take 600" in low
    assert few.endswith("in oxide")


def test_settings_of_other_engines_are_not_judged():
    label = AseLabel(engine="ase", calculator="ase.calculators.emt:EMT")
    assert list(find_far(label, {"crystal": cell(3.0)})) == []
