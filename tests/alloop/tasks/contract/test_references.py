"""References between results: one string in JSON, the same one as ever."""

import pytest
from pydantic import TypeAdapter, ValidationError

from alloop.tasks.contract.references import ModelRef, OfferRef, ResultRef, SegmentRef


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("explore/a1#0", OfferRef("explore", "a1", 0)),
        ("initial/0ffe5#12", OfferRef("initial", "0ffe5", 12)),
        ("a1#3", SegmentRef("a1", 3)),
        ("a1", SegmentRef("a1")),
    ],
)
def test_a_reference_is_read_from_its_string_and_written_back_as_it_was(text, reference):
    adapter = TypeAdapter(type(reference))
    assert adapter.validate_python(text) == reference
    assert adapter.dump_python(reference, mode="json") == text == str(reference)


@pytest.mark.parametrize("text", ["", "explore", "explore/a1", "a1#0", "explore/a1#", "explore/a1#-1", "explore/a1#٣"])
def test_a_frame_without_kind_key_and_number_is_refused(text):
    with pytest.raises(ValidationError, match="<kind>/<key>#<index>"):
        TypeAdapter(OfferRef).validate_python(text)


@pytest.mark.parametrize("text", ["a1#", "a1#x", "a1#-1"])
def test_a_segment_with_another_place_than_a_number_is_refused(text):
    with pytest.raises(ValidationError, match="<key>#<place>"):
        TypeAdapter(SegmentRef).validate_python(text)


def test_a_reference_knows_the_result_that_holds_what_it_names():
    assert OfferRef("initial", "a", 2).result == ResultRef("initial", "a")
    assert SegmentRef("b", 1).result == ResultRef("explore", "b")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("fit:a1", ModelRef("fit", "a1")),
        ("foundation:0ffe5", ModelRef("foundation", "0ffe5")),
        ("foundation:0ffe5#omat_pbe", ModelRef("foundation", "0ffe5", "omat_pbe")),
        ("foundation:0ffe5#a@b", ModelRef("foundation", "0ffe5", "a@b")),
        ("foundation:0ffe5@0", ModelRef("foundation", "0ffe5", member=0)),
        ("foundation:0ffe5@12", ModelRef("foundation", "0ffe5", member=12)),
    ],
)
def test_a_model_is_named_by_its_fit_or_by_its_file_and_its_head_or_member(text, reference):
    assert ModelRef.parse(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize("member", ["", "x", "-1", "1.0", "٣", "1" * 10])
def test_a_member_of_a_foundation_that_is_no_number_is_refused_in_one_line(member):
    with pytest.raises(ValueError, match="a member of a foundation is a number") as caught:
        ModelRef.parse(f"foundation:0ffe5@{member}")
    assert "\n" not in str(caught.value)
