"""Transport of one rung by system, for notebooks."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from alloop.outputs.errors import absent
from alloop.report.transport.data import transport_data
from alloop.report.transport.tables import Chosen, CombinedRung, combine_rungs, temperatures_csv, transport_csv
from alloop.state.state import CampaignState
from alloop.tasks.workspace import Workspace

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Chosen", "TransportOfSystems", "transport_of_systems"]


class TransportOfSystems(Mapping[str, CombinedRung]):
    """Transport of the systems of one rung, by name.

    Parameters
    ----------
    rungs : sequence of CombinedRung
        One per system.
    """

    def __init__(self, rungs: Sequence[CombinedRung]) -> None:
        self._rungs = {one.system: one for one in rungs}

    def __getitem__(self, system: str) -> CombinedRung:
        return self._rungs[system]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rungs)

    def __len__(self) -> int:
        return len(self._rungs)

    def to_pandas(self, *, temperatures: bool = False) -> DataFrame:
        """Return the table of the export, ``transport.csv``: a row per fit and one named ``all`` per system.

        Parameters
        ----------
        temperatures : bool
            Return ``transport_temperatures.csv`` instead: a row per fit and simulated temperature.

        Raises
        ------
        ImportError
            If pandas is not installed; the message says how to install it.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("a DataFrame needs pandas; install it: pip install 'alloop[pandas]'") from error
        fits = [fit for one in self._rungs.values() for fit in one.fits]
        return pandas.read_csv(io.StringIO(temperatures_csv(fits) if temperatures else transport_csv(fits)))


def transport_of_systems(
    workspace: Workspace, state: CampaignState, rung: int = -1, chosen: Chosen = "acquired"
) -> TransportOfSystems:
    """Return what was measured of transport on a rung.

    Parameters
    ----------
    workspace : Workspace
        The campaign's files.
    state : CampaignState
        The fold of its journal.
    rung : int
        Training labels of the rung; -1 for the largest that was measured.
    chosen : str
        How these labels were chosen: ``acquired`` or ``random subset``.

    Raises
    ------
    AbsentError
        If nothing was measured, or not that rung.
    """
    every = [one for one in combine_rungs(transport_data(state, workspace).rungs) if one.kind == chosen]
    sizes = sorted({one.size for one in every})
    size = sizes[-1] if rung == -1 and sizes else rung
    if size not in sizes:
        raise absent(workspace.root, "rung with measured transport", size, sizes)
    return TransportOfSystems([one for one in every if one.size == size])
