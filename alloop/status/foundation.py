"""Where the fits of a campaign start: what reports, exports and W&B say of its foundation."""

from __future__ import annotations

from pydantic import TypeAdapter

from alloop.config.foundations import described_foundation
from alloop.config.science import Foundation
from alloop.journal.events import CampaignCreated

_FOUNDATION: TypeAdapter[Foundation | None] = TypeAdapter(Foundation | None)


def foundation_facts(created: CampaignCreated) -> dict[str, str] | None:
    """Return the name of a foundation, its head, its licence, what to cite, and its SHA-256; None without one.

    Head and citation are there where the config names a head and alloop knows what to cite.
    """
    foundation = _FOUNDATION.validate_python(created.config.get("potential", {}).get("foundation"))
    if created.foundation is None or foundation is None:
        return None
    return {**described_foundation(foundation), "sha256": created.foundation}
