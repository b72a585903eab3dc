"""Decide whether more data still changes the answer."""

from policies.stopping.ladder import (
    LadderStopping,
    MeasureMore,
    StoppingPolicy,
    Verdict,
)

__all__ = ["LadderStopping", "MeasureMore", "StoppingPolicy", "Verdict"]
