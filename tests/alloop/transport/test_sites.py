from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alloop.transport.density import DensitySettings, paths_of, standard_lattice
from alloop.transport.hops import Hops, Places
from alloop.transport.sites import DensityResult, Site, analyse_density, visit
from tests.support.hoppers import CUBIC, LEANING, hopping

SETTINGS = DensitySettings(resolution_A=0.3)


def nearest(story, found, truth):
    return standard_lattice(story.run.cell_A).get_all_distances(found, truth).min(axis=1)


def scaled(sites):
    return np.array([site.scaled for site in sites])


@pytest.fixture(scope="module", params=[CUBIC, LEANING], ids=["cubic", "leaning"])
def hopped(request):
    story = hopping(cell=request.param, samples=1000, drift_A=(3.0, 1.0, -2.0))
    result, _ = analyse_density([story.run], SETTINGS, story.start)
    return story, result


def test_host_and_interstitial_sites_are_found_where_they_are(hopped):
    story, result = hopped
    hosts, interstitials = result.sites.of("host"), result.sites.of("interstitial")
    assert len(hosts) == len(story.hosts)
    assert len(interstitials) == len(story.interstitials)
    assert nearest(story, scaled(hosts), story.hosts).max() < 0.2
    assert nearest(story, scaled(interstitials), story.interstitials).max() < 0.3


def test_occupancies_are_the_share_of_time_spent_there(hopped):
    story, result = hopped
    hosts, interstitials = (
        np.mean([site.occupancy.value for site in result.sites.of(k)]) for k in ("host", "interstitial")
    )
    assert result.sites.outside < 0.02
    assert hosts == pytest.approx(1 - story.away, abs=0.02)
    assert interstitials == pytest.approx(story.away, abs=0.02)
    assert all(site.occupancy.se is not None for site in result.sites.sites)


def test_every_jump_is_counted_once(hopped):
    story, result = hopped
    counts = {(jump.start, jump.end): jump for jump in result.sites.jumps}
    assert sum(jump.jumps for jump in counts.values()) == pytest.approx(story.jumps, abs=0.01 * story.jumps)
    out, back = counts["host", "interstitial"], counts["interstitial", "host"]
    assert abs(out.jumps - back.jumps) <= len(story.hosts)
    assert counts["host", "host"].jumps == 0
    assert counts["host", "host"].rate_per_ps is None
    assert counts["host", "host"].below_per_ps == pytest.approx(3 / (32 * 19.98 * (1 - story.away)), rel=0.02)
    for jump, chance in ((out, 0.01), (back, 0.05)):
        rate = chance / 0.020
        assert jump.rate_per_ps.value == pytest.approx(rate, abs=4 * jump.rate_per_ps.se)
        counted = jump.rate_per_ps.value / np.sqrt(jump.jumps)
        assert 0.999 * counted <= jump.rate_per_ps.se < 2.5 * counted
    truth = np.linalg.norm(np.array([0.125, 0, 0]) @ story.run.cell_A)
    assert out.distance_A == pytest.approx(truth, abs=0.3)


def test_jumps_back_and_pairs_of_sites_are_counted():
    """Two ions: one goes 0, 1, 0, 1 and one 0, 2, 3; between the second and the third it is on no site that counts."""
    story = hopping(samples=30)
    paths = paths_of([story.run], 0.0, story.start)
    places = Places(story.hosts[:4], 4)
    ions = np.array([[-1, 0, 1, 0, 1, 1], [0, 0, 2, 2, 3, 3]]).T
    hops = Hops.of([ions], places, paths)
    assert hops.undone().value == pytest.approx(2 / 3)
    assert hops.undone().se == pytest.approx(np.sqrt(2 / 27))
    pairs = {pair.sites: (pair.there, pair.back) for pair in hops.most_taken()}
    assert pairs == {(0, 1): (2, 1), (0, 2): (1, 0), (2, 3): (1, 0)}
    assert hops.between_kinds()[0].jumps == 5
    assert hops.of_all().value == pytest.approx(5 / (9 * 0.020))


def test_jumps_that_come_in_bursts_have_a_larger_error():
    story = hopping(samples=30)
    paths, places = paths_of([story.run], 0.0, story.start), Places(story.hosts[:2], 2)
    spread, burst = np.zeros((2, 101, 1), int)
    spread[:, 0] = np.arange(101) // 5 % 2
    burst[:20, 0] = np.arange(20) % 2
    even, uneven = (Hops.of([ions], places, paths).of_all() for ions in (spread, burst))
    assert even.se == pytest.approx(even.value / np.sqrt(20))
    assert uneven.se > 3 * even.se


def test_replicas_add_up_without_jumps_at_the_seam():
    stories = [hopping(seed=seed, samples=300, rate=0.0) for seed in (1, 2)]
    swapped = replace(stories[1].run, mobile_A=np.roll(stories[1].run.mobile_A, 1, axis=1))
    result, _ = analyse_density([stories[0].run, swapped], SETTINGS, stories[0].start)
    assert result.density.replicas == 2
    assert result.sites.of("interstitial") == ()
    assert [jump.jumps for jump in result.sites.jumps] == [0]
    assert result.sites.jumps_per_ion_ps.value == 0
    assert result.sites.jumps_per_ion_ps.se is None


def test_ions_that_never_move_are_on_their_sites():
    story = hopping(samples=30, rate=0.0, rattle_A=0.0)
    result, _ = analyse_density([story.run], SETTINGS, story.start)
    assert [site.occupancy.value for site in result.sites.sites] == [1.0] * len(story.hosts)


@pytest.mark.parametrize("rate", [0.0, 0.01])
def test_two_sites_that_are_close_shrink_their_own_radius_only(rate):
    story = hopping(samples=300, rate=rate)
    paths = paths_of([story.run], 0.0, story.start)
    near = story.hosts[0] + np.array([1.26, 0, 0]) @ np.linalg.inv(story.run.cell_A)
    found = visit(Places(np.vstack([story.hosts, near]), len(story.hosts)), paths, SETTINGS)
    radii = [site.radius_A for site in found.sites]
    assert [radii[0], radii[-1]] == pytest.approx([0.628, 0.628])
    assert radii[1:-1] == [1.0] * 31
    assert found.radius_A == 1.0
    assert np.mean([site.occupancy.value for site in found.sites[1:-1]]) == pytest.approx(1 - story.away, abs=0.03)


def test_older_results_have_one_radius_for_all_sites():
    occupancy = {"value": 1.0}
    site = {"kind": "host", "scaled": (0, 0, 0), "occupancy": occupancy}
    assert Site.model_validate(site).radius_A is None


def test_sites_of_a_folded_density_are_those_of_the_whole_cell():
    story = hopping(samples=400, rate=0.006, seed=7)
    result, _ = analyse_density([story.run], replace(SETTINGS, repeat=(2, 2, 2)), story.start)
    interstitials = result.sites.of("interstitial")
    assert len(interstitials) == len(story.interstitials)
    assert nearest(story, scaled(interstitials), story.interstitials).max() < 0.3
    total = sum(jump.jumps for jump in result.sites.jumps)
    assert total == pytest.approx(story.jumps, rel=0.02)


def test_thinning_bounds_what_is_looked_at():
    story = hopping(samples=500)
    result, _ = analyse_density(
        [story.run], replace(SETTINGS, max_positions=4000, max_jump_positions=4000), story.start
    )
    assert result.density.positions <= 4000 + 32
    assert result.sites.interval_fs == 80.0


def test_without_a_starting_structure_the_first_snapshot_marks_the_hosts():
    story = hopping(samples=500)
    result, _ = analyse_density([story.run], SETTINGS)
    assert len(result.sites.of("host")) == len(story.hosts)
    assert nearest(story, scaled(result.sites.of("host")), story.hosts).max() < 0.4


def test_results_survive_json(hopped):
    _, result = hopped
    assert DensityResult.model_validate_json(result.model_dump_json()) == result
