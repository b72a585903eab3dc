"""The decisions of a campaign, and nothing else.

Three questions are answered here on plain arrays, without knowledge of the engine that asks them: which offered
frames are worth a label (`policies.selection`), which walker moves next (`policies.exploration`), and whether more
data still changes the answer (`policies.stopping`). Each is asked of a small class behind a `typing.Protocol`.

To write your own, write a class with the method of the Protocol and name it in the config as ``module:Class``; the
config's ``options`` are the keyword arguments of its constructor. A policy must decide from its arguments alone:
whatever is random comes from ``np.random.default_rng(seed)``, so that a resumed campaign decides the same again.

This selection takes the tightest contacts first, for a potential whose repulsive wall is the open question:

>>> import numpy as np
>>> from policies import Candidates, Choice, Selection, SelectionPolicy, Window
>>> class TightestContact:
...     def __init__(self, largest: float = 1.0) -> None:
...         self.largest = largest
...
...     def select(self, candidates, window, count, per_walker, seed):
...         order = sorted(range(len(candidates)), key=lambda i: (candidates.min_contact[i], candidates.ids[i]))
...         tight = [i for i in order if candidates.min_contact[i] <= self.largest]
...         chosen = tuple(Choice(index, rank, "tight") for rank, index in enumerate(tight[:count], start=1))
...         return Selection(chosen, {i: "loose" for i in order if i not in tight})

It can be tried without a campaign:

>>> offered = Candidates(
...     ids=("a", "b", "c"),
...     walker=("w1", "w1", "w2"),
...     composition=("Li3InCl6",) * 3,
...     why=("disagreement", "random", "last_good"),
...     disagreement_eV_per_A=np.array([0.2, np.nan, 1.7]),
...     min_contact=np.array([0.9, 1.2, 0.7]),
... )
>>> policy = TightestContact(largest=1.0)
>>> isinstance(policy, SelectionPolicy)
True
>>> selection = policy.select(offered, Window(0.05, 1.0), count=1, per_walker=2, seed=7)
>>> [(offered.ids[choice.index], choice.rank, choice.why) for choice in selection.chosen]
[('c', 1, 'tight')]
>>> dict(selection.rejected), selection.waiting(len(offered))
({1: 'loose'}, (0,))

In the config it would read ``select: {policy: "my_module:TightestContact", options: {largest: 0.9}}``.

How far frames are from each other and from what is labelled is computed in `policies.selection.distances`. Random
probes, in which no policy has a say, are drawn in `policies.selection.probing`. What a disagreement means is learnt
from labels in `policies.calibration`, and tried on labels that were held back in `policies.calibration.reliability`.
"""

from policies.calibration.reliability import CalibrationReport, ReliabilityRow, calibrate, reliability
from policies.calibration.scales import Calibration, Points, SpeciesMap, fit_calibration
from policies.exploration import ExplorationPolicy, Launch, LeastExplored, WalkerView
from policies.registry import BUILT_IN, load_policy
from policies.selection.baselines import RandomSelection, UniformSelection
from policies.selection.contract import Candidates, Choice, Selection, SelectionPolicy, Window
from policies.selection.disagreement import DisagreementSelection
from policies.selection.distances import Environments, novelty_and_separation, typical_distances
from policies.selection.probing import draw_probes, left_after, probes_due
from policies.stopping.ladder import (
    Judgement,
    LadderStopping,
    MeasureMore,
    RungEvidence,
    RungSummary,
    StoppingPolicy,
    TransportEvidence,
    TransportRow,
    Verdict,
    compare_rungs,
    judge_change,
    summarise,
)

__all__ = [
    "BUILT_IN",
    "Calibration",
    "CalibrationReport",
    "Candidates",
    "Choice",
    "DisagreementSelection",
    "Environments",
    "ExplorationPolicy",
    "Judgement",
    "LadderStopping",
    "Launch",
    "LeastExplored",
    "MeasureMore",
    "Points",
    "RandomSelection",
    "ReliabilityRow",
    "RungEvidence",
    "RungSummary",
    "Selection",
    "SelectionPolicy",
    "SpeciesMap",
    "StoppingPolicy",
    "TransportEvidence",
    "TransportRow",
    "UniformSelection",
    "Verdict",
    "WalkerView",
    "Window",
    "calibrate",
    "compare_rungs",
    "draw_probes",
    "fit_calibration",
    "judge_change",
    "left_after",
    "load_policy",
    "novelty_and_separation",
    "probes_due",
    "reliability",
    "summarise",
    "typical_distances",
]
