import csv
import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from alloop.commands.compare import Compared, compare, comparison_text
from alloop.reading import ReadCampaign
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
