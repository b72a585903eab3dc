import json
import os
import subprocess
import sys

import pytest

from alloop.monitor.wandb_layout import SECTIONS
from alloop.monitor.wandb_metrics import known
from tests.support.wandb_server import serving

SAVE = "from alloop.monitor.wandb_layout import save_layout; print(save_layout('somebody', 'alloop'))"


def test_every_panel_shows_metrics_that_are_published():
    panels = [panel for section in SECTIONS.values() for panel in section]
    named = {name for panel in panels for name in (*panel.metrics, panel.x)}
    assert [name for name in named if known(name) is None] == []
    assert len({panel.title for panel in panels}) == len(panels)


@pytest.mark.slow
def test_the_layout_is_saved_at_the_server_and_has_an_address(tmp_path):
    pytest.importorskip("wandb_workspaces")
    with serving() as server:
        account = {"WANDB_API_KEY": "0123456789" * 4, "WANDB_BASE_URL": server.url, "HOME": str(tmp_path)}
        paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-P", "-c", SAVE]
        done = subprocess.run(command, env=os.environ | account | paths, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (view,) = server.views
    assert "somebody/alloop?nw=" in done.stdout.splitlines()[-1]
    titles = [section["name"] for section in json.loads(view["spec"])["section"]["panelBankConfig"]["sections"]]
    assert titles[: len(SECTIONS)] == list(SECTIONS)
