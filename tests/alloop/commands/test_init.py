import io

import pytest
from rich.console import Console

from alloop.checks.crosscheck import cross_check
from alloop.commands.init import list_examples, run_init
from alloop.config import ConfigError, load_config


def test_written_example_can_run_where_it_stands(tmp_path):
    path = run_init(tmp_path / "mine", "quickstart")
    cross_check(load_config(path))
    assert sorted(p.name for p in path.parent.iterdir()) == ["quickstart.yaml", "schema.json", "structures"]


@pytest.mark.parametrize(("example", "work"), [("quickstart", "run"), ("electrolytes", "teach")])
def test_next_steps_are_told(tmp_path, example, work):
    out = io.StringIO()
    path = run_init(tmp_path / "mine", example, Console(file=out, width=40))
    assert f"alloop check {path}" in out.getvalue()
    assert f"alloop {work} {path}" in out.getvalue()


def test_empty_folder_is_used(tmp_path):
    assert run_init(tmp_path, "quickstart") == tmp_path / "quickstart.yaml"


@pytest.mark.parametrize("content", ["quickstart.yaml", "anything"])
def test_nothing_is_overwritten(tmp_path, content):
    (tmp_path / content).write_text("mine")
    with pytest.raises(ConfigError, match="choose a new folder"):
        run_init(tmp_path, "quickstart")
    assert [p.name for p in tmp_path.iterdir()] == [content]
    assert (tmp_path / content).read_text() == "mine"


def test_file_in_the_way_and_unknown_example_are_told(tmp_path):
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError):
            run_init(target, "quickstart")
    with pytest.raises(ConfigError, match="did you mean `quickstart`"):
        run_init(tmp_path / "new", "quikstart")
    assert not (tmp_path / "new").exists()


def test_quickstart_is_an_example():
    assert "quickstart" in list_examples()
