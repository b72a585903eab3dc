import pytest

from benchmarks.scale import simulate, table


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    common = {"labels": 100, "offers": 4}
    return {overlap: simulate(16, overlap=overlap, folder=folder / str(overlap), **common) for overlap in (False, True)}


def test_a_simulated_campaign_climbs_its_whole_ladder(outcomes):
    for outcome in outcomes.values():
        assert outcome.verdict == "ladder_exhausted"
        assert outcome.labels == 120


def test_overlap_brings_the_same_labels_sooner(outcomes):
    assert outcomes[True].all_h < 0.8 * outcomes[False].all_h
    assert outcomes[True].utilisation > outcomes[False].utilisation


def test_no_more_is_worked_than_there_are_slots(outcomes):
    for outcome in outcomes.values():
        assert 0 < outcome.utilisation <= 1


def test_the_table_has_a_row_for_each(outcomes):
    lines = list(table(list(outcomes.values())))
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {11}
