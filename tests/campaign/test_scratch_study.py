"""The study of fits from scratch of a campaign with a teacher, by the command line, with real models."""

import json

import pytest

import alloop
from tests.support.campaigns import THREADS, attempts, command_line, in_process, run, write_config

pytestmark = pytest.mark.slow

TEACHER = {"model": {"calculator": "ase.calculators.emt:EMT"}, "rounds": 2, "frames": 8, "steps": 20}


def test_one_command_compares_the_fits_and_shows_it_everywhere(tmp_path):
    config = write_config(
        tmp_path,
        teacher=TEACHER,
        studies={"scratch": {"fits": 2, "ps": 0.2}},
        ladder={"rungs": [8], "fits": 2},
        execution=THREADS,
    )
    folder = tmp_path / "run"
    assert run(config, folder)[0] == 0
    rungs = alloop.read(folder).state.rungs
    fits = attempts(folder, "fit")

    code, told = command_line("study", "scratch", config, "--folder", folder, "--plain")
    assert code == 0, told
    assert "from the teacher, 3 held-out frames, 2 fits of 8 labels: energy RMSE" in told
    assert "from scratch, CuAl, " in told
    campaign = alloop.read(folder)
    assert campaign.state.rungs == rungs
    assert len(attempts(folder, "fit")) == len(fits) + 2, "the fits of the rung are not made again"
    assert len(campaign.studies["scratch"].rows) == 4
    assert "study-scratch" in (folder / "report.html").read_text()

    status = json.loads(in_process("status", folder, "--json"))
    (row,) = (r for r in status["studies"]["scratch"] if r["start"] == "from scratch" and r["on"] == "CuAl")
    assert 0 < row["survived (ps)"] <= 0.2
    assert row["shortest distance (Å)"] > 0.5
    in_process("export", folder)
    curves = (folder / "export" / "studies" / "scratch.curves.csv").read_text().splitlines()
    assert curves[0] == "panel,line,r (Å),g(r)"
    assert {"Al-Cu", "Cu-Cu"} <= {pair for line in curves[1:] for pair in line.split(", ")}

    done = {kind: attempts(folder, kind) for kind in ("fit", "evaluate", "produce", "pairs")}
    assert command_line("study", "scratch", config, "--folder", folder, "--plain")[0] == 0
    assert {kind: attempts(folder, kind) for kind in done} == done, "nothing is computed twice"


def test_a_campaign_that_begins_cold_has_nothing_to_compare_in_one_line(tmp_path):
    code, told = command_line("study", "scratch", write_config(tmp_path), "--folder", tmp_path / "run")
    assert code == 2
    assert "nothing to compare" in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()
