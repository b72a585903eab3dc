import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

from alloop.commands.interruption import Interrupted, interruptible
from alloop.config.machine import WandbConfig
from alloop.monitor.wandb_sync import sync, sync_in_time
from tests.support.journals import play


@pytest.fixture
def core(tmp_path):
    """Start a child that is called as wandb's own process is, and ends by no signal but a kill."""
    program = shutil.copy(shutil.which("sleep"), tmp_path / "wandb-core")
    child = subprocess.Popen([program, "60"])
    yield child
    child.kill()
    child.wait()


def test_an_interruption_of_sync_ends_what_would_hold_the_process_up(core, tmp_path):
    def interrupted(scratch):
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        sync(WandbConfig(artifacts=True), tmp_path, play(tmp_path / "campaign", upto=1), interrupted)
    assert core.wait(5) == -9


def test_an_interruption_while_a_silent_server_is_waited_for_ends_the_wait(core):
    ask, began = threading.Event(), time.monotonic()

    def wait():
        with interruptible("stopped"):
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
            sync_in_time(ask.wait, 30.0)

    with pytest.raises(Interrupted):
        wait()
    ask.set()
    assert time.monotonic() - began < 20
    assert core.wait(5) == -9
