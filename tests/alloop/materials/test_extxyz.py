import pytest

from alloop.materials.extxyz import FrameError, check_rows, extxyz_frames

FRAME = ["2", "Lattice=...", "Li 0 0 0", "Cl 1 1 1"]


def test_frames_begin_where_they_begin():
    assert extxyz_frames([*FRAME, *FRAME, "", " "]) == [1, 5]
    assert extxyz_frames([*FRAME, "VEC1 5 0 0", "VEC2 0 5 0", "VEC3 0 0 5", *FRAME]) == [1, 8]
    assert extxyz_frames([]) == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([*FRAME, "", *FRAME], "an empty line 5, after which no frame is read"),
        ([*FRAME, *FRAME[:-1]], r"frame 2 \(line 5\) says 2 atoms, and the file holds 1"),
        (["Li 0 0 0", *FRAME], r"frame 1 \(line 1\) begins with `Li 0 0 0`"),
        (["9" * 40, *FRAME], "says 1"),
        (
            ["2", "Properties=species:S:1:pos:R:999999999", *FRAME[2:]],
            r"says 1000000000 columns .* its first row has 4",
        ),
    ],
)
def test_a_frame_that_is_not_whole_is_named(lines, words):
    with pytest.raises(FrameError, match=words):
        extxyz_frames(lines)


def test_a_row_that_is_cut_off_is_named():
    assert check_rows([*FRAME, *FRAME[:-1], "Cl 1"], 5) == "line 8 has 2 of 4 columns"
    assert check_rows(FRAME, 1) == ""
