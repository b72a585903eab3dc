"""Outputs that are closed, full or not UTF-8, in processes of their own."""

import os
import subprocess
import sys

import pytest

from tests.support.campaigns import environment

SAID = "eV/Å³ → 5 ± 1, Δσ ≤ 2·10⁻⁴ … ü 中 \\udcff"
MENDED = "from alloop.monitor.terminal import Terminal, mend_streams; mend_streams();"


def python(code, **options):
    options = {"capture_output": True, "env": environment() | options.pop("environ", {}), **options}
    return subprocess.run([sys.executable, "-c", f"{MENDED} {code}"], check=False, **options)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "eV/A3 -> 5 +- 1, deltasigma <= 2*10-4 ... u ? ?"),
        ("latin-1", "eV/Å³ -> 5 ± 1, deltasigma <= 2·10-4 ... ü ? ?"),
        ("utf-8", "eV/Å³ → 5 ± 1, Δσ ≤ 2·10⁻⁴ … ü 中 ?"),
    ],
)
def test_what_an_encoding_lacks_is_spelled(encoding, shown):
    done = python(f'Terminal().say("{SAID}")', environ={"PYTHONIOENCODING": encoding})
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding) == f"{shown}\n"


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_no_file_takes_the_number_of_a_closed_output(tmp_path, descriptor):
    """What a child prints would go into it."""
    code = f"import os; file = open({str(tmp_path / 'journal')!r}, 'w'); os.system('echo out; echo err >&2'); print(1)"
    done = python(code, preexec_fn=lambda: os.close(descriptor), capture_output=False, stdout=None, stderr=None)
    assert done.returncode == 0
    assert (tmp_path / "journal").read_bytes() == b""


def test_a_terminal_without_its_reader_is_silent():
    code = "import sys; [Terminal().say('x' * 200_000) for _ in range(2)]; sys.stderr.write('went on')"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{MENDED} {code}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    process.stdout.close()
    assert process.stderr.read() == b"went on"
    process.stderr.close()
    process.wait()
