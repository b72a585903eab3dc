"""A machine that lacks what programs take for granted: one campaign in all of it at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.campaigns import environment, folded, left_behind, write_config

QUICK = {"executors": {"local": {"kind": "local", "workers": 1}}, "heartbeat_s": 2, "heartbeat_limit_s": 6}
UNKNOWN = ["unshare", "--user", "--map-user=12345"]
HIDDEN = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME")


def knows_unknown_users():
    try:
        return subprocess.run([*UNKNOWN, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.slow
def test_a_campaign_runs_without_name_home_output_and_utf_8_and_with_a_long_temporary_folder(tmp_path):
    """As in a container, started by a batch system that closes input and output."""
    config = write_config(tmp_path / "config", execution=QUICK, ladder={"rungs": [4], "fits": 2})
    folder, long = tmp_path / "run", tmp_path / ("x" * 100)
    long.mkdir()
    words = [sys.executable, "-m", "alloop", "run", str(config), "--folder", str(folder), "--plain"]
    kept = {name: value for name, value in environment().items() if name not in HIDDEN}
    environ = kept | {"TMPDIR": str(long), "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [*(UNKNOWN if knows_unknown_users() else []), *words],
        env=environ,
        cwd=tmp_path,
        preexec_fn=lambda: [os.close(descriptor) for descriptor in (0, 1)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert folded(folder).verdict.verdict == "ladder_exhausted"
    assert (folder / "report.html").exists()
    assert left_behind(folder) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["config", "run", long.name])


def test_check_says_of_a_place_with_a_blank_what_run_says(tmp_path):
    place = tmp_path / "my runs (1)"
    write_config(place)
    for command in ("check", "run"):
        words = [sys.executable, "-m", "alloop", command, "tiny.yaml"]
        done = subprocess.run(words, cwd=place, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stdout + done.stderr == (
            f"alloop: {place}/runs/tiny: the path holds ' ', which batch systems and shells read as more than a name; "
            "name another campaign folder with --folder\n"
        )
    assert sorted(path.name for path in place.iterdir()) == ["CuAl.extxyz", "tiny.yaml"]
