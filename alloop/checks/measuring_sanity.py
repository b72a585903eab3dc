"""Find values of the `measure` section that do not fit together, or not with the structures. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from ase.data import atomic_numbers

from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.measuring import MeasureConfig
from alloop.config.suggestions import hint
from alloop.materials.structure import Structure
from alloop.materials.supercell import repeats_for

Finding = tuple[KeyPath, str]
_MOST_ATOMS = 100_000
_MOST_BEYOND = 1.2
"""How much hotter than what is explored production MD may be: at 1.33, a third of runs broke (docs/reference.md)."""


def find_in_measure(config: CampaignConfig, compositions: Iterable[str] = ()) -> Iterator[Finding]:
    """Yield the key and the problem of everything in `measure` and `ladder.measure_on` that does not fit together.

    Parameters
    ----------
    config : CampaignConfig
        A config with all systems of the campaign.
    compositions : iterable of str
        The names of compositions that have several orderings.
    """
    yield from _systems(config, compositions)
    if config.measure is None:
        return
    yield from _lengths(config)
    yield from _temperatures(config)
    yield from _ions(config.measure)
    for name, miller in config.measure.planes.items():
        if not any(miller):
            yield ("measure", "planes", name), "(0 0 0) is not a plane; (0 0 1) contains the vectors a and b"


def find_in_structures(
    config: CampaignConfig, structures: Mapping[str, Structure], compositions: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield what does not fit between the `measure` section and the structures of the systems."""
    if config.measure is None:
        return
    for name, structure in structures.items():
        mobile = config.measure.mobile_elements
        if not config.ladder.measures(name, compositions.get(name, name)):
            continue
        if not set(mobile) & set(structure.elements()):
            what = f"`{name}` ({structure.formula()}) holds no {' or '.join(mobile)}"
            yield ("measure", "mobile"), f"{what}; name its mobile ion, or leave it out with ladder.measure_on"
        repeat = config.measure.repeat or repeats_for(structure, config.measure.min_width_A)
        if (atoms := len(structure.numbers) * math.prod(repeat)) > _MOST_ATOMS:
            key = "repeat" if config.measure.repeat else "min_width_A"
            what = f"{' × '.join(map(str, repeat))} cells of `{name}` are {atoms} atoms"
            yield ("measure", key), f"{what}; production runs take up to {_MOST_ATOMS}"


def find_unexplored(config: CampaignConfig) -> Iterator[Finding]:
    """Yield the hottest temperature of production MD where it is far above all that walkers explore.

    No label shows the models how close ions come there, and runs end when two of them merge.
    """
    if config.measure is None:
        return
    hottest_K, explored_K = max(config.measure.temperatures_K), max(config.explore.temperatures_K)
    if hottest_K > _MOST_BEYOND * explored_K:
        what = f"{hottest_K:g} K is far hotter than what is explored ({explored_K:g} K), and the models may break there"
        i = config.measure.temperatures_K.index(hottest_K)
        yield ("measure", "temperatures_K", i), f"{what}; add {hottest_K:g} to explore.temperatures_K, or stay below"


def _ions(measure: MeasureConfig) -> Iterator[Finding]:
    charges = measure.charge_e if isinstance(measure.charge_e, dict) else {}
    for i, element in enumerate(measure.mobile_elements):
        key: KeyPath = ("measure", "mobile") if isinstance(measure.mobile, str) else ("measure", "mobile", i)
        if element not in atomic_numbers:
            yield key, f"`{element}` is not a chemical element"
        if element in measure.mobile_elements[:i]:
            yield key, f"`{element}` is listed twice; delete one"
        if charges and element not in charges:
            yield ("measure", "charge_e"), f"names no charge of {element}; add it, or give one number for all"
    for element in charges:
        if element not in measure.mobile_elements:
            yield ("measure", "charge_e", element), "is not among measure.mobile; delete it, or add the element there"
    if 0 in (charges.values() if charges else (measure.charge_e,)):
        yield ("measure", "charge_e"), "ions without charge conduct nothing; 1 for Li and Na"


def _systems(config: CampaignConfig, compositions: Iterable[str]) -> Iterator[Finding]:
    named = config.ladder.measure_on or ()
    known = list(dict.fromkeys([*(system.name for system in config.systems), *compositions]))
    if named and config.measure is None:
        yield ("ladder", "measure_on"), "nothing is measured without a `measure` section; add one, or delete this line"
    for i, name in enumerate(named):
        if name not in known:
            mend = hint(name, known, f"known are {', '.join(known)}")
            yield ("ladder", "measure_on", i), f"no system or composition has the name `{name}`; {mend}"


def _lengths(config: CampaignConfig) -> Iterator[Finding]:
    measure = config.measure
    assert measure is not None
    if measure.max_ps < measure.production_ps:
        what = f"{measure.max_ps:g} ps is less than the first length, production_ps ({measure.production_ps:g})"
        yield ("measure", "max_ps"), f"{what}; raise it"
    if measure.segment_ps > measure.production_ps:
        what = f"one task of {measure.segment_ps:g} ps is longer than a run ({measure.production_ps:g} ps)"
        yield ("measure", "segment_ps"), f"{what}; lower it"
    if measure.sample_fs < measure.timestep_fs:
        what = f"{measure.sample_fs:g} fs is shorter than a step of {measure.timestep_fs:g} fs; make it longer"
        yield ("measure", "sample_fs"), what
    snapshot_fs = measure.sample_fs * measure.snapshot_samples
    if 1000 * measure.segment_ps < snapshot_fs:
        what = f"a segment of {measure.segment_ps:g} ps ends before its first snapshot, after {snapshot_fs:g} fs"
        yield ("measure", "segment_ps"), f"{what}; raise it, or lower snapshot_samples"
    if measure.timestep_fs > 10:
        yield ("measure", "timestep_fs"), f"{measure.timestep_fs:g} fs is too long for any solid; 1 to 2 fs is usual"


def _temperatures(config: CampaignConfig) -> Iterator[Finding]:
    measure = config.measure
    assert measure is not None
    for i, temperature in enumerate(measure.temperatures_K):
        key: KeyPath = ("measure", "temperatures_K", i)
        if not 50 <= temperature <= 5000:
            yield key, f"{temperature:g} K leaves no solid to measure; temperatures are in kelvin (25 °C is 298 K)"
        if temperature in measure.temperatures_K[:i]:
            yield key, f"{temperature:g} is listed twice; `replicas` gives several runs per temperature"
    if len(set(measure.temperatures_K)) < 2:
        what = "one temperature gives no activation energy, which the ladder judges"
        yield ("measure", "temperatures_K"), f"{what}; name at least two, better three"
    if measure.density_at_K is not None and measure.density_at_K not in measure.temperatures_K:
        what = f"{measure.density_at_K:g} K is not among measure.temperatures_K"
        yield ("measure", "density_at_K"), f"{what}; name one of them"
