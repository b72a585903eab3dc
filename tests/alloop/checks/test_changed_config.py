import copy
from pathlib import Path

import pytest
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st

from alloop.checks import changed_config
from alloop.checks.changed_config import differences, is_science_of, policy_digests, science_digest
from alloop.config import FREE_SECTIONS, CampaignConfig, load_config
from alloop.config.fields import every_section
from alloop.config.loading import config_from_text
from tests.support.configs import BASE, Folder


def dump(folder: Folder, old: str = "", new: str = "") -> dict:
    path = folder.broken(old, new) if old else folder.config(BASE)
    return load_config(path).config.model_dump(mode="json")


def digest(folder: Folder, old: str = "", new: str = "") -> str:
    return science_digest(load_config(folder.broken(old, new) if old else folder.config(BASE)))


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("timestep_fs: 2.0", "timestep_fs: 1.0", "explore.timestep_fs: 2.0 -> 1.0"),
        ("kpts: [2, 2, 2]", "kpts: [3, 3, 3]", "label.kpts: [2, 2, 2] -> [3, 3, 3]"),
        ("foundation: null", "foundation: medium-mpa-0", "potential.foundation: not set -> medium-mpa-0"),
        ("repeat: [1, 1, 1]", "repeat: [2, 1, 1]", "systems[0].repeat: [1, 1, 1] -> [2, 1, 1]"),
        (
            "rungs: [12, 24, 48]",
            "rungs: [12, 24]",
            "ladder.rungs: [12, 24, 48] -> [12, 24] (rungs can be added to a campaign, not taken away)",
        ),
        ("initial: []", "initial: [a.xyz]", "data.initial[0]: not set -> a.xyz"),
        ("seed: 7", "seed: 8", "seed: 7 -> 8"),
        ("xc: PBE", "xc: PBE\n  magmoms: {Cl: 1.0}", "label.magmoms.Cl: not set -> 1.0"),
    ],
)
def test_science_that_changed_is_shown(folder, old, new, shown):
    (found,) = differences(dump(folder), dump(folder, old, new))
    assert (str(found), found.kind) == (shown, "science")


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("labels: 64", "labels: 128", "budget.labels: 64 -> 128"),
        ("workers: 2", "workers: 4", "execution.executors.local.workers: 2 -> 4"),
        ("name: small", "name: large", "name: small -> large"),
        ("timestep_fs: 2.0", "timestep_fs: 2.0\n  check_every_steps: 20", "explore.check_every_steps: 5 -> 20"),
        ("timestep_fs: 2.0", "timestep_fs: 2.0\n  walkers_per_task: 3", "explore.walkers_per_task: auto -> 3"),
        ("seed: 7", "seed: 7\nmonitor: {wandb: {enabled: false}}", "monitor.wandb.enabled: true -> false"),
    ],
)
def test_machines_budgets_and_monitoring_may_change(folder, old, new, shown):
    (found,) = differences(dump(folder), dump(folder, old, new))
    assert (str(found), found.kind) == (shown, "machine")
    assert digest(folder) == digest(folder, old, new)


def test_what_only_adds_to_a_campaign_is_shown_and_leaves_its_science_what_it_was(folder):
    old, new = "rungs: [12, 24, 48]", "rungs: [12, 24, 48, 96]"
    before, founded = digest(folder), dump(folder)
    extended = load_config(folder.broken(old, new))
    (found,) = differences(founded, extended.config.model_dump(mode="json"))
    assert (str(found), found.kind) == ("ladder.rungs: [12, 24, 48] -> [12, 24, 48, 96]", "extension")
    assert is_science_of(extended, before, founded)
    other = load_config(folder.broken("seed: 7", "seed: 8"))
    assert not is_science_of(other, before, founded)


@pytest.mark.parametrize("steps", [10, 50])
def test_a_campaign_of_the_time_when_the_interval_of_looks_was_science_is_the_same(folder, steps, monkeypatch):
    loaded = load_config(folder.broken("timestep_fs: 2.0", f"timestep_fs: 2.0\n  check_every_steps: {steps}"))
    now = science_digest(loaded)
    monkeypatch.setattr(changed_config, "_FREE_KEYS", () if steps != 10 else changed_config._FREE_KEYS)
    once = science_digest(loaded)
    monkeypatch.undo()
    assert (once == now) == (steps == 10)
    assert is_science_of(loaded, once)
    assert is_science_of(loaded, now)
    assert not is_science_of(loaded, "0" * 64)


def test_digest_does_not_care_how_a_config_is_written(folder):
    rewritten = BASE.replace("kpts: [2, 2, 2]", "kpts:\n    - 2\n    - 2\n    - 2").replace("340", "3.4e2")
    path = folder.config(f"# a comment\n{rewritten}")
    assert science_digest(load_config(path)) == digest(folder)


def test_digest_does_not_care_whether_a_default_is_written(folder):
    assert digest(folder) == digest(folder, "kpts: [2, 2, 2]", "kpts: [2, 2, 2]\n  maxiter: 80")


def test_digest_sees_the_content_of_a_structure_and_not_its_place(folder):
    before = digest(folder)
    (folder.root / "structures/LiCl.extxyz").rename(folder.root / "moved.extxyz")
    moved = ("structure: structures/LiCl.extxyz", "structure: moved.extxyz")
    assert digest(folder, *moved) == before
    folder.frames("moved.extxyz", bulk("LiCl", "rocksalt", a=5.20))
    assert digest(folder, *moved) != before
    folder.frames("structures/LiCl.extxyz", bulk("LiCl", "rocksalt", a=5.14))
    (found,) = differences(dump(folder), dump(folder, *moved))
    assert found.kind == "machine"


def test_the_source_of_a_policy_of_ones_own_is_no_science_but_known(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder.root)
    source = folder.root / "my_drifting_policy.py"
    source.write_text("class Mine: ...\n")
    path = folder.broken("policy: disagreement", "policy: my_drifting_policy:Mine")
    science, policies = science_digest(load_config(path)), policy_digests(load_config(path))
    source.write_text("class Mine: '''changed'''\n")
    assert science_digest(load_config(path)) == science
    assert policy_digests(load_config(path)).keys() == policies.keys() == {"select.policy"}
    assert policy_digests(load_config(path)) != policies
    assert policy_digests(load_config(folder.config(BASE))) == {}


def test_same_configs_do_not_differ(folder):
    assert differences(dump(folder), dump(folder)) == []


def _numbers(value, path=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, (*path, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


@given(st.data())
def test_any_number_that_changed_is_found_once_and_only_it(data):
    old = config_from_text(BASE, Path("a.yaml"), Path("/")).config.model_dump(mode="json")
    path = data.draw(st.sampled_from(list(_numbers(old))))
    new = copy.deepcopy(old)
    section = new
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] += 1
    (found,) = differences(old, new)
    assert found.key == ".".join(path)
    free = path[0] in ("budget", "execution", "monitor", "studies") or path == ("explore", "check_every_steps")
    assert (found.kind == "machine") == free


def test_every_section_is_science_or_machine():
    top = {path[0] for path, _ in every_section(CampaignConfig) if path}
    assert set(FREE_SECTIONS) < top


ASE_LABEL = "engine: ase\n  calculator: emt:EMT"


def test_a_calculator_and_a_teacher_may_move(folder):
    label = BASE.replace("engine: gpaw\n  xc: PBE\n  cutoff_eV: 340\n  kpts: [2, 2, 2]", ASE_LABEL)
    teacher = "\nteacher:\n  model: {calculator: 'emt:EMT'"
    here = load_config(folder.config(label + teacher + "}\n"))
    there = load_config(
        folder.config(label.replace(ASE_LABEL, f"{ASE_LABEL}\n  python: a") + teacher + ", python: b}\n")
    )
    found = differences(here.config.model_dump(mode="json"), there.config.model_dump(mode="json"))
    assert {difference.key: difference.kind for difference in found} == {
        "label.python": "machine",
        "teacher.model.python": "machine",
    }
    assert science_digest(here) == science_digest(there)
