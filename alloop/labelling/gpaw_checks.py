"""Check GPAW settings without a calculation."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from ase import Atoms
from ase.data import chemical_symbols

from alloop.config.label import GpawLabel
from alloop.config.suggestions import hint
from alloop.failures import first_line
from alloop.labelling.gpaw_datasets import WITHOUT_LIBXC, dataset_sha256, setup_name, setup_type
from alloop.labelling.gpaw_dispersion import dispersion_problem
from alloop.labelling.gpaw_keywords import functional_name, gpaw_keywords, with_grid
from alloop.materials.structure import Structure

OWNED = {
    "mode": "`label.cutoff_eV` sets it",
    "xc": "`label.xc` sets it",
    "kpts": "`label.kpts` and `label.gamma_centred` set it",
    "occupations": "`label.smearing_eV` sets it",
    "symmetry": "`label.point_group_symmetry` sets it",
    "maxiter": "`label.maxiter` sets it",
    "charge": "`label.charge` sets it",
    "spinpol": "`label.spin` sets it",
    "magmoms": "`label.magmoms` sets it, by element",
    "hund": "`label.spin` and `label.magmoms` set it",
    "parallel": "`ranks_per_label` of an executor says on how many cores a label runs, and GPAW how it shares them",
    "txt": "the log of a failed label is kept under logs/label",
}
UNSUPPORTED = ("background_charge", "communicator", "external", "filename", "legacy_gpaw", "object_hooks", "soc")
_SPACING_A = 4.0


def check_gpaw_settings(label: GpawLabel, elements: Iterable[str]) -> list[str]:
    """Return what is wrong with GPAW settings, one line each; empty if a calculation can start.

    Parameters
    ----------
    label : GpawLabel
        Settings.
    elements : iterable of str
        Symbols of all elements of the campaign.

    Returns
    -------
    list of str
        Each line names the key, what is wrong and the mend.
    """
    symbols = sorted(set(elements))
    problems = [*_keyword_problems(label), *_spin_problems(label, symbols), *_physics_problems(label, symbols)]
    return problems or _refusals_of_gpaw(label, symbols)


def _keyword_problems(label: GpawLabel) -> list[str]:
    from gpaw.dft import GPAW

    known = set(inspect.signature(GPAW).parameters) - set(UNSUPPORTED) - set(OWNED)
    problems = []
    for key in label.gpaw:
        if key in OWNED:
            problems.append(f"label.gpaw.{key}: not here; {OWNED[key]}")
        elif key in UNSUPPORTED:
            problems.append(f"label.gpaw.{key}: alloop does not support it; delete it")
        elif key not in known:
            mend = hint(key, [*known, *OWNED], f"it knows {', '.join(sorted(known))}")
            problems.append(f"label.gpaw.{key}: GPAW has no such keyword; {mend}")
    return problems


def _spin_problems(label: GpawLabel, symbols: list[str]) -> list[str]:
    problems = [
        f"label.magmoms.{key}: no system holds this element ({', '.join(symbols)})"
        for key in label.magmoms
        if key not in symbols
    ]
    moments = any(label.magmoms.values())
    if moments and not label.spin:
        problems.append("label.magmoms: has no effect unless `spin: true` is set")
    if label.spin and not moments:
        problems.append("label.spin: true needs `magmoms` to start from, for instance `magmoms: {Li: 1.0}`")
    if not label.charge.is_integer():
        problems.append(f"label.charge: {label.charge:g} is not a whole number of electrons")
    return problems


def _physics_problems(label: GpawLabel, symbols: list[str]) -> list[str]:
    problems = []
    unknown = [symbol for symbol in symbols if symbol not in chemical_symbols[1:]]
    try:
        setup = setup_name(label.xc)
    except ValueError as error:
        problems.append(f"label.xc: {error}")
    else:
        problems += _dataset_problems(label, [s for s in symbols if s not in unknown], setup)
    problems += [f"label: `{symbol}` is not an element" for symbol in unknown]
    if label.dispersion == "d3" and (why := dispersion_problem(label.xc)):
        problems.append(f"label.dispersion: {why}")
    return problems


def _dataset_problems(label: GpawLabel, symbols: list[str], setup: str) -> list[str]:
    setups = label.gpaw.get("setups")
    if isinstance(setups, dict) and (numbers := [key for key in setups if not isinstance(key, str)]):
        return [f"label.gpaw.setups: name elements, not atom numbers ({numbers[0]})"]
    missing = []
    for symbol in symbols:
        try:
            dataset_sha256(symbol, setup_type(setups, symbol), setup)
        except FileNotFoundError as error:
            missing.append(str(error))
    if not missing:
        return []
    if setups is not None:
        return [f"label.gpaw.setups: {', '.join(missing)}; check the names, or set GPAW_SETUP_PATH to their folder"]
    elements = [name.split()[-1].partition(".")[0] for name in missing]
    return [f"label.xc: {', '.join(missing)}; {_way_to_datasets(elements, label.xc, setup)}"]


def _way_to_datasets(elements: list[str], xc: str, setup: str) -> str:
    """Return how to get PAW datasets; GPAW's generator fails for elements whose parameters it does not have.

    It makes datasets of the name `setup` with that functional, or with `xc` where that one is not in this GPAW.
    """
    from gpaw.atom.configurations import parameters

    if unknown := [element for element in elements if element not in parameters]:
        what = f"GPAW cannot make one of {', '.join(unknown)}"
        return f"{what}: set GPAW_SETUP_PATH to the folder of one that you have, or label with `engine: ase`"
    functional = setup if setup in WITHOUT_LIBXC else functional_name(xc)
    return f"make it with `gpaw-setup -f {functional} {' '.join(elements)}` and set GPAW_SETUP_PATH to its folder"


def _refusals_of_gpaw(label: GpawLabel, symbols: list[str]) -> list[str]:
    """Let GPAW build everything but the calculation, for a cell of one atom of each element."""
    from gpaw.dft import LegacyGPAWError, Parameters

    atoms = Atoms(
        symbols,
        positions=[(_SPACING_A * k, 0.0, 0.0) for k in range(len(symbols))],
        cell=[_SPACING_A * len(symbols), _SPACING_A, _SPACING_A],
        pbc=True,
    )
    keywords = gpaw_keywords(with_grid(label, Structure.from_atoms(atoms)))
    keywords.pop("legacy_gpaw")
    try:
        Parameters(**keywords).dft_component_builder(atoms).create_scf_loop()
    except LegacyGPAWError as error:
        return [f"label.gpaw: {_hint(error)}; only GPAW's older code knew these settings"]
    except Exception as error:
        return [f"label.gpaw: GPAW refuses these settings: {first_line(error)}"]
    return []


def _hint(error: Exception) -> str:
    return "GPAW refuses them" if not str(error) else first_line(error)
