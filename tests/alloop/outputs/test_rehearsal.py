import pytest
import yaml

from alloop.config.loading import load_config
from alloop.outputs.rehearsal import filled_in, write_forecast
from alloop.status.forecast import Cost, Forecast, Rehearsal
from tests.support.configs import BASE

EMPTY = {"rungs": (), "temperatures": (), "walkers": (), "busy_s": {}, "wall_s": 60.0}


def rehearsal(**changes):
    facts = {
        "name": "small.rehearsal",
        "seed": 7,
        "verdict": "converged",
        "reason": "",
        "converged_at": 12,
        "labels": {"LiCl": 20},
        "training": 12,
        "heldout": 6,
        "failed": 2,
        "production_ps": {},
    }
    return Rehearsal(**EMPTY, **{**facts, **changes})


def forecast(*runs, hours=2.0):
    costs = tuple(Cost(hours, 1.0, 2.0) for _ in runs)
    return Forecast("small", "taught by X", runs, {"LiCl": 360.0}, costs)


def numbers(loaded, found):
    return yaml.safe_load(filled_in(loaded, found))


@pytest.fixture
def loaded(folder):
    return load_config(folder.config(BASE))


def test_the_filled_in_config_can_be_loaded_from_anywhere_and_is_the_campaign_again(loaded, folder, tmp_path):
    _, path = write_forecast(loaded, forecast(rehearsal()), tmp_path / "elsewhere")
    again = load_config(path)
    assert again.config.name == "small"
    assert again.resolve(again.config.systems[0].structure).is_file()
    kept = {"ladder", "budget", "systems"}
    assert again.config.model_dump(exclude=kept) == loaded.config.model_dump(exclude=kept)


def test_the_ladder_ends_one_rung_after_the_one_that_converged(loaded):
    found = numbers(loaded, forecast(rehearsal(), rehearsal(converged_at=12)))
    assert found["ladder"]["rungs"] == [12, 24]
    assert found["budget"]["labels"] == 24 + 6 + 2
    assert found["budget"]["dft_core_hours"] == pytest.approx(3.9)


def test_a_ladder_that_did_not_always_converge_is_kept(loaded):
    found = numbers(loaded, forecast(rehearsal(), rehearsal(converged_at=None)))
    assert found["ladder"]["rungs"] == [12, 24, 48]


def test_production_is_as_long_as_the_error_bars_needed(folder):
    text = BASE + "measure:\n  mobile: Li\n  production_ps: 20\n  max_ps: 80\n"
    found = numbers(load_config(folder.config(text)), forecast(rehearsal(production_ps={12: 20.0, 24: 40.0})))
    assert found["measure"]["production_ps"] == 40
    assert found["measure"]["max_ps"] == 80
