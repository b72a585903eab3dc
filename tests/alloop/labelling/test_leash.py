import os
import signal
import subprocess
import sys

import pytest

from tests.support.mpi import gone, programs_of
from tests.support.waiting import wait_for

DAEMONS = "sleep 300 & setsid sleep 300 & (setsid sh -c 'trap \"\" TERM; sleep 300; sleep 300' &) ; sleep {seconds}"


def leashed(folder, script, parent=None):
    words = [sys.executable, "-P", "-m", "alloop.labelling.leash", str(parent or os.getpid()), "sh", "-c", script]
    return subprocess.Popen(words, cwd=folder, start_new_session=True)


def started(folder, count):
    return wait_for(lambda: len(programs_of(folder)) >= count, 30)


def test_the_exit_status_is_that_of_the_command(tmp_path):
    assert leashed(tmp_path, "exit 7").wait() == 7
    assert leashed(tmp_path, "kill -9 $$").wait() == 137


def test_daemons_in_other_sessions_end_with_the_command(tmp_path):
    leash = leashed(tmp_path, DAEMONS.format(seconds=1))
    assert started(tmp_path, 5)
    assert leash.wait(30) == 0
    assert programs_of(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_everything_ends_when_it_is_asked_to(tmp_path, number):
    leash = leashed(tmp_path, DAEMONS.format(seconds=300))
    assert started(tmp_path, 6)
    leash.send_signal(number)
    assert leash.wait(30) == 143
    assert programs_of(tmp_path) == []


def test_everything_ends_when_the_process_that_asked_is_killed(tmp_path):
    code = (
        "import os, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-P', '-m', 'alloop.labelling.leash', str(os.getpid()), *sys.argv[1:]],\n"
        "                 start_new_session=True)\n"
        "time.sleep(300)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, "sh", "-c", DAEMONS.format(seconds=300)], cwd=tmp_path)
    assert started(tmp_path, 7)
    owner.kill()
    owner.wait()
    assert gone(tmp_path, 10)
