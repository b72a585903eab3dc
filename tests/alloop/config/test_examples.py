from pathlib import Path, PurePosixPath

import pytest

from alloop.checks.crosscheck import cross_check
from alloop.config import ConfigError, load_config
from alloop.config.examples import example_files, examples_folder, list_examples
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
