"""Start pods of a Kubernetes cluster as Parsl's blocks of workers."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from parsl.providers import KubernetesProvider
from parsl.utils import sanitize_dns_subdomain_rfc1123

from alloop.config.machine import KUBERNETES_MISSING, KubernetesExecutor
from alloop.files.redaction import redacted

POD_PREFIX = "alloop"
FOLDER_NOTE = "alloop/campaign-folder"
"""Annotation by which the pods of a campaign are known."""


class PodError(Exception):
    """Pods cannot be started, or did not work; the message is one line for the user."""


class Pods(KubernetesProvider):  # type: ignore[misc]
    """Pods that bear their campaign's folder as an annotation; those of a dead driver are deleted first."""

    campaign_folder = ""
    poll_s = 60.0

    def submit(self, command: str, tasks_per_node: int, job_name: str = "") -> Any:
        """Start a pod and return the id of its job."""
        name = sanitize_dns_subdomain_rfc1123(".".join((POD_PREFIX, job_name.removeprefix("parsl."))))
        if not self.resources:
            self._delete_leftovers(name.rpartition(".")[0])
        return super().submit(command, tasks_per_node, name)

    @property
    def status_polling_interval(self) -> float:
        """Time (s) between two looks at the pods."""
        return self.poll_s

    def _delete_leftovers(self, executor: str) -> None:
        """Delete the pods of this campaign and executor: no driver serves them."""
        try:
            for pod in self.kube_client.list_namespaced_pod(namespace=self.namespace).items:
                noted = (pod.metadata.annotations or {}).get(FOLDER_NOTE)
                block, _, _ = str(pod.metadata.name).rpartition(".")
                if noted == self.campaign_folder and block.rpartition(".")[0] == executor:
                    self._delete_pod(pod.metadata.name)
        except Exception:
            logging.getLogger(__name__).debug("pods of an earlier driver were not deleted", exc_info=True)


def pods(executor: KubernetesExecutor, root: Path, worker_init: str) -> Pods:
    """Return the pods of a Kubernetes executor: the cores of its workers in each.

    Raises
    ------
    PodError
        If the package is missing, the cluster is not to be reached, or no volume holds the campaign's folder.
    """
    if find_spec("kubernetes") is None:
        raise PodError(f"`kind: kubernetes` {KUBERNETES_MISSING}")
    folder = root.absolute()
    if not any(folder.is_relative_to(mount) for mount in executor.volumes.values()):
        mounts = ", ".join(f"`{mount}`" for mount in executor.volumes.values())
        raise PodError(f"pods would not see the campaign: {folder} is not below {mounts}; choose it with --folder")
    cores, memory = float(executor.workers * executor.ranks_per_label), f"{executor.memory_GB}Gi"
    gpus = {"nvidia.com/gpu": str(executor.gpus_per_node)} if executor.gpus_per_node else {}
    try:
        made = Pods(
            image=executor.image,
            namespace=executor.namespace,
            init_blocks=1,
            min_blocks=1,
            max_blocks=executor.max_blocks,
            init_cpu=cores,
            max_cpu=cores,
            init_mem=memory,
            max_mem=memory,
            extra_requests=gpus,
            extra_limits=gpus,
            worker_init=worker_init,
            persistent_volumes=list(executor.volumes.items()),
            service_account_name=executor.service_account,
            secret=executor.image_pull_secret,
            user_id=None if executor.user_id is None else str(executor.user_id),
            group_id=None if executor.group_id is None else str(executor.group_id),
            run_as_non_root=executor.user_id is not None,
            annotations={FOLDER_NOTE: str(folder)},
        )
    except Exception as error:  # a client of Kubernetes may raise anything about its configuration
        what = redacted(" ".join(str(error).split()))[:200]
        raise PodError(f"no access to a Kubernetes cluster ({what}); does `kubectl get pods` work here?") from error
    made.campaign_folder, made.poll_s = str(folder), executor.poll_s
    return made
