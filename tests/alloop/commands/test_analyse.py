import csv
import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from alloop.cli import app
from alloop.commands.analysis_files import _remove_earlier
from alloop.commands.analysis_wishes import Wishes
from alloop.trajectories.frames import TrajectoryError
from tests.support import written


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of an analysis of two temperatures, one with two replicas in two formats."""
    root = tmp_path_factory.mktemp("analyse")
    files = []
    for seed, (kelvin, rate) in enumerate(((800.0, 0.008), (1100.0, 0.02), (1100.0, 0.02))):
        run = written.hopping_run(150, seed=seed, rate=rate)
        files.append(str(written.write_extxyz(root / f"{seed}.xyz", run, written.CUBIC, temperature_K=kelvin)))
    words = ["analyse", *files, "--mobile", "Li", "--target", "900", "--json", "--output", str(root / "out")]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    (root / "said.json").write_text(result.stdout)
    return root


def test_replicas_and_temperatures_give_a_line(folder):
    said = json.loads((folder / "said.json").read_text())
    assert [(one["format"], one["temperature_K"]) for one in said["files"]] == [
        *[("extxyz", 800.0)],
        *[("extxyz", 1100.0)] * 2,
    ]
    assert [at["replicas"] for at in said["transport"]["temperatures"]] == [1, 2]
    assert said["transport"]["arrhenius"]["used_K"] == [800.0, 1100.0]
    (target,) = said["transport"]["arrhenius"]["targets"]
    assert (target["temperature_K"], target["how"]) == (900.0, "interpolated")
    assert said["density"]["density"]["temperature_K"] == 1100.0
    assert "no file holds the conserved energy: whether it drifts is not checked" in said["remarks"]


def test_the_folder_holds_report_tables_figures_and_density(folder):
    out = folder / "out"
    said = json.loads((folder / "said.json").read_text())
    assert json.loads((out / "transport.json").read_text()) == said
    rows = list(csv.DictReader((out / "transport_temperatures.csv").open()))
    at = said["transport"]["temperatures"]
    assert [float(row["D_tracer_cm2_per_s"]) for row in rows] == pytest.approx(
        [one["D_tracer_cm2_s"]["value"] for one in at], rel=1e-7
    )
    assert {path.stem for path in (out / "figures").glob("*.csv")} >= {
        *("transport-arrhenius", "transport-msd-0", "transport-planes", "transport-g-r-0", "transport-density-0"),
    }
    page = (out / "report.html").read_text()
    for words in ("Conductivity and activation energy", "Where the mobile ions are", "What was read", "0.xyz"):
        assert words in page
    assert "foundation" not in page.split("<script")[0]
    assert (out / "density" / "density.cube").exists()


def test_a_later_analysis_leaves_no_figure_or_density_of_an_earlier_one(tmp_path):
    names = ("transport.json", "figures/transport-msd-7.csv", "figures/mine.csv", "density/density.cube")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    _remove_earlier(tmp_path, ())
    assert [name for name in names if (tmp_path / name).exists()] == ["transport.json", "figures/mine.csv"]
    assert not (tmp_path / "density").exists()


NOTHING = Wishes(["a", "b", "c"], "Li", None, None, None, "1", None, 0.0, 20.0, "", "A", None)


def use(wishes):
    return wishes.settings(), wishes.said()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"temperatures_K": [300.0, 400.0]}, "2 temperatures for 3 files: name one, or one for each file"),
        ({"timestep_fs": -2.0}, "--timestep-fs -2: must be above zero"),
        ({"sample_fs": float("nan")}, "--sample-fs nan: must be above zero"),
        ({"skip_ps": float("nan")}, "--skip-ps nan: must be a number of zero or more"),
        ({"targets_K": [300.0, 0.0]}, "--target 0: must be above zero"),
        ({"charge": "0"}, "--charge 0: a charge is a number other than zero"),
        ({"charge": "nan"}, "--charge nan: a charge is a number other than zero"),
        ({"mobile": "li"}, "--mobile li: `li` is no element"),
        ({"mobile": "Li,Li"}, "--mobile Li,Li: an element is there twice"),
        ({"charge": "+"}, r"--charge \+: a charge is a number"),
        ({"mobile": "Li,Na", "charge": "1,1,1"}, "--charge 1,1,1: name one charge, or one for each of Li,Na"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_in_one_line(changes, line):
    with pytest.raises(TrajectoryError, match=line):
        use(replace(NOTHING, **changes))
