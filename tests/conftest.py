"""What holds for every test: property tests have no deadline and draw the same in CI; what waits most goes first."""

import os

import pytest
from hypothesis import settings

settings.register_profile("alloop", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("alloop")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests on Slurm first, which wait more than they compute, then the demo, the longest of all files."""
    first = ("tests/slurm/", "tests/campaign/test_quickstart.py")
    items.sort(key=lambda item: next((place for place, name in enumerate(first) if name in item.nodeid), len(first)))
