"""Programs that print without end in place of the server of a calculator."""

import psutil
import pytest

from alloop.config.label import AseLabel
from alloop.labelling import calculator_process
from alloop.labelling.errors import RanksError


@pytest.mark.parametrize("command", ["yes", "yes | tr -d '\\n'"])
def test_a_program_that_prints_without_end_ends_at_the_limit_and_fills_no_memory(tmp_path, command, monkeypatch):
    monkeypatch.setattr(calculator_process, "_LATE_S", 1.0)
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)
    before = psutil.Process().memory_info().rss
    with pytest.raises(RanksError, match=r"was not imported: no answer within 0\.0333 min"):
        calculator_process.describe(AseLabel(engine="ase", calculator="a:B", python=str(program)), limit_s=2.0)
    assert psutil.Process().memory_info().rss - before < 50e6
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(program) in (one.info["cmdline"] or ())]
