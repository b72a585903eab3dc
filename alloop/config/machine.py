"""The part of a config that may change when a campaign resumes: machines, budgets, monitoring."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alloop.config.base import Count, NonNegative, Positive, Section


class BudgetConfig(Section):
    """What the campaign may spend; none of them is spent silently beyond its limit."""

    labels: Count | None = Field(None, description="DFT labels, held-out ones included.")
    dft_core_hours: Positive | None = None
    wall_h: Positive | None = None
    failed_labels: Annotated[int, Field(ge=0)] = Field(
        20, description="More failed or rejected labels stop the campaign."
    )
    retries: Annotated[int, Field(ge=0)] = Field(3, description="Attempts a task gets after a lost worker.")


class ExecutorCommon(Section):
    """What every executor can say."""

    workers: Count = Field(1, description="Workers per node; each runs one task on one core.")
    device: Literal["cpu", "cuda"] = "cpu"
    worker_init: str = Field("", description="Shell lines run before the workers start.")


class LocalExecutor(ExecutorCommon):
    """Processes on this machine (Parsl's HighThroughputExecutor)."""

    kind: Literal["local"] = "local"
    workers: Count = 2


class ThreadExecutor(ExecutorCommon):
    """Threads inside the driver: for tests."""

    kind: Literal["threads"]


class BatchExecutor(ExecutorCommon):
    """Blocks of a batch system (Parsl's HighThroughputExecutor on its provider)."""

    nodes_per_block: Count = 1
    max_blocks: Count = 1
    walltime: Annotated[str, Field(pattern=r"^\d+:\d{2}:\d{2}$")] = "01:00:00"
    scheduler_options: str = Field("", description="Lines put at the head of the job script.")
    address: str | None = Field(None, description="Address of the driver's host as the nodes see it.")


class SlurmExecutor(BatchExecutor):
    """Slurm."""

    kind: Literal["slurm"]
    partition: str | None = None
    account: str | None = None


class PbsExecutor(BatchExecutor):
    """PBS Professional."""

    kind: Literal["pbs"]
    queue: str | None = None
    account: str | None = None


ExecutorConfig = Annotated[LocalExecutor | ThreadExecutor | SlurmExecutor | PbsExecutor, Field(discriminator="kind")]


def _one_machine() -> dict[str, ExecutorConfig]:
    return {"local": LocalExecutor()}


class ExecutionConfig(Section):
    """Where each kind of task runs."""

    executors: dict[str, ExecutorConfig] = Field(default_factory=_one_machine, min_length=1)
    explore: str = "local"
    label: str = "local"
    fit: str = "local"
    measure: str = "local"
    heartbeat_s: Positive = Field(10.0, description="How often workers report.")
    heartbeat_limit_s: Positive = Field(45.0, description="Silence after which a worker counts as lost.")


class WandbConfig(Section):
    """Weights & Biases."""

    enabled: bool = True
    mode: Literal["auto", "online", "offline"] = Field("auto", description="auto: online if there is an account.")
    project: str = "alloop"
    entity: str | None = None


class MonitorConfig(Section):
    """Views of the journal."""

    wandb: WandbConfig = WandbConfig()
    tick_s: Positive = Field(5.0, description="Longest silence of the loop.")
    status_every_s: NonNegative = Field(0.5, description="Time between two redraws of the progress display.")
