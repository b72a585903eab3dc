"""How a command ends that fails: a line on stderr for each problem, and an exit code."""

from __future__ import annotations

import configparser
import errno
import sqlite3
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from alloop.commands import exit_codes
from alloop.commands.interruption import interruption, last_words
from alloop.failures import UNUSABLE, ForeseenError, PlaceError, one_line
from alloop.files.redaction import redacted

USELESS_PLACES = (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM)
MACHINE_TROUBLES = UNUSABLE | {errno.ENOMEM}


def tell(error: BaseException) -> int:
    """Print what a person can do about an error, and return the exit code."""
    if (stop := interruption(error)) is not None:
        last_words(str(stop))
        return exit_codes.INTERRUPTED
    if isinstance(error, ForeseenError):
        code, what = exit_codes.USAGE, "\nalloop: ".join(map(_presentable, error.lines()))
    elif (misused := _misused(error)) is not None:
        code, what = exit_codes.USAGE, misused
    elif (trouble := _trouble(error)) is not None:
        code, what = exit_codes.RETRY, f"{trouble}; nothing is lost: correct that and run the same command again"
    else:
        unexpected = f"unexpected {type(error).__name__}: {_one_line(error)}"
        code, what = exit_codes.ERROR, f"{unexpected}; an error of alloop: please report it with {_crash_file()}"
    with suppress(OSError):
        print(f"alloop: {what}", file=sys.stderr)
    return code


def _trouble(error: BaseException) -> str | None:
    """Return the fault of the machine behind an error, or None if there is none."""
    if isinstance(error, sqlite3.OperationalError):
        return f"the journal cannot be read or written ({_one_line(error)})"
    if isinstance(error, PlaceError) or (isinstance(error, OSError) and error.errno in MACHINE_TROUBLES):
        return f"{error.filename or 'the campaign'}: {error.strerror}"
    return None


def _misused(error: BaseException) -> str | None:
    """Return which place cannot be used whatever alloop does there, or None: another may be our own mistake."""
    if isinstance(error, configparser.Error):  # ASE reads its configuration when it is imported
        return f"{_one_line(error)}; correct that file"
    if not isinstance(error, OSError) or isinstance(error, PlaceError):
        return None
    if error.errno in USELESS_PLACES and error.filename is not None:
        mend = "correct its name or permissions, or name another"
        return redacted(one_line(f"{str(error.filename)[:200]}: {error.strerror}; {mend}"))
    if error.errno == errno.ENOENT and not _has_working_folder():
        return "the working folder is gone; change into one that exists"
    return None


def _has_working_folder() -> bool:
    try:
        return bool(Path.cwd())
    except OSError:
        return False


def _one_line(error: BaseException) -> str:
    """Return the message of an error on one line, without control characters and secrets."""
    return _presentable(str(error))


def _presentable(text: str) -> str:
    return one_line(redacted(text))[:2000]


def _crash_file() -> str:
    from alloop.files.durable import write_durably

    path = Path("alloop-crash.txt").absolute()
    try:
        write_durably(path, redacted(traceback.format_exc()).encode(errors="replace"))
    except OSError:
        return "the command (no crash file: the folder is not writable)"
    return str(path)
