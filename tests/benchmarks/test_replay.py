from benchmarks.replay import Case, Judgement, cases, rows


def test_every_size_is_fitted_without_the_teachers_frames_in_the_same_and_in_twice_the_steps_and_with_them():
    assert [case.name for case in cases([12], [0.3], seeds=1)] == ["none", "none, twice the steps", "replay 0.3"]


def test_the_table_shows_means_and_ranges_over_the_seeds():
    found = {Case(12, None, 1, seed): Judgement(20.0 + seed, 300.0, 90.0, 0.9) for seed in range(3)}
    assert list(rows(found))[-1] == "| 12 | none | 21.0 (20.0 to 22.0) | 300.0 (300.0 to 300.0) | 90 | 0.900 |"
