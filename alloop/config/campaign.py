"""The whole config as one model."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError

from alloop.config.base import NAME, Section
from alloop.config.label import LabelConfig
from alloop.config.machine import BudgetConfig, ExecutionConfig, MonitorConfig
from alloop.config.measuring import MeasureConfig
from alloop.config.science import (
    DataConfig,
    ExploreConfig,
    FitConfig,
    HeldoutConfig,
    InitialFramesConfig,
    LadderConfig,
    PotentialConfig,
    SelectConfig,
    SystemConfig,
)
from alloop.config.studies import StudiesConfig
from alloop.config.teacher import Teacher

FREE_SECTIONS = ("budget", "execution", "monitor", "measure", "studies")
"""Sections that may change when a campaign resumes: no label and no model depends on them."""


class CampaignConfig(Section):
    """One closed loop: what to explore, how to label, when to stop, where to run."""

    name: Annotated[str, Field(pattern=NAME, max_length=80)] = Field(description="Name of the campaign and its folder.")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(0, description="Every random choice follows from it.")
    overlap: bool = Field(True, description="false: label, fit and explore one after another; slower, repeatable.")
    systems: tuple[SystemConfig, ...] = Field(min_length=1, description="Compositions to explore.")
    data: DataConfig = DataConfig()
    initial: InitialFramesConfig = InitialFramesConfig()
    potential: PotentialConfig = PotentialConfig()
    teacher: Teacher = Field(
        None,
        description="Universal potential that teaches the committee before the first label, by its name or as a "
        "section; null: a cold start.",
    )
    label: LabelConfig = Field(description="How a frame is labelled.")
    fit: FitConfig = FitConfig()
    explore: ExploreConfig
    select: SelectConfig = SelectConfig()
    heldout: HeldoutConfig = HeldoutConfig()
    ladder: LadderConfig = LadderConfig()
    measure: MeasureConfig | None = Field(
        None, description="Production MD and transport of every rung; null: the ladder judges held-out errors only."
    )
    studies: StudiesConfig = StudiesConfig()
    budget: BudgetConfig = BudgetConfig()
    execution: ExecutionConfig = ExecutionConfig()
    monitor: MonitorConfig = MonitorConfig()

    @property
    def label_slots(self) -> int:
        """How many labels run at the same time, when everything that the label executor may start runs."""
        return self.execution.executors[self.execution.label].slots


def as_read_now(config: dict[str, Any]) -> dict[str, Any]:
    """Return a journaled config with the defaults of keys that were added since."""
    try:
        return CampaignConfig.model_validate(config).model_dump(mode="json")
    except ValidationError:
        return config
