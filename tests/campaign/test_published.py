"""The campaign that the repository holds: what is published of it is made again from its archive."""

import csv
import hashlib
import json
import lzma
from collections import Counter
from pathlib import Path

import pytest

from alloop.config import CampaignConfig
from alloop.config.loading import load_config
from alloop.reading import read
from tests.support.campaigns import in_process
from tools.publish_campaign import unpack

pytestmark = pytest.mark.slow

PUBLISHED = Path(__file__).parents[2] / "runs" / "li3incl6" / "published"


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """The folder that the archive unpacks to, with report and export made again."""
    folder = unpack(PUBLISHED, tmp_path_factory.mktemp("published"))
    for words in (("report", folder), ("report", folder, "--format", "csv"), ("export", folder)):
        in_process(*words)
    return folder


def test_the_config_beside_it_is_that_of_the_campaign(campaign):
    own = load_config(PUBLISHED.parent / "li3incl6-1000.yaml").config.model_dump(mode="json")
    ran = CampaignConfig.model_validate(read(campaign).state.config).model_dump(mode="json")
    for told in (own, ran):
        (system,) = told["systems"]
        system["structure"] = Path(system["structure"]).name
    assert own == ran


def cells(path):
    with path.open(encoding="utf-8") as file:
        return [cell for row in csv.reader(file) for cell in row]


def same(one, other):
    try:
        return float(one) == pytest.approx(float(other), rel=1e-6, abs=1e-9)
    except ValueError:
        return one == other


def test_every_table_is_made_again(campaign):
    tables = [*PUBLISHED.glob("figures/*.csv"), *PUBLISHED.glob("*.csv")]
    assert len(tables) > 5
    for table in tables:
        path = table.relative_to(PUBLISHED)
        again, before = cells(campaign / (path if path.parts[1:] else "export" / path)), cells(table)
        assert len(again) == len(before), path
        assert all(map(same, again, before)), path


def test_the_dataset_and_its_card_are_made_again(campaign):
    packed = (PUBLISHED / "dataset.extxyz.xz").read_bytes()
    assert (campaign / "export" / "dataset.extxyz").read_bytes() == lzma.decompress(packed)
    card, again = (json.loads((folder / "README.json").read_text()) for folder in (PUBLISHED, campaign / "export"))
    for told in ("status", "labels", "label_settings", "licences", "e0s_eV"):
        assert again[told] == card[told]
    assert card["campaign"] in (campaign / "report.html").read_text()


def test_the_model_is_the_one_of_its_card():
    card = json.loads((PUBLISHED / "README.json").read_text())
    (model,) = card["models"]
    assert hashlib.sha256((PUBLISHED / model["file"]).read_bytes()).hexdigest() == model["sha256"]


def test_no_label_was_computed_twice_and_none_is_lost(campaign):
    told = json.loads(in_process("status", campaign, "--json"))
    packed = lzma.decompress((PUBLISHED / "dataset.extxyz.xz").read_bytes()).decode()
    frames = packed.count("REF_energy=")
    assert frames == told["labels"]["train"] + told["labels"]["heldout"]
    events = [entry.event for entry in read(campaign).entries if entry.event.kind == "task_finished"]
    labels = Counter(event.key for event in events if event.purpose.startswith("label/") and not event.reused)
    assert set(labels.values()) == {1}
    assert len(labels) >= frames
