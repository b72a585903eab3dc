"""Write the proposed config of a crystal as YAML, with the reason beside each setting. Pure."""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from alloop.materials.structure import Structure
from alloop.materials.supercell import face_distances, repeated
from alloop.proposal.disorder import OrderingProposal, Shares, states_words
from alloop.proposal.rules import (
    Grid,
    Place,
    cutoff,
    explored_temperatures,
    kpoints,
    labelled_repeat,
    magnetic_moments,
    measured_temperatures,
    production_repeat,
    rungs,
    timestep_fs,
)

_HELDOUT, _LEAST_HELDOUT = 0.5, 40
_COLUMN, _WIDTH = 44, 118


@dataclass(frozen=True)
class Proposal:
    """What a first config is written from.

    Attributes
    ----------
    name, file : str
        Name of the campaign, and of the structure file beside the config.
    structures : tuple of Structure
        The cells of the crystal: one, or its orderings.
    mobile : str
        Symbol of the mobile ion.
    ordering : OrderingProposal or None
        How it is ordered; None for an ordered crystal.
    smaller : Structure or None
        A cell of whole primitive cells to use instead of that of the file.
    calculator : str or None
        Import path of the ASE calculator that labels; None for GPAW.
    place : str
        Where it runs.
    cores : int
        Cores of this machine.
    foundation, teacher : str or None
        What the potential starts from; None for random weights, and for no teacher.
    no_teacher : str
        Why there is none.
    """

    name: str
    file: str
    structures: tuple[Structure, ...]
    mobile: str
    ordering: OrderingProposal | None = None
    smaller: Structure | None = None
    calculator: str | None = None
    place: Place = "laptop"
    cores: int = 2
    foundation: str | None = None
    teacher: str | None = None
    no_teacher: str = ""

    @property
    def formula(self) -> str:
        """Its reduced formula."""
        return self.structures[0].formula()

    @property
    def elements(self) -> tuple[str, ...]:
        """Its elements, by atomic number."""
        return self.structures[0].elements()

    @property
    def repeat(self) -> Grid:
        """How often the cell is repeated for labels; cells that are ordered are made large enough."""
        made = self.ordering is not None or self.smaller is not None
        return (1, 1, 1) if made else labelled_repeat(self.structures[0]).value

    @property
    def labelled(self) -> Structure:
        """The cell that is labelled and explored."""
        return repeated(self.smaller or self.structures[0], self.repeat)


def config_text(proposal: Proposal, cost: Sequence[str] = ()) -> str:
    """Return the config of a proposal.

    Parameters
    ----------
    proposal : Proposal
        What it is written from.
    cost : sequence of str
        What the campaign would take, one line each, for the head of the file.
    """
    sections = (_head(proposal, cost), _systems(proposal), _potential(proposal), _label(proposal), _fit(proposal))
    more = (_exploration(proposal), _ladder(proposal), _measure(proposal), _execution(proposal))
    return "\n\n".join("\n".join(section) for section in (*sections, *more)) + "\n"


def _line(setting: str, why: str = "") -> str:
    """Return a setting with its reason beside it, or above it where that is too long."""
    beside = f"{setting:<{_COLUMN}} # {why}"
    if len(beside) <= _WIDTH:
        return beside if why else setting
    indent = " " * (len(setting) - len(setting.lstrip()))
    return "\n".join([*(f"{indent}# {part}" for part in textwrap.wrap(why, _WIDTH - len(indent) - 2)), setting])


def _head(proposal: Proposal, cost: Sequence[str]) -> Iterator[str]:
    yield "# yaml-language-server: $schema=schema.json"
    cell = f"cell of {len(proposal.labelled.numbers)} atoms, mobile {proposal.mobile}"
    yield f"# {proposal.formula}, {cell}. Every line may be changed; `alloop check` says what it would run and cost."
    yield from (f"#   {line}" for line in cost)
    yield f"name: {_quoted(proposal.name)}"
    yield "seed: 1"


def _systems(proposal: Proposal) -> Iterator[str]:
    structure = proposal.structures[0]
    yield "systems:"
    yield f"  - name: {proposal.formula}"
    yield f"    structure: {_quoted(proposal.file)}"
    if proposal.ordering is not None:
        yield from _disorder(proposal.ordering)
    elif proposal.smaller is not None:
        cell = labelled_repeat(proposal.smaller)
        many = f"the {len(structure.numbers)} atoms of the file are several primitive cells"
        yield _line(f"    cell: {{atoms: {len(proposal.smaller.numbers)}}}", f"{many}; {cell.why}")
    else:
        cell = labelled_repeat(structure)
        yield _line(f"    repeat: {_row(cell.value)}", cell.why)
    yield ""
    yield "initial:"
    whose = "" if len(proposal.structures) == 1 else "of all orderings together, "
    yield _line("  frames: 8", f"{whose}labelled before the first fit")


def _disorder(ordering: OrderingProposal) -> Iterator[str]:
    atoms = len(ordering.made.ordered[0].structure.numbers)
    if ordering.changes:
        yield "    # No small cell has whole numbers of ions at the occupancies of the file. These have, and balance:"
        yield from (f"    #   {change}" for change in ordering.changes)
        joined = (" and ".join(labels) for labels in ordering.joined)
        yield from (f"    # {labels} have equal occupancies now: they exchange ions." for labels in joined)
    if ordering.substitute:
        yield f"    substitute: {_substitution(ordering.substitute)}"
    yield _line(f"    cell: {{atoms: {ordering.atoms}}}", f"makes a cell of {atoms} atoms")
    if ordering.oxidation_states:
        states = ", ".join(f"{symbol}: {state:g}" for symbol, state in ordering.oxidation_states.items())
        yield _line(f"    oxidation_states: {{{states}}}", "the likeliest of several that balance: correct them")
    several = len(ordering.made.ordered) > 1
    found = f"{ordering.made.count} orderings of {states_words(ordering.made)}" if several else "no disorder is left"
    yield _line(f"    orderings: {{ground_state: true, samples: {1 if several else 0}}}", found)


def _substitution(shares: Shares) -> str:
    sites = (
        f"{_quoted(label)}: {{{', '.join(f'{species}: {share}' for species, share in one.items())}}}"
        for label, one in shares.items()
    )
    return f"{{{', '.join(sites)}}}"


def _potential(proposal: Proposal) -> Iterator[str]:
    yield "potential:"
    if proposal.foundation is not None:
        yield _line(f"  foundation: {proposal.foundation}", f"it knows {', '.join(proposal.elements)}")
    else:
        yield _line("  foundation: null", "from random weights: the foundation of alloop lacks an element of these")
        yield _line("  architecture: {channels: 32, cutoff_A: 5.0}", "a fast model; 64 channels are more accurate")
    yield _line("  committee: 4", "their disagreement finds the frames to label")
    yield ""
    if proposal.teacher is None:
        yield _line("teacher: null", proposal.no_teacher)
    elif proposal.foundation is not None:
        settings = f"{{model: {proposal.teacher}, rounds: 2, steps: 700, learning_rate: 0.01}}"
        yield f"# Installed here. It teaches the committee {proposal.formula} before any label; null: no teacher."
        yield f"teacher: {settings}"
    else:
        yield _line(f"teacher: {{model: {proposal.teacher}}}", "installed here; null: no teacher")


def _label(proposal: Proposal) -> Iterator[str]:
    energy, grid = cutoff(proposal.elements), kpoints(face_distances(proposal.labelled))
    yield "label:"
    if proposal.calculator is not None:
        yield "  engine: ase"
        yield f"  calculator: {proposal.calculator}"
        yield _line("  arguments: {}", "its keyword arguments; `alloop check --probe` times one label")
        yield f"  # For plane waves: GPAW would take {energy.value} eV ({energy.why})"
        yield f"  # and {'×'.join(map(str, grid.value))} k-points ({grid.why})."
        return
    yield "  engine: gpaw"
    yield _line("  xc: PBE", "the functional of the PAW datasets that come with GPAW")
    yield _line(f"  cutoff_eV: {energy.value}", energy.why)
    yield _line(f"  kpts: {_row(grid.value)}", grid.why)
    yield _line("  smearing_eV: 0.05", "Fermi-Dirac width")
    if moments := magnetic_moments(proposal.elements):
        yield _line("  spin: true", "3d ions may have unpaired electrons")
        start = ", ".join(f"{symbol}: {moment:g}" for symbol, moment in moments.items())
        yield _line(f"  magmoms: {{{start}}}", "high spin in μB, where the SCF begins")


def _fit(proposal: Proposal) -> Iterator[str]:
    first = rungs(len(proposal.labelled.numbers), proposal.place).value[0]
    yield "fit:"
    yield _line(f"  every_labels: {first}", "new labels before the committee is fitted again")
    yield _line("  max_steps: 500", "of a refit")
    yield _line("  rung_steps: 1500", "of the fits that are judged")
    yield _line("  learning_rate: 0.02", "a quarter of it after a teacher or a foundation")
    yield _line("  loss: huber", "frames of broken structures do not rule a fit")
    if proposal.calculator is None:
        why = f"stress converges later than forces: at {cutoff(proposal.elements).value} eV recorded, not fitted"
    else:
        why = "raise it if the labels hold a converged stress"
    yield _line("  stress_weight: 0.0", why)


def _exploration(proposal: Proposal) -> Iterator[str]:
    temperatures, step = explored_temperatures(proposal.elements), timestep_fs(proposal.elements)
    yield "explore:"
    yield _line(f"  temperatures_K: {_row(temperatures.value)}", temperatures.why)
    yield _line("  replicas: 2", "walkers per cell and temperature")
    yield _line(f"  timestep_fs: {step.value:g}", step.why)
    yield _line("  segment_fs: 500", "one MD task")
    yield ""
    yield "select:"
    yield _line("  upper_eV_per_A: 1.5", "a frame of a larger expected error is broken: no label")


def _ladder(proposal: Proposal) -> Iterator[str]:
    sizes = rungs(len(proposal.labelled.numbers), proposal.place)
    heldout = max(_LEAST_HELDOUT, math.ceil(_HELDOUT * sizes.value[-1]))
    yield "heldout:"
    yield _line(f"  fraction: {_HELDOUT}", "of the training labels; error bars of fewer decide little")
    yield _line(f"  minimum: {_LEAST_HELDOUT}", "frames")
    yield ""
    yield "ladder:"
    yield _line(f"  rungs: {_row(sizes.value)}", sizes.why)
    yield _line("  fits: 3", "per rung; their spread is part of the error bars")
    yield _line("  tolerance_energy: 0.3", "0.1 takes hundreds of held-out frames to decide")
    yield ""
    yield "budget:"
    needed = sizes.value[-1] + heldout
    what = f"{sizes.value[-1]} and {heldout} held out for the last rung, the rest to spare"
    yield _line(f"  labels: {round(1.15 * needed)}", what)


def _measure(proposal: Proposal) -> Iterator[str]:
    laptop = proposal.place == "laptop"
    cell, temperatures = production_repeat(proposal.labelled, proposal.place), measured_temperatures(proposal.elements)
    yield _line("measure:", "production MD of every rung; without it held-out errors decide")
    yield f"  mobile: {proposal.mobile}"
    yield _line(f"  repeat: {_row(cell.value)}", cell.why)
    yield _line(f"  temperatures_K: {_row(temperatures.value)}", temperatures.why)
    if (step := timestep_fs(proposal.elements)).value != 2.0:
        yield _line(f"  timestep_fs: {step.value:g}", step.why)
    yield _line(f"  production_ps: {20 if laptop else 100}", "of a run at first")
    yield _line(f"  max_ps: {40 if laptop else 400}", "a run is doubled up to this where its error bars are too wide")


def _execution(proposal: Proposal) -> Iterator[str]:
    yield "execution:"
    yield "  executors:"
    if proposal.place == "laptop":
        why = "one worker per core of this machine, but 8 at most"
        yield _line(f"    local: {{kind: local, workers: {proposal.cores}}}", why)
        return
    yield "    cluster:"
    yield "      kind: slurm"
    yield _line("      # partition: …", "`sinfo -s` lists them; without it the default one")
    yield _line("      # account: …", "`sacctmgr show assoc user=$USER` lists them")
    yield _line("      workers: 16", "per job; one core is asked for each")
    yield _line("      max_blocks: 2", "jobs at most at the same time")
    yield _line('      walltime: "12:00:00"', "much longer than the longest label")
    for kind in ("label", "explore", "fit", "measure"):
        yield f"  {kind}: cluster"


def _row(values: Sequence[int]) -> str:
    return f"[{', '.join(map(str, values))}]"


def _quoted(name: str) -> str:
    """Return a name as YAML reads it back as the same text."""
    plain = re.fullmatch(r"[A-Za-z][\w.-]*", name, flags=re.ASCII) and isinstance(yaml.safe_load(name), str)
    return name if plain else json.dumps(name)
