"""Every foundation that has a name has a licence."""

import pytest

from alloop.config.foundations import LICENCES, SHIPPED, described_foundation, non_commercial
from alloop.config.science import FoundationFile, FoundationHead
from alloop.potential.mace_api import mace_mp_urls


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
