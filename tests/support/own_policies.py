"""Policies of a user's own."""

from policies.selection.contract import Choice, Selection


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


class ChoosesOne:
    """Finds one frame worth a label, however many are asked for."""

    def select(self, candidates, window, count, per_walker, seed):
        return Selection(chosen=(Choice(index=0, rank=1, why="fill"),)[: len(candidates.ids)])
