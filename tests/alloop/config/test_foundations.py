"""Every foundation that has a name has a licence, and those that come with alloop are good."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from alloop.config.foundations import LICENCES, SHIPPED, described_foundation, non_commercial
from alloop.config.science import FoundationFile, FoundationHead
from alloop.potential.committee import Committee
from alloop.potential.mace_api import mace_mp_urls
from alloop.potential.models.foundation import load_foundation_file
from alloop.potential.models.foundation_committee import saved_members

STRUCTURES = Path(__file__).parents[3] / "configs" / "structures"


def test_the_licence_of_every_name_of_mace_is_known():
    assert set(LICENCES) == set(mace_mp_urls)


@pytest.mark.parametrize(
    ("foundation", "told"),
    [
        ("medium-mpa-0", {"name": "medium-mpa-0", "licence": "MIT"}),
        (FoundationHead(name="mh-1", head="omol"), {"name": "mh-1", "head": "omol"}),
        (FoundationFile(path="x", sha256="a" * 64), {"name": "MACE model aaaaaaaaaaaa", "licence": "unknown"}),
        ("of-tomorrow", {"name": "of-tomorrow", "licence": "unknown"}),
    ],
)
def test_a_foundation_is_described_by_what_is_known(foundation, told):
    assert told.items() <= described_foundation(foundation).items()


@pytest.mark.parametrize("name", ["small-omat-0", "medium-omat-0", "mace-matpes-pbe-0", "mace-matpes-r2scan-0", "mh-1"])
def test_what_may_not_be_used_commercially_is_said(name):
    assert "Academic Software License" in str(non_commercial(name))
    assert non_commercial("medium-mpa-0") is None


def test_names_of_alloops_own_are_none_of_maces():
    assert not set(SHIPPED) & set(mace_mp_urls)


@pytest.mark.parametrize("name", list(SHIPPED))
def test_a_foundation_of_alloops_own_tells_its_licence_and_what_to_cite(name):
    told = described_foundation(name)
    assert (told["name"], told["licence"]) == (name, "MIT")
    assert "alloop" in told["cite"]
    assert "SevenNet" in told["cite"]
    assert non_commercial(name) is None


@pytest.fixture(scope="module", params=SHIPPED.values(), ids=SHIPPED)
def members(request):
    """The members of a foundation that comes with alloop, each as a committee of its own."""
    shipped = request.param
    count = len(saved_members(shipped.path.read_bytes()))
    models = (load_foundation_file(shipped.path, shipped.sha256, member=number) for number in range(count))
    return [Committee([model], device="cpu", dtype="float32") for model in models]


def test_its_members_know_the_forces_of_li3incl6_where_gpaw_says_they_vanish_and_differ(members):
    # Relaxed with GPAW (PBE, 500 eV) to a largest force of 0.01 eV/Å, see configs/structures/README.md.
    relaxed = read(STRUCTURES / "Li3InCl6.extxyz")
    found = [committee.forces(relaxed).forces_eV_per_A for committee in members]
    assert max(float(np.sqrt(np.mean(forces**2))) for forces in found) < 0.05
    assert len(found) == 4
    assert len({forces.tobytes() for forces in found}) == 4


@pytest.mark.parametrize("path", sorted((STRUCTURES / "electrolytes").glob("*.extxyz")), ids=lambda path: path.stem)
def test_its_leader_holds_every_structure_that_it_was_taught_near_where_its_teacher_relaxed_it(members, path):
    forces = members[0].forces(read(path)).forces_eV_per_A
    assert float(np.sqrt(np.mean(forces**2))) < 0.1


def test_what_comes_with_alloop_is_small_and_whole():
    for shipped in SHIPPED.values():
        content = shipped.path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == shipped.sha256
        assert len(content) < 5e6
