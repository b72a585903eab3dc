import os

from alloop.files.long_files import KEPT_BYTES, LONGEST_BYTES, keep_end


def test_only_the_end_of_a_long_file_is_kept_and_writing_goes_on_behind_it(tmp_path):
    path = tmp_path / "output"
    with path.open("ab", buffering=0) as file:
        file.write(b"first\n" + b"." * LONGEST_BYTES + b"\nlast\n")
        keep_end(file.fileno())
        file.write(b"more\n")
    content = path.read_bytes()
    dropped = LONGEST_BYTES + 12 - KEPT_BYTES
    assert content.startswith(f"[alloop dropped the first {dropped} bytes of this output]\n...".encode())
    assert content.endswith(b".\nlast\nmore\n")
    assert len(content) < KEPT_BYTES + 100


def test_a_short_file_and_what_is_no_file_are_left_alone(tmp_path):
    path = tmp_path / "output"
    path.write_bytes(b"." * LONGEST_BYTES)
    with path.open("ab") as file:
        keep_end(file.fileno())
    assert path.stat().st_size == LONGEST_BYTES
    reader, writer = os.pipe()
    keep_end(writer)
    os.write(writer, b"x")
    assert os.read(reader, 1) == b"x"


def test_a_file_that_cannot_be_cut_is_left_as_it_is(tmp_path):
    path = tmp_path / "output"
    path.write_bytes(b"." * (LONGEST_BYTES + 1))
    with path.open("rb") as file:
        keep_end(file.fileno())
    assert path.stat().st_size == LONGEST_BYTES + 1
