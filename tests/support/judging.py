"""Campaigns whose rungs are judged, by a policy that keeps what it is asked."""

import math

from alloop.decisions.rung_judgement import judge_rungs
from tests.support.histories import History

MEASURE = {"mobile": "Na", "temperatures_K": [600, 800], "production_ps": 4, "max_ps": 8, "segment_ps": 4}


def judged(history):
    return judge_rungs(history.state, history.charter)


def fitted(*sizes, **settings):
    history = History(**settings).atoms().labelled(max(sizes))
    for size in sizes:
        history.fitted(rung=size)
    return history.heldout(4)


def transport(energy_eV=0.3, se=0.01, at_K=573.15, **more):
    target = {
        "temperature_K": at_K,
        "ln_sigma": {"value": -2.0, "se": 0.05},
        "sigma_S_per_cm": math.exp(-2.0),
        "how": "extrapolated",
        "volume_A3": 500.0,
        "volume_from_K": 600.0,
    }
    arrhenius = {"activation_energy_eV": {"value": energy_eV, "se": se}, "targets": [target], "used_K": [600, 800]}
    return {"temperatures": [], "arrhenius": arrhenius, **more}


class Asked:
    """A policy that keeps what it is asked and answers what it is told to."""

    rungs, ladder, seed, answer = (), (), 0, None

    def judge(self, rungs, ladder, seed):
        Asked.rungs, Asked.ladder, Asked.seed = tuple(rungs), tuple(ladder), seed
        return Asked.answer


OWN = {"policy": f"{__name__}:Asked", "rungs": [6, 12, 24]}
