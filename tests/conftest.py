"""What holds for every test: the draws of property tests, the disk, the signals of processes, the order."""

import os
import signal

import pytest
from hypothesis import settings

from alloop.journal import file

settings.register_profile("alloop", deadline=None, max_examples=50, derandomize=bool(os.environ.get("CI")))
settings.load_profile("alloop")


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_the_disk():
    """Let what this process writes reach the disk later: no test cuts the power. Processes that tests start do wait."""
    opened = file._opened
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(file, "_opened", lambda path, options, how: opened(path, options, (*how, "synchronous=OFF")))
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Let what tests start hear the signals that `nohup make test &` ignores, and the tests outlive them all the same.

    What a process ignores its children ignore; a handler that does nothing they do not inherit. Who only starts other
    processes for the tests leaves it to them.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ and config.getoption("numprocesses", None):
        return
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests on Slurm first, which wait more than they compute, then the demo, the longest of all files."""
    first = ("tests/slurm/", "tests/campaign/test_quickstart.py")
    items.sort(key=lambda item: next((place for place, name in enumerate(first) if name in item.nodeid), len(first)))
