"""What a measure section may say, and what is told of one that cannot be measured."""

from pathlib import Path

import pytest

from alloop.checks.crosscheck import cross_check
from alloop.config.errors import ConfigError
from alloop.config.loading import load_config
from tests.support.configs import BASE, make_folder

BROKEN = [
    ("mobile: Na", "measure.mobile: ", "`LiCl` (LiCl) holds no Na"),
    ("mobile: Xx", "measure.mobile: ", "not a chemical element"),
    ("mobile: li", "measure.mobile: ", "must match"),
    ("mobile: 3", "measure.mobile: ", "must be a text"),
    ("mobile: []", "measure.mobile: ", "at least 1"),
    ("mobile: [Li, cl]", "measure.mobile[1]: ", "must match"),
    ("mobile: [Li, Xx]", "measure.mobile[1]: ", "not a chemical element"),
    ("mobile: [Li, Li]", "measure.mobile[1]: ", "listed twice"),
    ("mobile: [Na, K]", "measure.mobile: ", "`LiCl` (LiCl) holds no Na or K"),
    ("mobile: [Li, Na], charge_e: {Li: 1}", "measure.charge_e: ", "no charge of Na"),
    ("mobile: Li, charge_e: {Li: 1, Na: 1}", "measure.charge_e.Na: ", "not among measure.mobile"),
    ("mobile: [Li, Na], charge_e: {Li: 1, Na: 0}", "measure.charge_e: ", "conduct nothing"),
    ("mobile: Li, charge_e: one", "measure.charge_e: ", "number"),
    ("mobile: Li, charge_e: 0", "measure.charge_e: ", "conduct nothing"),
    ("mobile: Li, temperatures_K: [600, 25]", "measure.temperatures_K[1]: ", "25 °C is 298 K"),
    ("mobile: Li, temperatures_K: [600, 600]", "measure.temperatures_K[1]: ", "is listed twice"),
    ("mobile: Li, temperatures_K: [600]", "measure.temperatures_K: ", "no activation energy"),
    ("mobile: Li, density_at_K: 700", "measure.density_at_K: ", "not among measure.temperatures_K"),
    ("mobile: Li, production_ps: 300", "measure.max_ps: ", "raise it"),
    ("mobile: Li, segment_ps: 80", "measure.segment_ps: ", "longer than a run"),
    ("mobile: Li, segment_ps: 0.1", "measure.segment_ps: ", "before its first snapshot"),
    ("mobile: Li, sample_fs: 1", "measure.sample_fs: ", "shorter than a step"),
    ("mobile: Li, timestep_fs: 20, sample_fs: 40", "measure.timestep_fs: ", "too long"),
    ("mobile: Li, planes: {ab: [0, 0, 0]}", "measure.planes.ab: ", "is not a plane"),
    ("charge_e: 1", "measure.mobile: ", "missing"),
]


def refused(tmp_path: Path, text: str) -> str:
    path = make_folder(tmp_path).config(text)
    with pytest.raises(ConfigError) as caught:
        cross_check(load_config(path))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}:")
    assert message.split(":")[1].isdigit()
    return message


@pytest.mark.parametrize(("section", "key", "says"), BROKEN)
def test_what_cannot_be_measured_is_told_in_one_line(tmp_path, section, key, says):
    message = refused(tmp_path, f"{BASE}\nmeasure: {{{section}}}\n")
    assert key in message
    assert says in message


@pytest.mark.parametrize(
    ("measure", "names", "says"),
    [
        ("", "[LiCl]", "without a `measure` section"),
        ("\nmeasure: {mobile: Li}\n", "[LiCI]", "did you mean `LiCl`?"),
    ],
)
def test_systems_to_measure_must_be_there(tmp_path, measure, names, says):
    text = BASE.replace("  policy: ladder", f"  measure_on: {names}")
    assert says in refused(tmp_path, f"{text}{measure}")


def test_a_measure_section_that_fits_passes(tmp_path):
    folder = make_folder(tmp_path)
    for ions in ("mobile: Li", "mobile: [Na, Li]", "mobile: [Li, Mg], charge_e: {Li: 1, Mg: 2}"):
        cross_check(load_config(folder.config(f"{BASE}\nmeasure: {{{ions}, temperatures_K: [600, 800]}}\n")))
