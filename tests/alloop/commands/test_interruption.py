"""Signals to a command that drives no campaign, in processes of their own."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alloop.commands.interruption import NOTHING_STARTED, STOP_SIGNALS, Interrupted, interruptible, interruption
from tests.support.campaigns import environment

ROOT = Path(__file__).parents[3]
BEGIN = "import sys, time; from alloop.commands.interruption import *;"
WAIT = "print('ready', flush=True); [time.sleep(0.02) for _ in range(3000)]"
TOLD = "except Interrupted as stop: last_words(str(stop)); sys.exit(INTERRUPTED)"


def interrupted(code, *numbers, **options):
    """Send signals to a Python that says `ready`, and return its exit code and what it printed after that."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{BEGIN}\n{code}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
        **options,
    )
    assert process.stdout.readline() == "ready\n"
    for number in numbers:
        process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    return process.returncode, output


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_while_modules_are_imported_is_one_line(number):
    assert interrupted(f"end_at_once(); {WAIT}", number, number) == (130, f"{NOTHING_STARTED}\n")


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_later_closes_what_is_open_and_says_what_is_true(number):
    code = f"""
try:
    with interruptible('Stopped here.'):
        try: {WAIT}
        finally: print('closed', flush=True)
{TOLD}
"""
    assert interrupted(code, number) == (130, "closed\nStopped here.\n")


def test_any_number_of_signals_is_one_line_and_one_exit_code():
    code = f"""
import signal
try:
    with interruptible('Stopped here.'):
        {WAIT}
except Interrupted as stop:
    last_words(str(stop))
    for number in STOP_SIGNALS: signal.raise_signal(number)
    sys.exit(INTERRUPTED)
"""
    assert interrupted(code, *[signal.SIGINT] * 5) == (130, "Stopped here.\n")


def test_a_second_signal_waits_for_nothing_that_hangs_on():
    code = f"""
import signal
with interruptible('Stopped here.'):
    try: {WAIT}
    finally: signal.raise_signal(signal.SIGTERM); time.sleep(60)
"""
    assert interrupted(code, signal.SIGINT) == (130, "Stopped here.\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_command_ends_in_silence(number):
    assert interrupted(f"end_at_once(); end_in_silence(); {WAIT}", number) == (-number, "")


def test_a_signal_while_the_driver_restarts_in_place_is_one_line():
    code = """
import signal
from alloop.commands import restart
restart._reap = lambda: signal.raise_signal(signal.SIGINT)
sys.orig_argv = [sys.executable, "-m", "alloop", "--version"]
print("ready", flush=True)
restart.restart_in_place(restart.RestartWanted("Again.", 1))
"""
    status, output = interrupted(code)
    assert status == 130
    assert output.removeprefix("Again.\n") == f"{NOTHING_STARTED}\n"


@pytest.mark.parametrize(("ignored", "code"), [(False, -signal.SIGINT), (True, 0)])
def test_the_command_is_deaf_to_no_signal_before_it_has_words_for_it(ignored, code):
    """`-S`: modules that an editable install imports would hide what the command itself imports."""
    words = "import sys; sys.path[:0] = sys.argv[1:]; import alloop.__main__; assert 'typing' not in sys.modules;"
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)} if ignored else {}
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"{words} import signal; signal.raise_signal(signal.SIGINT)", str(ROOT)],
        capture_output=True,
        timeout=30,
        **ignore,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


def test_what_nohup_ignores_stays_ignored():
    code = f"end_at_once(); {WAIT.replace('3000', '20')}; print('went on')"
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    assert interrupted(code, signal.SIGHUP, **ignore) == (0, "went on\n")


def test_earlier_handlers_are_handed_back():
    before = signal.getsignal(signal.SIGUSR1)
    with interruptible("outer"):
        outer = signal.getsignal(signal.SIGUSR1)
        with interruptible("inner"):
            assert signal.getsignal(signal.SIGUSR1) is not outer
        assert signal.getsignal(signal.SIGUSR1) is outer
    assert signal.getsignal(signal.SIGUSR1) is before


def test_an_error_of_an_import_cut_short_is_an_interruption():
    error, stop = ImportError("half a module"), Interrupted("cut short")
    assert interruption(error) is None
    error.__context__ = RuntimeError("in between")
    error.__context__.__context__ = stop
    assert interruption(error) is stop
