import errno
from collections import Counter
from pathlib import Path

import pytest
from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

from alloop.failures import PlaceError
from alloop.files.plain_files import NotPlainError
from alloop.labelling.errors import EngineError, RanksError
from alloop.tasks.attempts import BrokenAttempt, broken_by
from alloop.workers.machine_faults import Fault, common_losses, find_fault

NOBODY = Counter()
FULL = {"place": "the disk is full", "mend": "make room"}
UNUSABLE = {"place": "the campaign's folder cannot be used", "mend": "correct that"}


@pytest.mark.parametrize(
    ("error", "traits"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), {"cost": 0.0, "pause": True, **FULL}),
        (OSError(errno.EIO, "Input/output error"), {"pause": True, "inputs": True}),
        (PlaceError(errno.EDQUOT, "Disk quota exceeded", "a"), {"cost": 0.0, "pause": True, **FULL}),
        (PlaceError(errno.EROFS, "Read-only file system", "a"), {"cost": 0.0, "pause": True, **UNUSABLE}),
        (NotPlainError(Path("a"), "is a link"), {"cost": 0.0, "pause": True, **UNUSABLE}),
        (MemoryError("Unable to allocate"), {}),
        (RanksError("left no answer"), {"inputs": True}),
        (ImportError("no module"), {"inputs": True, "repeats": True}),
        (TypeError("typo"), {"inputs": True, "repeats": True}),
        (EngineError("raised", "TypeError: x"), {"inputs": True, "repeats": True, "of_engine": True}),
        (
            EngineError("raised", "OSError: [Errno 28] x", errno.ENOSPC),
            {"inputs": True, "repeats": True, "of_engine": True, "pause": True},
        ),
        (EngineError("system", "OSError: x", errno.ENOSPC), {"cost": 0.0, "pause": True, **FULL}),
        (EngineError("memory", "MemoryError: x"), {}),
    ],
)
def test_what_a_worker_says_has_its_price_and_its_cure(error, traits):
    fault = find_fault(broken_by(error), NOBODY)
    assert fault == Fault(fault.text, **traits)
    assert fault == find_fault(error, NOBODY)


def test_a_worker_that_ends_well_and_leaves_nothing_is_told():
    assert find_fault(None, NOBODY) == Fault("the worker left no result, or a damaged one", inputs=True)


def test_one_of_several_that_were_lost_together_is_hardly_to_blame():
    lost = [ManagerLost(b"a", "node"), ManagerLost(b"a", "node"), ManagerLost(b"b", "node")]
    costs = [find_fault(error, common_losses([*lost, None])).cost for error in lost]
    assert costs == [0.25, 0.25, 1.0]
    assert "its worker on node died" in find_fault(WorkerLost(1, "node"), NOBODY).text


def test_a_label_that_could_not_be_written_travels_with_its_attempt():
    error = PlaceError(errno.EROFS, "Read-only file system", "a")
    error.unwritten = "result μ\n".encode()
    told = BrokenAttempt.model_validate(broken_by(error).model_dump(mode="json"))
    assert told.result() == error.unwritten
    assert broken_by(OSError(errno.EROFS, "")).result() is None
