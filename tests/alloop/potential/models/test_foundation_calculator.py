"""A MACE model as a calculator: which file is opened, and which head answers."""

import hashlib

import numpy as np
import pytest

from alloop.potential.models.foundation_calculator import FoundationCalculator
from tests.support.models import (
    forces_of,
    lithium_chloride,
    make_small_committee,
    pickled,
    small_foundation,
    small_model,
)

HEADS = ("pbe", "r2scan")


def stored(tmp_path, value):
    path = tmp_path / "teacher.model"
    path.write_bytes(pickled(value))
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_a_model_of_one_head_answers(tmp_path):
    frame = lithium_chloride()
    frame.calc = FoundationCalculator(**stored(tmp_path, small_foundation((3, 17))))
    assert np.isfinite(frame.get_potential_energy())
    assert frame.get_stress().shape == (6,)


def test_a_head_is_named(tmp_path):
    file, frame = stored(tmp_path, small_foundation((3, 17), heads=HEADS)), lithium_chloride()
    energies = []
    for head in HEADS:
        frame.calc = FoundationCalculator(**file, head=head)
        energies.append(frame.get_potential_energy())
    assert energies[0] != energies[1]


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (None, "the model has 2 heads; name one of them as `head`: pbe, r2scan$"),
        ("lda", "the model has no head `lda`; it has: pbe, r2scan$"),
        ("r2scam", "the model has no head `r2scam`; did you mean `r2scan`"),
    ],
)
def test_a_head_that_is_not_named_or_not_there_is_one_line(tmp_path, head, says):
    with pytest.raises(ValueError, match=says):
        FoundationCalculator(**stored(tmp_path, small_foundation((3, 17), heads=HEADS)), head=head)


def test_a_file_with_another_checksum_is_not_opened(tmp_path):
    file = stored(tmp_path, small_foundation((3, 17))) | {"sha256": "0" * 64}
    with pytest.raises(ValueError, match="not 000000000000…: not loaded"):
        FoundationCalculator(**file)


def test_of_a_committee_the_leader_answers(tmp_path):
    sha256 = make_small_committee(tmp_path / "c.pt", 2)
    frame = lithium_chloride()
    frame.calc = FoundationCalculator(path=str(tmp_path / "c.pt"), sha256=sha256)
    np.testing.assert_allclose(frame.get_forces(), forces_of(small_model(0)), atol=1e-5)


def test_what_is_no_model_is_one_line(tmp_path):
    with pytest.raises(ValueError, match="is not a model saved by MACE: it holds a dict"):
        FoundationCalculator(**stored(tmp_path, {"a": 1}))


def test_an_unknown_name_is_one_line():
    with pytest.raises(ValueError, match="did you mean `medium-mpa-0`"):
        FoundationCalculator(name="medium-mpa0")
