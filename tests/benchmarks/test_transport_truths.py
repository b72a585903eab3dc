import pytest

from benchmarks.transport_truths import TABLES, hops_of, repeats


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_rows_as_long_as_its_head(table):
    head, *rows = TABLES[table](4)
    assert len(rows) >= 6
    assert {len(row) for row in rows} == {len(head)}


def test_a_walk_has_the_diffusivity_it_claims():
    found = repeats(hops_of(40), 40 / 2000 * 2.5**2 / 6, 5)
    assert all(abs(one.off) < 4 for one in found)
    assert all(one.why is None for one in found)
