"""Frames that carry what a model says of them."""

import numpy as np
import pytest
import torch
from ase.stress import full_3x3_to_voigt_6_stress

from alloop.potential.fitting.adapting import with_replay
from alloop.potential.fitting.pseudolabels import pseudolabelled
from alloop.potential.graphs import graph_of
from alloop.potential.models.architecture import set_e0s
from tests.support.models import frames, small_model


def test_they_are_what_the_head_says_whatever_labels_the_frames_had():
    one, given = small_model(), frames(40)
    two = with_replay(one)
    set_e0s(two, {3: -50.0, 17: -60.0})
    before = {name: tensor.clone() for name, tensor in two.state_dict().items()}
    found = pseudolabelled(given, two, "replay", stress=True)
    assert len(found) == len(given)
    for frame, old in zip(found, given, strict=True):
        said = one(graph_of(old, one), compute_stress=True)
        assert frame.info["REF_energy"] == pytest.approx(said["energy"].item(), abs=1e-4)
        assert abs(frame.info["REF_energy"] - old.info["REF_energy"]) > 0.1
        np.testing.assert_allclose(frame.arrays["REF_forces"], said["forces"].detach(), atol=1e-5)
        stress = full_3x3_to_voigt_6_stress(said["stress"][0].detach().numpy())
        np.testing.assert_allclose(frame.info["REF_stress"], stress, atol=1e-6)
        np.testing.assert_array_equal(frame.positions, old.positions)
    assert all(torch.equal(tensor, before[name]) for name, tensor in two.state_dict().items())


def test_without_stress_there_is_none_and_weights_can_be_fitted_afterwards():
    model = with_replay(small_model()).requires_grad_(True)
    (frame,) = pseudolabelled(frames(1), model, "replay", stress=False)
    assert "REF_stress" not in frame.info
    assert all(weights.requires_grad for weights in model.parameters())
    assert pseudolabelled([], model, "replay", stress=False) == []
