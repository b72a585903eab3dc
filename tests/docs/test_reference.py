"""The page beside the reference paper names what there is."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from alloop.cli import app
from alloop.config.examples import list_examples

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands
LINES = sorted(
    {line.partition("#")[0].strip() for line in re.findall(r"^alloop .+$", PAGE, re.MULTILINE)}
    | set(re.findall(r"`(alloop [a-z]+ [^`]+)`", PAGE))
)


@pytest.mark.parametrize("line", LINES)
def test_its_commands_parse(line):
    name, *words = shlex.split(line)[1:]
    COMMANDS[name].make_context(name, words, resilient_parsing=False)
    for word in words:
        assert not word.startswith("configs/") or (ROOT / word).is_file()


def test_its_tests_and_examples_exist():
    named = set(re.findall(r"`(tests/[^`]+)`", PAGE))
    assert len(named) > 10
    assert not [path for path in named if not (ROOT / path).exists()]
    examples = set(re.findall(r"--example ([\w-]+)", PAGE)) | set(re.findall(r"`configs/([\w-]+)\.yaml`", PAGE))
    assert examples <= set(list_examples())


def test_every_table_and_figure_of_the_paper_has_a_row():
    rows = " ".join(re.findall(r"^\| \*\*(.+?)\*\*", PAGE, re.MULTILINE))
    named = set(re.findall(r"S\d+", rows))
    assert named == {f"S{n}" for n in range(1, 15)}
    tables = {number for words in re.findall(r"Tables? (S\d)", rows) for number in [words]}
    assert tables == {"S1", "S2", "S3", "S4", "S5"}
    figures = {n for words in re.findall(r"Figs?\. ((?:S\d+(?:, )?)+)", rows) for n in re.findall(r"S\d+", words)}
    assert figures == {f"S{n}" for n in range(1, 15)}
