from benchmarks.teaching import Case, cases, rows


def test_every_size_start_loss_and_seed_is_fitted_and_stands_in_the_table_with_its_range():
    asked = list(cases([6, 12], 2))
    assert len(asked) == len(set(asked)) == 2 * 2 * 2 * 2
    found = {case: float(case.labels + case.seed + (10 if case.start == "cold" else 0)) for case in asked}
    table = list(rows([6, 12], found))
    assert table[2] == "| 6 | 16.5 (16.0 to 17.0) | 16.5 (16.0 to 17.0) | 6.5 (6.0 to 7.0) | 6.5 (6.0 to 7.0) |"
    assert Case(12, "taught", "huber", 1) in found
