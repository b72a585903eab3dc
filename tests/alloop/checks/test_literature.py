"""Published points in a CSV file."""

from pathlib import Path

import pytest
import yaml

from alloop.checks.literature import read_literature
from alloop.config.errors import ConfigError
from alloop.config.loading import config_from_text
from tests.support.small import SMALL

KEY = ("studies", "aimd", "literature")
HEAD = "label,temperature_K,conductivity_S_per_cm,diffusivity_cm2_per_s,error\n"


def points(folder, text):
    (folder / "points.csv").write_text(text)
    config = yaml.safe_dump({**SMALL, "studies": {"aimd": {"literature": "points.csv"}}})
    return read_literature(config_from_text(config, Path("c.yaml"), folder), KEY, "points.csv")


def test_points_are_read_in_any_order_of_columns(tmp_path):
    one, other = points(tmp_path, 'temperature_K, label, conductivity_S_per_cm\n300, "A, 2018", 2e-3\n600, B, 0.1\n')
    assert (one.label, one.temperature_K, one.conductivity_S_per_cm, one.error) == ("A, 2018", 300.0, 2e-3, None)
    assert (other.label, other.diffusivity_cm2_per_s) == ("B", None)
    (third,) = points(tmp_path, f"{HEAD}C,500,,1e-6,2e-7\n")
    assert (third.diffusivity_cm2_per_s, third.error) == (1e-6, 2e-7)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("label,temperatur_K,error\n", "unknown column `temperatur_K`; did you mean `temperature_K`"),
        ("label,error\n", "no column `temperature_K`"),
        (f"{HEAD}A,300\n", "line 2: as many values as columns"),
        (f"{HEAD}A,warm,1,,\n", "line 2: a number is expected"),
        (f"{HEAD}A,-3,1,,\n", "line 2: `temperature_K`: input should be greater than 0"),
        (f"{HEAD}A,300,nan,,\n", "line 2: `conductivity_S_per_cm`"),
        (f"{HEAD}A,300,1,1,\n", "line 2: needs either"),
        (f"{HEAD}A,300,,,\n", "line 2: needs either"),
        ("\0\0\0", "is no text"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line_with_its_place(tmp_path, text, why):
    with pytest.raises(ConfigError) as refused:
        points(tmp_path, text)
    assert "studies.aimd.literature" in str(refused.value)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    loaded = config_from_text(yaml.safe_dump(SMALL), Path("c.yaml"), tmp_path)
    with pytest.raises(ConfigError, match="there is no such file"):
        read_literature(loaded, KEY, "none.csv")
