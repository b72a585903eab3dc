"""The section of the report about transport as a function of composition: best, table and figures. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from alloop.report.blocks import Block, Box, Cell, Items, Section, grid, plot
from alloop.report.figure_style import Figure, axis, text, ticks
from alloop.report.panels import panels, set_axes
from alloop.report.transport.cells import number
from alloop.report.transport.compositions import CompositionRung
from alloop.report.transport.figures import LOG, PLANES
from alloop.report.transport.over_composition import Best, OverComposition, is_known
from alloop.report.transport.tables import rung_label
from alloop.status.numbers import powers
from alloop.status.transport import conductivity_text
from alloop.transport.results import Measured
from policies.stopping.transport import TransportRow

SHADES = [[0.0, "#e6ebf0"], [1.0, "#2f6db5"]]
SHOWN_NEXT, LEAST_SHOWN = 3, 0.01
HOW = (
    "The largest rung on which the most compositions are measured; the title of the table names it. Numbers "
    "of a composition are means over its orderings, with the spread between these in the error bar; σ is the geometric "
    "mean. Best: the probability that the true σ of a composition is the highest, if the "
    "errors of ln σ are normal and independent of each other. The same fits predict all compositions, and an error "
    "that these share does not change the order. Systematic errors, of the functional for instance, are not in it. D "
    "is the tracer diffusivity at the temperature that most systems have; within a plane, that of the displacements "
    "projected on it."
)


@dataclass(frozen=True)
class _Quantity:
    """What is drawn of every composition: its name, unit and value; `log` axes, and error bars that are a `factor`."""

    group: str
    label: str
    unit: str
    of: Callable[[CompositionRung], Measured | None]
    log: bool = False
    factor: bool = False

    def bars(self, found: Measured | None) -> tuple[float | None, float | None]:
        """Return the error bar upwards and downwards; of σ it is a factor."""
        if found is None or found.se is None:
            return None, None
        if not self.factor:
            return found.se, min(found.se, 0.999 * found.value) if self.log else found.se
        return found.value * math.expm1(min(found.se, 50.0)), -found.value * math.expm1(-found.se)

    def words(self, found: Measured) -> str:
        """Return a value with its error bar."""
        if not self.factor:
            return powers(found.value, found.se) if self.log else number(found)
        bar = "(error bar unknown)" if found.se is None else f"×/÷ {math.exp(min(found.se, 50.0)):.2g}"
        return f"{powers(found.value)} {bar}"

    def coloured(self, found: Measured) -> Measured:
        """Return what the colour of a heat map shows: of a `log` one the decimal logarithm."""
        if not self.log:
            return found
        relative = None if found.se is None else found.se if self.factor else found.se / found.value
        return Measured(value=math.log10(found.value), se=None if relative is None else relative / math.log(10.0))


def over_composition_section(over: OverComposition | None) -> tuple[Section, ...]:
    """Return the section about transport as a function of composition; none of fewer than two compositions."""
    if over is None:
        return ()
    blocks: list[Block] = [_best_box(one) for one in over.best]
    blocks += [_table(over), *_reasons(over), *_plots(over)]
    single = f" One ordering only, so without such a spread: {', '.join(over.single)}." if over.single else ""
    return (Section("composition-section", "Transport over composition", tuple(blocks), HOW + single),)


def _best_box(best: Best) -> Box:
    (name, probability), *others = best.probabilities.items()
    told = [f"{other} {_per_cent(p)}" for other, p in others[:SHOWN_NEXT] if p >= LEAST_SHOWN]
    words = f"The best of {len(best.probabilities)} compositions with a probability of {_per_cent(probability)}"
    words += f"; next: {', '.join(told)}." if told else "."
    if best.left_out:
        words += f" Left out, without a conductivity that has an error bar: {', '.join(best.left_out)}."
    return Box(f"Highest σ at {best.temperature_K:.0f} K: {name}", words)


def _per_cent(probability: float) -> str:
    if probability < 0.01:
        return "< 1 %"
    return "> 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def _table(over: OverComposition) -> Block:
    first = over.best[0].temperature_K if over.best else None
    planes = _planes(over)
    rows: list[list[str | Cell]] = []
    for rung in over.rungs:
        row, place = rung.first, over.places[rung.first.system]
        at = [_conductivity(kelvin, one) for kelvin, one in rung.rows.items()]
        best = None if first is None else over.probability(row.system, first)
        line: list[str | Cell] = [row.system, *("–" if v is None else f"{v:g}" for v in (place.x, place.y))]
        line += [str(row.orderings), number(_activation_energy(rung)), Cell(at[0], notes=tuple(at[1:]))]
        line += ["–" if best is None else _per_cent(best)]
        line += [_diffusivity(over, row.system, plane) for plane in planes]
        rows.append(line)
    rows += [[name, *["–"] * (6 + len(planes))] for name in over.missing]
    head = ["Composition", "x", "y", "Orderings", "Activation energy, eV", "σ"]
    head += ["Best" if first is None else f"Best at {first:.0f} K"]
    head += [f"D at {over.planes_K:g} K, {_directions(plane)}, cm²/s" for plane in planes]
    caption = f"Transport by composition, {rung_label(over.rungs[0].kind, over.rungs[0].size)}"
    return grid(head, rows, range(1, len(head)), caption)


def _reasons(over: OverComposition) -> Iterator[Items]:
    """Yield why numbers are missing, below the table: in a column of it they would make its rows very tall."""
    told = [
        f"{rung.first.system}: {why}" for rung in over.rungs if (why := rung.first.unphysical or rung.first.unmeasured)
    ]
    told += [f"{name}: not all of its orderings are measured" for name in over.missing]
    if told:
        yield Items(tuple(told))


def _conductivity(kelvin: float, row: TransportRow) -> str:
    return conductivity_text({"ln_sigma": row.ln_sigma, "se_ln_sigma": row.se_ln_sigma, "at_K": kelvin})


def _planes(over: OverComposition) -> list[str]:
    return list(dict.fromkeys(plane for found in over.diffusivities_cm2_s.values() for plane in found))


def _directions(plane: str) -> str:
    return f"{plane} plane" if plane else "all directions"


def _diffusivity(over: OverComposition, composition: str, plane: str) -> str:
    found = over.diffusivities_cm2_s[composition].get(plane)
    return "–" if found is None else powers(found.value, found.se)


def _activation_energy(rung: CompositionRung) -> Measured | None:
    row = rung.first
    if row.activation_energy_eV is None or row.unmeasured or row.unphysical:
        return None
    return Measured(value=row.activation_energy_eV, se=row.se_activation_energy_eV)


# -- figures -----------------------------------------------------------------------------------------------------


def _plots(over: OverComposition) -> Iterator[Block]:
    for place, family in enumerate(dict.fromkeys(one.family for one in over.places.values())):
        own = over.of_family(family)
        variables = _variables(over, own)
        name = f"transport-composition-{place}"
        if len(variables) == 1:
            caption = f"{family}: activation energy, conductivity and diffusivity against {variables[0]}; bars: one SE."
            yield from plot(name, _lines(over, own, variables[0]), caption)
        elif variables:
            caption = f"{family}: activation energy, conductivity and diffusivity against x and y, with one SE."
            yield from plot(name, _maps(over, own), caption)


def _variables(over: OverComposition, own: Sequence[CompositionRung]) -> tuple[str, ...]:
    """Return the variables of a family: the one that tells its compositions apart, or both; none of one composition."""
    values = {"xy"[i]: [over.coordinates(rung)[i] for rung in own] for i in range(2)}
    if len(own) < 2:
        return ()
    return next(((name,) for name, found in values.items() if len(set(found)) == len(own)), ("x", "y"))


def _quantities(over: OverComposition, own: Sequence[CompositionRung]) -> list[_Quantity]:
    """Return what is known of a family: activation energy, conductivities, and diffusivities by direction."""
    kelvins = sorted({kelvin for rung in own for kelvin, row in rung.rows.items() if is_known(row)})
    every = [_Quantity("activation energy", "", "eV", _activation_energy)]
    every += [_Quantity("σ", f"{k:.0f} K", "S/cm", _sigma(k), log=True, factor=True) for k in kelvins]
    at = "D" if over.planes_K is None else f"D at {over.planes_K:g} K"
    every += [
        _Quantity(at, _directions(plane), "cm²/s", _diffusivity_within(over, plane), log=True)
        for plane in _planes(over)
    ]
    return [one for one in every if any(one.of(rung) for rung in own)]


def _sigma(kelvin: float) -> Callable[[CompositionRung], Measured | None]:
    def of(rung: CompositionRung) -> Measured | None:
        row = rung.rows.get(kelvin)
        if row is None or not is_known(row) or row.sigma_S_per_cm is None or not row.sigma_S_per_cm > 0:
            return None
        return Measured(value=row.sigma_S_per_cm, se=row.se_ln_sigma)

    return of


def _diffusivity_within(over: OverComposition, plane: str) -> Callable[[CompositionRung], Measured | None]:
    def of(rung: CompositionRung) -> Measured | None:
        found = over.diffusivities_cm2_s[rung.first.system].get(plane)
        return found if found is not None and found.value > 0 else None

    return of


def _lines(over: OverComposition, own: Sequence[CompositionRung], variable: str) -> Figure | None:
    """Return a panel per group of quantities, a line for each of them."""
    every = _quantities(over, own)
    groups = list(dict.fromkeys(one.group for one in every))
    if not groups:
        return None
    layout, suffixes = panels(groups, 320)
    traces: list[Figure] = []
    for suffix, group in zip(suffixes, groups, strict=True):
        shown = [one for one in every if one.group == group]
        more = LOG if shown[0].log else {}
        set_axes(layout, suffix, axis(variable), axis(f"{text(group)} ({shown[0].unit})", **more))
        for one, colour in zip(shown, PLANES * len(shown), strict=False):
            points = [(over.coordinates(rung)["xy".index(variable)], one.of(rung)) for rung in own]
            traces.append(_line(one, [(x, found) for x, found in points if found is not None], colour))
            traces[-1] |= {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    return {"data": traces, "layout": layout}


def _line(quantity: _Quantity, points: Sequence[tuple[float, Measured]], colour: str) -> Figure:
    bars = [quantity.bars(found) for _, found in points]
    array, minus = [up for up, _ in bars], [down for _, down in bars]
    name = text(f"{quantity.group}, {quantity.label}" if quantity.label else quantity.group)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [x for x, _ in points],
        "y": [found.value for _, found in points],
        "error_y": {"type": "data", "array": array, "arrayminus": minus, "thickness": 1.3, "width": 4},
        "text": [f"{quantity.words(found)} {quantity.unit}" for _, found in points],
        "hovertemplate": "%{x}: %{text}<extra>%{fullData.name}</extra>",
        "line": {"color": colour, "width": 1.4},
        "marker": {"color": colour, "size": 8},
    }


def _maps(over: OverComposition, own: Sequence[CompositionRung]) -> Figure | None:
    """Return a heat map per quantity, with the numbers in its cells; those of a `log` one are logarithms."""
    every = _quantities(over, own)
    if not every:
        return None
    titles = [f"{'log₁₀ ' if one.log else ''}{one.group} {one.label}".strip() + f" ({one.unit})" for one in every]
    layout, suffixes = panels(titles, 420, wide=2)
    traces: list[Figure] = []
    x, y = (axis("xy"[i]) | ticks(sorted({over.coordinates(rung)[i] for rung in own})) for i in range(2))
    for suffix, one, title in zip(suffixes, every, titles, strict=True):
        set_axes(layout, suffix, x, y)
        cells = [(over.coordinates(rung), one.of(rung)) for rung in own]
        known = [(*at, found) for at, found in cells if found is not None]
        traces.append(_map(one, known) | {"name": text(title), "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
    return {"data": traces, "layout": layout | {"showlegend": False}}


def _map(quantity: _Quantity, cells: Sequence[tuple[float, float, Measured]]) -> Figure:
    coloured = [quantity.coloured(found) for _, _, found in cells]
    return {
        "type": "heatmap",
        "x": [x for x, _, _ in cells],
        "y": [y for _, y, _ in cells],
        "z": [one.value for one in coloured],
        "text": [number(one) for one in coloured],
        "texttemplate": "%{text}",
        "customdata": [f"{quantity.words(found)} {quantity.unit}" for _, _, found in cells],
        "hovertemplate": "x = %{x}, y = %{y}: %{customdata}<extra></extra>",
        "colorscale": SHADES,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
    }
