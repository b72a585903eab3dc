"""Production runs as files of other programs, read back by readers that are not alloop's."""

import io

import ase.io
import h5py
import MDAnalysis
import numpy as np
import pytest
from ase.geometry import cell_to_cellpar

from alloop.outputs.trajectories import RunName
from alloop.outputs.trajectory_files import extxyz_bytes, file_stem, h5md_bytes
from tests.support.trajectories import lithium_chloride_run


@pytest.fixture(scope="module")
def h5md(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run.h5md"
    path.write_bytes(h5md_bytes(lithium_chloride_run()))
    return path


def test_ase_reads_the_snapshots():
    run = lithium_chloride_run()
    frames = ase.io.read(io.StringIO(extxyz_bytes(run).decode()), ":", format="extxyz")
    assert [frame.info["time_ps"] for frame in frames] == pytest.approx([0.0, 0.08, 0.16])
    assert {frame.info["temperature_K"] for frame in frames} == {600.0}
    for frame, positions in zip(frames, run.snapshots_A, strict=True):
        np.testing.assert_allclose(frame.positions, positions, atol=1e-6)
        np.testing.assert_allclose(frame.cell.array, run.cell_A)
        assert frame.pbc.all()


def test_mdanalysis_reads_the_snapshots_with_times_and_box(h5md):
    """Its reader of H5MD was written by others, after the specification."""
    run = lithium_chloride_run()
    universe = MDAnalysis.Universe.empty(8, trajectory=True)
    universe.load_new(str(h5md), format="H5MD")
    assert [step.time for step in universe.trajectory] == pytest.approx([0.0, 0.08, 0.16])
    for step, positions in zip(universe.trajectory, run.snapshots_A, strict=True):
        np.testing.assert_allclose(step.positions, positions, atol=1e-5)
        lengths_and_angles = cell_to_cellpar(run.cell_A)
        np.testing.assert_allclose(step.dimensions, lengths_and_angles, atol=1e-4)


def test_the_layout_is_that_of_the_specification(h5md):
    """https://www.nongnu.org/h5md/h5md.html and https://www.nongnu.org/h5md/modules/units.html"""
    run = lithium_chloride_run()
    with h5py.File(h5md) as file:
        assert file["h5md"].attrs["version"].tolist() == [1, 1]
        assert file["h5md/creator"].attrs["name"] == "alloop"
        assert file["h5md/creator"].attrs["version"]
        assert file["h5md/author"].attrs["name"]
        assert file["h5md/modules/units"].attrs["version"].tolist() == [1, 0]
        box = file["particles/trajectory_mobile/box"]
        assert box.attrs["dimension"] == 3
        assert [one.decode() if isinstance(one, bytes) else one for one in box.attrs["boundary"]] == ["periodic"] * 3
        np.testing.assert_array_equal(box["edges/value"], np.broadcast_to(run.cell_A, (9, 3, 3)))
        assert box["edges/value"].attrs["unit"] == "Angstrom"
        np.testing.assert_array_equal(box["edges/step"], file["particles/trajectory_mobile/position/step"])
        mobile = file["particles/trajectory_mobile"]
        np.testing.assert_array_equal(mobile["position/value"], run.mobile_A)
        np.testing.assert_allclose(mobile["position/time"], run.times_ps)
        assert mobile["position/step"][:].tolist() == list(range(9))
        assert file["particles/trajectory/position/step"][:].tolist() == [0, 4, 8]
        assert mobile["position/value"].attrs["unit"] == "Angstrom"
        assert mobile["position/time"].attrs["unit"] == "ps"
        assert mobile["id"][:].tolist() == run.mobile.tolist()
        names = {
            value: name for name, value in h5py.check_enum_dtype(file["particles/trajectory/species"].dtype).items()
        }
        assert [names[kind] for kind in file["particles/trajectory/species"][:]] == ["Li", "Cl"] * 4
        np.testing.assert_array_equal(file["observables/kinetic_temperature/value"], run.kinetic_K)
        assert file["observables/conserved_energy/value"].attrs["unit"] == "eV"


def test_files_are_named_after_their_run():
    assert file_stem(RunName("A", 600.0, 48, 1, 0)) == "A-600K-rung48-fit1-replica0"
