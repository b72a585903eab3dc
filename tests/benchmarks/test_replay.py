from benchmarks.replay import Case, Judgement, cases, rows


def test_every_size_is_fitted_without_the_teachers_frames_with_them_and_from_rescaled_members():
    names = [case.name for case in cases([12], [0.3], seeds=1)]
    assert names == ["none", "none, twice the steps", "replay 0.3", "none, rescaled"]


def test_a_replay_and_its_control_take_the_same_number_of_steps():
    steps = {case.name: case.times for case in cases([12], [0.3], seeds=1)}
    assert steps == {"none": 1, "none, twice the steps": 2, "replay 0.3": 2, "none, rescaled": 1}


def test_the_table_shows_means_and_ranges_over_the_seeds():
    found = {Case(12, None, 1, False, seed): Judgement(20.0 + seed, 300.0, 90.0, 0.9) for seed in range(3)}
    assert list(rows(found))[-1] == "| 12 | none | 21.0 (20.0 to 22.0) | 300.0 (300.0 to 300.0) | 90 | 0.900 |"
