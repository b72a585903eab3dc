import importlib.util
import re
from pathlib import Path

import pytest

from alloop.monitor.wandb_charts import FITS, LEARNING_CURVE, PARITY, RELIABILITY
from alloop.monitor.wandb_metrics import ROWS, SUMMARY, known
from alloop.monitor.wandb_run import GROUPS
from alloop.monitor.wandb_upload import catch_up
from tests.support.calibrations import after, calibrated
from tests.support.journals import play

DOCS = Path(__file__).parents[3] / "docs"
UNITS = {"eV_per_A": "eV/Å", "meV_per_A": "meV/Å", "meV_per_atom": "meV/atom", "K": "K", "core_s": "core-s"}


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    return catch_up(after(play(tmp_path_factory.mktemp("campaign")), {3: calibrated(frames=60, probes=12)}))


def test_every_number_that_is_published_is_in_the_list(items):
    published = {name for item in items for name in item.row or ()}
    assert len(published) > 40
    assert [name for name in published if known(name) is None] == []
    charts = (LEARNING_CURVE, FITS, PARITY, RELIABILITY)
    assert [name for name in charts if known(name) is None] == []
    summary = {name for item in items for name in item.summary}
    assert [name for name in summary if not any(one.fits(name) for one in SUMMARY.metrics)] == []


def test_every_metric_of_the_list_is_published_or_known_to_be_rare(items):
    published = {name for item in items for name in item.row or ()}
    rare = {"alert", "calibration/reliability", "explore/swaps/SUBLATTICE", "explore/swaps_accepted/SUBLATTICE"}
    listed = [one for group in ROWS for one in group.metrics if one.name not in rare]
    missing = [one.name for one in listed if not any(one.fits(name) for name in published)]
    assert [name for name in missing if not name.startswith("charts/")] == []


@pytest.mark.parametrize(
    "metric", [one for group in (*ROWS, SUMMARY) for one in group.metrics], ids=lambda one: one.name
)
def test_the_unit_in_a_name_is_the_unit_in_the_list(metric):
    ending = next((unit for unit in sorted(UNITS, key=len, reverse=True) if metric.name.endswith(f"_{unit}")), None)
    if ending is not None:
        assert metric.unit == UNITS[ending]


def test_every_group_of_metrics_has_the_labels_as_its_axis():
    named = {one.name.rpartition("/")[0] for group in ROWS for one in group.metrics} - {""}
    plain = {name for name in named if not re.search("[A-Z]", name)} - {"charts"}
    assert plain <= set(GROUPS)


def test_the_list_in_the_docs_is_current():
    spec = importlib.util.spec_from_file_location("make_wandb_reference", DOCS / "make_wandb_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (DOCS / "wandb.md").read_text(encoding="utf-8")
    assert text == module.page(text), "run: python docs/make_wandb_reference.py"
