"""Programs that stand in for VASP, Quantum ESPRESSO and CP2K: they keep their input and give no result."""

from __future__ import annotations

import sys
from pathlib import Path

MPIRUN = '#!/bin/sh\nshift 2\nexec "$@"\n'
FAILS = "#!/bin/sh\nexit {status}\n"
CP2K_SHELL = f'''#!{sys.executable}
"""Answers as `cp2k.psmp -s` does until an input is loaded."""
from pathlib import Path

def say(text):
    print(text, flush=True)

say("* READY")
while line := input():
    if line == "VERSION":
        say("CP2K Shell Version: 7.0")
    if line == "WRITE_FILE":
        path, count = Path(input()), int(input())
        path.write_text("\\n".join(input() for _ in range(count)) + "\\n")
        assert input() == "*END"
    if line.startswith("LOAD"):
        raise SystemExit(1)
    say("* READY")
'''


def write_programs(folder: Path, status: int = 1) -> None:
    """Write the programs into a folder; those that read files end with an exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    fails = FAILS.format(status=status)
    for name, text in {"mpirun": MPIRUN, "vasp_std": fails, "pw.x": fails, "cp2k.psmp": CP2K_SHELL}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
