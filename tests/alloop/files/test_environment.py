import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from alloop.files.environment import NO_HOME, expanded, fill_in


def test_a_user_whom_the_system_knows_keeps_name_and_home(monkeypatch, tmp_path):
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1:strict")
    environ = dict(os.environ)
    fill_in(environ)
    assert environ == {**os.environ, "PYTHONIOENCODING": "latin-1:replace"}
    assert expanded("~/a") == tmp_path / "a"


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_without_a_name_and_a_home_gets_both(monkeypatch, error):
    def unknown(error, *words):
        raise error("uid not found")

    monkeypatch.setattr("pwd.getpwuid", partial(unknown, KeyError))
    monkeypatch.setattr("getpass.getuser", partial(unknown, error))
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    environ = {}
    fill_in(environ)
    assert environ == {"USER": str(os.getuid()), "HOME": NO_HOME, "PYTHONIOENCODING": ":replace"}
    assert not Path(NO_HOME).is_dir()


def test_an_unknown_home_leaves_a_path_as_it_is():
    assert expanded("~nobody-at-all/x") == Path("~nobody-at-all/x")


def test_what_a_calculator_prints_never_fails_for_the_encoding_of_its_output():
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    fill_in(environ)
    done = subprocess.run([sys.executable, "-c", "print('5 \u00c5')"], env=environ, capture_output=True, check=True)
    assert done.stdout == b"5 ?\n"
