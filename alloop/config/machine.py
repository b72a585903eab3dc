"""The part of a config that may change when a campaign resumes: machines, budgets, monitoring."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alloop.config.base import ABSOLUTE, CLUSTER_NAME, IMAGE, WALLTIME, Count, Positive, Section
from alloop.files.locks import WantedLocks

KUBERNETES_MISSING = "needs the package `kubernetes`; install it with `pip install 'alloop[kubernetes]'`"
Tag = Annotated[str, Field(min_length=1, max_length=64)]
ClusterName = Annotated[str, Field(pattern=CLUSTER_NAME, max_length=63)]


class BudgetConfig(Section):
    """Limits of what the campaign may spend; none is exceeded silently."""

    labels: Count | None = Field(None, description="DFT labels, held-out ones included.")
    dft_core_hours: Positive | None = Field(None, description="Core-hours spent on DFT.")
    wall_h: Positive | None = Field(None, description="Hours from start to end, in all runs together.")
    failed_labels: Annotated[int, Field(ge=0)] = Field(
        20, description="More failed or rejected labels stop the campaign."
    )
    retries: Annotated[int, Field(ge=0)] = Field(
        3, description="Further attempts after a lost worker or machine error."
    )


class ExecutorCommon(Section):
    """Keys that every executor has."""

    workers: Count = Field(1, description="Workers per node; each runs one task, on one core or ranks_per_label.")
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where MD, fits and evaluations compute.")
    worker_init: str = Field("", description="Shell lines run before the workers start.")
    ranks_per_label: Count = Field(1, description="MPI ranks of a GPAW label, one core each; 1: no MPI.")
    mpi_command: str = Field(
        "mpiexec --bind-to none -n {ranks}", description="What starts the ranks; {ranks} is replaced by their number."
    )
    mpi_python: str | None = Field(None, description="Python of a GPAW with MPI; null is the Python of the workers.")

    @property
    def slots(self) -> int:
        """How many tasks run at the same time, when all that may be started is."""
        return self.workers


class LocalExecutor(ExecutorCommon):
    """Processes on this machine (Parsl's HighThroughputExecutor)."""

    kind: Literal["local"] = Field("local", description="Processes on this machine.")
    workers: Count = Field(2, description="Workers; each runs one task, on one core or ranks_per_label.")


class ThreadExecutor(ExecutorCommon):
    """Threads inside the driver: for tests."""

    kind: Literal["threads"] = Field(description="Threads inside the driver.")


class BatchExecutor(ExecutorCommon):
    """Blocks of a batch system (Parsl's HighThroughputExecutor on its provider)."""

    nodes_per_block: Count = Field(1, description="Nodes of one job.")
    max_blocks: Count = Field(1, description="Jobs at most at the same time.")
    walltime: Annotated[str, Field(pattern=WALLTIME)] = Field("01:00:00", description="Length of a job, as h:mm:ss.")
    longest_task_min: Positive | None = Field(
        None,
        description="A job with less time left than this (min) takes no new task; null: than the longest one so far "
        "took, known when the driver starts.",
    )
    memory_GB: Count | None = Field(None, description="Memory of the workers of one node (GB); null leaves it open.")
    gpus_per_node: Count | None = Field(None, description="GPUs of one node; the workers share them evenly.")
    scheduler_options: str = Field("", description="Lines put at the head of the job script.")
    poll_s: Positive = Field(30.0, description="How often the batch system is asked how the jobs are.")
    address: str | None = Field(None, description="Address of the driver's host as the nodes see it.")

    @property
    def walltime_s(self) -> int:
        """Length of a job (s)."""
        hours, minutes, seconds = map(int, self.walltime.split(":"))
        return 3600 * hours + 60 * minutes + seconds

    @property
    def slots(self) -> int:
        """How many tasks run at the same time, when all blocks run."""
        return self.workers * self.nodes_per_block * self.max_blocks


class SlurmExecutor(BatchExecutor):
    """Slurm."""

    kind: Literal["slurm"] = Field(description="Jobs of Slurm.")
    partition: str | None = Field(None, description="Slurm partition.")
    account: str | None = Field(None, description="Account that pays.")
    qos: str | None = Field(None, description="Quality of service.")
    constraint: str | None = Field(None, description="Features that the nodes must have.")
    exclusive: bool = Field(False, description="Share the nodes with no other job.")


class PbsExecutor(BatchExecutor):
    """PBS Professional."""

    kind: Literal["pbs"] = Field(description="Jobs of PBS Professional.")
    queue: str | None = Field(None, description="PBS queue.")
    account: str | None = Field(None, description="Account that pays.")


class KubernetesExecutor(ExecutorCommon):
    """Pods of a Kubernetes cluster, which see the campaign's folder through persistent volumes."""

    kind: Literal["kubernetes"] = Field(description="Pods of a Kubernetes cluster.")
    workers: Count = Field(1, description="Workers of one pod; each runs one task.")
    image: Annotated[str, Field(pattern=IMAGE)] = Field(description="Container image in which alloop is installed.")
    volumes: dict[ClusterName, Annotated[str, Field(pattern=ABSOLUTE)]] = Field(
        min_length=1,
        description="Where a pod mounts each persistent volume claim; one must hold the campaign's folder at the same "
        "path as here.",
    )
    namespace: ClusterName = Field("default", description="Namespace of the pods.")
    max_blocks: Count = Field(1, description="Pods at most at the same time.")
    memory_GB: Count = Field(4, description="Memory of one pod (GB).")
    gpus_per_node: Count | None = Field(None, description="GPUs of one pod; its workers share them evenly.")
    service_account: ClusterName | None = Field(None, description="Service account of the pods.")
    image_pull_secret: ClusterName | None = Field(
        None, description="Name of the cluster's secret with which the image is pulled."
    )
    user_id: Count | None = Field(None, description="User the pods run as; it must be able to write the volume.")
    group_id: Count | None = Field(None, description="Group the pods run as.")
    poll_s: Positive = Field(30.0, description="How often the cluster is asked how the pods are.")
    address: str | None = Field(None, description="Address of the driver's host as the pods see it.")

    @property
    def slots(self) -> int:
        """How many tasks run at the same time, when all pods run."""
        return self.workers * self.max_blocks


ExecutorConfig = Annotated[
    LocalExecutor | ThreadExecutor | SlurmExecutor | PbsExecutor | KubernetesExecutor, Field(discriminator="kind")
]


def _one_machine() -> dict[str, ExecutorConfig]:
    return {"local": LocalExecutor()}


class ExecutionConfig(Section):
    """Where each kind of task runs."""

    executors: dict[str, ExecutorConfig] = Field(
        default_factory=_one_machine, min_length=1, description="Executors by a name of your choice."
    )
    explore: str = Field("local", description="Executor of molecular dynamics.")
    label: str = Field("local", description="Executor of DFT.")
    fit: str = Field("local", description="Executor of fits.")
    measure: str = Field("local", description="Executor of evaluations.")
    label_timeout_min: Positive | None = Field(
        None, description="A label that takes longer (min) is ended, and fails; null: no limit."
    )
    heartbeat_s: Positive = Field(10.0, description="How often workers report.")
    heartbeat_limit_s: Positive = Field(45.0, description="Silence after which a worker counts as lost.")
    locks: WantedLocks = Field(
        "auto", description="How workers hold a task; auto: lease where flock is missing or holds on one host only."
    )


class WandbConfig(Section):
    """Weights & Biases."""

    enabled: bool = Field(True, description="false: no run is written at all.")
    mode: Literal["auto", "online", "offline"] = Field("auto", description="auto: online if there is an account.")
    project: str = Field("alloop", description="Project of the run.")
    entity: str | None = Field(None, description="Team or user that owns the project.")
    group: str | None = Field(None, description="Group of the run; null: the campaign's name, a rehearsal's too.")
    tags: tuple[Tag, ...] = Field((), description="Tags of the run, before those of elements, engine and policy.")
    notes: str | None = Field(None, description="Notes of the run.")
    artifacts: bool = Field(False, description="true: upload dataset, model, report and config too.")
    artifact_limit_MB: Positive = Field(200.0, description="A larger artifact is named and not uploaded (MB).")


PRIVATE_SECTIONS = ("execution", "monitor")
"""Sections that name hosts, accounts and shell lines: no page and no server gets them."""


class MonitorConfig(Section):
    """Views of the journal."""

    wandb: WandbConfig = WandbConfig()
    redraw_s: Positive = Field(0.5, description="Time between two redraws of the live display.")
    summary_s: Positive = Field(10.0, description="Time between two summary lines where there is no live display.")
