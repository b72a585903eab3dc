import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from alloop.checks.crosscheck import cross_check
from alloop.config import ConfigError, load_config
from alloop.config.examples import example_files, examples_folder, list_examples
from alloop.config.foundations import SHIPPED
from alloop.config.loading import config_from_text
from alloop.config.source import parse

ROOT = Path(__file__).parents[3]
EXECUTORS = sorted((ROOT / "configs" / "executors").glob("*.yaml"))


@pytest.mark.parametrize("example", list_examples())
def test_every_example_can_run(example):
    cross_check(load_config(examples_folder() / f"{example}.yaml"))


def test_quickstart_brings_its_structure_and_the_schema():
    assert set(example_files("quickstart")) == {
        PurePosixPath("quickstart.yaml"),
        PurePosixPath("schema.json"),
        PurePosixPath("structures/Li3InCl6.extxyz"),
    }


def test_unknown_example_is_told():
    with pytest.raises(ConfigError, match="did you mean `quickstart`"):
        example_files("quikstart")


@pytest.mark.parametrize("path", EXECUTORS, ids=lambda path: path.stem)
def test_executors_fit_into_a_config(path):
    section = path.read_text(encoding="utf-8")
    assert list(parse(section).data) == ["execution"]
    quickstart = (ROOT / "configs" / "quickstart.yaml").read_text(encoding="utf-8")
    without = quickstart[: quickstart.index("execution:")]
    config = config_from_text(f"{without}\n{section}", path, path.parent).config
    named = {getattr(config.execution, kind) for kind in ("label", "explore", "fit", "measure")}
    assert named == set(config.execution.executors)


def test_wheel_ships_packages_and_examples(tmp_path):
    source = tmp_path / "source"
    for name in ("alloop", "policies", "configs"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "README.md").write_text("alloop")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path / "out"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "absent from the `packages`" not in done.stdout + done.stderr
    (wheel,) = (tmp_path / "out").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    site = tmp_path / "site"
    assert {p.name for p in site.iterdir() if "dist-info" not in p.name} == {"alloop", "policies"}
    assert (site / "alloop" / "py.typed").is_file()
    assert all((site / "alloop" / "foundations" / shipped.path.name).is_file() for shipped in SHIPPED.values())
    script = "from alloop.config import examples as e; print(e.examples_folder()); e.example_files('quickstart')"
    told = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(site)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert told.stdout.strip() == str(site / "alloop" / "examples")
