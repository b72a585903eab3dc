"""What a view that follows the journal can do."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from alloop.journal.journal import Entry
from alloop.state.state import State


@runtime_checkable
class Listener(Protocol):
    """A view of a running campaign.

    Its methods are called on the driver's thread: they return quickly and never raise, because a view that breaks must
    not break the campaign.
    """

    def on_entry(self, entry: Entry, state: State) -> None:
        """See one event of the journal, already folded into the state."""
        ...

    def tick(self, state: State, now: float) -> None:
        """Notice that time passed; `now` is in seconds since the epoch."""
        ...

    def close(self) -> None:
        """Finish what was begun; nothing follows."""
        ...
