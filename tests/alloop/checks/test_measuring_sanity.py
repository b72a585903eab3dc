"""Settings of production MD that are allowed but unlikely."""

import pytest

from alloop.checks.measuring_sanity import find_unexplored
from alloop.config.examples import examples_folder, list_examples
from alloop.config.loading import load_config
from tests.support.small import config


@pytest.mark.parametrize(
    ("explored_K", "measured_K", "told"),
    [
        ([600, 900], [800, 1000, 1200], "1200 K is far hotter than what is explored (900 K)"),
        ([600, 1000], [1100, 800], ""),
        ([600, 1000], [800, 900], ""),
    ],
)
def test_production_far_hotter_than_what_is_explored_is_told(explored_K, measured_K, told):
    measure = {"mobile": "Li", "temperatures_K": measured_K}
    found = dict(find_unexplored(config(explore={"temperatures_K": explored_K}, measure=measure)))
    assert bool(found) == bool(told)
    if told:
        key = ("measure", "temperatures_K", measured_K.index(max(measured_K)))
        assert told in found[key]
        assert "add 1200 to explore.temperatures_K" in found[key]


def test_a_config_without_production_is_not_told():
    assert list(find_unexplored(config())) == []


@pytest.mark.parametrize("example", list_examples())
def test_examples_measure_not_far_hotter_than_they_explore(example):
    assert list(find_unexplored(load_config(examples_folder() / f"{example}.yaml").config)) == []
