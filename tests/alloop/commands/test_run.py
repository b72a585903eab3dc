import io
import os
import signal

import pytest
from rich.console import Console

from alloop.campaign.loop import Campaign, StopRequested
from alloop.commands.interruption import STOP_SIGNALS, Interrupted
from alloop.commands.run import _same_foundation, run_campaign
from alloop.config import ConfigError, load_config
from alloop.config.foundations import PlacedFoundation
from alloop.potential.mace_api import mace_mp_urls
from alloop.workers.executors import Execution
from alloop.workers.parsl_kernel import InterchangeDied
from tests.support.campaigns import THREADS, attempts, folded, left_behind, start, write_config
from tests.support.driving import ONE_WORKER, driving, labelled
from tests.support.histories import FOUNDATION, History
from tests.support.models import pickled, small_foundation
from tests.support.waiting import wait_for


def test_ctrl_c_reaches_every_process_and_is_one_line(tmp_path):
    config, folder = write_config(tmp_path / "config", execution=ONE_WORKER), tmp_path / "campaign"
    driver = start(config, folder)
    assert wait_for(lambda: attempts(folder, "atom"), 90)
    os.killpg(driver.pid, signal.SIGINT)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130, output
    assert "Traceback" not in output
    assert "Stopped: SIGINT." in output
    assert left_behind(folder) == []


def test_ctrl_c_after_a_label_leaves_a_report_that_is_up_to_date(tmp_path):
    with driving(write_config(tmp_path / "config", execution=ONE_WORKER), tmp_path / "campaign") as driver:
        driver.until(labelled(1))
        driver.process.send_signal(signal.SIGINT)
        driver.end()
    assert driver.code == 130
    assert driver.output.splitlines()[-1].split() == ["report", str(tmp_path / "campaign" / "report.html")]
    assert (tmp_path / "campaign" / "report.html").stat().st_mtime > folded(tmp_path / "campaign").last_t


@pytest.fixture
def interrupted_on_closing(monkeypatch):
    """Let Ctrl-C come while the workers of a driver of this process are closed."""
    close = Execution.close

    def closing(self):
        close(self)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Execution, "close", closing)
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("interrupted_on_closing")
def test_ctrl_c_while_a_driver_closes_to_start_again_in_place_stops_it(tmp_path, monkeypatch):
    def died(*_):
        raise InterchangeDied("the interchange of executor 'local' died")

    monkeypatch.setattr(Campaign, "run", died)
    console = Console(record=True, width=400, file=io.StringIO())
    config = write_config(tmp_path / "config", execution=THREADS)
    assert run_campaign(config, tmp_path / "campaign", console, plain=True) == 130
    last = console.export_text().strip().splitlines()[-1]
    assert last == "Stopped: SIGINT. Nothing is lost; run the same command again to continue."


@pytest.mark.usefixtures("interrupted_on_closing")
def test_ctrl_c_while_a_driver_closes_after_its_verdict_is_heard(tmp_path, monkeypatch):
    monkeypatch.setattr(Campaign, "run", lambda *_: None)
    config = write_config(tmp_path / "config", execution=THREADS)
    with pytest.raises(Interrupted, match="the same command writes them"):
        run_campaign(config, tmp_path / "campaign", Console(quiet=True), plain=True)
    assert not (tmp_path / "campaign" / "report.html").exists()


def test_a_full_disk_starts_no_driver_anew_though_closed_workers_look_like_dead_ones(tmp_path, monkeypatch):
    def full(*_):
        raise StopRequested("the disk is full")

    monkeypatch.setattr(Campaign, "run", full)
    console = Console(record=True, width=400, file=io.StringIO())
    config = write_config(tmp_path / "config")
    assert run_campaign(config, tmp_path / "campaign", console, plain=True) == 75
    shown = console.export_text()
    assert "Stopped: the disk is full." in shown
    assert "restarts" not in shown


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
