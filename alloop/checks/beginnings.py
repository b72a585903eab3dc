"""Whether the fits of a rung begin with different weights after a teacher or a foundation. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.foundations import SHIPPED
from alloop.config.science import FoundationFile

_KEY: KeyPath = ("ladder", "fits_begin_with")


def beginnings_differ(config: CampaignConfig) -> bool:
    """Return whether the fits of a rung begin with the weights of different members."""
    return config.ladder.fits_begin_with == "members" and (_is_taught(config) or _may_be_committee(config))


def find_beginnings(config: CampaignConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield why fits of a rung cannot each begin with the weights of another member, if they cannot."""
    ladder, committee = config.ladder, config.potential.committee
    if ladder.fits_begin_with == "leader":
        return
    if not beginnings_differ(config):
        nothing = "means nothing without a teacher or a foundation: every fit has random weights of its own"
        alone = "needs several beginnings, and a foundation of one model is the same for all members"
        yield _KEY, f"`members` {nothing if config.potential.foundation is None else alone}; delete this line"
    elif ladder.fits > committee:
        what = f"{ladder.fits} fits cannot each begin with another of {committee} members"
        yield ("ladder", "fits"), f"{what}; raise potential.committee or lower ladder.fits"


def _is_taught(config: CampaignConfig) -> bool:
    """Return whether every member learns something of its own first; labels of other campaigns may be for that."""
    data = config.data
    return config.teacher is not None or bool(data.campaigns) or (bool(data.initial) and data.reference == "other")


def _may_be_committee(config: CampaignConfig) -> bool:
    """Return whether the foundation may be a committee: what is in a file is not known here."""
    foundation = config.potential.foundation
    return foundation in SHIPPED if isinstance(foundation, str) else isinstance(foundation, FoundationFile)
