"""docs/faq.md: its commands and keys are those of the program, its script is Python."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from tests.test_docs import COMMANDS, KEYS, blocks, keys_of, options_of

TEXT = (Path(__file__).parents[2] / "docs" / "faq.md").read_text(encoding="utf-8")
LINES = sorted({line.replace("\n", " ") for line in re.findall(r"`(alloop [a-z][^`]*)`", TEXT)})


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_page_has_the_options_that_it_is_given(line):
    command, *words = line.split()[1:]
    assert command in COMMANDS
    assert {word for word in words if word.startswith("--")} <= options_of(command)


def test_the_config_of_the_page_has_known_keys():
    (block,) = blocks(TEXT, "yaml")
    assert keys_of(yaml.safe_load(block)) <= KEYS


def test_the_script_of_the_page_is_python():
    (block,) = blocks(TEXT, "python")
    assert ast.parse(block).body
