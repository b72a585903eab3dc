from typing import get_args, get_type_hints

import pytest

from alloop.commands import exit_codes
from alloop.journal.verdicts import LIFTABLE_VERDICTS, VERDICTS, VerdictName
from alloop.report.style import STYLE
from policies import Verdict


def test_every_name_of_a_verdict_has_its_record():
    assert list(VERDICTS) == list(get_args(VerdictName))


def test_the_stopping_policy_gives_the_verdicts_that_rest_on_judged_rungs():
    assert set(get_args(get_type_hints(Verdict)["kind"])) == set(VERDICTS) - LIFTABLE_VERDICTS


@pytest.mark.parametrize("kind", VERDICTS.values(), ids=lambda kind: kind.name)
def test_every_verdict_has_a_colour_and_an_exit_code_with_a_meaning(kind):
    assert f"\n.{kind.look} {{ border-color:" in STYLE
    assert f"`{kind.name}`" in exit_codes.MEANINGS[kind.exit_code]
