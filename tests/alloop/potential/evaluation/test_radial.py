import copy

import pytest
import torch

from alloop.potential.evaluation.radial import SHORTEST_A, places, table
from tests.support.models import small_model


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-11)])
def test_radial_weights_and_their_slopes_are_those_of_mace(dtype, tolerance):
    model = small_model(1, channels=32, max_ell=2, correlation=2, cutoff_A=5.0).to(dtype)
    lengths_A = torch.linspace(SHORTEST_A + 1e-3, 5.0, 997, dtype=torch.float64).requires_grad_()
    reference = copy.deepcopy(model).double()
    embedded, _ = reference.radial_embedding(lengths_A.unsqueeze(1), None, None, None)
    network = model.interactions[0].conv_tp_weights
    expected = reference.interactions[0].conv_tp_weights(embedded)
    (slope,) = torch.autograd.grad(expected[:, 7].sum(), lengths_A)
    where = places(lengths_A.detach(), 5.0, dtype)
    rows = table(model.radial_embedding, network, 5.0, dtype)[where.rows]
    values, slopes = (torch.einsum("et,etk->ek", w, rows) for w in (where.weights, where.slopes))
    expected = expected.detach()
    assert (values - expected).abs().max() < tolerance * expected.abs().max()
    assert (slopes[:, 7] - slope).abs().max() < 10 * tolerance * slope.abs().max()
    assert float(values[-1].abs().max()) < tolerance * float(expected.abs().max())
