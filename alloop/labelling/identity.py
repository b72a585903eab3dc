"""Versions of everything beside the settings that decides a label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alloop.config.science import AseLabel, GpawLabel
from alloop.labelling.ase_engine import ase_code_identity
from alloop.labelling.datasets import WITHOUT_LIBXC, dataset_name, dataset_sha256, setup_name, setup_type
from alloop.labelling.dispersion import dispersion_version


def code_identity(label: GpawLabel | AseLabel, elements: Iterable[str]) -> dict[str, str]:
    """Return the versions of the code and its datasets, for the keys of labels.

    Parameters
    ----------
    label : GpawLabel or AseLabel
        Settings.
    elements : iterable of str
        Symbols of all elements of the campaign.

    Returns
    -------
    dict
        For GPAW ``gpaw`` (version), ``setup_<element>`` (SHA-256 of the PAW dataset), and where they are used
        ``libxc`` and ``dftd3``; for an ASE calculator ``calculator``, ``module`` and the files it is given.

    Raises
    ------
    ValueError, FileNotFoundError
        If the settings do not pass `check_label_settings`.
    """
    if isinstance(label, AseLabel):
        return ase_code_identity(label)
    return _gpaw_code_identity(label, sorted(set(elements)))


def dataset_names(label: GpawLabel, elements: Iterable[str]) -> dict[str, str]:
    """Return the files of the PAW datasets of a label, by their names in `code_identity`."""
    setup, setups = setup_name(label.xc), label.gpaw.get("setups")
    named = {f"setup_{e}": dataset_name(e, setup_type(setups, e), setup) for e in sorted(set(elements))}
    return {key: name for key, name in named.items() if name is not None}


def code_for(code: Mapping[str, str], elements: Iterable[str]) -> dict[str, str]:
    """Return what of a code identity decides a label of these elements.

    So the key of a label depends on nothing of the campaign's other elements.

    Examples
    --------
    >>> code_for({"gpaw": "26.7.0", "setup_Li": "ab", "setup_Cl": "cd"}, {"Li"})
    {'gpaw': '26.7.0', 'setup_Li': 'ab'}
    """
    wanted = {f"setup_{element}" for element in elements}
    return {name: value for name, value in code.items() if not name.startswith("setup_") or name in wanted}


def _gpaw_code_identity(label: GpawLabel, symbols: list[str]) -> dict[str, str]:
    import gpaw

    setup, setups = setup_name(label.xc), label.gpaw.get("setups")
    identity = {"gpaw": gpaw.__version__}
    identity |= {f"setup_{symbol}": dataset_sha256(symbol, setup_type(setups, symbol), setup) for symbol in symbols}
    if label.xc not in WITHOUT_LIBXC:
        identity["libxc"] = gpaw.get_libraries()["libxc"]
    if label.dispersion == "d3":
        identity["dftd3"] = dispersion_version()
    return identity
