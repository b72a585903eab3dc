"""``alloop measure`` where there is nothing to measure: one line, and nothing is created."""

import pytest

from alloop.commands.measure import check_goal
from alloop.config import load_config
from alloop.config.errors import ConfigError
from tests.support.configs import BASE, make_folder

MEASURED = f"{BASE}\nmeasure: {{mobile: Li, temperatures_K: [600, 800]}}\n"


@pytest.mark.parametrize(
    ("text", "goal", "says"),
    [
        (BASE, "transport", "no `measure` section"),
        (MEASURED, "transport", "run it first: alloop run"),
        (MEASURED, "subsets", "run it first: alloop run"),
    ],
)
def test_nothing_to_measure_is_told_before_anything_is_created(tmp_path, text, goal, says):
    folder = make_folder(tmp_path)
    loaded, root = load_config(folder.config(text)), tmp_path / "run"
    with pytest.raises(ConfigError, match=says):
        check_goal(loaded, root, goal)
    assert not root.exists()


def test_imported_labels_can_be_measured_without_a_campaign_before(tmp_path):
    folder = make_folder(tmp_path)
    brought = MEASURED.replace("initial: []", "initial: [labels.extxyz]\n  reference: same")
    check_goal(load_config(folder.config(brought)), tmp_path / "run", "subsets")
