"""The table, the curves and the answer to the question, from the scores of all models."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.label_efficiency.evaluation import Score
from benchmarks.label_efficiency.statistics import Interval, label_ratio, mean_interval, never_worse

Floats = NDArray[np.float64]

BASELINE = "random"
ERRORS = {"mobile": "mobile ions", "tail": "high-energy tail", "overall": "all atoms", "mobile_tail": "mobile, tail"}
COLUMNS = {**ERRORS, "stable_ps": "stable MD (ps)", "ln_D_error": "error of ln D"}
COLOURS = {"disagreement": "#2f6db5", "random": "#d9822b", "uniform": "#3a9d6e"}


def write_results(scores: Sequence[Score], folder: Path, name: str) -> None:
    """Print the table and the comparison, and write both, with the curves, below a folder."""
    lines = [*table(scores), "", *comparison(scores)]
    print("\n".join(lines))
    (folder / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    data = {"scores": [asdict(score) for score in scores], "comparison": list(comparison(scores))}
    (folder / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    (folder / f"{name}.html").write_text(page(scores), encoding="utf-8")


def table(scores: Sequence[Score]) -> Iterator[str]:
    """Yield a row for every policy and number of labels: means over seeds with their 95 % confidence intervals."""
    yield "| policy | labels | seeds | " + " | ".join(_heading(key) for key in COLUMNS) + " |"
    yield "|---|--:|--:|" + "--:|" * len(COLUMNS)
    for policy in _policies(scores):
        for size in _sizes(scores):
            rows = [score for score in scores if (score.policy, score.labels) == (policy, size)]
            if rows:
                cells = [_cell(key, rows) for key in COLUMNS]
                yield f"| {policy} | {size} | {len(rows)} | " + " | ".join(cells) + " |"


def comparison(scores: Sequence[Score]) -> Iterator[str]:
    """Yield what each policy needs for the final errors of the baseline, on seeds that both have."""
    yield f"| policy | force RMSE on | part of the labels | never worse | RMSE / that of {BASELINE} |"
    yield "|---|---|--:|---|--:|"
    for policy in _policies(scores):
        for key, what in ERRORS.items():
            sizes, mine, theirs = paired(scores, policy, key)
            if policy == BASELINE or not len(mine):
                continue
            ratio, last = label_ratio(sizes, mine, theirs), mean_interval(mine[:, -1] / theirs[:, -1])
            worse = "yes" if never_worse(mine, theirs) else "no"
            yield f"| {policy} | {what} | {ratio} | {worse} | {last} |"


def paired(scores: Sequence[Score], policy: str, key: str) -> tuple[list[int], Floats, Floats]:
    """Return sizes, and the errors of a policy and of the baseline, shape (seeds, sizes), on the seeds of both."""
    found = {(s.policy, s.seed, s.labels): float(getattr(s, key)) for s in scores}
    sizes = _sizes(scores)
    seeds = [
        seed
        for seed in sorted({s.seed for s in scores})
        if all((name, seed, size) in found for name in (policy, BASELINE) for size in sizes)
    ]
    mine, theirs = (
        np.array([[found[name, seed, size] for size in sizes] for seed in seeds]) for name in (policy, BASELINE)
    )
    return sizes, mine, theirs


def page(scores: Sequence[Score]) -> str:
    """Return the learning curves as a page."""
    from plotly import io

    figures = [_figure(scores, key) for key in COLUMNS if _curves(scores, key)]
    parts = [io.to_html(figure, include_plotlyjs=not number, full_html=False) for number, figure in enumerate(figures)]
    return '<!doctype html><meta charset="utf-8"><title>Label efficiency</title>' + "".join(parts)


def _figure(scores: Sequence[Score], key: str) -> dict[str, Any]:
    title = {"title": {"text": _heading(key)}, "type": "log" if key in ERRORS else "linear"}
    layout = {"xaxis": {"title": {"text": "labels"}, "type": "log"}, "yaxis": title, "height": 420}
    return {"data": _curves(scores, key), "layout": layout}


def _curves(scores: Sequence[Score], key: str) -> list[dict[str, Any]]:
    curves = []
    for policy in _policies(scores):
        by_size = {size: _values(key, [s for s in scores if (s.policy, s.labels) == (policy, size)])
                   for size in _sizes(scores)}  # fmt: skip
        bars = {size: mean_interval(values) for size, values in by_size.items() if len(values)}
        if bars:
            middle = [bar.value for bar in bars.values()]
            curves.append(
                {
                    "type": "scatter",
                    "name": policy,
                    "x": list(bars),
                    "y": middle,
                    "error_y": {"type": "data", "array": [_half(bar) for bar in bars.values()]},
                    "line": {"color": COLOURS.get(policy)},
                }
            )
    return curves


def _cell(key: str, rows: Sequence[Score]) -> str:
    values = _values(key, rows)
    if not len(values):
        return "–"
    bar = mean_interval(values)
    digits = 0 if key in ERRORS else 2
    return f"{bar.value:.{digits}f}" if _half(bar) is None else f"{bar.value:.{digits}f} ± {_half(bar):.{digits}f}"


def _values(key: str, rows: Sequence[Score]) -> Floats:
    known = [getattr(row, key) for row in rows if getattr(row, key) is not None]
    found = np.array(known, dtype=float)
    if key == "ln_D_error":
        found = np.abs(found)
    return 1000.0 * found if key in ERRORS else found


def _half(bar: Interval) -> float | None:
    return bar.high - bar.value if np.isfinite(bar.high) else None


def _heading(key: str) -> str:
    return f"{COLUMNS[key]} (meV/Å)" if key in ERRORS else COLUMNS[key]


def _policies(scores: Sequence[Score]) -> list[str]:
    return list(dict.fromkeys(score.policy for score in scores))


def _sizes(scores: Sequence[Score]) -> list[int]:
    return sorted({score.labels for score in scores})
