"""The foundation models that have names, MACE's and alloop's own: their licences, and what to cite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from alloop.config.science import FoundationFile, FoundationHead, head_wanted

UNKNOWN = "unknown"
"""Licence of what alloop does not know: a file, or a name that MACE has learnt since."""


@dataclass(frozen=True)
class Licence:
    """A licence of model weights.

    Attributes
    ----------
    name : str
        Its name.
    commercial : bool
        Whether it allows commercial use.
    """

    name: str
    commercial: bool


MIT = Licence("MIT", commercial=True)
# "Not an open-source licence because it does not allow commercial use": https://github.com/gabor1/ASL
ASL = Licence("Academic Software License (ASL), https://github.com/gabor1/ASL", commercial=False)
CITATION = "Batatia et al., arXiv:2401.00096"
"""What the authors of all these models ask to cite."""

# From the tables in README.md of https://github.com/ACEsuit/mace (0.3.16) and, for 0b and 0b2, of
# https://github.com/ACEsuit/mace-foundations.
_NAMES = {
    MIT: (
        *("small", "medium", "large", "small-0b", "medium-0b"),
        *("small-0b2", "medium-0b2", "large-0b2", "medium-0b3", "medium-mpa-0"),
    ),
    ASL: ("small-omat-0", "medium-omat-0", "mace-matpes-pbe-0", "mace-matpes-r2scan-0", "mh-0", "mh-1"),
}
LICENCES: Mapping[str, Licence] = MappingProxyType({name: licence for licence in _NAMES for name in _NAMES[licence]})
"""The licence of every foundation by the name that MACE has for it."""


@dataclass(frozen=True)
class ShippedFoundation:
    """A foundation that comes with alloop: a committee in one file.

    Attributes
    ----------
    name : str
        Its name in the config.
    sha256 : str
        Checksum of its file.
    taught_by : str
        The teacher that it learnt from.
    licence : Licence
        Licence of its weights.
    citation : str
        What to cite.
    """

    name: str
    sha256: str
    taught_by: str
    licence: Licence
    citation: str

    @property
    def path(self) -> Path:
        """Its file."""
        return Path(__file__).parents[1] / "foundations" / f"{self.name}.pt"


@dataclass(frozen=True)
class PlacedFoundation:
    """A foundation in a campaign's folder.

    Attributes
    ----------
    sha256 : str
        Checksum of its file, and the file's name.
    elements : tuple of str
        The chemical symbols that it knows, by atomic number.
    members : int
        Members of a foundation that is a committee; 0 for a model of MACE.
    """

    sha256: str
    elements: tuple[str, ...]
    members: int = 0


SHIPPED: Mapping[str, ShippedFoundation] = MappingProxyType(
    {
        shipped.name: shipped
        for shipped in (
            ShippedFoundation(
                name="alloop-electrolytes-0",
                sha256="5ea54dc6672c1ae994cf7f6bda36d833670032ee9220370e9612c0674b33af72",
                taught_by="sevennet-l3i5",
                licence=MIT,
                citation="alloop (docs/foundation.md); its teacher SevenNet-l3i5: Park et al., "
                "J. Chem. Theory Comput. 20, 4857 (2024), doi:10.1021/acs.jctc.4c00190",
            ),
        )
    }
)
"""The foundations that come with alloop, by name."""


def known_by_name(foundation: str | FoundationFile | FoundationHead) -> str | None:
    """Return the name of a foundation; of a file only if its checksum is that of one of alloop's own, else None."""
    if isinstance(foundation, FoundationFile):
        return next((name for name, shipped in SHIPPED.items() if shipped.sha256 == foundation.sha256), None)
    return foundation if isinstance(foundation, str) else foundation.name


def described_name(name: str) -> dict[str, str]:
    """Return the name, the licence and what to cite of a named foundation."""
    if shipped := SHIPPED.get(name):
        return {"name": name, "licence": shipped.licence.name, "cite": shipped.citation}
    licence = LICENCES.get(name)
    return {"name": name, "licence": UNKNOWN} if licence is None else _known(name, licence)


def described_foundation(foundation: str | FoundationFile | FoundationHead) -> dict[str, str]:
    """Return name, head, licence and what to cite of the foundation of a config, where alloop knows them."""
    head = head_wanted(foundation)
    chosen = {} if head is None else {"head": head}
    if isinstance(foundation, FoundationFile):
        return {"name": f"MACE model {foundation.sha256[:12]}", "licence": UNKNOWN, **chosen}
    return described_name(foundation if isinstance(foundation, str) else foundation.name) | chosen


def non_commercial(name: str) -> str | None:
    """Return the licence of a named foundation if it allows no commercial use, or None."""
    licence = LICENCES.get(name)
    return None if licence is None or licence.commercial else licence.name


def _known(name: str, licence: Licence) -> dict[str, str]:
    return {"name": name, "licence": licence.name, "cite": CITATION}
