"""What holds for every test: property tests have no deadline and draw the same in CI; what waits most goes first."""

import os

import pytest
from hypothesis import settings

settings.register_profile("alloop", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("alloop")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests on Slurm first: they wait more than they compute, and should do so beside others."""
    items.sort(key=lambda item: "tests/slurm/" not in item.nodeid)
