import pytest

from alloop.config.label import MACE_FILE, AseLabel
from alloop.tasks.contract.explore import SwapsAsked
from alloop.tasks.contract.fit import FarStart, FineTuning, Pseudolabels
from alloop.tasks.contract.label import AtomRequest
from tests.support.requests import EXAMPLES

HERE = {"engine": "ase", "calculator": "emt:EMT", "arguments": {"path": "a", "sha256": "0"}}


def atom(settings):
    return AtomRequest(element="Li", settings=settings, code={}).key()


def test_a_request_made_before_calculators_had_a_place_keeps_its_key():
    assert EXAMPLES["atom"][0].key() == "4b0db09d9ca1fdf377b3ce86b1aec61158f463c2"
    assert EXAMPLES["label"][0].key() == "e142fe5b1c11803522af756b4e56434daac4d8a3"
    assert EXAMPLES["probe"][0].key() == "294aeca024efa1a23269ca831268e7e86cd71d43"
    assert EXAMPLES["relaxbylabels"][0].key() == "48cec8e81e36877084c869c0b7780a6c8ff736a7"


def test_a_request_made_before_several_elements_could_be_mobile_keeps_its_key():
    assert EXAMPLES["measure"][0].key() == "78312d9922307668b93f44f426322f06a6c7065d"
    assert EXAMPLES["produce"][0].key() == "43425a6568db10e19e25c8d5a51bc95e807b9a27"


def test_a_request_made_before_ions_could_swap_keeps_its_key():
    request = EXAMPLES["explore"][0]
    assert request.key() == "2b94994a761f61373f17e3f70aa285fadbcb0ff6"
    before = {name: value for name, value in request.model_dump(mode="json").items() if name != "swaps"}
    assert type(request).model_validate(before) == request
    swaps = SwapsAsked(sublattices=(("Br", "Cl"),), every_steps=50)
    assert request.model_copy(update={"swaps": swaps}).key() != request.key()


def test_a_fit_asked_for_before_a_model_could_label_what_is_replayed_keeps_its_key():
    tuning = FineTuning(method="multihead", replay=("o",))
    request = EXAMPLES["fit"][0].model_copy(update={"finetuning": tuning})
    before = request.model_dump(mode="json")
    del before["finetuning"]["pseudolabels"]
    assert type(request).model_validate(before) == request
    assert request.key() == "57f9b2624df7513cc151168b474b8d803cc8c460"


def test_what_decides_pseudolabels_is_in_the_key_of_a_fit():
    usual = {"rattle_A": 0.2, "strain": 0.0, "min_contact": 0.5, "max_force_eV_per_A": 15.0}
    asked = [Pseudolabels(**usual), *(Pseudolabels(**{**usual, name: 0.1}) for name in usual)]
    tunings = [FineTuning(method="multihead", pseudolabels=one) for one in asked]
    requests = [EXAMPLES["fit"][0].model_copy(update={"finetuning": one}) for one in tunings]
    assert len({request.key() for request in requests}) == len(requests)
    assert all(type(one).model_validate_json(one.model_dump_json()) == one for one in requests)


def test_how_a_fit_learns_after_a_far_start_is_in_its_key():
    usual = {"beyond": 0.15, "max_steps": 100, "learning_rate": 0.01}
    rules = [None, FarStart(**usual), *(FarStart(**{**usual, name: 1}) for name in usual)]
    requests = [EXAMPLES["fit"][0].model_copy(update={"far": one}) for one in rules]
    assert len({request.key() for request in requests}) == len(requests)
    assert all(type(one).model_validate_json(one.model_dump_json()) == one for one in requests)


@pytest.mark.parametrize("kind", ["measure", "produce"])
def test_several_mobile_elements_survive_the_journal(kind):
    request = EXAMPLES[kind][0].model_copy(update={"mobile": ("Li", "Na")})
    assert type(request).model_validate_json(request.model_dump_json()) == request
    assert request.key() != EXAMPLES[kind][0].key()


def test_the_place_of_a_calculator_is_not_in_the_key():
    assert atom(HERE | {"python": "/opt/x"}) == atom(HERE | {"python": None}) == atom(HERE)
    assert atom(HERE | {"arguments": {"path": "b", "sha256": "0"}}) != atom(HERE)


def test_the_place_of_a_mace_model_is_not_in_the_key_and_its_checksum_is():
    model = HERE | {"calculator": MACE_FILE}
    assert atom(model | {"arguments": {"path": "b", "sha256": "0"}}) == atom(model)
    assert atom(model | {"arguments": {"path": "a", "sha256": "1"}}) != atom(model)


@pytest.mark.parametrize("python", [None, "/opt/teachers/x"])
def test_the_place_of_a_teacher_is_not_in_the_key(python):
    request = EXAMPLES["teach"][0]
    label = AseLabel(engine="ase", calculator="emt:EMT", python=python).model_dump(mode="json")
    bare = {key: value for key, value in label.items() if key != "python"}
    assert request.model_copy(update={"teacher": label}).key() == request.model_copy(update={"teacher": bare}).key()
