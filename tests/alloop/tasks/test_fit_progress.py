from pathlib import Path

import pytest

from alloop.tasks.fit_progress import FitProgress, ProgressLine, read_progress

CHECK = {"step": 40, "steps": 1500, "loss": 0.5, "rmse_forces_meV_per_A": 45.2, "watched": "train"}


def test_a_line_is_read_back_until_the_fit_is_over(tmp_path):
    line = ProgressLine(tmp_path, "abc")
    line.write(**CHECK)
    assert read_progress(tmp_path, "abc") == FitProgress(**CHECK)
    line.write(**{**CHECK, "step": 80})  # just after the last one: not written
    assert read_progress(tmp_path, "abc").step == 40
    line.remove()
    assert read_progress(tmp_path, "abc") is None
    line.remove()


@pytest.mark.parametrize("content", [b"", b"{", b'{"step": -1}', b"\xff" * 100, b" " * 5000])
def test_a_line_that_makes_no_sense_tells_nothing(tmp_path, content):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "abc.progress").write_bytes(content)
    assert read_progress(tmp_path, "abc") is None


def test_a_line_that_cannot_be_written_harms_nobody(tmp_path: Path):
    for check in (CHECK, {**CHECK, "loss": float("nan")}, {"step": 1}):
        ProgressLine(tmp_path / "gone", "abc").write(**check)
    aside = tmp_path / "aside"
    aside.write_text("mine")
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "abc.progress").symlink_to(aside)
    line = ProgressLine(tmp_path, "abc")
    line.write(**CHECK)
    assert aside.read_text() == "mine"
    assert read_progress(tmp_path, "abc") is None
