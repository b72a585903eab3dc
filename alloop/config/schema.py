"""The JSON schema with which an editor completes and checks a config as it is typed.

``python -m alloop.config.schema > configs/schema.json`` writes it anew after a change of the models.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from alloop.config.campaign import CampaignConfig


def config_schema() -> dict[str, Any]:
    """Return the schema of a campaign config."""
    schema = CampaignConfig.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "alloop campaign"}


def schema_text() -> str:
    """Return the text of the schema file."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
