import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.files.canonical_json import canonical_json, content_key

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES, max_size=6))
def test_a_key_does_not_depend_on_the_order_and_survives_a_file(value):
    turned = dict(reversed(value.items()))
    assert canonical_json(turned) == canonical_json(value)
    assert content_key(json.loads(canonical_json(value))) == content_key(value)


def test_keys_of_results_that_exist_stay_what_they_are():
    request = {"cell_A": [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.5]], "symbols": ["Li", "Cl"], "note": "Å"}
    key = content_key({"kind": "label", "physics_version": 1, "request": request})
    assert key == "907acd665ba837cbeca2f9e6762acdbad4c72b91"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_not_a_number_has_no_key(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        content_key({"energy_eV": number})
