"""Policies of a user's own."""

from policies.selection import Selection


class ChoosesNothing:
    """Finds no frame worth a label and keeps all of them waiting."""

    def select(self, candidates, window, count, per_walker, seed):
        return Selection(chosen=(), rejected={})


class Raises:
    """A policy with a bug, whatever it is asked."""

    def select(self, candidates, window, count, per_walker, seed):
        raise ZeroDivisionError("my bug")

    def next_segments(self, walkers, count):
        raise ZeroDivisionError("my bug")

    def judge(self, rungs, ladder, seed):
        raise ZeroDivisionError("my bug")
