"""The part of packaging that pyproject.toml cannot say: the wheel ships ``configs/`` as ``alloop/examples/``."""

from setuptools import find_packages, setup

EXAMPLES = {
    "alloop.examples": ["*.yaml", "*.json"],
    "alloop.examples.executors": ["*.yaml"],
    "alloop.examples.structures": ["*.extxyz", "*.cif"],
    "alloop.examples.structures.electrolytes": ["*.extxyz"],
}

setup(
    packages=[*find_packages(include=["alloop", "alloop.*", "policies", "policies.*"]), *EXAMPLES],
    package_dir={"alloop.examples": "configs"},
    package_data={"alloop": ["py.typed", "foundations/*.pt"], "policies": ["py.typed"], **EXAMPLES},
)
