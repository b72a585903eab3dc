from pathlib import Path

import pytest
import yaml
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider, PBSProProvider, SlurmProvider

from alloop.config.machine import BatchExecutor, ExecutionConfig
from alloop.execution import _executor, capacity

FOLDER = Path(__file__).parents[2] / "configs" / "executors"
PROVIDERS = {"local": LocalProvider, "slurm": SlurmProvider, "pbs": PBSProProvider}


def read(name: str) -> ExecutionConfig:
    content = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    assert list(content) == ["execution"]
    return ExecutionConfig.model_validate(content["execution"])


def test_there_is_one_for_every_kind_of_machine():
    assert {path.stem for path in FOLDER.iterdir()} == {"laptop", "workstation", "slurm", "pbs"}


@pytest.mark.parametrize("name", ["laptop", "workstation", "slurm", "pbs"])
def test_parsl_takes_them(name, tmp_path):
    config = read(name)
    for label, executor in config.executors.items():
        built = _executor(label, executor, config, tmp_path)
        assert isinstance(built, HighThroughputExecutor)
        assert isinstance(built.provider, PROVIDERS[executor.kind])
        assert built.max_workers_per_node == executor.workers
        assert executor.worker_init in built.provider.worker_init
        assert "export OMP_NUM_THREADS=1" in built.provider.worker_init
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["slurm", "pbs"])
def test_jobs_are_what_the_file_says(name, tmp_path):
    config = read(name)
    for label, executor in config.executors.items():
        assert isinstance(executor, BatchExecutor)
        provider = _executor(label, executor, config, tmp_path).provider
        assert provider.walltime == executor.walltime
        assert provider.max_blocks == executor.max_blocks
        assert executor.scheduler_options in provider.scheduler_options
        assert provider.account == executor.account


def test_dft_and_dynamics_are_apart_where_there_are_gpus():
    for name in ("workstation", "slurm"):
        config = read(name)
        assert config.executors[config.label].device == "cpu"
        assert {config.executors[getattr(config, kind)].device for kind in ("explore", "fit", "measure")} == {"cuda"}


def test_a_cluster_runs_as_many_tasks_as_its_jobs_have_workers():
    assert capacity(read("slurm").executors["cpu"]) == 8 * 32
