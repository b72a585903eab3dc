"""Pods through the real client of Kubernetes, on an API that keeps them in memory."""

import pytest

from alloop.config.machine import ExecutionConfig
from alloop.workers.executors import _executor
from tests.support.kubernetes import kubeconfig, serving


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    with serving() as (address, pods):
        kubeconfig(tmp_path / "home", monkeypatch, address)
        yield pods


def provider(root, **fields):
    standard = {"kind": "kubernetes", "image": "alloop:1", "volumes": {"campaigns": str(root.parent)}, "workers": 3}
    named = dict.fromkeys(("explore", "label", "fit", "measure"), "pods")
    config = ExecutionConfig.model_validate({"executors": {"pods": {**standard, **fields}}, **named})
    return _executor("pods", config.executors["pods"], config, root).provider


def test_a_pod_has_the_cores_memory_and_volume_of_the_config(tmp_path, cluster):
    jobs = provider(tmp_path / "a", memory_GB=6, gpus_per_node=2, worker_init="module load x", service_account="me")
    job = jobs.submit("work --hard", 1, "parsl.pods.block-0")
    (pod,) = cluster.values()
    (container,) = pod["spec"]["containers"]
    wanted = {"cpu": "3.0", "memory": "6Gi", "nvidia.com/gpu": "2"}
    assert container["resources"] == {"limits": wanted, "requests": wanted}
    assert container["volumeMounts"] == [{"mountPath": str(tmp_path), "name": "campaigns"}]
    assert pod["spec"]["serviceAccountName"] == "me"
    assert "module load x" in container["args"][1]
    assert "work --hard" in container["args"][1]
    assert [status.state.name for status in jobs.status([job])] == ["RUNNING"]
    jobs.cancel([job])
    assert cluster == {}


def test_pods_of_a_dead_driver_are_deleted_and_no_others(tmp_path, cluster):
    dead, other = provider(tmp_path / "a"), provider(tmp_path / "b")
    dead.submit("work", 1, "parsl.pods.block-0")
    other.submit("work", 1, "parsl.pods.block-0")
    spec = {"containers": [{"name": "theirs"}]}
    cluster["somebodys"] = {"metadata": {"name": "somebodys"}, "spec": spec, "status": {"phase": "Running"}}
    before = set(cluster)
    again, beside = provider(tmp_path / "a"), provider(tmp_path / "a")
    again.submit("work", 1, "parsl.pods.block-0")
    again.submit("work", 1, "parsl.pods.block-1")
    beside.submit("work", 1, "parsl.more_pods.block-0")
    gone = before - set(cluster)
    assert [name.rpartition(".")[2] for name in gone] == list(dead.resources)
    assert len(cluster) == 5
