"""CIFs as databases and programs write them, in a few lines each."""

from collections.abc import Sequence

NAMED = "_symmetry_space_group_name_H-M 'F m -3 m'\n"
ROCK_SALT = ("Li1 Li 0 0 0", "Cl1 Cl 0.5 0.5 0.5")
CUBE = (5.14, 5.14, 5.14, 90, 90, 90)
SILICON = (5.43, 5.43, 5.43, 90, 90, 90)
COLUMNS = "label type_symbol fract_x fract_y fract_z"
_CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")


def cif(
    tags: str = NAMED, sites: Sequence[str] = ROCK_SALT, cell: Sequence[object] = CUBE, columns: str = COLUMNS
) -> str:
    """Return a CIF: its cell, further tags, and a loop of sites."""
    lengths = [f"_cell_{name} {value}" for name, value in zip(_CELL, cell, strict=True)]
    loop = ["loop_", *(f"_atom_site_{name}" for name in columns.split()), *sites]
    return "\n".join(["data_x", *lengths, tags.rstrip("\n"), *loop, ""])
