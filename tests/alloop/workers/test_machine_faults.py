import errno
from collections import Counter

import pytest
from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

from alloop.labelling.errors import EngineError, RanksError
from alloop.tasks.attempts import broken_by
from alloop.workers.machine_faults import Fault, common_losses, find_fault

NOBODY = Counter()


@pytest.mark.parametrize(
    ("error", "traits"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), {"cost": 0.0, "pause": True, "disk_full": True}),
        (OSError(errno.EIO, "Input/output error"), {"pause": True, "inputs": True}),
        (MemoryError("Unable to allocate"), {}),
        (RanksError("left no answer"), {"inputs": True}),
        (ImportError("no module"), {"inputs": True, "repeats": True}),
        (TypeError("typo"), {"inputs": True, "repeats": True}),
        (EngineError("raised", "TypeError: x"), {"inputs": True, "repeats": True, "of_engine": True}),
        (
            EngineError("raised", "OSError: [Errno 28] x", errno.ENOSPC),
            {"inputs": True, "repeats": True, "of_engine": True, "pause": True},
        ),
        (EngineError("system", "OSError: x", errno.ENOSPC), {"cost": 0.0, "pause": True, "disk_full": True}),
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
