"""What a signal does while no driver listens to it: the command ends in one line, with the exit code of a stop.

This module imports nothing that takes long, because it must be there before everything else.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
"""True for a type checker: `typing` is not imported here, nor is what only annotations name."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType
    from typing import Any

    Handler = Callable[[int, FrameType | None], None]

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
INTERRUPTED = 130
"""Exit code of a command that was asked to stop."""
NOTHING_STARTED = "Stopped before anything was started; run the same command again."


class Interrupted(BaseException):
    """A signal asks the command to stop; the message is one line for the user."""


def end_at_once() -> None:
    """Let a signal end this process on the spot: for the time in which modules are imported, and nothing is begun.

    One that was held back, see `hold_back`, ends it now.
    """

    def end(number: int, frame: FrameType | None) -> None:
        last_words(NOTHING_STARTED)
        os._exit(INTERRUPTED)

    _handle(end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def hold_back() -> None:
    """Let signals wait while this process becomes another program, until that listens."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def end_in_silence() -> None:
    """Let a signal end this process as any other program: the command is over and has said what there was to say."""
    _handle(signal.SIG_DFL)


@contextmanager
def interruptible(words: str) -> Iterator[None]:
    """Let a signal raise `Interrupted`, so that what is open is closed; a second one waits for nothing.

    Parameters
    ----------
    words : str
        What is true if the command is stopped here, and how to go on.
    """

    def end(number: int, frame: FrameType | None) -> None:
        last_words(words)
        os._exit(INTERRUPTED)

    def ask(number: int, frame: FrameType | None) -> None:
        _handle(end)
        raise Interrupted(words)

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    _handle(ask)
    try:
        yield
    finally:
        hand_back(before, ask)


def interruption(error: BaseException | None) -> Interrupted | None:
    """Return the interruption behind an error: a module whose import is cut short may raise something else."""
    while error is not None and not isinstance(error, Interrupted):
        error = error.__cause__ or error.__context__
    return error


def last_words(words: str) -> None:
    """Print a line; no signal changes it or the exit code any more."""
    be_deaf()
    with suppress(Exception):  # a reader who went away, or a signal while this very stream is written
        sys.stdout.flush()
    with suppress(OSError):
        os.write(1, f"{words}\n".encode(errors="replace"))


def be_deaf() -> None:
    """Ignore every signal that asks to stop: this process is about to."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def hand_back(before: Mapping[signal.Signals, Any], own: Handler) -> None:
    """Restore earlier handlers of signals, where one's own is still in place."""
    for number, handler in before.items():
        if signal.getsignal(number) is own:
            signal.signal(number, handler)


def _handle(handler: Handler | signal.Handlers) -> None:
    """Take every signal that this process does not ignore: what `nohup` or a shell in the background made it ignore."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
