"""Keep the steps of the highest scores of a long series, at a distance from each other."""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")


class Shortlist(Generic[Item]):
    """Keep the highest scores of a series of steps, `gap` or more steps apart, without keeping the series.

    Of each window of `gap` steps only the best entry is a candidate, and only as many candidates are kept as
    could matter: taking one rules out at most its two neighbouring windows, so the first `size` picks are always
    among the `3 * size` best windows.

    Parameters
    ----------
    size : int
        Entries wanted at most.
    gap : int
        Fewest steps between two entries.
    """

    def __init__(self, size: int, gap: int) -> None:
        self._size = size
        self._gap = max(gap, 1)
        self._windows: dict[int, tuple[float, int, Item]] = {}

    def add(self, step: int, score: float, item: Item) -> None:
        """Enter an item; of equal scores the earlier one is kept."""
        window = step // self._gap
        if window not in self._windows or score > self._windows[window][0]:
            self._windows[window] = (score, step, item)
        if len(self._windows) > 3 * self._size:
            worst = min(self._windows, key=lambda name: (self._windows[name][0], -name))
            del self._windows[worst]

    def best(self) -> list[Item]:
        """Return the items picked, in the order of their steps."""
        picked: list[tuple[int, Item]] = []
        for _, step, item in sorted(self._windows.values(), key=lambda entry: (-entry[0], entry[1])):
            if len(picked) < self._size and all(abs(step - other) >= self._gap for other, _ in picked):
                picked.append((step, item))
        return [item for _, item in sorted(picked, key=lambda entry: entry[0])]
