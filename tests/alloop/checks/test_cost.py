import pytest
from ase.build import bulk

from alloop.checks.cost import production_runs, project
from alloop.config import load_config
from tests.support.configs import BASE, Folder, make_folder
from tests.support.small import config


@pytest.fixture
def folder(tmp_path) -> Folder:
    return make_folder(tmp_path)


def two_systems(folder: Folder, text: str = BASE) -> str:
    folder.frames("structures/NaCl.extxyz", bulk("NaCl", "rocksalt", a=5.64))
    second = "  - {name: NaCl, structure: structures/NaCl.extxyz, repeat: [2, 1, 1]}\n"
    return text.replace("data:", f"{second}data:").replace("  frames: 8", "  frames: 4")


def test_counts_atoms_electrons_and_labels(folder):
    projection = project(load_config(folder.config(BASE)))
    (system,) = projection.systems
    assert (system.formula, system.atoms, system.electrons, system.elements) == ("LiCl", 2, 20, ("Li", "Cl"))
    assert (projection.training_labels, projection.heldout_labels, projection.labels) == (48, 12, 60)
    assert projection.atom_energies == 2
    # generations at 8, 33 and 58 labels, four members each, and three fits for each of three rungs
    assert projection.fits == 3 * 4 + 3 * 3
    # (48 - 8) frames × 3 candidates, eight offers a segment, and a segment for each held-out frame
    assert projection.segments == 15 + 12
    assert projection.dft_core_hours is None
    assert projection.shortfalls == ()


def test_every_system_has_its_share_and_its_own_time(folder):
    loaded = load_config(folder.config(two_systems(folder)))
    projection = project(loaded, label_s={"LiCl": 10.0, "NaCl": 50.0})
    assert [system.labels for system in projection.systems] == [30.0, 30.0]
    assert [system.atoms for system in projection.systems] == [2, 4]
    assert projection.elements == ("Li", "Na", "Cl")
    assert projection.dft_core_hours == pytest.approx(30 * (10 + 50) / 3600)
    assert projection.dft_wall_h == pytest.approx(30 * (10 + 50) / 3600 / 2)


def test_cost_is_unknown_unless_every_system_was_timed(folder):
    loaded = load_config(folder.config(two_systems(folder)))
    assert project(loaded, label_s={"LiCl": 10.0}).dft_core_hours is None
    assert project(loaded, label_s=10.0).dft_core_hours == pytest.approx(60 * 10 / 3600)


@pytest.mark.parametrize(
    ("budget", "told"),
    [("dft_core_hours: 1", "budget.dft_core_hours"), ("wall_h: 0.5", "budget.wall_h"), ("labels: 59", "budget.labels")],
)
def test_budget_that_does_not_suffice_is_told(folder, budget, told):
    loaded = load_config(folder.broken("labels: 64", budget))
    (shortfall,) = project(loaded, label_s=100.0).shortfalls
    assert shortfall.startswith(told)
    enough = load_config(folder.broken("labels: 64", budget.split(":")[0] + ": 1000"))
    assert project(enough, label_s=100.0).shortfalls == ()


def test_blocks_of_a_batch_system_count_as_slots(folder):
    batch = "local: {kind: slurm, workers: 8, nodes_per_block: 2, max_blocks: 3}"
    config = load_config(folder.broken("local: {kind: local, workers: 2}", batch)).config
    assert config.label_slots == 48


def test_jobs_too_short_for_a_label_are_told(folder):
    batch = "local: {kind: slurm, workers: 8, walltime: '00:10:00'}"
    loaded = load_config(folder.broken("local: {kind: local, workers: 2}", batch))
    assert project(loaded, label_s=200.0).shortfalls == ()
    (shortfall,) = project(loaded, label_s=400.0).shortfalls
    assert shortfall.startswith("execution.executors.local.walltime: a label takes about 6.67 core-minutes")


def test_cells_of_production_runs_are_told_with_their_width(folder):
    text = f"{BASE}\nmeasure: {{mobile: Li, temperatures_K: [600, 800]}}\n"
    (cell,) = project(load_config(folder.config(text))).measured
    assert cell.repeat == (5, 5, 5)
    assert cell.atoms == 2 * 125
    assert cell.width_A == pytest.approx(5 * 5.14 / 3**0.5)
    assert not cell.narrow
    narrow = text.replace("mobile: Li", "mobile: Li, repeat: [2, 2, 2]")
    assert project(load_config(folder.config(narrow))).measured[0].narrow


@pytest.mark.parametrize(
    ("changes", "models"),
    [
        ({}, 3 * 2),
        ({"potential": {"foundation": "alloop-electrolytes-0"}}, 3 * 2 + 1),
        ({"potential": {"foundation": "alloop-electrolytes-0"}, "teacher": {"model": "chgnet"}}, 3 * 2),
    ],
)
def test_production_of_a_foundation_counts_where_a_campaign_begins_with_it(changes, models):
    measure = {"mobile": "Li", "temperatures_K": [600, 800, 1000], "replicas": 2}
    assert production_runs(config(measure=measure, **changes)) == models * 3 * 2
    assert production_runs(config(**changes)) == 0
