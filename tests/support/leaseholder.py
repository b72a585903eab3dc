"""A process that holds a lease, or counts under one; run as a process of its own.

``hold FOLDER LEASE_S [HOST]``: takes the lease, says ``held``, and then answers every line with whether it still has
it; an empty line lets it go. ``count FOLDER LEASE_S TIMES FILE``: adds one to the number in FILE, TIMES times, each
under the lease. With HOST the process pretends to be on that host.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from alloop.files.leases import take_lease, this_process


def start(*words: object) -> subprocess.Popen[str]:
    """Start a holder."""
    command = [sys.executable, "-m", "tests.support.leaseholder", *map(str, words)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(holder: subprocess.Popen[str], line: str = "?") -> str:
    """Send a holder a line and return its answer."""
    assert holder.stdin is not None
    holder.stdin.write(f"{line}\n")
    holder.stdin.flush()
    return said(holder)


def said(holder: subprocess.Popen[str]) -> str:
    """Return the next line of a holder."""
    assert holder.stdout is not None
    return holder.stdout.readline().strip()


def _hold(folder: Path, lease_s: float, host: str | None = None) -> None:
    owner = replace(this_process(), host=host, space="of another kernel") if host else None
    lease = take_lease(folder, lease_s=lease_s, owner=owner)
    print("held", flush=True)
    for line in sys.stdin:
        if not line.strip():
            break
        print(lease.intact(), flush=True)
    lease.release()
    print("free", flush=True)


def _count(folder: Path, lease_s: float, times: int, file: Path) -> None:
    for _ in range(times):
        lease = take_lease(folder, lease_s=lease_s)
        number = int(file.read_text())
        time.sleep(0.005)
        file.write_text(str(number + 1))
        lease.release()


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        _hold(Path(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:])
    else:
        _count(Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
