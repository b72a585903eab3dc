import doctest

from alloop.monitor import running_fits
from alloop.monitor.running_fits import MOST_FITS, fit_lines
from alloop.state.records import TaskState
from alloop.state.state import CampaignState
from alloop.tasks.fit_progress import ProgressLine


def test_examples():
    assert doctest.testmod(running_fits).failed == 0


def test_running_fits_tell_how_far_they_are_and_those_that_do_not_are_left_out(tmp_path):
    state = CampaignState()
    for member in range(4):
        purpose = f"fit/g2/m{member}"
        state.running[purpose] = TaskState(purpose, f"key{member}", "fit", "fit", {}, {}, 0.0)
        if member:
            check = {"step": member, "steps": 9, "loss": 0.5, "rmse_forces_meV_per_A": 45.21, "watched": "valid"}
            ProgressLine(tmp_path, f"key{member}").write(**check)
    told = fit_lines(tmp_path, state)
    assert len(told) == MOST_FITS
    assert told[0] == "generation 2, member 1: step 1 of 9, loss 0.5, 45.2 meV/Å on frames to validate on"
