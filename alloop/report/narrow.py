"""Lay a figure out for a narrow screen: its panels one below the other. Pure."""

from __future__ import annotations

import copy
import math
from textwrap import wrap
from typing import Any

from alloop.report.figure_style import Figure

WIDTH_PX = 300
"""Width (px) of a figure on a telephone."""
NAME_LETTERS = 20
PANEL_PX, GAP_PX, TITLE_PX = 210, 76, 26


def narrow(figure: Figure) -> Figure:
    """Return a figure whose panels stand one below the other, under a legend that may take several lines."""
    layout = copy.deepcopy(figure["layout"])
    found = _panels(layout)
    beside = len({round(layout[f"xaxis{suffix}"]["domain"][0], 2) for suffix in found}) > 1
    legend = _legend_px(figure) if layout.get("showlegend") else 0
    top = legend + (12 if beside or not layout.get("annotations") else TITLE_PX)
    margin = {"l": 58, "r": 14, "t": top, "b": layout["margin"]["b"]}
    height = layout["height"] - layout["margin"]["t"] + top
    if beside:
        title = TITLE_PX if layout.get("annotations") else 0
        height = top + margin["b"] + len(found) * (PANEL_PX + GAP_PX) - GAP_PX + title
        _stack(layout, found, height - top - margin["b"], title)
    place = {"orientation": "h", "x": 0, "xref": "container", "xanchor": "left", "traceorder": "normal"}
    place |= {"y": 1, "yref": "container", "yanchor": "top", "font": {"size": 11}}
    layout |= {"margin": {**layout["margin"], **margin}, "height": height, "legend": place}
    layout["font"] = {**layout["font"], "size": 11}
    for name, value in layout.items():
        if name.startswith(("xaxis", "yaxis")):
            value["title"] = {**value.get("title", {}), "font": {"size": 11}}
            value["nticks"] = 5
            value["automargin"] = True
    _wrap_names(figure, layout)
    if "scene" in layout:
        _farther(layout)
    return {"data": figure["data"], "layout": layout}


def _farther(layout: dict[str, Any]) -> None:
    """Show a scene from farther off, without margins."""
    eye = layout["scene"]["camera"]["eye"]
    layout["scene"]["camera"]["eye"] = {name: 1.5 * value for name, value in eye.items()}
    layout["margin"] |= {"l": 0, "r": 0}
    layout["height"] = min(layout["height"], 420)


def _wrap_names(figure: Figure, layout: dict[str, Any]) -> None:
    """Break the names of horizontal bars into lines that leave room for the bars."""
    bars = (trace for trace in figure["data"] if trace.get("orientation") == "h")
    names = list(dict.fromkeys(name for trace in bars for name in trace["y"] if isinstance(name, str)))
    if any(len(name) > NAME_LETTERS for name in names):
        layout["yaxis"] |= {"tickvals": names, "ticktext": ["<br>".join(_broken(name)) for name in names]}
        layout["height"] += 14 * sum(len(_broken(name)) - 1 for name in names)


def _broken(name: str) -> list[str]:
    return wrap(name, NAME_LETTERS, break_long_words=False)


def _panels(layout: dict[str, Any]) -> list[str]:
    """Return the suffixes of axes that are placed, row by row."""
    names = [name.removeprefix("xaxis") for name in layout if name.startswith("xaxis") and "domain" in layout[name]]

    def order(suffix: str) -> tuple[float, float]:
        up = layout[f"yaxis{suffix}"].get("domain", [0, 1])
        return -round(up[1], 3), layout[f"xaxis{suffix}"]["domain"][0]

    return sorted(names, key=order)


def _stack(layout: dict[str, Any], suffixes: list[str], drawn_px: float, title_px: float) -> None:
    """Place panels one below the other, with the titles that stood above them."""
    step = (PANEL_PX + GAP_PX) / drawn_px
    for row, suffix in enumerate(suffixes):
        x, y = layout[f"xaxis{suffix}"], layout[f"yaxis{suffix}"]
        before = (x["domain"][0], y.get("domain", [0, 1])[1])
        top = 1 - title_px / drawn_px - row * step
        x["domain"], y["domain"] = [0, 1], [max(0.0, top - PANEL_PX / drawn_px), top]
        for note in layout.get("annotations", ()):
            if "moved" not in note and math.dist(before, (note["x"], note["y"])) < 1e-6:
                note |= {"x": 0.0, "y": top, "moved": True}
    for note in layout.get("annotations", ()):
        note.pop("moved", None)


def _legend_px(figure: Figure) -> int:
    """Return how high the legend is when it is as wide as the figure."""
    names = [t.get("name", "") for t in figure["data"] if t.get("showlegend", True) and t.get("name")]
    lines, used = 1, 0.0
    for name in names:
        wide = 44 + 6.2 * len(name)
        if used and used + wide > WIDTH_PX:
            lines, used = lines + 1, 0.0
        used += wide
    return 8 + 20 * lines if names else 0
