import os
import signal

import pytest
from rich.console import Console

from alloop.commands.run import _same_foundation, run_campaign
from alloop.config import ConfigError, load_config
from alloop.config.foundations import PlacedFoundation
from alloop.potential.mace_api import mace_mp_urls
from tests.support.campaigns import attempts, left_behind, start, write_config
from tests.support.histories import FOUNDATION, History
from tests.support.models import pickled, small_foundation
from tests.support.waiting import wait_for


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_a_stop_from_the_terminal_reaches_every_process_and_is_one_line(tmp_path, number):
    config, folder = write_config(tmp_path / "config"), tmp_path / "campaign"
    driver = start(config, folder)
    assert wait_for(lambda: attempts(folder, "atom"), 90)
    os.killpg(driver.pid, number)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130, output
    assert "Traceback" not in output
    assert f"Stopped: {number.name}." in output
    assert left_behind(folder) == []


def test_heads_of_a_model_that_had_to_be_downloaded_are_listed_before_anything_runs(folder, tmp_path, monkeypatch):
    model = tmp_path / "two-heads.model"
    model.write_bytes(pickled(small_foundation((3, 17), heads=("omat_pbe", "Default"))))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(mace_mp_urls, "mh-1", model.as_uri())
    config = folder.broken("foundation: null", "foundation: mh-1")
    for _ in ("downloaded", "from the cache"):
        with pytest.raises(ConfigError) as caught:
            run_campaign(config, tmp_path / "run", Console(quiet=True))
        says = "the model has 2 heads; name one of them as `head`: omat_pbe, Default"
        way = "write `foundation: {name: mh-1, head: …}`"
        assert str(caught.value) == f"{config}:17: potential.foundation: {says}; {way}"
    assert not (tmp_path / "run" / "journal.sqlite").exists()


@pytest.mark.parametrize(
    ("journaled", "held", "same"), [(2, 2, True), (0, 2, True), (0, 0, True), (3, 2, False), (2, 0, False)]
)
def test_a_journal_with_more_members_than_the_foundation_has_is_refused(tmp_path, journaled, held, same):
    """Members beyond those of the file would be copies of others, which never disagree."""
    loaded = load_config(write_config(tmp_path, potential={"foundation": "alloop-electrolytes-0"}))
    state = History(foundation=True, foundation_members=journaled).state
    found = PlacedFoundation(FOUNDATION, ("Na", "Cl"), held)
    if same:
        _same_foundation(loaded, state, found)
        return
    with pytest.raises(ConfigError, match="began with another foundation model; start a new campaign") as told:
        _same_foundation(loaded, state, found)
    assert "\n" not in str(told.value)
