"""The numbers behind the figures of the report, as CSV or JSON. Pure."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterator
from typing import Any, Literal

from alloop.report.blocks import Plot, Scene
from alloop.report.figure_style import Figure

Format = Literal["csv", "json"]
HEAD = ("series", "x", "y", "z", "error", "x_is", "y_is", "note")


def figure_file(plot: Plot | Scene, form: Format) -> str:
    """Return the numbers of a figure, a row for each point: its series, coordinates, error and what the axes are.

    An error is one standard error of y. A picture has a row for each atom, with its coordinates in Å. A bar
    that does not begin at zero has its beginning in the column z.
    """
    rows = [dict(zip(HEAD, row, strict=True)) for row in _rows(plot.figure)]
    if form == "json":
        return json.dumps({"figure": plot.name, "caption": plot.caption, "points": rows}, ensure_ascii=False, indent=1)
    file = io.StringIO()
    writer = csv.DictWriter(file, HEAD, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _rows(figure: Figure) -> Iterator[tuple[Any, ...]]:
    layout = figure["layout"]
    for trace in figure["data"]:
        if trace.get("hoverinfo") == "skip":  # a line to guide the eye
            continue
        xs, ys = trace.get("x", ()), trace.get("y", ())
        zs, errors = trace.get("z", trace.get("base", ())), (trace.get("error_y") or {}).get("array", ())
        notes = trace.get("text", ())
        x_is, y_is = (_title(layout, trace, name) for name in "xy")
        for index, (x, y) in enumerate(zip(xs, ys, strict=False)):
            found = [_at(values, index) for values in (zs, errors, notes)]
            yield _plain(trace.get("name", "")), _plain(x), _plain(y), found[0], found[1], x_is, y_is, _plain(found[2])


def _at(values: Any, index: int) -> Any:
    return values[index] if isinstance(values, list | tuple) and index < len(values) else None


def _plain(value: Any) -> Any:
    """Return a text as it was before it was escaped for the figure."""
    return html.unescape(value).replace("<br>", ", ") if isinstance(value, str) else value


def _title(layout: Figure, trace: Figure, name: str) -> str:
    """Return what an axis is, with its unit, and the panel where there are several."""
    own = trace.get(f"{name}axis", name)
    suffix = own.removeprefix(name)
    axis = layout.get(f"{name}axis{suffix}", {})
    title = axis.get("title", {}).get("text", "")
    panel = _panel(layout, suffix) if name == "y" else ""
    return str(_plain(f"{panel}: {title}" if panel and title else title or panel))


def _panel(layout: Figure, suffix: str) -> str:
    """Return the title above a panel."""
    x, y = layout.get(f"xaxis{suffix}", {}).get("domain"), layout.get(f"yaxis{suffix}", {}).get("domain")
    if not x or not y:
        return ""
    notes = (one for one in layout.get("annotations", ()) if (one.get("x"), one.get("y")) == (x[0], y[1]))
    return next((note["text"].removeprefix("<b>").removesuffix("</b>") for note in notes), "")
