"""Write the reference of the public Python objects, ``docs/python.md``: ``python docs/make_python_reference.py``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).with_name("python.md")

HEAD = """\
# Python reference

Written by `docs/make_python_reference.py` from the docstrings; do not edit. It lists what is made to be imported: a
change of these objects is announced in the [changelog](../CHANGELOG.md). Everything else in the package may change at
any time. Units are in the names (`_eV`, `_A` for Å, `_K`, `_fs`, `_ps`).

Two notebooks use it: [a campaign in a notebook](reading.ipynb) and [figures of your own from an export](export.ipynb).
"""

TITLES = ("Parameters", "Attributes", "Returns", "Yields", "Raises", "Examples")
_SECTION = re.compile(rf"^({'|'.join(TITLES)})\n-+\n", re.MULTILINE)
_WIDE = 100
_CODE = 120


@dataclass(frozen=True)
class Group:
    """Objects that are used together, each as ``module:name``."""

    title: str
    about: str
    names: tuple[str, ...]


GROUPS = (
    Group(
        "A campaign",
        "Open a campaign that is finished, stopped or running. Reading takes no lock and writes nothing.",
        (
            "alloop:read",
            "alloop.reading:ReadCampaign",
            "alloop.status.summary:Status",
            "alloop.status.summary:RungRow",
            "alloop.outputs.committee:FittedCommittee",
            "alloop.outputs.committee:CommitteeLook",
            "alloop.outputs.committee:CommitteeCalculator",
            "alloop.report.transport.by_system:TransportOfSystems",
            "alloop.report.transport.tables:CombinedRung",
            "alloop.studies.study:Table",
        ),
    ),
    Group(
        "A config",
        "Check a config, or load it.",
        ("alloop:check", "alloop.campaign.checking:Check", "alloop:load_config", "alloop.config.loading:LoadedConfig"),
    ),
    Group(
        "Trajectories",
        "Read molecular dynamics of other programs ([formats](analyse.md#what-is-read)) and measure their transport.",
        (
            "alloop.trajectories.reading:read_run",
            "alloop.trajectories.timing:Said",
            "alloop.trajectories.reading:ReadSettings",
            "alloop.trajectories.collecting:ReadRun",
            "alloop.dynamics.trajectory:Trajectory",
            "alloop.trajectories.analysis:analyse",
            "alloop.trajectories.analysis:Analysis",
            "alloop.trajectories.sizes:analyse_cells",
            "alloop.trajectories.sizes:Analyses",
            "alloop.transport.cell_sizes:SizeSeries",
        ),
    ),
    Group(
        "Transport",
        "Numbers with error bars, or the reason why there is none. [Transport](transport.md) has the definitions.",
        (
            "alloop.transport.measure:measure",
            "alloop.transport.settings:MeasureSettings",
            "alloop.transport.results:TransportSummary",
            "alloop.transport.results:TemperatureTransport",
            "alloop.transport.results:ArrheniusTransport",
            "alloop.transport.results:SigmaAt",
            "alloop.transport.results:TemperatureLaw",
            "alloop.transport.results:Measured",
            "alloop.transport.results:TransportCurves",
            "alloop.transport.results:TemperatureCurves",
            "alloop.transport.arrhenius:arrhenius_line",
            "alloop.transport.arrhenius:fit_arrhenius",
            "alloop.transport.arrhenius:Arrhenius",
            "alloop.transport.unwrapping:unwrap",
            "alloop.transport.sites:analyse_density",
            "alloop.transport.density:DensitySettings",
            "alloop.transport.sites:DensityResult",
        ),
    ),
    Group(
        "A policy of your own",
        "A class with one of these methods, named in the config as `module:Class` ([how](howto/own_policy.md)).",
        (
            "policies:SelectionPolicy",
            "policies:Candidates",
            "policies:Window",
            "policies:Choice",
            "policies:Selection",
            "policies:ExplorationPolicy",
            "policies:WalkerView",
            "policies:Launch",
            "policies:StoppingPolicy",
            "policies:RungEvidence",
            "policies:TransportEvidence",
            "policies:Verdict",
            "policies:MeasureMore",
        ),
    ),
    Group(
        "Labels",
        "Compute one label as a campaign does ([example](howto/convergence.md)), or [write an engine](own_engine.md).",
        (
            "alloop.labelling.registry:engine_of",
            "alloop.labelling.identity:code_identity",
            "alloop.labelling.singlepoint:SinglePoint",
            "alloop.labelling.engine:LabelEngine",
            "alloop.labelling.engine:PythonEngine",
        ),
    ),
)


def reference() -> str:
    """Return the reference as it stands in its file."""
    return "\n".join([HEAD, *(line for group in GROUPS for line in _group(group))])


def _group(group: Group) -> Iterator[str]:
    yield from (f"## {group.title}", "", group.about, "", "```python")
    places = [name.split(":") for name in group.names]
    for module in sorted({module for module, _ in places}):
        names = sorted(name for place, name in places if place == module)
        line = f"from {module} import {', '.join(names)}"
        yield line if len(line) <= _CODE else "\n".join([f"from {module} import (", *(f"    {n}," for n in names), ")"])
    yield from ("```", "")
    for module, name in places:
        yield from _entry(name, getattr(import_module(module), name))


def _entry(name: str, found: Any) -> Iterator[str]:
    """Yield the section of a function or a class."""
    yield from (f"### {name}", "")
    if inspect.isfunction(found) or is_dataclass(found):
        yield from ("```text", _signature(name, found), "```", "")
    yield from _docstring(inspect.getdoc(found) or "")
    if inspect.isclass(found):
        yield from (line for member, value in vars(found).items() for line in _member(member, value))


def _member(name: str, value: object) -> Iterator[str]:
    """Yield what is said of a public property or method."""
    inner = getattr(value, "fget", None) or getattr(value, "func", None) or getattr(value, "__func__", value)
    if name.startswith("_") or not inspect.isfunction(inner) or not inner.__doc__:
        return
    is_property = inner is not value and not isinstance(value, classmethod | staticmethod)
    yield from (f"**`.{name}`**" if is_property else f"**`.{_signature(name, inner, flat=True)}`**", "")
    yield from _docstring(inspect.getdoc(inner) or "")


def _signature(name: str, found: Any, *, flat: bool = False) -> str:
    signature = inspect.signature(found)
    plain = [_written(one) for one in signature.parameters.values() if one.name not in ("self", "cls")]
    silent = inspect.isclass(found) or signature.return_annotation is signature.empty
    returned = signature.empty if silent else _Text(signature.return_annotation)
    text = f"{name}{signature.replace(parameters=plain, return_annotation=returned)}"
    if flat or len(text) <= _WIDE:
        return text
    inside = "".join(f"    {one},\n" for one in plain)
    return f"{name}(\n{inside})" + ("" if silent else f" -> {returned!r}")


def _written(one: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter whose annotation and default are written as in the source."""
    annotation = one.annotation if one.annotation is one.empty else _Text(one.annotation)
    default = one.default if one.default is one.empty else _Text(_default(one.default))
    return one.replace(annotation=annotation, default=default)


def _default(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return "…" if text.startswith("<") else text


@dataclass(frozen=True)
class _Text:
    """A text that a signature shows as it is."""

    text: str

    def __repr__(self) -> str:
        return self.text.replace("'", '"')


def _docstring(text: str) -> Iterator[str]:
    """Yield the parts of a numpydoc docstring as Markdown."""
    about, *rest = _SECTION.split(text)
    yield from (_plain(about).strip(), "")
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        if title == "Examples":
            yield from ("```pycon", body.strip(), "```", "")
        else:
            yield from (f"*{title}*", "", *(_item(head, said) for head, said in _items(body)), "")


def _items(body: str) -> Iterator[tuple[str, str]]:
    """Yield the head of every entry of a section, and what is said of it."""
    for match in re.finditer(r"^(\S.*)\n?((?:[ ]+.*\n?|\n)*)", body, re.MULTILINE):
        yield match[1], " ".join(match[2].split())


def _item(head: str, said: str) -> str:
    name, _, kind = head.partition(" : ")
    names = ", ".join(f"`{one}`" for one in name.split(", ")) if kind else name
    what = f"{names} ({kind})" if kind else names
    return f"- {what}: {_plain(said)}" if said else f"- {what}"


def _plain(text: str) -> str:
    return text.replace("``", "`")


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
