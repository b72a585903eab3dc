"""A driver that does nothing but append, as fast as it can, and says every number it was promised; run as a process.

``python -m tests.support.appender FOLDER LOCKS``
"""

from __future__ import annotations

import sys
from pathlib import Path

from alloop.journal.events import TaskFinished, TaskPlanned
from alloop.journal.journal import Journal

TOGETHER = 3
"""Events of one transaction: two tasks planned, and the last task of the transaction before finished."""


def main(folder: Path, locks: str) -> None:
    journal = Journal(folder, locks=locks)  # type: ignore[arg-type]
    first = len(list(journal.entries()))
    for number in range(first, 100_000, TOGETHER):
        names = {"purpose": f"label/A/{number}", "key": "k" * 64}
        planned = TaskPlanned(**names, task="label", slot_kind="label", request={"filler": "x" * 3000})
        entries = journal.append([planned, planned, TaskFinished(**names, status="ok")], {f"k{number}": b"y" * 5000})
        journal.publish()
        print(entries[-1].seq, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
