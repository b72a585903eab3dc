"""Which offered frames are worth a label: what a policy is given, what it answers, and what it must be able to do."""

from policies.selection.contract import (
    OFFERED_BLIND,
    Candidates,
    Choice,
    Selection,
    SelectionPolicy,
    Window,
)

__all__ = ["OFFERED_BLIND", "Candidates", "Choice", "Selection", "SelectionPolicy", "Window"]
