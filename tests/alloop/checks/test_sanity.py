import pytest

from alloop.checks.sanity import find, find_crowds
from alloop.config import load_config
from tests.support.configs import BASE, make_folder
from tests.support.small import config


@pytest.mark.parametrize(
    ("executor", "told"),
    [
        ("{kind: local, workers: 2}", []),
        ("{kind: local, workers: 200}", ["asks for 200 cores and this machine has 8", "use 8"]),
        ("{kind: local, workers: 4, ranks_per_label: 4, mpi_python: /usr/bin/python3}", ["asks for 16 cores", "use 2"]),
        ("{kind: slurm, workers: 200, walltime: '24:00:00'}", []),
    ],
)
def test_workers_that_share_cores_are_told(tmp_path, executor, told):
    text = BASE[: BASE.index("execution:")] + f"execution: {{executors: {{local: {executor}}}}}\n"
    loaded = load_config(make_folder(tmp_path).config(text))
    found = dict(find_crowds(loaded.config, cores=8))
    assert bool(found) == bool(told)
    for words in told:
        assert words in found["execution", "executors", "local", "workers"]


@pytest.mark.parametrize(
    ("fit", "told"),
    [
        ({"method": "multihead", "replay": "pseudolabels"}, []),
        ({"method": "lora", "replay": "pseudolabels"}, ["`method: lora` replays nothing; delete this line, or write"]),
        ({"replay": "pseudolabels"}, ["`method: naive` replays nothing; delete this line, or write"]),
    ],
)
def test_pseudolabels_need_no_frames_and_are_for_replay_alone(fit, told):
    potential = {"foundation": "alloop-electrolytes-0", "committee": 2}
    found = [words for key, words in find(config(fit=fit, potential=potential), 0) if key[0] == "fit"]
    assert [words[: len(told[0])] for words in found] == told


@pytest.mark.parametrize(
    ("name", "told"), [("A-ground", []), ("A", []), ("B", ["no system or composition has the name `B`; known are "])]
)
def test_a_composition_may_be_named_where_transport_is_measured(name, told):
    systems = [{"name": "A-ground", "structure": "x"}, {"name": "A-sample1", "structure": "x"}]
    one = config(systems=systems, measure={"mobile": "Li"}, ladder={"measure_on": [name]})
    found = [what for key, what in find(one, 0, "", {"A-ground": "A", "A-sample1": "A"}) if "measure_on" in key]
    assert len(found) == len(told)
    for what, words in zip(found, told, strict=True):
        assert what.startswith(words)
