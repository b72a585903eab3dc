import csv
import html
import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from alloop.commands.compare import compare, comparison_text
from alloop.commands.outputs import write_comparison
from alloop.outputs.models import ExportError
from alloop.reading import ReadCampaign
from alloop.status.compared import Compared
from tests.support.journals import Story, play


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory):
    first, second = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    play(first)
    play(second, replace(Story(), name="other", rungs=(12, 24)))
    return ReadCampaign(first), ReadCampaign(second)


def test_the_table_puts_rungs_of_all_campaigns_side_by_side(campaigns):
    console = Console(file=io.StringIO(), width=100)
    console.print(comparison_text(compare(campaigns), "table"))
    rows = console.file.getvalue().splitlines()
    assert "quickstart" in rows[1]
    assert "other" in rows[1]
    (row,) = [line for line in rows if "force RMSE" in line and " 48 " in line]
    assert "±" in row
    assert row.rstrip().endswith("–")


def test_the_page_draws_a_line_for_each_campaign_and_has_every_row_of_the_table(campaigns, tmp_path):
    found = compare(campaigns)
    page = write_comparison(found, tmp_path / "new" / "page.html").read_text()
    for one in found:
        assert html.escape(one.quantity) in page
        assert html.escape(one.words()) in page
    figures = json.loads(re.search(r"const figures = (.*?);\n", page, re.DOTALL)[1])
    forces = figures["compared0"]["wide"]
    assert [line["name"] for line in forces["data"]] == ["quickstart", "other"]
    assert [line["x"] for line in forces["data"]] == [[12, 24, 48], [12, 24]]


def test_a_page_that_cannot_be_written_is_one_line(campaigns, tmp_path):
    with pytest.raises(ExportError, match="is a folder, device or pipe"):
        write_comparison(compare(campaigns), tmp_path)


def test_json_and_csv_hold_every_number_with_its_unit(campaigns):
    found = compare(campaigns)
    rows = list(csv.DictReader(io.StringIO(comparison_text(found, "csv"))))
    told = json.loads(comparison_text(found, "json"))
    assert len(rows) == len(told) == len(found)
    (one,) = [row for row in rows if (row["campaign"], row["quantity"], row["rung"]) == ("other", "force RMSE", "24")]
    assert one["unit"] == "meV/Å"
    assert float(one["value"]) > 0 < float(one["se"])


def test_campaigns_of_one_name_are_told_apart_by_their_folders(campaigns):
    assert len({one.campaign for one in compare([campaigns[0], campaigns[0]])}) == 1
    first, again = ReadCampaign(campaigns[0].root), ReadCampaign(campaigns[0].root)
    again.root = again.root / ".." / "copy"
    assert {one.campaign for one in compare([first, again])} == {first.root.name, "copy"}


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (Compared("a", "labels", None, 12), "12"),
        (Compared("a", "force RMSE", 12, 45.21, 3.14, "meV/Å"), "45.2 ± 3.1"),
        (Compared("a", "verdict", None, None, text="converged"), "converged"),
        (Compared("a", "energy RMSE", 12, None), "–"),
    ],
)
def test_numbers_in_words(one, words):
    assert one.words() == words
