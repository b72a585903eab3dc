import doctest

from alloop.status import task_words
from alloop.status.task_words import fit_words
from tests.support.journals import play


def test_examples():
    assert doctest.testmod(task_words).failed == 0


def test_no_task_of_a_campaign_is_told_by_its_identifier(tmp_path):
    purposes = {entry.event.purpose for entry in play(tmp_path) if entry.event.kind == "task_planned"}
    told = {task_words.task_words(purpose) for purpose in purposes}
    assert len(told) == len(purposes)
    assert not told & purposes
    assert {fit_words("fit/s24.1/f0"), fit_words("fit/pretrain/m1")} == {
        "random subset of 24, fit 0",
        "before the first label, member 1",
    }
