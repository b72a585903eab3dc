"""The whole campaign as one model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alloop.config.base import Section
from alloop.config.machine import BudgetConfig, ExecutionConfig, MonitorConfig
from alloop.config.science import (
    DataConfig,
    ExploreConfig,
    FitConfig,
    HeldoutConfig,
    InitialFramesConfig,
    LabelConfig,
    LadderConfig,
    PotentialConfig,
    SelectConfig,
    SystemConfig,
)

MACHINE_SECTIONS = ("budget", "execution", "monitor")


class CampaignConfig(Section):
    """One closed loop: what to explore, how to label, when to stop, where to run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$", max_length=80)]
    seed: Annotated[int, Field(ge=0)] = 0
    overlap: bool = Field(True, description="False: rounds in lockstep, reproducible from the seed.")
    systems: tuple[SystemConfig, ...] = Field(min_length=1)
    data: DataConfig = DataConfig()
    initial: InitialFramesConfig = InitialFramesConfig()
    potential: PotentialConfig = PotentialConfig()
    label: LabelConfig
    fit: FitConfig = FitConfig()
    explore: ExploreConfig
    select: SelectConfig = SelectConfig()
    heldout: HeldoutConfig = HeldoutConfig()
    ladder: LadderConfig = LadderConfig()
    budget: BudgetConfig = BudgetConfig()
    execution: ExecutionConfig = ExecutionConfig()
    monitor: MonitorConfig = MonitorConfig()
