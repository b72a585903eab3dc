"""What the exit code of a command means; documented in the README."""

from __future__ import annotations

OK = 0
ERROR = 1
USAGE = 2
STOPPED = 3
INTERRUPTED = 130
RETRY = 75

MEANINGS = {
    OK: "done; `run`: a verdict was reached (converged, ladder exhausted or budget spent)",
    ERROR: "an error of alloop itself; the journal is intact",
    USAGE: "the config, the campaign folder or the command line cannot be used; nothing was changed",
    STOPPED: "`run`: the campaign gave up (verdict `stopped`); the reasons are printed",
    RETRY: "`run`: what the campaign needs is broken for now (the workers, the disk); the reason is printed; "
    "run the same command again",
    INTERRUPTED: "`run`: stopped by Ctrl-C or a signal; run the same command again to continue",
}
