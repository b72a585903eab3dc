from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from alloop.config.loading import load_config
from alloop.materials.polyhedra import anion_elements, corner_numbers, polyhedra
from alloop.outputs.structure_pictures import draw
from alloop.outputs.structures import structure_rows

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.fixture(scope="module")
def nasicon():
    return structure_rows(load_config(CONFIGS / "nasicon.yaml"))


def test_every_zr_of_nasicon_has_six_corners_and_every_si_and_p_four(nasicon):
    for row in nasicon:
        atoms = row.structure.to_atoms()
        assert (anion_elements(atoms), row.mobile) == ({"O"}, ("Na",))
        for displacement_A in (0.0, 0.08):
            atoms.rattle(displacement_A, seed=3)
            found = polyhedra(atoms, row.mobile)
            assert corner_numbers(found, atoms.numbers) == {"Zr": (6,), "Si": (4,), "P": (4,)}
            assert len(found) == sum(symbol in ("Zr", "Si", "P") for symbol in atoms.symbols)


def test_polyhedra_have_the_colour_of_their_centre_and_mobile_ions_are_spheres(nasicon, tmp_path):
    atoms = nasicon[0].structure.to_atoms()
    draw(atoms, "NASICON", tmp_path / "solid.png", mobile=("Na",))
    draw(atoms, "NASICON", tmp_path / "spheres.png", mobile=("Na", "Zr", "Si", "P"))
    orange = {name: _share(tmp_path / f"{name}.png") for name in ("solid", "spheres")}
    assert orange["solid"] > 1.2 * orange["spheres"] > 0
    assert (tmp_path / "solid.png").stat().st_size < 200_000


def _share(path: Path) -> float:
    """Return the share of the picture that has the hue of P, lit or shaded."""
    pixels = list(Image.open(path).convert("RGB").getdata())
    return sum(red > 120 and 0.4 < green / red < 0.6 and blue < 20 for red, green, blue in pixels) / len(pixels)
