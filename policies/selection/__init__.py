"""Choose which offered frames are labelled: the contract of a policy, and the built-in policies."""

from policies.selection.contract import (
    OFFERED_BLIND,
    Candidates,
    Choice,
    Selection,
    SelectionPolicy,
    Window,
)

__all__ = ["OFFERED_BLIND", "Candidates", "Choice", "Selection", "SelectionPolicy", "Window"]
