"""Exit codes of the commands and their meaning, as docs/commands.md lists them."""

from __future__ import annotations

from alloop.commands import interruption
from alloop.journal.verdicts import VERDICTS

OK = 0
ERROR = 1
USAGE = 2
STOPPED = 3
INTERRUPTED = interruption.INTERRUPTED
RETRY = 75


def _verdicts(code: int) -> str:
    *others, last = (f"`{name}`" for name, kind in VERDICTS.items() if kind.exit_code == code)
    return f"{', '.join(others)} or {last}" if others else last


MEANINGS = {
    OK: f"done; `run`: a verdict was reached ({_verdicts(OK)})",
    ERROR: "an error of alloop itself: please report it with the crash file; the journal is intact",
    USAGE: "the config, the campaign folder or the command line cannot be used; nothing was changed",
    STOPPED: f"`run`: the campaign gave up (verdict {_verdicts(STOPPED)}); the reasons are printed",
    RETRY: "`run`: what the campaign needs is broken for now (the workers, the disk); the reason is printed; "
    "run the same command again; `stop`: the driver still runs; `sync`: the server of W&B did not take everything",
    INTERRUPTED: "stopped by Ctrl-C or a signal; run the same command again, which continues a campaign",
}
