"""Find the PAW datasets and functionals of the installed GPAW."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from alloop.config.suggestions import hint
from alloop.failures import first_line
from alloop.labelling.gpaw_job import dataset_digest
from alloop.labelling.gpaw_keywords import FUNCTIONAL_ALIASES, functional_name

WITHOUT_LIBXC = ("LDA", "PBE", "revPBE", "RPBE", "PW91")
_MADE_WITHOUT_FILE = ("hgh", "hgh.sc", "ah", "ae", "ghost", "sg15")


@lru_cache
def setup_name(xc: str) -> str:
    """Return the functional for which the PAW datasets of a calculation must be made.

    Raises
    ------
    ValueError
        In one line, if GPAW does not know the functional or was built without what it needs.
    """
    from gpaw import get_libraries
    from gpaw.xc import XC
    from gpaw.xc.libxc import short_names

    try:
        return str(XC({"name": functional_name(xc)}, legacy_gpaw=False).get_setup_name())
    except (NameError, AssertionError) as error:
        known = sorted({*WITHOUT_LIBXC, *short_names, *FUNCTIONAL_ALIASES})
        exists = xc in known or "_" in xc or f"Unable to use {xc}:" not in str(error)
        if not get_libraries()["libxc"] and exists:
            raise ValueError(
                f"`{xc}` needs libxc, and GPAW was built without it; install libxc with its headers and build GPAW "
                f"again, or use one of {', '.join(WITHOUT_LIBXC)}"
            ) from error
        mend = hint(xc, known, f"it knows {', '.join(known)} and every name of libxc")
        raise ValueError(f"GPAW does not know the functional `{xc}`; {mend}") from error
    except Exception as error:
        raise ValueError(f"GPAW refuses the functional `{xc}`: {first_line(error)}") from error


def setup_type(setups: Any, element: str) -> str:
    """Return the kind of PAW dataset that GPAW's ``setups`` keyword gives an element; ``paw`` is the default."""
    if isinstance(setups, dict):
        setups = setups.get(element, setups.get("default"))
    kind = str(setups or "paw").partition(":")[0]
    return kind or "paw"


def dataset_name(element: str, kind: str, setup: str) -> str | None:
    """Return the file of a PAW dataset; None for a kind that GPAW makes itself."""
    if kind in _MADE_WITHOUT_FILE:
        return None
    return f"{element}.{setup}" if kind == "paw" else f"{element}.{kind}.{setup}"


@lru_cache
def dataset_sha256(element: str, kind: str, setup: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of a PAW dataset (uncompressed), or the kind of a fileless one.

    Raises
    ------
    FileNotFoundError
        In one line, if there is none.
    """
    name = dataset_name(element, kind, setup)
    if name is None:
        return kind
    try:
        return dataset_digest(name)
    except FileNotFoundError:
        raise FileNotFoundError(f"no PAW dataset {name}") from None
