import pytest

from alloop.config.campaign import CampaignConfig
from alloop.config.science import ExploreConfig
from alloop.config.suggestions import explain_unknown, hint, nearest_key


@pytest.mark.parametrize(
    ("word", "says"),
    [("locl", "did you mean `local`?"), ("LOCAL", "did you mean `local`?"), ("abroad", "known: cluster, local")],
)
def test_a_hint_names_the_word_that_is_alike_or_else_all(word, says):
    assert hint(word, ["cluster", "local"], "known: cluster, local") == says


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("timestep_ps", "timestep_fs"),
        ("timestep", "timestep_fs"),
        ("dt", "timestep_fs"),
        ("timestp_fs", "timestep_fs"),
        ("pressure_GPa", None),
    ],
)
def test_a_key_is_found_by_its_quantity_whatever_its_unit(key, meant):
    assert nearest_key(key, ["timestep_fs", "segment_fs", "replicas"]) == meant


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("timestep_ps", "unknown key; did you mean `timestep_fs` (in femtoseconds; 1 ps is 1000 fs)?"),
        ("committee", "unknown key here; it belongs under `potential`"),
    ],
)
def test_an_unknown_key_is_told_with_its_unit_or_its_home(key, says):
    assert explain_unknown(key, ("explore",), [ExploreConfig], CampaignConfig) == says
