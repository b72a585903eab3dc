"""What is wrong with a config, and what it would cost to run it. Nothing is created."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alloop.campaign.folders import campaign_folder, refuse_unusable_path
from alloop.campaign.known_atoms import computed_atoms, notes_on_atoms
from alloop.campaign.reuse import Import, brought, checked
from alloop.checks.cost import Projection, project
from alloop.checks.decidability import decidable
from alloop.checks.initial_data import notes_on_data
from alloop.checks.isolated_atoms import isolated_atoms
from alloop.checks.measuring_sanity import find_unexplored
from alloop.checks.sanity import find_crowds, find_unjudgeable
from alloop.checks.structures import notes_on_systems, read_systems, with_all_systems
from alloop.config.errors import ConfigError
from alloop.config.loading import LoadedConfig, load_config
from alloop.files.environment import cores
from alloop.labelling.identity import code_identity
from alloop.materials.structure import symbols_of
from alloop.proposal.far_settings import find_far
from alloop.tasks.contract.records import Result
from alloop.tasks.workspace import Workspace


@dataclass(frozen=True)
class Check:
    """What `check` found.

    Attributes
    ----------
    problems : tuple of str
        What keeps the config from running, as ``file:line: key: what``; empty if it can run.
    cost : Projection or None
        What the campaign would compute, such as `labels`, `fits` and `shortfalls` of the budget; None if the config
        cannot run. `dft_core_hours` and `dft_wall_h` are None, because no label is timed here: `alloop check --probe`
        times one.
    never_converges : tuple of str
        What keeps a campaign that can run from ever being converged.
    ladder_decides : str
        How likely the ladder sees that nothing changes any more, and what would be enough; empty if that is not known:
        the config cannot run, its stopping policy is not the built-in one, or nothing can be compared.
    notes : tuple of str
        What of the structure files and labelled frames is left out, read otherwise than written, or not used, and
        settings that are unlikely: cutoff and k-points far from what elements and cell need, more workers than cores.
    """

    problems: tuple[str, ...]
    cost: Projection | None = None
    never_converges: tuple[str, ...] = ()
    ladder_decides: str = ""
    notes: tuple[str, ...] = ()


def check(path: Path | str) -> Check:
    """Check every key of a config, as `alloop check` does, and project what it would compute.

    Parameters
    ----------
    path : pathlib.Path or str
        A campaign config (YAML).

    Returns
    -------
    Check
        Every problem that was found, and the cost if there is none.

    Examples
    --------
    >>> import alloop
    >>> alloop.check("missing.yaml").problems
    ('missing.yaml: no such file; `alloop init` writes an example config',)
    """
    try:
        loaded = load_config(Path(path))
        root = campaign_folder(loaded.config.name)
        refuse_unusable_path(root)
        imports = checked(loaded, root)
        cost = project(loaded, brought=brought(imports))
    except ConfigError as error:
        return Check(error.lines())
    known = decidable(with_all_systems(loaded))
    decides = "" if known is None else str(known)
    return Check((), cost, tuple(never_converging(loaded)), decides, tuple(notes_of(loaded, imports)))


def never_converging(loaded: LoadedConfig) -> list[str]:
    """Return what keeps a campaign from ever being converged, though it can run: a line each."""
    return [f"Never converges: {loaded.error(key, what)}" for key, what in find_unjudgeable(with_all_systems(loaded))]


def notes_of(loaded: LoadedConfig, imports: Sequence[Import] = (), own: Workspace | None = None) -> list[str]:
    """Return what a new campaign leaves out, does not use or finds twice, and settings that are allowed but unlikely.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    imports : sequence of Import
        What the campaign takes from others.
    own : Workspace or None
        Its own files, where results may be left of a campaign whose journal is gone.
    """
    of_campaigns = [taken.left_out for taken in imports if taken.left_out]
    config = loaded.config
    unlikely = (*find_far(config.label, read_systems(loaded)), *find_crowds(config, cores()), *find_unexplored(config))
    settings = [str(loaded.error(key, what)) for key, what in unlikely]
    of_data = [*notes_on_data(loaded, brought(imports)), *notes_on_atoms(loaded, _computed(loaded, imports, own))]
    return [*notes_on_systems(loaded), *of_campaigns, *of_data, *settings]


def _computed(
    loaded: LoadedConfig, imports: Sequence[Import], own: Workspace | None
) -> Iterator[tuple[str, Mapping[str, Result]]]:
    """Yield where isolated atoms were computed, in the order in which they are taken, and their results."""
    if own is not None and isolated_atoms(loaded):
        elements = symbols_of({z for structure in read_systems(loaded).values() for z in structure.numbers})
        yield str(own.root), computed_atoms(own, loaded, code_identity(loaded.config.label, elements), elements)
    for taken in imports:
        yield taken.source, taken.atoms
