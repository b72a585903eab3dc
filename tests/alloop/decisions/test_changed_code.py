import pytest

from alloop.decisions.changed_code import agrees
from alloop.tasks.contract.probe import ProbeSummary


@pytest.mark.parametrize(
    ("deviation", "fitted", "accepted"),
    [
        ((0.9e-3, 0.009, 0.0005), True, True),
        ((1.1e-3, 0.0, 0.0), False, False),
        ((0.0, 0.011, 0.0), False, False),
        ((0.0, 0.0, 0.0007), True, False),
        ((0.0, 0.0, 0.0007), False, True),
        ((0.0, 0.0, None), True, True),
    ],
)
def test_tolerances(deviation, fitted, accepted):
    summary = ProbeSummary(**dict(zip(ProbeSummary.model_fields, deviation, strict=True)))
    assert agrees(summary, stress_is_fitted=fitted) is accepted
