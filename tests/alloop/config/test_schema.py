import json
from pathlib import Path

import jsonschema
import pytest

from alloop.config.schema import config_schema, schema_text
from alloop.config.source import parse

CONFIGS = Path(__file__).parents[3] / "configs"


def test_schema_in_the_repository_is_current():
    """If this fails: python -m alloop.config.schema > configs/schema.json."""
    assert (CONFIGS / "schema.json").read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_configs_fit_the_schema_and_name_it(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    jsonschema.Draft202012Validator(config_schema()).validate(parse(text).data)


def test_schema_refuses_an_unknown_key_and_a_wrong_value():
    data = parse((CONFIGS / "quickstart.yaml").read_text(encoding="utf-8")).data
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    for wrong in (
        {"explore": {**data["explore"], "timestep": 1.0}},
        {"explore": {**data["explore"], "timestep_fs": 0}},
    ):
        assert not validator.is_valid({**data, **wrong})
