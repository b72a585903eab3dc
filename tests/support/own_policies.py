"""Policies of a user's own."""

from policies.selection import Selection


class ChoosesNothing:
    """Finds no frame worth a label and keeps all of them waiting."""

    def select(self, candidates, window, count, per_walker, seed):
        return Selection(chosen=(), rejected={})
