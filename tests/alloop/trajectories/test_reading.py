"""How a file is packed and encoded."""

import bz2
import gzip
import lzma

import pytest

from alloop.trajectories.analysis import analyse
from alloop.trajectories.frames import TrajectoryError
from alloop.trajectories.reading import ReadSettings, read_run
from alloop.trajectories.timing import Said
from alloop.transport.settings import MeasureSettings
from tests.support import written

SAID = Said(timestep_fs=written.STEP_fs, temperature_K=written.TEMPERATURE_K)
LITHIUM = ReadSettings(mobile=("Li",))


@pytest.fixture
def dump(tmp_path):
    return written.write_dump(tmp_path / "dump", written.hopping_run(4), written.CUBIC)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda text: b"\xef\xbb\xbf" + text])
def test_packed_text_and_a_byte_order_mark_are_read(dump, pack):
    plain = read_run(dump, SAID, LITHIUM)
    dump.write_bytes(pack(dump.read_bytes()))
    assert read_run(dump, SAID, LITHIUM).trajectory.mobile_A.tolist() == plain.trajectory.mobile_A.tolist()


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_packed_text_that_is_cut_off_is_refused(dump, pack):
    dump.write_bytes(pack(dump.read_bytes())[:-40])
    with pytest.raises(TrajectoryError, match=r"the packed file is damaged or cut off"):
        read_run(dump, SAID, LITHIUM)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("ITEM: TIMESTEP\n".encode("utf-16"), r"is text in UTF-16; save it as UTF-8"),
        (gzip.compress(b"- of UlmASE-Trajectory", mtime=0), r"is a packed ASE traj; unpack it"),
        (b"1\nmade by hand\nLi 0.0 0.0 0.0\n", r"frame 1: no Lattice with nine numbers"),
        (b'1\nLattice="3 0 0 0 3 0 0 0 3"\nLi 0,5 0.0 0.0\n', r"frame 1: `0,5` is no number; decimals need a point"),
        (b'1\nLattice="3 0 0 0 3 0 0 0 3"\nD 0.5 0.0 0.0\n', r"frame 1: `D` is no element; .* hydrogen as H"),
    ],
)
def test_a_file_that_cannot_be_read_says_the_mend(tmp_path, content, line):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(TrajectoryError, match=line):
        read_run(tmp_path / "file", SAID, LITHIUM)


def test_a_run_that_is_named_twice_is_refused(dump):
    runs = [read_run(dump, SAID, LITHIUM) for _ in range(2)]
    with pytest.raises(TrajectoryError, match=r"dump: is the same run as .*dump; name every run once"):
        analyse(runs, MeasureSettings("Li"))
