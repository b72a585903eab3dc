"""One made-up run of ions that hop in rock salt, written as the programs write it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write
from ase.io.trajectory import Trajectory as AseTrajectory

STEP_fs, EVERY = 2.0, 10
INTERVAL_fs = STEP_fs * EVERY
TEMPERATURE_K = 900.0
CUBIC = 10.2 * np.eye(3)
LEANING = 10.2 * np.array([[1.0, 0.0, 0.0], [0.3, 0.97, 0.0], [-0.25, -0.3, 0.95]])
"""A tilted cell whose xy and xz have different signs, in the orientation that LAMMPS asks for."""

_PLACES = np.array(list(np.ndindex(4, 4, 4)))
LITHIUM, CHLORINE = (_PLACES[_PLACES.sum(axis=1) % 2 == one] / 4 for one in (0, 1))
NUMBERS = np.array([3] * len(LITHIUM) + [17] * len(CHLORINE))


def hopping_run(
    frames: int = 300, *, cell_A: np.ndarray = CUBIC, seed: int = 0, rate: float = 0.015, drift_A: float = 0.0
) -> np.ndarray:
    """Return unwrapped positions, shape (frames, atoms, 3) (Å): lithium hops, chlorine rattles.

    Four ions in a row hop together, along a diagonal of a face, so that no two ever meet. An ion hops `rate` times per
    frame.
    """
    rng = np.random.default_rng(seed)
    now, paths = np.rint(LITHIUM * 4), np.empty((frames, len(LITHIUM), 3))
    for frame in range(frames):
        for _ in range(rng.poisson(rate * len(LITHIUM) / 4) if frame else 0):
            way = np.roll([1.0, 1.0, 0.0], rng.integers(3))
            ahead = (now - now[rng.integers(len(now))]) % 4
            row = np.all(ahead == ahead[:, [int(way.argmax())]] * way, axis=1)
            now[row] += way * rng.choice([-1.0, 1.0])
        paths[frame] = now / 4
    still = np.broadcast_to(CHLORINE @ cell_A, (frames, len(CHLORINE), 3))
    whole = np.concatenate([paths @ cell_A, still], axis=1) + rng.normal(0, 0.1, (frames, len(NUMBERS), 3))
    return whole + np.linspace(0, drift_A, frames)[:, None, None]


def wrapped(positions_A: np.ndarray, cells_A: np.ndarray) -> np.ndarray:
    """Return positions in the cell."""
    scaled = positions_A @ np.linalg.inv(cells_A)
    return (scaled % 1.0) @ cells_A


def cells_of(cell_A: np.ndarray, frames: int) -> np.ndarray:
    """Return a cell for every frame."""
    return np.broadcast_to(cell_A, (frames, 3, 3)) if np.ndim(cell_A) == 2 else cell_A


def images(positions_A: np.ndarray, cell_A: np.ndarray, **info: float) -> list[Atoms]:
    """Return frames as ASE has them."""
    cells = cells_of(cell_A, len(positions_A))
    made = [Atoms(NUMBERS, positions=p, cell=c, pbc=True) for p, c in zip(positions_A, cells, strict=True)]
    for atoms in made:
        atoms.info |= info
    return made


def write_extxyz(path: Path, positions_A: np.ndarray, cell_A: np.ndarray, timed: bool = True, **info: float) -> Path:
    """Write extended XYZ, with the time of every frame if `timed`."""
    frames = images(positions_A, cell_A, **info)
    for index, atoms in enumerate(frames):
        atoms.info |= {"time_fs": index * INTERVAL_fs} if timed else {}
    write(path, frames, format="extxyz")
    return path


def write_traj(path: Path, positions_A: np.ndarray, cell_A: np.ndarray) -> Path:
    """Write a trajectory of ASE."""
    with AseTrajectory(str(path), "w") as file:
        for atoms in images(positions_A, cell_A):
            file.write(atoms)
    return path


def write_xdatcar(path: Path, positions_A: np.ndarray, cell_A: np.ndarray) -> Path:
    """Write an XDATCAR; its header stands before every frame where the cell changes."""
    cells, lines = cells_of(cell_A, len(positions_A)), []
    for index, (positions, cell) in enumerate(zip(positions_A, cells, strict=True)):
        if index == 0 or np.ndim(cell_A) == 3:
            rows = [" ".join(f"{x:.9f}" for x in row) for row in cell]
            lines += ["LiCl", "1.0", *rows, "Li Cl", f"{len(LITHIUM)} {len(CHLORINE)}"]
        lines.append(f"Direct configuration= {index + 1:5d}")
        lines += [" ".join(f"{x:.10f}" for x in row) for row in positions @ np.linalg.inv(cell) % 1.0]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_dump(path: Path, positions_A: np.ndarray, cell_A: np.ndarray, form: str = "xu", seed: int = 1) -> Path:
    """Write a LAMMPS dump, atoms in another order in every frame; `form` is xu, x, xs, xsu or image."""
    rng, cells, text = np.random.default_rng(seed), cells_of(cell_A, len(positions_A)), []
    low = np.array([-1.0, 2.0, 0.5])
    for index, (positions, cell) in enumerate(zip(positions_A, cells, strict=True)):
        scaled = positions @ np.linalg.inv(cell)
        columns = {
            "xu": positions + low,
            "xsu": scaled,
            "xs": scaled % 1.0,
            "x": wrapped(positions, cell) + low,
            "image": np.hstack([wrapped(positions, cell) + low, np.floor(scaled)]),
        }[form]
        names = {"image": "x y z ix iy iz"}.get(form) or " ".join(f"{axis}{form[1:]}" for axis in "xyz")
        text += [f"ITEM: TIMESTEP\n{index * EVERY}", f"ITEM: NUMBER OF ATOMS\n{len(NUMBERS)}", _bounds(cell, low)]
        text.append(f"ITEM: ATOMS id element {names}")
        for atom in rng.permutation(len(NUMBERS)):
            element = "Li" if NUMBERS[atom] == 3 else "Cl"
            text.append(f"{atom + 1} {element} " + " ".join(f"{x:.9f}" for x in columns[atom]))
    packed = ("\n".join(text) + "\n").encode()
    path.write_bytes(gzip.compress(packed, 1) if path.suffix == ".gz" else packed)
    return path


def _bounds(cell: np.ndarray, low: np.ndarray) -> str:
    xy, xz, yz = cell[1, 0], cell[2, 0], cell[2, 1]
    high = low + np.diag(cell)
    if not any((xy, xz, yz)):
        return "ITEM: BOX BOUNDS pp pp pp\n" + "\n".join(f"{a:.9f} {b:.9f}" for a, b in zip(low, high, strict=True))
    fills = [(min(0, xy, xz, xy + xz), max(0, xy, xz, xy + xz)), (min(0, yz), max(0, yz)), (0, 0)]
    rows = zip(low, high, fills, (xy, xz, yz), strict=True)
    return "ITEM: BOX BOUNDS xy xz yz pp pp pp\n" + "\n".join(
        f"{a + below:.9f} {b + above:.9f} {tilt:.9f}" for a, b, (below, above), tilt in rows
    )


def write_vasprun(path: Path, positions_A: np.ndarray, cell_A: np.ndarray, ibrion: int = 0) -> Path:
    """Write what is read of a vasprun.xml."""
    cells = cells_of(cell_A, len(positions_A))
    said = {"IBRION": ibrion, "POTIM": INTERVAL_fs, "TEBEG": TEMPERATURE_K, "TEEND": TEMPERATURE_K}
    text = ['<?xml version="1.0" encoding="ISO-8859-1"?>', "<modeling>", "<parameters>"]
    text += [f'<i name="{name}"> {value}</i>' for name, value in said.items()]
    text += ["</parameters>", '<atominfo><array name="atoms"><set>']
    text += [f"<rc><c>{'Li' if number == 3 else 'Cl'}</c><c>1</c></rc>" for number in NUMBERS]
    text.append("</set></array></atominfo>")
    for positions, cell in zip(positions_A, cells, strict=True):
        text.append('<calculation><structure><crystal><varray name="basis">')
        text += [f"<v> {' '.join(f'{x:.9f}' for x in row)} </v>" for row in cell]
        text.append('</varray></crystal><varray name="positions">')
        text += [f"<v> {' '.join(f'{x:.10f}' for x in row)} </v>" for row in positions @ np.linalg.inv(cell) % 1.0]
        text.append("</varray></structure></calculation>")
    path.write_text("\n".join([*text, "</modeling>", ""]))
    return path


def write_gpaw_text(path: Path, positions_A: np.ndarray, cell_A: np.ndarray) -> Path:
    """Write what is read of the log of GPAW."""
    text = ["  ___ ___ ___ _ _ _ ", " |   |   |_  | | | |  gpaw", ""]
    for positions in positions_A:
        text += ["", "Atomic positions and initial magnetic moments", "", "Positions:"]
        for atom, (number, (x, y, z)) in enumerate(zip(NUMBERS, positions, strict=True)):
            symbol = "Li" if number == 3 else "Cl"
            text.append(f"{atom:>4} {symbol:3} {x:11.6f} {y:11.6f} {z:11.6f}    ( 0.0000,  0.0000,  0.0000)")
        text += ["", "Unit cell:", "           periodic     x           y           z      points  spacing"]
        for axis, (x, y, z) in enumerate(cell_A):
            text.append(f"  {axis + 1}. axis:    yes  {x:10.6f}  {y:10.6f}  {z:10.6f}    32     0.2")
        text += ["", "Forces in eV/Ang:", "  0 Li    0.00000   -0.00000    0.00000", ""]
    path.write_text("\n".join(text))
    return path
