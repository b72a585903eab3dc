import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main
import yaml

from alloop.cli import app
from alloop.commands import exit_codes
from alloop.config import FREE_SECTIONS, CampaignConfig
from alloop.config.fields import every_section
from alloop.journal.events import AnyEvent
from alloop.journal.journal import Journal
from alloop.journal.verdicts import LIFTABLE_VERDICTS, VERDICTS
from tests.test_house import LAYERS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path.relative_to(ROOT).as_posix().removeprefix("docs/"): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
}
COMMAND_PAGE, VERDICT_PAGE, CHANGES_PAGE, TOUR = (
    PAGES[name] for name in ("commands.md", "verdict.md", "resume.md", "tour.md")
)
COMMANDS = typer.main.get_command(app).commands
KEYS = {(*path, name) for path, section in every_section(CampaignConfig) for name in section.model_fields}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def options_of(command: str) -> set[str]:
    return {name for parameter in COMMANDS[command].params for name in parameter.opts} | {"--help"}


def test_the_page_of_commands_names_every_one_and_no_other():
    named = set(re.findall(r"alloop ([a-z]+) ", " ".join(re.findall(r"`([^`\n]+)`", COMMAND_PAGE)) + " "))
    assert set(COMMANDS) <= named
    assert named - set(COMMANDS) == set()


@pytest.mark.parametrize("row", re.findall(r"^\| `alloop ([a-z]+) .*$", COMMAND_PAGE, flags=re.MULTILINE))
def test_flags_of_the_commands_exist_and_none_is_missing(row):
    (line,) = re.findall(rf"^\| `alloop {row} .*$", COMMAND_PAGE, flags=re.MULTILINE)
    said = set(re.findall(r"`(--[a-z-]+)`", line))
    wanted = {name for name in options_of(row) if name.startswith("--")} - {"--help"}
    assert said == wanted


def test_documented_exit_codes_are_those_of_the_program():
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", COMMAND_PAGE, flags=re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == exit_codes.MEANINGS


def test_documented_verdicts_are_those_of_the_program():
    (table,) = re.findall(r"^\| verdict \| meaning \|\n\|---\|---\|\n((?:\|.+\|\n)+)", VERDICT_PAGE, flags=re.MULTILINE)
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", table, flags=re.MULTILINE)
    assert dict(rows) == {name: kind.meaning for name, kind in VERDICTS.items()}
    (lifted,) = re.findall(r"accepted and shown; (.+) campaigns go on", CHANGES_PAGE)
    assert set(re.findall(r"`(\w+)`", lifted)) == LIFTABLE_VERDICTS


def test_the_tour_of_the_config_makes_a_config():
    sections = [yaml.safe_load(block) for block in blocks(TOUR, "yaml")]
    whole: dict[str, Any] = {}
    for section in sections:
        for key, value in section.items():
            whole.setdefault(key, value)
    CampaignConfig.model_validate(whole)
    for section in sections:
        CampaignConfig.model_validate({**whole, **section})


@pytest.mark.parametrize("page", [name for name in PAGES if name not in ("config.md", "python.md")])
def test_config_keys_named_in_text_exist(page):
    named = {tuple(k.split(".")) for k in re.findall(r"`([a-z]+\.[a-zA-Z_.]+)(?:: [^`]*)?`", PAGES[page])}
    meant = {key for key in named if key[0] in CampaignConfig.model_fields and key[-1] not in ("py", "md", "json")}
    assert meant <= KEYS


def test_documented_free_sections_are_those_of_the_program():
    (row,) = re.findall(r"^\| (.+), the place of a file \|", CHANGES_PAGE, flags=re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", row)) == sorted(FREE_SECTIONS)


def test_links_of_the_readme_lead_to_files():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert len(targets) > 10
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:configs|alloop|policies|docs|tools)/[^`\s*<]+)`", "".join(PAGES.values()))))
)
def test_paths_named_in_text_exist(name):
    assert (ROOT / name).exists()


def test_the_architecture_shows_every_room_in_the_order_of_the_layers():
    (tree,) = re.findall(r"^alloop/\n(.*?)^policies/", PAGES["architecture.md"], flags=re.MULTILINE | re.DOTALL)
    shown = re.findall(r"^  ([a-z_]+)(?:\.py|/)", tree, flags=re.MULTILINE)
    height = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    assert [height[name] for name in shown] == sorted(height[name] for name in shown)
    rooms = {path.parent.name for path in ROOT.glob("alloop/*/__init__.py")}
    loose = {path.stem for path in ROOT.glob("alloop/*.py")} - {"__init__", "__main__"}
    assert set(shown) == rooms | loose


def test_documented_queries_run_on_a_journal(tmp_path):
    queries = blocks(PAGES["campaign_folder.md"], "sql")
    assert len(queries) > 3
    with Journal(tmp_path) as journal:
        for query in queries:
            for statement in query.split(";"):
                journal._db.execute(statement).fetchall()


def test_every_event_and_view_is_documented(tmp_path):
    for event in get_args(get_args(AnyEvent)[0]):
        assert f"`{event.model_fields['kind'].default}`" in PAGES["journal.md"]
    with Journal(tmp_path) as journal:
        views = [row[0] for row in journal._db.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
    assert views
    for view in views:
        assert re.search(rf"^\| `{view}` \|", PAGES["campaign_folder.md"], flags=re.MULTILINE), view


def test_reference_of_the_config_is_current():
    script = ROOT / "docs" / "make_config_reference.py"
    spec = importlib.util.spec_from_file_location("make_config_reference", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert PAGES["config.md"] == module.reference(), "run: python docs/make_config_reference.py"
    for _, section in every_section(CampaignConfig):
        for name in section.model_fields:
            assert f"| `{name}` |" in PAGES["config.md"]


def test_documented_make_targets_exist():
    text = "".join(PAGES.values())
    targets = set(re.findall(r"`make ([a-z-]+)`", text)) | set(re.findall(r"^make ([a-z-]+)$", text, re.MULTILINE))
    assert {"install", "demo", "test", "slow", "chaos", "site", "clean", "sevennet", "chgnet", "gpaw-mpi"} == targets
    done = subprocess.run(["make", "-n", *sorted(targets)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("setting", "says"), [("PYTHON=no-such-python", "Python 3.11"), ("CXX=no-such-compiler", "g++")]
)
def test_make_tells_in_one_line_what_is_missing(setting, says, tmp_path):
    done = subprocess.run(
        ["make", "-n", "demo", setting, f"VENV={tmp_path}/venv"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_dependencies_are_pinned_and_each_import_is_a_dependency():
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"^([\w.-]+)==", constraints, re.MULTILINE)}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = {name.lower().replace("_", "-") for name in re.findall(r'^  "([A-Za-z0-9_-]+)>=', project, re.MULTILINE)}
    assert listed - {"dftd3"} <= pins
    distributions = {
        "yaml": "pyyaml",
        "sklearn": "scikit-learn",
        "skimage": "scikit-image",
        "mace": "mace-torch",
        "wandb_workspaces": "wandb-workspaces",
    }
    with_others = {"gpaw_data": "gpaw", "pydantic_core": "pydantic", "scipy": "gpaw"}
    with_others |= {"click": "typer", "PIL": "matplotlib"}
    ours = [path for folder in ("alloop", "policies") for path in (ROOT / folder).rglob("*.py")]
    for module in {name for path in ours for name in imported(path)}:
        wanted = distributions.get(module) or with_others.get(module) or module
        assert wanted in listed | {"dftd3"}, module


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"alloop", "policies"}
