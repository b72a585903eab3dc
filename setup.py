"""The part of packaging that pyproject.toml cannot say.

The wheel ships ``configs/`` as ``alloop/examples/``, the foundations and the templates of the
report, which are files without code.
"""

from setuptools import find_packages, setup

EXAMPLES = {
    "alloop.examples": ["*.yaml", "*.json"],
    "alloop.examples.executors": ["*.yaml"],
    "alloop.examples.structures": ["*.extxyz", "*.cif"],
    "alloop.examples.structures.electrolytes": ["*.extxyz"],
    "alloop.examples.structures.published": ["*.cif"],
}

DATA = {"alloop.foundations": ["*.pt"], "alloop.report.templates": ["*.html"], **EXAMPLES}

setup(
    packages=[*find_packages(include=["alloop", "alloop.*", "policies", "policies.*"]), *DATA],
    package_dir={"alloop.examples": "configs"},
    package_data={"alloop": ["py.typed"], "policies": ["py.typed"], **DATA},
)
