"""The config of a campaign as strict models; every key ends with its unit."""

from alloop.config.campaign import FREE_SECTIONS, CampaignConfig
from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import LoadedConfig, load_config

__all__ = ["FREE_SECTIONS", "CampaignConfig", "ConfigError", "LoadedConfig", "Problem", "load_config"]
