"""What stands in the blocks of the documentation: commands parse, YAML makes a config, Python runs."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main
import yaml
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.io.vasp import write_vasp_xdatcar

from alloop.cli import app
from alloop.config import CampaignConfig
from alloop.config.fields import every_section
from tests.support.shared import tiny_campaign

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
COMMANDS = typer.main.get_command(app).commands
KEYS = {(*path, name) for path, section in every_section(CampaignConfig) for name in section.model_fields}
MAPPINGS = ("magmoms", "substitute", "oxidation_states", "volumes")
FREE = {(*path, name) for path, section in every_section(CampaignConfig) for name in section.model_fields
        if "Any" in str(section.model_fields[name].annotation) or name in MAPPINGS}  # fmt: skip
QUICKSTART = yaml.safe_load((ROOT / "configs" / "quickstart.yaml").read_text(encoding="utf-8"))
EXECUTED_BY = {"elsewhere.md": "tests/docs/test_elsewhere.py", "own_engine.md": "tests/docs/test_engines.py"}
"""Pages whose Python has a test of its own."""
FENCE = re.compile(
    r"(?P<reason>^[ ]*<!-- not tested: \S.* -->\n(?:[ ]*\n)?)?"
    r"^(?P<indent>[ ]*)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
TRIED = {
    "runs/li3incl6": "runs/tiny",
    "configs/li3incl6.yaml": "tiny.yaml",
    '"Li3InCl6"': '"CuAl"',
    '"CuAl", 600': '"CuAl", 300',
    "cutoff_eV=700": "cutoff_eV=220",
    "(340, 400, 500, 600)": "(200,)",
    "(4, 4, 4)": "(2, 1, 1)",
    "((1, 1, 1), (2, 2, 2), (3, 3, 3))": "((1, 1, 1),)",
}
"""What the Python of a page names, and what a test has in its place: a tiny campaign, settings that cost seconds."""


@dataclass(frozen=True)
class Block:
    """A block of a page: its language, its text, and whether the page says why it is not tested."""

    page: str
    language: str
    text: str
    excused: bool


def blocks_of(path: Path) -> Iterator[Block]:
    for match in FENCE.finditer(path.read_text(encoding="utf-8")):
        text = textwrap.dedent(match["body"])
        yield Block(name_of(path), match["language"], text, match["reason"] is not None)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix().removeprefix("docs/")


BLOCKS = [block for path in PAGES for block in blocks_of(path)]


def unexcused(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language and not block.excused]


# -- commands ----------------------------------------------------------------------------------------------------


def written_commands() -> set[tuple[str, str]]:
    """Return the page and the words of every command line in a block."""
    shell = (*unexcused(""), *unexcused("sh"), *unexcused("bash"))
    lines = {(block.page, line) for block in shell for line in block.text.splitlines()}
    found = {(page, re.match(r"[ ]*(?:\$ |exec )?(?:\.venv/bin/)?alloop (.+)", line)) for page, line in lines}
    return {(page, match[1]) for page, match in found if match}


def named_options() -> set[tuple[str, str, str]]:
    """Return the page, the command and the option of every command that a text names with an option."""
    named = set()
    for path in PAGES:
        text = FENCE.sub("", path.read_text(encoding="utf-8"))
        for name, words in re.findall(r"`alloop ([a-z]+)([^`]*)`", text):
            named |= {(name_of(path), name, option) for option in re.findall(r"--[a-z-]+", words) or [""]}
    return named


@pytest.mark.parametrize(("page", "line"), sorted(written_commands()))
def test_a_command_line_parses(page, line):
    name, *words = shlex.split(line, comments=True)
    COMMANDS[name].make_context(name, words, resilient_parsing=False)


def test_a_command_line_that_is_wrong_is_found():
    with pytest.raises(Exception, match="No such option"):
        test_a_command_line_parses("none", "run --no-such-option my.yaml")


@pytest.mark.parametrize(("page", "name", "option"), sorted(named_options()))
def test_a_command_in_a_text_exists_with_its_option(page, name, option):
    assert option in {"", "--help"} | {one for parameter in COMMANDS[name].params for one in parameter.opts}


# -- YAML --------------------------------------------------------------------------------------------------------


def keys_of(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Return the keys of a config, with `*` for an entry of a list and for the name of an executor."""
    if path in FREE or not value:
        return set()
    if isinstance(value, list):
        return set().union(*(keys_of(entry, (*path, "*")) for entry in value))
    if not isinstance(value, dict):
        return set()
    named = path == ("execution", "executors")
    children = {(*path, "*" if named else key): entry for key, entry in value.items()}
    return (set() if named else set(children)) | set().union(*(keys_of(e, p) for p, e in children.items()))


def merged(base: Any, change: Any) -> Any:
    """Return a config with the keys of a block; another kind of label engine or executor replaces the section."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    if change.get("engine", base.get("engine")) != base.get("engine") or "executors" in change:
        return change
    return base | {key: merged(base.get(key), value) for key, value in change.items()}


@pytest.mark.parametrize("block", unexcused("yaml"), ids=lambda block: block.page)
def test_a_block_of_yaml_makes_a_config(block):
    content = yaml.safe_load(block.text)
    assert keys_of(content) <= KEYS
    CampaignConfig.model_validate(merged(QUICKSTART, content))


@pytest.mark.parametrize("text", ["fit: {stepps: 3}", "fit: {epochs: many}", "ladder: {fits: 0}"])
def test_a_block_of_yaml_that_is_wrong_is_found(text):
    with pytest.raises((AssertionError, ValueError)):
        test_a_block_of_yaml_makes_a_config(Block("none", "yaml", text, excused=False))


# -- Python ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a tiny campaign, and a config with GPAW whose label takes a second."""
    folder = tiny_campaign(tmp_path_factory)
    (folder / "my").mkdir()
    write(folder / "my" / "LiCl.extxyz", bulk("LiCl", "rocksalt", a=5.14))
    ions = bulk("LiCl", "rocksalt", a=5.14) * (1, 1, 2)
    write_vasp_xdatcar(folder / "XDATCAR", [walked(ions, step) for step in range(400)])
    own = {"systems": [{"name": "LiCl", "structure": "LiCl.extxyz"}], "label": {"kpts": [1, 1, 1], "cutoff_eV": 200}}
    (folder / "my" / "my.yaml").write_text(yaml.safe_dump(merged(QUICKSTART, own)))
    return folder


def walked(atoms: Atoms, steps: int) -> Atoms:
    """Return the atoms after a random walk of the lithium, whose steps heat allows in 2 fs at 900 K."""
    moved = atoms.copy()
    lithium = moved.symbols == "Li"
    moved.positions[lithium] += np.random.default_rng(0).normal(0, 0.02, (400, lithium.sum(), 3))[:steps].sum(axis=0)
    return moved


@pytest.mark.parametrize("page", sorted({block.page for block in unexcused("python")} - set(EXECUTED_BY)))
def test_the_python_of_a_page_runs(page, home, monkeypatch):
    monkeypatch.chdir(home)
    source = "\n".join(block.text for block in unexcused("python") if block.page == page)
    for named, ours in TRIED.items():
        source = source.replace(named, ours)
    exec(compile(source, page, "exec"), {})


@pytest.mark.parametrize(("page", "test"), sorted(EXECUTED_BY.items()))
def test_python_that_is_executed_elsewhere_has_its_test(page, test):
    assert page in {block.page for block in unexcused("python")}
    assert page in (ROOT / test).read_text(encoding="utf-8")


def test_what_is_not_tested_is_little():
    assert sum(block.excused for block in BLOCKS) < len(BLOCKS) / 10
