import io

import pytest
from rich.console import Console

from alloop.commands.listing import list_campaigns, listing_table
from alloop.config.errors import ConfigError
from tests.support.journals import play


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    play(runs / "study" / "quickstart")
    (runs / "broken").mkdir()
    (runs / "broken" / "journal.sqlite").write_bytes(b"no database")
    (runs / "notes").mkdir()
    return runs


def test_every_campaign_is_a_row_and_one_that_cannot_be_read_says_so(runs):
    whole, broken = list_campaigns(runs)
    assert (whole.folder, whole.name, whole.state, whole.rung) == ("study/quickstart", "quickstart", "converged", 48)
    assert (whole.labels, whole.heldout, whole.next_rung) == (48, 12, None)
    assert whole.rmse_forces_meV_per_A > 0
    assert (broken.folder, broken.state) == ("broken", "unreadable")
    assert broken.reason


def test_the_table_fits_a_narrow_terminal(runs):
    console = Console(file=io.StringIO(), width=80)
    console.print(listing_table(list_campaigns(runs)))
    text = console.file.getvalue()
    assert "48 + 12" in text
    assert "meV/Å" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_folder_with_a_name_of_markup_or_escapes_is_shown_as_it_is(tmp_path):
    play(tmp_path / "x[red]y" / "[b]\x1b[31mz")
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(listing_table(list_campaigns(tmp_path)))
    assert "x[red]y/[b]" in console.file.getvalue()
    assert "\x1b" not in console.file.getvalue()


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="no such folder"):
        list_campaigns(tmp_path / "none")
    assert list_campaigns(tmp_path) == []
