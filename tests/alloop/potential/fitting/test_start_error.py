"""How far a model is from labels before it is fitted."""

import numpy as np
import pytest

from alloop.potential.fitting.start_error import LEAST_FORCE_eV_per_A, start_error
from alloop.potential.graphs import graph_of, labelled_frame, labelled_graphs
from tests.support.models import frames, small_model


@pytest.mark.parametrize("size_eV_per_A", [0.0, 1.0])
def test_errors_are_compared_with_the_median_force_and_in_a_relaxed_crystal_with_a_least_one(size_eV_per_A):
    model, given = small_model(), frames(2)
    own = np.concatenate([model(graph_of(frame, model))["forces"].detach().numpy() for frame in given])
    labels = np.zeros_like(own)
    labels[:, 0] = size_eV_per_A
    parts = np.split(labels, [len(given[0])])
    labelled = [labelled_frame(frame, 0.0, part, None) for frame, part in zip(given, parts, strict=True)]
    lengths = sorted(np.linalg.norm(own - labels, axis=1))
    usual = max(size_eV_per_A, LEAST_FORCE_eV_per_A)
    found = start_error(model, labelled_graphs(labelled, model))
    assert found == pytest.approx(lengths[(len(lengths) - 1) // 2] / usual, rel=1e-3)
