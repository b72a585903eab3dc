import re
from pathlib import Path

import pytest

from benchmarks.defects import DEFECTS

PAGE = (Path(__file__).parents[2] / "docs" / "truth.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("D4", ["is negative (-0.150 ± 0.009 eV)", "0 σ at 300 K", "not above zero by two standard errors"]),
        ("D5", ["Haven None", "D_charge, Haven ratio and collective σ not measured"]),
        ("D6", ["D / truth 1.14 ± 0.08", "D / truth 1.03 ± 0.26"]),
        ("D7", ["MSD × 0.79; refused", "MSD × 0.36; refused"]),
        ("D9", ["radii [0.628, 1.0] Å, 31.9 of 32 ions on sites"]),
        ("D11", ["loads, energy"]),
    ],
)
def test_every_case_is_told_as_the_page_says(name, said):
    told = "\n".join(text for _, text in DEFECTS[name]())
    assert [words for words in said if words not in told] == [], told


def test_the_page_has_a_row_for_every_defect_and_names_its_command():
    rows = dict(re.findall(r"^\| (D\d+) \|.*\| (.*) \|$", PAGE, flags=re.MULTILINE))
    assert list(rows) == [f"D{number}" for number in range(1, 13)]
    for name in DEFECTS:
        assert rows[name] == f"`python -m benchmarks.defects {name}`"
