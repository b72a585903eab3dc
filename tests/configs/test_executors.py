import sys
from pathlib import Path

import pytest
import yaml
from parsl.executors import HighThroughputExecutor
from parsl.providers import KubernetesProvider, LocalProvider, PBSProProvider, SlurmProvider

from alloop.config.machine import BatchExecutor, ExecutionConfig
from alloop.workers.executors import _executor
from alloop.workers.kubernetes import PodError
from tests.support.kubernetes import kubeconfig

FOLDER = Path(__file__).parents[2] / "configs" / "executors"
PROVIDERS = {
    "local": LocalProvider,
    "slurm": SlurmProvider,
    "pbs": PBSProProvider,
    "kubernetes": KubernetesProvider,
}
NAMES = ["laptop", "workstation", "slurm", "pbs", "kubernetes"]


def read(name: str, root: Path | None = None) -> ExecutionConfig:
    """Return an example; where pods mount their volume there, the campaign's folder takes the place of it."""
    content = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    assert list(content) == ["execution"]
    for executor in content["execution"]["executors"].values():
        if root is not None and executor["kind"] == "kubernetes":
            assert executor["volumes"] == {"campaigns": "/campaigns"}
            executor["volumes"] = {"campaigns": str(root.parent)}
    return ExecutionConfig.model_validate(content["execution"])


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A login to a Kubernetes cluster that nobody asks anything."""
    return kubeconfig(tmp_path / "home", monkeypatch)


def test_there_is_one_for_every_kind_of_machine():
    assert {path.stem for path in FOLDER.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_parsl_takes_them(name, tmp_path, cluster):
    root = tmp_path / "campaign"
    root.mkdir()
    config = read(name, root)
    for label, executor in config.executors.items():
        built = _executor(label, executor, config, root)
        assert isinstance(built, HighThroughputExecutor)
        assert isinstance(built.provider, PROVIDERS[executor.kind])
        assert built.max_workers_per_node == executor.workers
        assert executor.worker_init in built.provider.worker_init
        assert "export OMP_NUM_THREADS=1" in built.provider.worker_init


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


def test_pods_are_what_the_file_says(tmp_path, cluster):
    config = read("kubernetes", tmp_path)
    cpu, gpu = (_executor(label, config.executors[label], config, tmp_path) for label in ("cpu", "gpu"))
    for built in (cpu, gpu):
        assert built.provider.namespace == "my-group"
        assert built.provider.persistent_volumes == [("campaigns", str(tmp_path.parent))]
        assert (built.provider.user_id, built.provider.group_id) == ("1000", "1000")
        assert built.provider.run_as_non_root
    assert (cpu.provider.init_cpu, cpu.provider.max_cpu, cpu.provider.max_mem) == (8.0, 8.0, "32Gi")
    assert gpu.provider.extra_limits == {"nvidia.com/gpu": "1"}
    assert cpu.provider.extra_limits == {}


def test_dft_and_dynamics_are_apart_where_there_are_gpus():
    for name in ("workstation", "slurm", "kubernetes"):
        config = read(name)
        assert config.executors[config.label].device == "cpu"
        assert {config.executors[getattr(config, kind)].device for kind in ("explore", "fit", "measure")} == {"cuda"}


def test_a_cluster_runs_as_many_tasks_as_its_jobs_have_workers():
    assert read("slurm").executors["cpu"].slots == 8 * 32
    assert read("kubernetes").executors["cpu"].slots == 8 * 8


def test_pods_that_would_not_see_the_campaign_are_refused(tmp_path, cluster):
    config = read("kubernetes")
    with pytest.raises(PodError, match=r"is not below `/campaigns`; choose it with --folder"):
        _executor("cpu", config.executors["cpu"], config, tmp_path)


def test_without_a_login_to_a_cluster_one_line_says_so(tmp_path, monkeypatch):
    kubeconfig(tmp_path / "home", monkeypatch).unlink()
    config = read("kubernetes", tmp_path)
    with pytest.raises(PodError, match="does `kubectl get pods` work here") as caught:
        _executor("cpu", config.executors["cpu"], config, tmp_path)
    assert "\n" not in str(caught.value)


def test_without_the_package_one_line_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    monkeypatch.setattr("alloop.workers.kubernetes.find_spec", lambda name: None)
    config = read("kubernetes", tmp_path)
    with pytest.raises(PodError, match=r"pip install 'alloop\[kubernetes\]'"):
        _executor("cpu", config.executors["cpu"], config, tmp_path)
