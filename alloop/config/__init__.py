"""The whole campaign as strict models; units stand in every key."""

from alloop.config.campaign import MACHINE_SECTIONS, CampaignConfig

__all__ = ["MACHINE_SECTIONS", "CampaignConfig"]
