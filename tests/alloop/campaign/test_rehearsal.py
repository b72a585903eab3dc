import pytest

from alloop.campaign.rehearsal import meaning, rehearsal_name, rehearsed
from alloop.checks.sanity import find
from alloop.config.foundations import SHIPPED
from alloop.config.label import same_science
from tests.support.small import SMALL, config

TEACHER = {"teacher": "sevennet-l3i5"}
CLUSTER = {
    "executors": {
        "dft": {"kind": "slurm", "ranks_per_label": 16, "mpi_command": "srun -n {ranks}"},
        "ml": {"kind": "local", "workers": 4},
    },
    "label": "dft",
    "explore": "ml",
    "fit": "ml",
    "measure": "ml",
}


def test_the_teacher_answers_the_labels_behind_the_gates_of_the_campaign_and_nothing_else_changes():
    label = {"engine": "gpaw", "min_contact": 0.65, "max_force_eV_per_A": 20.0}
    campaign = config(**TEACHER, label=label)
    one = rehearsed(campaign, "chgnet")
    assert (one.name, one.teacher.model, one.label.engine) == ("loop.rehearsal", "chgnet", "ase")
    assert one.label.calculator.startswith("sevenn.")
    assert (one.label.min_contact, one.label.max_force_eV_per_A) == (0.65, 20.0)
    assert not same_science(one.label, campaign.label)
    changed = {"name", "label", "teacher", "fit"}
    assert one.model_dump(exclude=changed) == campaign.model_dump(exclude=changed)


@pytest.mark.parametrize(
    ("word", "model"), [("none", None), ("same", "sevennet-l3i5"), ("medium-mpa-0", "medium-mpa-0")]
)
def test_who_teaches_a_rehearsal(word, model):
    campaign = config(teacher={"model": "sevennet-l3i5", "frames": 32})
    teacher = rehearsed(campaign, word).teacher
    assert (teacher and teacher.model) == model
    assert teacher is None or teacher.frames == 32


def test_a_rehearsal_says_which_way_its_numbers_err():
    teacher = config(**TEACHER).teacher
    assert "least" in meaning(teacher, "same") == meaning(teacher, "sevennet-l3i5")
    assert "cold" in meaning(teacher, "none")
    assert "chgnet" in meaning(teacher, "chgnet")
    assert "gap" in meaning(teacher, "chgnet")


def test_no_dft_node_and_no_ranks_are_asked_for():
    execution = rehearsed(config(**TEACHER, execution=CLUSTER), "none").execution
    assert execution.label == "ml"
    assert list(execution.executors) == ["ml"]
    shared = {"executors": {"local": {"kind": "local", "workers": 2, "ranks_per_label": 2, "mpi_python": "/p"}}}
    one = rehearsed(config(**TEACHER, execution=shared), "none")
    assert one.execution.executors["local"].ranks_per_label == 1
    assert list(find(one)) == []


def test_labels_of_dft_that_the_campaign_brings_are_not_taken_for_the_teachers():
    data = {"initial": ["dft.extxyz"], "reference": "same"}
    one = rehearsed(config(**TEACHER, data=data, budget={"labels": 20}), "none")
    assert one.data.reference == "other"
    assert one.budget.labels is None


def test_labels_of_an_earlier_rehearsal_are_not_counted_as_bought():
    campaigns = ["../runs/loop.rehearsal", "../runs/loop.rehearsal.2/", "../runs/cold"]
    one = rehearsed(config(**TEACHER, data={"campaigns": campaigns}), "none", 2)
    assert one.data.campaigns == ("../runs/cold",)
    one = rehearsed(config(**TEACHER, data={"campaigns": campaigns[:2]}, budget={"labels": 20}), "none")
    assert (one.data.campaigns, one.budget.labels) == ((), 20)


def test_further_rehearsals_have_seeds_and_names_of_their_own():
    campaign = config(**TEACHER)
    assert [(one.seed, one.name) for one in (rehearsed(campaign, "none", number) for number in (1, 2))] == [
        (SMALL["seed"], "loop.rehearsal"),
        (SMALL["seed"] + 1, "loop.rehearsal.2"),
    ]
    assert len(rehearsal_name("x" * 80, 12)) == 80


OWN = SHIPPED["alloop-electrolytes-0"]


@pytest.mark.parametrize(
    ("foundation", "taught_by", "kept"),
    [
        ("alloop-electrolytes-0", "none", False),  # it learnt from the teacher that answers
        ({"name": "alloop-electrolytes-0", "head": "Default"}, "none", False),
        ({"path": "copied.pt", "sha256": OWN.sha256}, "none", False),
        ({"path": "another.pt", "sha256": "1" * 64}, "none", True),
        ("alloop-electrolytes-0", "chgnet", False),
        ("alloop-electrolytes-0", "same", True),
        ("medium-mpa-0", "none", True),
    ],
)
def test_a_foundation_that_knows_the_answers_takes_no_part_unless_its_teacher_does(foundation, taught_by, kept):
    campaign = config(**TEACHER, potential={"foundation": foundation, "committee": 2})
    left = campaign.potential.foundation if kept else None
    assert rehearsed(campaign, taught_by).potential.foundation == left


@pytest.mark.parametrize(("taught_by", "far"), [("chgnet", None), ("none", 0.15), ("same", 0.15)])
def test_fits_of_a_rehearsal_by_a_poorer_teacher_learn_like_those_of_the_campaign(taught_by, far):
    campaign = config(**TEACHER)
    assert campaign.fit.far_start == 0.15
    assert rehearsed(campaign, taught_by).fit == campaign.fit.model_copy(update={"far_start": far})


@pytest.mark.parametrize(
    ("method", "replay"),
    [("lora", "labels"), ("frozen", "labels"), ("multihead", "labels"), ("multihead", "pseudolabels")],
)
def test_a_rehearsal_without_the_foundation_fits_all_weights(method, replay):
    potential = {"foundation": "alloop-electrolytes-0", "committee": 2}
    campaign = config(
        **TEACHER, potential=potential, fit={"method": method, "replay": replay}, data={"initial": ["old.extxyz"]}
    )
    one = rehearsed(campaign, "none")
    assert (one.potential.foundation, one.fit.method) == (None, "naive")
    assert not [finding for finding in find(one, 0) if finding[0][0] == "fit"]
    assert rehearsed(campaign, "same").fit.method == method


@pytest.mark.parametrize("name", ["medium-mpa-0", "alloop-electrolytes-0"])
def test_a_foundation_that_is_itself_the_teacher_takes_no_part(name):
    campaign = config(teacher={"model": name}, potential={"foundation": name, "committee": 2})
    assert rehearsed(campaign, "none").potential.foundation is None
    assert rehearsed(campaign, "same").potential.foundation == name
