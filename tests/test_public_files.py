"""The files beside the code that the public reads: citation, CI workflow, issue forms."""

import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_citation_is_of_this_version():
    citation = read("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    page = (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")
    assert f"*{citation['title']}*, version {citation['version']}" in page
    assert f"title   = {{{{{citation['title']}}}}}" in page
    assert f"version = {{{citation['version']}}}" in page


def test_the_public_workflow_runs_what_has_to_pass():
    (job,) = read(".github/workflows/ci.yml")["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == [".ci/run"]
    assert (ROOT / commands[0]).stat().st_mode & 0o100


@pytest.mark.parametrize("form", ["bug", "question"])
def test_an_issue_form_asks_for_something(form):
    body = read(f".github/ISSUE_TEMPLATE/{form}.yml")["body"]
    assert any(field.get("validations", {}).get("required") for field in body)
    assert {field["type"] for field in body} <= {"markdown", "textarea", "input"}
