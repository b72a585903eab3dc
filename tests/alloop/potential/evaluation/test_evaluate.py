import functools
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from ase import Atoms
from ase.cell import Cell
from ase.geometry import get_distances
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alloop.config.foundations import SHIPPED
from alloop.config.science import ArchitectureConfig
from alloop.potential.committee import Committee
from alloop.potential.evaluation.batched import BatchedModel
from alloop.potential.evaluation.evaluate import ready, surfaces
from alloop.potential.evaluation.neighbours import Neighbourhoods
from alloop.potential.mace_api import MACECalculator
from alloop.potential.models.architecture import new_model
from tests.support.models import small_foundation, small_model

CONFIGS = sorted((Path(__file__).parents[4] / "configs").glob("*.yaml"))
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
"""In units of the RMS force and stress of the frame; of every component, against MACE in float64."""
HARDLY_A_FORCE_EV_PER_A = 0.01
"""Below, forces are what is left of much larger ones between pairs, which float32 keeps to seven digits."""
SHAPES = {
    "default": ({}, "Li In Cl"),
    "quickstart": ({"channels": 64, "correlation": 3}, "Li In Cl"),
    "one layer": ({"layers": 1, "correlation": 1, "max_ell": 1, "channels": 8}, "Li Cl"),
    "three layers": ({"layers": 3, "correlation": 3, "max_ell": 3, "channels": 16}, "Li Ge P S O"),
    "vectors": ({"max_L": 1, "correlation": 2, "channels": 8}, "Li Y B Cl"),
    "tensors": ({"max_L": 2, "correlation": 3, "layers": 2, "channels": 4}, "Na Zr Si P O"),
}
FOUNDATION = "Li O P In Cl"


def model_of(shape):
    """Return a model with weights far from where fits start."""
    if shape == "foundation":
        return small_foundation(_numbers(FOUNDATION), heads=("pt_head", "Default"))
    architecture, symbols = SHAPES[shape]
    model = new_model(
        architecture,
        {z: -0.1 * z for z in _numbers(symbols)},
        average_neighbours=20.0,
        scale_eV_per_A=0.7,
        shift_eV=-1.0,
        dtype="float32",
        seed=1,
    )
    random = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weights in model.parameters():
            weights *= 1 + 0.5 * torch.randn(weights.shape, generator=random)
    return model


def _numbers(symbols):
    return tuple(sorted(Atoms(symbols.split()).numbers.tolist()))


@functools.cache
def both_of(shape):
    """Return a committee of every precision, and MACE in float64."""
    ours = {dtype: Committee([ready(model_of(shape), "cpu", dtype)], device="cpu", dtype=dtype) for dtype in TOLERANCE}
    named = {"head": "Default"} if shape == "foundation" else {}
    return ours, MACECalculator(models=[model_of(shape).double()], device="cpu", default_dtype="float64", **named)


@st.composite
def walkers(draw, symbols):
    """Draw walkers of some elements in one cell, small or skewed, with atoms far out of it."""
    angles = st.floats(60, 120)
    cell = Cell.fromcellpar([*draw(st.tuples(*[st.floats(2.6, 6.5)] * 3)), *draw(st.tuples(angles, angles, angles))])
    assume(cell.volume > 0.4 * np.prod(cell.lengths()))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spots = _apart(rng, cell, draw(st.integers(2, 8)), shortest_A=draw(st.floats(1.2, 2.2)))
    assume(len(spots) > 1)
    atoms = Atoms(rng.choice(symbols.split(), len(spots)), positions=spots, cell=cell, pbc=True)
    moves = rng.normal(scale=draw(st.floats(0.0, 0.2)), size=(draw(st.integers(1, 3)), len(spots), 3))
    return atoms, atoms.positions + moves + rng.integers(-3, 4, (len(spots), 3)) @ cell.array


def _apart(rng, cell, wanted, shortest_A):
    spots = np.empty((0, 3))
    for candidate in rng.random((20 * wanted, 3)) @ cell.array:
        near = get_distances(spots, candidate, cell=cell, pbc=True)[1] if len(spots) else np.array([np.inf])
        if len(spots) < wanted and near.min() > shortest_A:
            spots = np.vstack([spots, candidate])
    return spots


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


@pytest.mark.parametrize("shape", ["quickstart", "one layer", "three layers", "tensors", "foundation"])
@settings(max_examples=2)
@given(data=st.data())
def test_random_structures_have_the_energies_forces_and_stresses_of_mace(shape, data):
    atoms, positions = data.draw(walkers(FOUNDATION if shape == "foundation" else SHAPES[shape][1]))
    committees, mace = both_of(shape)
    expected = [_said_by(mace, atoms, one) for one in positions]
    assume(all(rms(forces) > HARDLY_A_FORCE_EV_PER_A for _, forces, _ in expected))
    for dtype, tolerance in TOLERANCE.items():
        (model,) = committees[dtype]._members
        field = BatchedModel(model, atoms, device="cpu", dtype=dtype)
        together = field(torch.tensor(positions), range(len(positions)))
        for one, walker, (energy, forces, stress) in zip(positions, range(len(positions)), expected, strict=True):
            alone = committees[dtype].look(_at(atoms, one), stress=True).leader
            allowed = tolerance * rms(forces)
            np.testing.assert_allclose(alone.forces_eV_per_A, forces, rtol=0, atol=allowed)
            np.testing.assert_allclose(together.forces_eV_per_A[walker], forces, rtol=0, atol=allowed)
            np.testing.assert_allclose(alone.stress_eV_per_A3, stress, rtol=0, atol=tolerance * rms(stress))
            # The energy of an atom in units of the force over 1 Å, and the digits that a precision has.
            allowed = (allowed + 2 * np.finfo(dtype).eps * abs(energy)) * len(atoms)
            np.testing.assert_allclose([alone.energy_eV, together.energies_eV[walker]], energy, rtol=0, atol=allowed)


def _at(atoms, positions_A):
    moved = atoms.copy()
    moved.positions = positions_A
    return moved


def _said_by(mace, atoms, positions_A):
    mace.calculate(_at(atoms, positions_A))
    return mace.results["energy"], mace.results["forces"], mace.results["stress"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_models_of_the_configs_are_among_these(path):
    section = yaml.safe_load(path.read_text())["potential"]
    # A foundation that comes with alloop has the shape that its config names for a start without it.
    assert section["foundation"] in (None, *SHIPPED)
    shape = ArchitectureConfig.model_validate(section.get("architecture", {}))
    assert shape in [ArchitectureConfig.model_validate(architecture) for architecture, _ in SHAPES.values()]


def test_members_share_a_graph_and_keep_apart():
    atoms = Atoms("LiCl", positions=[[0, 0, 0], [2.4, 0.2, 0]], cell=[4.1, 4.3, 4.5], pbc=True)
    species = torch.eye(2)[torch.as_tensor((atoms.numbers == 17).astype(int))]
    models = [ready(small_model(seed), "cpu", "float32") for seed in range(3)]
    edges = Neighbourhoods(atoms.numbers, atoms.cell.array, species, 4.0).edges(
        torch.tensor(atoms.positions[None]), [0]
    )
    together = surfaces(models, edges)
    for model, surface in zip(models, together, strict=True):
        (alone,) = surfaces([model], edges)
        torch.testing.assert_close(surface.forces(edges), alone.forces(edges), rtol=0, atol=0)
