import re
import shlex

import pytest
import typer.main

from alloop.cli import app
from alloop.commands import exit_codes
from alloop.commands.help_texts import EXAMPLES
from alloop.config.examples import list_examples

COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_ends_with_an_example_that_parses_and_with_exit_codes(name):
    example, codes = COMMANDS[name].epilog.split("\n\n")
    words = shlex.split(example.removeprefix("Example: "))
    assert words[:2] == ["alloop", name]
    COMMANDS[name].make_context(name, words[2:])
    assert {int(code) for code in re.findall(r"\b(\d+) ", codes)} <= set(exit_codes.MEANINGS)


def test_help_names_every_example_that_there_is():
    assert list_examples() == EXAMPLES
