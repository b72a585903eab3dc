import pytest

from alloop.config.extensions import EXTENDABLE, as_before, changed, gives_more_to_judge, refusal

OLD = {"seed": 7, "ladder": {"rungs": [12, 24], "fits": 2, "tolerance_forces": 0.1}, "heldout": {"minimum": 6}}


@pytest.mark.parametrize(
    ("key", "old", "more", "less"),
    [
        ("ladder.rungs", [12, 24], [12, 18, 24, 96], [24, 96]),
        ("ladder.fits", 2, 3, 1),
        ("explore.temperatures_K", [600.0], [600.0, 800.0], [800.0]),
        ("explore.replicas", 1, 2, 0),
        ("heldout.fraction", 0.2, 0.3, 0.1),
        ("heldout.minimum", 6, 12, 5),
        ("ladder.tolerance_forces", 0.1, 0.05, 0.2),
        ("ladder.tolerance_ln_sigma", 0.35, 0.3, 0.5),
        ("ladder.floor_energy_meV_per_atom", 0.5, 0.0, 0.6),
    ],
)
def test_what_only_adds_to_a_campaign_is_taken_and_what_takes_away_is_refused_with_the_reason(key, old, more, less):
    assert refusal(key, old, more) is None
    assert refusal(key, old, old) is None
    assert "not" in refusal(key, old, less)


@pytest.mark.parametrize(
    ("section", "keys", "goes_on"),
    [
        ({"ladder": {**OLD["ladder"], "rungs": [12, 24, 96]}}, ("ladder.rungs",), True),
        ({"ladder": {**OLD["ladder"], "fits": 3}}, ("ladder.fits",), True),
        ({"heldout": {"minimum": 9}}, ("heldout.minimum",), True),
        ({"explore": {"replicas": 2}}, ("explore.replicas",), False),
        ({"seed": 8}, (), False),
    ],
)
def test_a_campaign_with_a_verdict_goes_on_where_there_is_more_to_judge(section, keys, goes_on):
    found = changed(OLD, {**OLD, **section})
    assert found == keys
    assert gives_more_to_judge(found) == goes_on


def test_the_former_config_has_what_was_added_as_it_was_and_everything_else_as_it_is():
    new = {**OLD, "seed": 8, "ladder": {"rungs": [12, 24, 96], "fits": 3, "tolerance_forces": 0.1, "policy": "ladder"}}
    former = as_before(new, OLD)
    assert former["ladder"] == {**OLD["ladder"], "policy": "ladder"}
    assert former["seed"] == 8
    assert new["ladder"]["rungs"] == [12, 24, 96]


def test_every_key_that_can_be_extended_is_one_of_the_config():
    from alloop.config import CampaignConfig

    for key in EXTENDABLE:
        section, _, name = key.partition(".")
        assert name in CampaignConfig.model_fields[section].annotation.model_fields
