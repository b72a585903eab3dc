import re

import pytest

from alloop.config.campaign import CampaignConfig
from alloop.config.fields import every_section
from alloop.config.foreign_keys import AIMS_PAX, DP_GEN, MACE, OTHERS, VASP, explain_foreign, key_here

PLACES = {(*path, name) for path, section in every_section(CampaignConfig) for name in section.model_fields}
FREE = ("label", "gpaw"), ("label", "arguments")


def parts(named):
    """Return the path of a key as it is written in a message."""
    return tuple(part.removesuffix("[]") for part in named.split(".") if part != "NAME")


def exists(path):
    known = {tuple(part for part in place if part != "*") for place in PLACES}
    return path in known or any(path[: len(free)] == free for free in FREE)


@pytest.mark.parametrize("keys", [MACE, AIMS_PAX, DP_GEN, VASP, OTHERS])
def test_every_key_that_is_named_exists(keys):
    for foreign, place in keys.items():
        named = re.match(r"[\w.\[\]]+(?<!\.)", place)[0]
        assert place.startswith(("no key: ", "the sections ")) or exists(parts(named)), f"{foreign}: {place}"


@pytest.mark.parametrize("keys", [MACE, AIMS_PAX, DP_GEN, VASP, OTHERS])
def test_names_are_found_whatever_their_case_and_say_where_to_go_in_one_line(keys):
    for foreign in keys:
        assert foreign == foreign.lower()
        told = explain_foreign(foreign.upper())
        assert " is here " in told or " has here no key: " in told
        assert "\n" not in told


def test_a_name_that_nobody_uses_is_explained_by_nobody():
    assert explain_foreign("colour") is None
    assert key_here("colour") is None
